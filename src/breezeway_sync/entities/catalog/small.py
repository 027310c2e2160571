"""Lists of names that other records refer to: tags of three types, templates, subdepartments.

An embedded tag creates its row, but leaves the columns of the tag list NULL until the list brings the tag. What the
record said stays in `extra` until then. So each column has one writer.
"""

from breezeway_sync.entities.model import AnswerShape, ColumnKind, Company, Entity, Field, Interval, Source

TAGS = Entity(
    name="tags",
    table="tags",
    singular="tag",
    key=Field("id", ColumnKind.BIGINT, "tag_id"),
    interval=Interval.DAILY,
    discriminator="tag_type",
    company="company_id",
    sources=(
        Source(
            "task_tags",
            "/task/tags",
            AnswerShape.LIST,
            company=Company.COMPANY_ID,
            discriminator="task",
            may_be_missing=True,
        ),
        Source(
            "reservation_tags",
            "/reservation/tags",
            AnswerShape.LIST,
            company=Company.COMPANY_ID,
            discriminator="reservation",
            may_be_missing=True,
        ),
        Source(
            "property_tags",
            "/property/tags",
            AnswerShape.LIST,
            company=Company.COMPANY_ID,
            discriminator="property",
            may_be_missing=True,
        ),
    ),
    fields=(
        Field("name", ColumnKind.TEXT, "tag_name"),
        Field("description", ColumnKind.TEXT, "tag_description"),
    ),
)

TEMPLATES = Entity(
    name="templates",
    table="templates",
    singular="template",
    key=Field("id", ColumnKind.BIGINT, "template_id"),
    interval=Interval.WEEKLY,
    sources=(
        Source(
            "templates",
            "/companies/templates",
            AnswerShape.LIST,
            company=Company.COMPANY_ID,
            empty_means_unavailable=True,
            may_be_missing=True,
        ),
    ),
    fields=(
        Field("template_name", ColumnKind.TEXT, "name", also=("name",)),
        Field("department_code", ColumnKind.TEXT, "department", also=("department",)),
    ),
)

SUBDEPARTMENTS = Entity(
    name="subdepartments",
    table="subdepartments",
    singular="subdepartment",
    key=Field("id", ColumnKind.BIGINT, "subdepartment_id"),
    interval=Interval.WEEKLY,
    sources=(
        Source(
            "subdepartments",
            "/companies/subdepartments",
            AnswerShape.LIST,
            company=Company.COMPANY_ID,
            may_be_missing=True,
        ),
    ),
    fields=(Field("name", ColumnKind.TEXT),),
)
