"""From records to rows, by example: which value lands where."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import permutations

import pytest

from breezeway_sync.entities.decode import Json
from breezeway_sync.entities.rows import Unstorable, record_key
from tests.entities.builders import built, called, children, columns

D = Decimal


def test_values_land_in_the_columns_of_their_types() -> None:
    assert columns(
        "tasks",
        home_id="16052",
        name="Departure Clean",
        paused=False,
        created_at="2022-06-11T00:28:25",
        updated_at="2022-06-11T00:28:25+00:00",
        scheduled_date="2022-06-25",
        scheduled_time="09:00:00",
        rate_paid="1,250.00 USD",
        total_cost="4.75",
        total_time="26:00:00",
        reference_property_id="",
        type_task_status={"code": "created", "name": "Created", "stage": "new"},
        linked_reservation={"id": 89388376, "external_reservation_id": "6980bf2e"},
        tags=["a"],
    ) == {
        "home_id": 16052,
        "task_name": "Departure Clean",
        "paused": False,
        "created_at": datetime(2022, 6, 11, 0, 28, 25, tzinfo=UTC),
        "updated_at": datetime(2022, 6, 11, 0, 28, 25, tzinfo=UTC),
        "scheduled_date": date(2022, 6, 25),
        "scheduled_time": time(9),
        "rate_paid": D("1250.00"),
        "rate_paid_currency": "USD",
        "total_cost": D("4.75"),
        "total_time": "26:00:00",
        "reference_property_id": "",
        "task_status_code": "created",
        "task_status_name": "Created",
        "task_status_stage": "new",
        "linked_reservation_id": 89388376,
        "linked_reservation_external_id": "6980bf2e",
        "tag_names": '["a"]',
    }


def test_what_no_column_takes_is_kept_under_the_apis_own_names_and_nesting() -> None:
    assert columns(
        "tasks",
        home_id="house",
        rate_paid="12,50 EUR",
        finished_by={"id": 5, "name": ["A"], "role": {"code": "x", "rank": None}},
        title="t",
    ) == {
        "finished_by_id": 5,
        "extra": {
            "home_id": "house",
            "rate_paid": "12,50 EUR",
            "finished_by": {"name": ["A"], "role": {"code": "x", "rank": None}},
            "title": "t",
        },
    }


def test_a_record_that_fits_has_no_extra() -> None:
    assert "extra" not in columns("supplies", name="AA", unit_cost=7, type_stock_status={"code": "in_stock"})
    assert "extra" not in columns("supplies", name=None, unknown=None, type_stock_status=None)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"summary": "all good"}, {"summary_note": "all good"}),
        ({"summary": {"note": "all good"}}, {"summary_note": "all good"}),
        ({"summary": {"note": "n", "by": 3}}, {"summary_note": "n", "extra": {"summary": {"by": 3}}}),
        ({"summary": ["n"]}, {"extra": {"summary": ["n"]}}),
        ({"requested_by": "owner"}, {"requested_by_code": "owner"}),
        ({"requested_by": {"id": 3, "name": "Ann"}}, {"requested_by_id": 3, "requested_by_name": "Ann"}),
        ({"type_department": "housekeeping"}, {"department": "housekeeping"}),
        (
            {"type_department": {"code": "safety", "name": "Safety"}},
            {"department": "safety", "extra": {"type_department": {"name": "Safety"}}},
        ),
        ({"template": {"name": "T"}}, {"template_name": "T"}),
        ({"template_name": "T"}, {"template_name": "T"}),
        ({"created_by": 5}, {"extra": {"created_by": 5}}),
    ],
)
def test_a_name_that_takes_several_forms(record: dict[str, Json], expected: dict[str, Json]) -> None:
    assert columns("tasks", **record) == expected


@pytest.mark.parametrize(
    ("entity", "record", "column", "first", "other"),
    [
        ("tasks", {"template_name": "B", "template": {"name": "A"}}, "template_name", "A", {"template_name": "B"}),
        ("templates", {"name": "B", "template_name": "A"}, "name", "A", {"name": "B"}),
        ("templates", {"department": "b", "department_code": "a"}, "department", "a", {"department": "b"}),
    ],
)
def test_the_first_address_wins_whatever_the_order_of_keys(
    entity: str, record: dict[str, Json], column: str, first: str, other: dict[str, Json]
) -> None:
    for order in permutations(record.items()):
        assert columns(entity, **dict(order)) == {column: first, "extra": other}


def test_a_further_address_counts_where_the_first_brings_nothing_that_fits() -> None:
    found = columns("templates", template_name={"en": "A"}, name="B")
    assert found == {"name": "B", "extra": {"template_name": {"en": "A"}}}


def test_a_name_that_begins_with_a_slash_is_kept_apart_from_what_calls_leave() -> None:
    assert columns("tasks", **{"/comments": 1, "//comments": 2}) == {"extra": {"//comments": 1, "///comments": 2}}


def test_an_object_without_content_is_told_from_null_except_notes() -> None:
    for empty in ({}, {"code": None}):
        assert columns("reservations", type_guest=dict(empty)) == {"extra": {"type_guest": {}}}
    assert columns("reservations", type_guest=None) == {}
    assert columns("properties", notes={}) == {}
    assert columns("properties", notes={"general": None}) == {}
    assert columns("properties", notes={"general": ""}) == {"notes_general": ""}


def test_empty_texts_and_lists_stay_what_they_are() -> None:
    assert columns("properties", display="", groups=[]) == {"property_display": "", "groups": "[]"}
    assert columns("tasks", summary="", tags=[]) == {"summary_note": "", "tag_names": "[]"}


def test_photos_keep_the_place_of_their_first_appearance() -> None:
    photos: list[Json] = [{"id": 3}, {"id": 1, "default": True}, {"id": 3}, "no photo", {"id": "2", "default": True}]
    assert children("properties", "property_photos", photos=photos) == [
        {"photo_id": 3, "display_order": 0},
        {"photo_id": 1, "display_order": 1, "is_default": True},
        {"photo_id": 2, "display_order": 4, "is_default": True},
    ]
    assert columns("properties", photos=photos) == {"extra": {"photos": ["no photo"]}}


def test_an_item_that_comes_again_is_one_row_and_one_that_differs_is_kept() -> None:
    photos: list[Json] = [{"id": 1, "url": "a"}, {"id": 1, "url": "a"}, {"id": 1, "url": "b"}]
    assert children("tasks", "task_photos", photos=photos) == [{"photo_id": 1, "url": "a"}]
    assert columns("tasks", photos=photos) == {"extra": {"photos": [{"id": 1, "url": "b"}]}}


def test_items_without_id_are_told_apart_by_their_place_among_themselves() -> None:
    costs: list[Json] = [{"id": None, "cost": 1}, {"id": 5, "cost": 2}, {"cost": 1}, {"id": "x", "cost": 3}]
    assert children("tasks", "task_costs", costs=costs) == [
        {"ordinal": 0, "cost": 1},
        {"cost_id": 5, "cost": 2},
        {"ordinal": 1, "cost": 1},
    ]
    assert columns("tasks", costs=costs) == {"extra": {"costs": [{"id": "x", "cost": 3}]}}


@pytest.mark.parametrize("item", [5, "url", None, [], [{"id": 1}], {}, {"id": None}, {"id": 2**63}, {"id": True}])
def test_an_item_that_is_no_object_or_has_no_key_is_kept_with_its_parent(item: Json) -> None:
    assert children("tasks", "task_photos", photos=[item, {"id": 1}]) == [{"photo_id": 1}]
    assert columns("tasks", photos=[item, {"id": 1}]) == {"extra": {"photos": [item]}}


@pytest.mark.parametrize("value", ["none", 5, {"id": 1}, False, {}])
def test_a_list_that_is_no_list_leaves_the_stored_children(value: Json) -> None:
    row = built("tasks", photos=value, task_tags=value)
    assert row.children["task_photos"] is None
    assert row.tags["task_tags"] is None
    assert columns("tasks", photos=value, task_tags=value) == {"extra": {"photos": value, "task_tags": value}}


def test_a_list_that_is_not_sent_is_told_from_an_empty_one() -> None:
    assert built("tasks").children["task_photos"] is None
    assert built("tasks", photos=None).children["task_photos"] is None
    assert built("tasks", photos=[]).children["task_photos"] == []
    assert built("tasks").tags == {"task_tags": None}
    assert built("tasks", task_tags=[]).tags == {"task_tags": []}


def test_what_no_column_of_a_child_takes_is_kept_in_its_own_extra() -> None:
    found = children("tasks", "task_assignments", assignments=[{"id": 1, "assignee_id": "Ann", "more": {"a": 1}}])
    assert found == [{"assignment_id": 1, "extra": {"assignee_id": "Ann", "more": {"a": 1}}}]


@pytest.mark.parametrize(
    ("guest", "expected"),
    [
        ({"first_name": "Ann", "last_name": "Lee"}, {"guest_name": "Ann Lee"}),
        ({"first_name": "", "last_name": "Lee"}, {"guest_name": "Lee"}),
        ({"first_name": None, "last_name": None}, {}),
        ({"first_name": "", "last_name": ""}, {}),
        ({"emails": ["a@example.com", "b@example.com"]}, {"guest_email": "a@example.com"}),
        ({"emails": []}, {}),
        ({"emails": [{"address": "a@example.com"}]}, {}),
        ({"phone_numbers": ["+1 5"]}, {"guest_phone": "+1 5"}),
        ({"phone_numbers": [{"number": "+1 5", "type": "cell"}]}, {"guest_phone": "+1 5"}),
        ({"phone_numbers": [{"digits": "5"}, "+1 5"]}, {}),
        ({"phone_numbers": "+1 5"}, {}),
    ],
)
def test_guests_have_columns_for_convenience(guest: dict[str, Json], expected: dict[str, Json]) -> None:
    (found,) = children("reservations", "reservation_guests", guests=[guest])
    assert {name: value for name, value in found.items() if name.startswith("guest_")} == expected
    assert "extra" not in found


def test_the_first_guest_is_the_primary_one_and_places_are_the_keys() -> None:
    found = children("reservations", "reservation_guests", guests=[{}, {}, {"name": "no such field"}])
    assert [(row["ordinal"], row["is_primary"]) for row in found] == [(0, True), (1, False), (2, False)]
    assert found[2]["extra"] == {"name": "no such field"}


@pytest.mark.parametrize(
    ("person", "name"),
    [
        ({"first_name": "Jennifer", "last_name": "Brooks"}, "Jennifer Brooks"),
        ({"first_name": "Jennifer", "last_name": "Brooks", "name": "Jen"}, "Jen"),
        ({"first_name": "Jennifer", "name": ""}, ""),
        ({"first_name": "Jennifer", "name": None}, "Jennifer"),
        ({"first_name": "", "last_name": ""}, None),
    ],
)
def test_a_person_is_named_by_the_api_or_else_by_both_names(person: dict[str, Json], name: str | None) -> None:
    assert columns("people", **person).get("person_name") == name


def test_tags_become_links_and_say_what_else_came_with_them() -> None:
    items: list[Json] = [
        {"id": 1, "name": "a", "color": None},
        {"id": "2"},
        {"id": 1, "name": "a"},
        "late",
        {"name": "x"},
    ]
    assert built("reservations", tags=items).tags == {"reservation_tags": [(1, '{"name":"a"}'), (2, None)]}
    assert columns("reservations", tags=items) == {"extra": {"tags": ["late", {"name": "x"}]}}


def test_requirements_are_keyed_by_their_place() -> None:
    items: list[Json] = [{"action": "Fold"}, 5, {"action": ["Fold", "Iron"], "note": {}, "photos": []}, {}]
    assert called("tasks", "task_requirements", items) == (
        [
            {"ordinal": 0, "action": '"Fold"'},
            {"ordinal": 2, "action": '["Fold","Iron"]', "photos": "[]", "extra": {"note": {}}},
            {"ordinal": 3},
        ],
        [5],
    )


def test_comments_without_id_are_kept_with_their_task() -> None:
    items: list[Json] = [{"id": 7, "comment": "a", "author": {"id": 1, "name": "Ann"}}, {"comment": "b"}]
    assert called("tasks", "task_comments", items) == (
        [{"comment_id": 7, "comment": "a", "author_id": 1, "author_name": "Ann"}],
        [{"comment": "b"}],
    )
    assert called("tasks", "task_comments", []) == ([], None)


def test_a_value_nested_too_deeply_is_refused_by_name() -> None:
    deep: Json = []
    for _ in range(3_000):
        deep = [deep]
    for name in ("summary", "unknown", "tags", "rate_paid"):
        with pytest.raises(Unstorable, match="nested too deeply"):
            built("tasks", **{name: deep})
    with pytest.raises(Unstorable, match="nested too deeply"):
        called("tasks", "task_comments", [{"id": 1, "comment": deep}])


@pytest.mark.parametrize(("value", "key"), [(5, 5), ("5", 5), (D("5.0"), 5), (-1, -1), (0, 0), (2**63 - 1, 2**63 - 1)])
def test_an_id_is_a_whole_number_in_any_form(value: Json, key: int) -> None:
    assert record_key({"id": value}) == key
    assert record_key({"key": value}, "key") == key


@pytest.mark.parametrize("value", [None, True, "", "a", "05", 2**63, D("5.5"), [5], {"id": 5}])
def test_what_is_no_id(value: Json) -> None:
    assert record_key({"id": value}) is None
    assert record_key({}) is None


def test_building_leaves_the_record_as_it_was() -> None:
    record: dict[str, Json] = {"photos": [{"id": 1}, 5], "task_tags": [{"id": 1}], "summary": {"note": "a", "b": 1}}
    built("tasks", **record)
    assert record == {"photos": [{"id": 1}, 5], "task_tags": [{"id": 1}], "summary": {"note": "a", "b": 1}}
