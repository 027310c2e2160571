"""People, in all three states that the list can be asked for."""

from breezeway_sync.entities.model import (
    AnswerShape,
    ColumnKind,
    DerivationRule,
    Derived,
    Entity,
    Field,
    Interval,
    Source,
)

PEOPLE = Entity(
    name="people",
    table="people",
    singular="person",
    key=Field("id", ColumnKind.BIGINT, "person_id"),
    interval=Interval.DAILY,
    sources=(
        Source(
            "people",
            "/people",
            AnswerShape.LIST,
            # What a call without `status` leaves out differs between accounts: each state is asked for.
            variants=((("status", "active"),), (("status", "invited"),), (("status", "inactive"),)),
        ),
    ),
    fields=(
        Field("first_name", ColumnKind.TEXT),
        Field("last_name", ColumnKind.TEXT),
        Field("name", ColumnKind.TEXT, "person_name"),
        Field("active", ColumnKind.BOOLEAN),
        Field("accept_decline_tasks", ColumnKind.BOOLEAN),
        Field("emails", ColumnKind.JSON),
        Field("employee_code", ColumnKind.TEXT),
        Field("groups", ColumnKind.JSON),
        Field("type_departments", ColumnKind.JSON),
        Field("type_role", ColumnKind.TEXT),
        Field("availability", ColumnKind.JSON),
    ),
    derived=(Derived("person_name", ColumnKind.TEXT, DerivationRule.FULL_NAME),),
)
