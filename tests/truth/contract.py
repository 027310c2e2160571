"""What stands where, written down by hand from the schema page: `field -> column`, `a.b` is nested."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from tests.truth.values import Kind, text

Order: TypeAlias = Literal["id", "id or place", "place", "link"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the API and the column that takes it."""

    path: tuple[str, ...]
    column: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its fields, and the lists that are embedded in its records.

    `key` is the column of the record's own id. `order` says how the items of a child table are told apart;
    `source` is the name under which their parent's `extra` keeps what no row can take.
    """

    name: str
    fields: tuple[Field, ...]
    key: str | None = None
    lists: tuple[Table, ...] = ()
    calls: tuple[Table, ...] = ()
    source: str = ""
    parent: str = ""
    order: Order = "id"
    others: tuple[str, ...] = field(default=())
    """Columns that no field stands in: links, places, derived ones."""


def fields(kind: Kind, names: str) -> tuple[Field, ...]:
    """`a.b>column` or, where the column is called like the field, `a`."""
    made = []
    for name in names.split():
        path, _, column = name.partition(">")
        made.append(Field(tuple(path.split(".")), column or path, kind))
    return tuple(made)


NOTES = ("general", "about", "access", "guest_access", "direction", "trash_info", "wifi", "external", "housekeeping")

PROPERTY_PHOTOS = Table(
    "property_photos",
    fields("int", "id>photo_id") + fields("text", "url caption original_url") + fields("flag", "default>is_default"),
    key="photo_id", source="photos", parent="property_pk", others=("display_order",),
)  # fmt: skip
PROPERTY_CONTACTS = Table(
    "property_contacts",
    fields("int", "id>contact_id") + fields("text", "type>contact_type name email phone"),
    key="contact_id", source="/contacts", parent="property_pk",
)  # fmt: skip
PROPERTIES = Table(
    "properties",
    fields("int", "id>property_id company_id year_built")
    + fields("text", "name>property_name status>property_status display>property_display address1 address2 city")
    + fields("text", "state zipcode country building reference_property_id reference_external_property_id")
    + fields("text", "reference_company_id wifi_name wifi_password")
    + fields("text", " ".join(f"notes.{name}>notes_{name}" for name in NOTES))
    + fields("number", "latitude longitude bedrooms bathrooms living_area")
    + fields("json", "groups"),
    key="property_id", lists=(PROPERTY_PHOTOS,), calls=(PROPERTY_CONTACTS,),
)  # fmt: skip

GUESTS = Table(
    "reservation_guests",
    fields("text", "first_name last_name") + fields("json", "emails phone_numbers"),
    source="guests", parent="reservation_pk", order="place",
    others=("ordinal", "guest_name", "guest_email", "guest_phone", "is_primary"),
)  # fmt: skip
RESERVATION_TAGS = Table("reservation_tags", (), source="tags", parent="reservation_pk", order="link")
RESERVATIONS = Table(
    "reservations",
    fields("int", "id>reservation_id property_id")
    + fields("text", "status access_code guide_url note source reference_reservation_id reference_property_id")
    + fields("text", "reference_external_property_id type_guest.code>guest_type_code type_guest.name>guest_type_name")
    + fields("text", "type_stay.code>stay_type_code type_stay.name>stay_type_name")
    + fields("text", "type_reservation.code>reservation_type_code type_reservation.name>reservation_type_name")
    + fields("day", "checkin_date checkout_date")
    + fields("clock", "checkin_time checkout_time")
    + fields("flag", "checkin_early checkout_late")
    + fields("number", "adults children pets")
    + fields("json", "flags"),
    key="reservation_id", lists=(GUESTS, RESERVATION_TAGS), others=("property_pk",),
)  # fmt: skip

ASSIGNMENTS = Table(
    "task_assignments",
    fields("int", "id>assignment_id assignee_id")
    + fields("text", "name>assignee_name employee_code type_task_user_status>status")
    + fields("moment", "expires_at"),
    key="assignment_id", source="assignments", parent="task_pk",
)  # fmt: skip
TASK_PHOTOS = Table(
    "task_photos",
    fields("int", "id>photo_id") + fields("text", "url caption") + fields("moment", "uploaded_at"),
    key="photo_id", source="photos", parent="task_pk",
)  # fmt: skip
TASK_SUPPLIES = Table(
    "task_supplies",
    fields("int", "id>supply_usage_id supply_id")
    + fields("text", "name description size bill_to markup_pricing_type")
    + fields("number", "quantity unit_cost total_price markup_rate")
    + fields("flag", "billable"),
    key="supply_usage_id", source="supplies", parent="task_pk", order="id or place", others=("ordinal",),
)  # fmt: skip
TASK_COSTS = Table(
    "task_costs",
    fields("int", "id>cost_id type_cost.id>type_cost_id")
    + fields("text", "description bill_to type_cost.code>type_cost_code type_cost.name>type_cost_name")
    + fields("number", "cost")
    + fields("moment", "created_at updated_at"),
    key="cost_id", source="costs", parent="task_pk", order="id or place", others=("ordinal",),
)  # fmt: skip
TASK_TAGS = Table("task_tags", (), source="task_tags", parent="task_pk", order="link")
COMMENTS = Table(
    "task_comments",
    fields("int", "id>comment_id author.id>author_id")
    + fields("text", "comment author.name>author_name")
    + fields("moment", "created_at"),
    key="comment_id", source="/comments", parent="task_pk",
)  # fmt: skip
REQUIREMENTS = Table(
    "task_requirements",
    fields("text", "section_name response type_requirement note home_element_name")
    + fields("json", "action photos")
    + fields("flag", "photo_required"),
    source="/requirements", parent="task_pk", order="place", others=("ordinal",),
)  # fmt: skip
TASKS = Table(
    "tasks",
    fields("int", "id>task_id home_id created_by.id>created_by_id finished_by.id>finished_by_id")
    + fields("int", "template_id>template_task_id linked_reservation.id>linked_reservation_id task_series_id")
    + fields("int", "subdepartment.id>subdepartment_id parent_task_id")
    + fields("text", "name>task_name description bill_to rate_type type_priority>priority report_url total_time")
    + fields("text", "created_by.name>created_by_name finished_by.name>finished_by_name estimated_time")
    + fields("text", "type_task_status.code>task_status_code type_task_status.name>task_status_name")
    + fields("text", "type_task_status.stage>task_status_stage reference_property_id")
    + fields("text", "linked_reservation.external_reservation_id>linked_reservation_external_id")
    + fields("text", "subdepartment.name>subdepartment_name")
    + fields("moment", "created_at updated_at started_at finished_at")
    + fields("day", "scheduled_date")
    + fields("clock", "scheduled_time")
    + fields("flag", "paused billable itemized_cost")
    + fields("number", "total_cost estimated_rate")
    + fields("money", "rate_paid")
    + fields("json", "tags>tag_names"),
    key="task_id",
    lists=(ASSIGNMENTS, TASK_PHOTOS, TASK_SUPPLIES, TASK_COSTS, TASK_TAGS),
    calls=(COMMENTS, REQUIREMENTS),
    others=(
        "property_pk", "reservation_pk", "rate_paid_currency", "department", "summary_note", "template_name",
        "requested_by_id", "requested_by_name", "requested_by_code",
    ),
)  # fmt: skip

PEOPLE = Table(
    "people",
    fields("int", "id>person_id")
    + fields("text", "first_name last_name employee_code type_role")
    + fields("flag", "active accept_decline_tasks")
    + fields("json", "emails groups type_departments availability"),
    key="person_id", others=("person_name",),
)  # fmt: skip
SUPPLIES = Table(
    "supplies",
    fields("int", "id>supply_id company_id supply_category_id")
    + fields("text", "name>supply_name description size internal_id type_stock_status.code>stock_status_code")
    + fields("text", "type_stock_status.name>stock_status_name")
    + fields("number", "unit_cost stock_count low_stock_count")
    + fields("flag", "low_stock_alert")
    + fields("moment", "created_at updated_at"),
    key="supply_id",
)  # fmt: skip
TAGS = Table(
    "tags",
    fields("int", "id>tag_id") + fields("text", "name>tag_name description>tag_description"),
    key="tag_id", others=("tag_type",),
)  # fmt: skip
TEMPLATES = Table("templates", fields("int", "id>template_id"), key="template_id", others=("name", "department"))
SUBDEPARTMENTS = Table(
    "subdepartments", fields("int", "id>subdepartment_id") + fields("text", "name"), key="subdepartment_id"
)

TOP = (PROPERTIES, RESERVATIONS, TASKS, PEOPLE, SUPPLIES, TAGS, TEMPLATES, SUBDEPARTMENTS)
CHILDREN = tuple(child for table in TOP for child in (*table.lists, *table.calls))
BY_NAME = {table.name: table for table in (*TOP, *CHILDREN)}


def fields_of(table: Table, record: Any) -> tuple[Field, ...]:
    """The fields of this record: the listed ones, and those whose place depends on what was sent."""
    return table.fields + _CHANGING.get(table.name, _none)(record)


def at(record: Any, *path: str) -> Any:
    """What stands there; None where nothing does."""
    for name in path:
        record = record.get(name) if isinstance(record, dict) else None
    return record


def _none(_record: Any) -> tuple[Field, ...]:
    return ()


def _first(record: Any, column: str, *paths: tuple[str, ...]) -> Field:
    """The first of these that holds a text; the last one where none does."""
    held = (path for path in paths if text(at(record, *path)) is not None)
    return Field(next(held, paths[-1]), column, "text")


def _changing_task(record: Any) -> tuple[Field, ...]:
    coded = isinstance(record.get("type_department"), dict)
    noted = isinstance(record.get("summary"), dict)
    if isinstance(record.get("requested_by"), dict):
        asked = fields("int", "requested_by.id>requested_by_id") + fields("text", "requested_by.name>requested_by_name")
    else:
        asked = fields("text", "requested_by>requested_by_code")
    return (
        Field(("type_department", "code") if coded else ("type_department",), "department", "text"),
        Field(("summary", "note") if noted else ("summary",), "summary_note", "text"),
        *asked,
        _first(record, "template_name", ("template", "name"), ("template_name",)),
    )


def _changing_person(record: Any) -> tuple[Field, ...]:
    """Without a name of its own the column is derived."""
    return fields("text", "name>person_name") if text(record.get("name")) is not None else ()


def _changing_template(record: Any) -> tuple[Field, ...]:
    return (
        _first(record, "name", ("template_name",), ("name",)),
        _first(record, "department", ("department_code",), ("department",)),
    )


_CHANGING = {"tasks": _changing_task, "people": _changing_person, "templates": _changing_template}
