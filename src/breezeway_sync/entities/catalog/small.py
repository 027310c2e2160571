"""Lists of names that other records refer to: tags of three types, templates, subdepartments."""

from breezeway_sync.entities.model import Company, Entity, Field, Kind, Shape, Source

TAGS = Entity(
    name="tags",
    table="tags",
    singular="tag",
    key=Field("id", Kind.BIGINT, "tag_id"),
    discriminator="tag_type",
    company="company_id",
    sources=(
        Source(
            "task_tags",
            "/task/tags",
            Shape.LIST,
            company=Company.COMPANY_ID,
            discriminator="task",
            may_be_missing=True,
        ),
        Source(
            "reservation_tags",
            "/reservation/tags",
            Shape.LIST,
            company=Company.COMPANY_ID,
            discriminator="reservation",
            may_be_missing=True,
        ),
        Source(
            "property_tags",
            "/property/tags",
            Shape.LIST,
            company=Company.COMPANY_ID,
            discriminator="property",
            may_be_missing=True,
        ),
    ),
    fields=(
        Field("name", Kind.TEXT, "tag_name"),
        Field("description", Kind.TEXT, "tag_description"),
    ),
)

TEMPLATES = Entity(
    name="templates",
    table="templates",
    singular="template",
    key=Field("id", Kind.BIGINT, "template_id"),
    sources=(
        Source(
            "templates",
            "/companies/templates",
            Shape.LIST,
            company=Company.COMPANY_ID,
            empty_means_unavailable=True,
            may_be_missing=True,
        ),
    ),
    fields=(
        Field("template_name", Kind.TEXT, "name", also=("name",)),
        Field("department_code", Kind.TEXT, "department", also=("department",)),
    ),
)

SUBDEPARTMENTS = Entity(
    name="subdepartments",
    table="subdepartments",
    singular="subdepartment",
    key=Field("id", Kind.BIGINT, "subdepartment_id"),
    sources=(
        Source(
            "subdepartments",
            "/companies/subdepartments",
            Shape.LIST,
            company=Company.COMPANY_ID,
            may_be_missing=True,
        ),
    ),
    fields=(Field("name", Kind.TEXT),),
)
