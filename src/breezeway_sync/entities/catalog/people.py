"""People, in any of the three states that the list can be asked for."""

from breezeway_sync.entities.model import Derived, Entity, Field, Kind, Rule, Shape, Source

PEOPLE = Entity(
    name="people",
    table="people",
    singular="person",
    key=Field("id", Kind.BIGINT, "person_id"),
    sources=(
        Source(
            "people",
            "/people",
            Shape.LIST,
            # What a call without `status` leaves out differs between accounts: each state is asked for.
            variants=((("status", "active"),), (("status", "invited"),), (("status", "inactive"),)),
        ),
    ),
    fields=(
        Field("first_name", Kind.TEXT),
        Field("last_name", Kind.TEXT),
        Field("name", Kind.TEXT, "person_name"),
        Field("active", Kind.BOOLEAN),
        Field("accept_decline_tasks", Kind.BOOLEAN),
        Field("emails", Kind.JSON),
        Field("employee_code", Kind.TEXT),
        Field("groups", Kind.JSON),
        Field("type_departments", Kind.JSON),
        Field("type_role", Kind.TEXT),
        Field("availability", Kind.JSON),
    ),
    derived=(Derived("person_name", Kind.TEXT, Rule.FULL_NAME),),
)
