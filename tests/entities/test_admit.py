"""Which records are admitted, what they hash to, and how the others are written down."""

from __future__ import annotations

import json
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway_sync.entities.decode import Json, Unreadable
from breezeway_sync.entities.text import clean, clean_text
from breezeway_sync.entities.validate import RejectedRecord, ValidRecord, digest, reject, validate
from tests.entities.builders import PLANS
from tests.entities.strategies import dirty_values, json_values, storable_text

PHOTOS: list[Json] = [{"id": 1, "url": "a"}, {"id": 2, "url": "b"}, {"id": 3, "url": "c"}]
DIRT: list[dict[str, Json]] = [{}, {"a": "\x00"}, {"a": "\ud800"}, {"a": Decimal("1e200000")}]


def valid_records(entity: str, record: Json) -> ValidRecord:
    found = validate(PLANS[entity], record)
    assert isinstance(found, ValidRecord)
    return found


def hash_of(entity: str, **record: Json) -> bytes:
    return valid_records(entity, {"id": 7, **record}).payload_hash


def rejected(item: Json | Unreadable) -> RejectedRecord:
    found = validate(PLANS["tasks"], item)
    assert isinstance(found, RejectedRecord)
    return found


def nested(levels: int, opening: str = "list") -> Json:
    value: Json = "bottom"
    for _ in range(levels):
        value = [value] if opening == "list" else {"a": value}
    return value


def test_a_record_is_admitted_with_its_key() -> None:
    found = valid_records("tasks", {"id": "7", "photos": [], "costs": None})
    assert found.key == 7
    assert found.record == {"id": "7", "photos": [], "costs": None}
    assert len(found.payload_hash) == 16
    assert found.changed_characters == 0


@pytest.mark.parametrize(
    ("entity", "record", "count"),
    [
        ("tasks", {}, 5),
        ("tasks", {"photos": [], "costs": None, "task_tags": []}, 3),
        ("reservations", {"guests": [], "tags": []}, 0),
        ("properties", {"photos": None}, 1),
        ("people", {}, 0),
    ],
)
def test_lists_that_are_not_sent_are_counted(entity: str, record: dict[str, Json], count: int) -> None:
    assert valid_records(entity, {"id": 7, **record}).lists_not_sent == count


@given(st.dictionaries(storable_text, json_values, max_size=6), st.randoms(use_true_random=False))
def test_the_hash_does_not_depend_on_the_order_of_keys(record: dict[str, Json], random: Random) -> None:
    pairs = list(record.items())
    random.shuffle(pairs)
    inner: Json = {"a": 1, "b": {"c": 2, "d": 3}}
    other: Json = {"b": {"d": 3, "c": 2}, "a": 1}
    assert hash_of("tasks", x=dict(pairs), y=inner) == hash_of("tasks", y=other, x=record)


@pytest.mark.parametrize(
    ("entity", "name"),
    [
        *(("tasks", name) for name in ("photos", "costs", "supplies", "assignments", "task_tags")),
        ("reservations", "tags"),
    ],
)
def test_the_hash_does_not_depend_on_the_order_of_items_with_ids(entity: str, name: str) -> None:
    assert hash_of(entity, **{name: PHOTOS}) == hash_of(entity, **{name: PHOTOS[::-1]})
    assert hash_of(entity, **{name: PHOTOS}) != hash_of(entity, **{name: PHOTOS[:2]})


@pytest.mark.parametrize(
    ("entity", "name"),
    [
        ("properties", "photos"),
        ("reservations", "guests"),
        ("tasks", "tags"),
        ("properties", "groups"),
        ("tasks", "other"),
    ],
)
def test_the_hash_depends_on_order_where_order_is_data(entity: str, name: str) -> None:
    assert hash_of(entity, **{name: PHOTOS}) != hash_of(entity, **{name: PHOTOS[::-1]})


def test_items_without_ids_keep_their_order_in_the_hash() -> None:
    one: Json = {"id": None, "cost": 1}
    two: Json = {"id": None, "cost": 2}
    three: Json = {"id": 3}
    assert hash_of("tasks", costs=[one, two]) != hash_of("tasks", costs=[two, one])
    assert hash_of("tasks", costs=[one, three, two]) == hash_of("tasks", costs=[three, one, two])


ONES: tuple[Json, ...] = ("a", "a", "", 1, True, True, 0, [], [], {}, [1, 2], [[]], "null", "1", {"a": 1}, 2**70, "é")
OTHERS: tuple[Json, ...] = (
    "b",
    "",
    None,
    2,
    False,
    1,
    False,
    {},
    None,
    None,
    [2, 1],
    [],
    None,
    1,
    {"b": 1},
    2**70 + 1,
    "e",
)
FINE: tuple[Json, Json] = (Decimal("0.1"), Decimal("0.1000000000000000000001"))


@pytest.mark.parametrize(("one", "other"), [*zip(ONES, OTHERS, strict=True), FINE])
def test_the_hash_depends_on_every_value(one: Json, other: Json) -> None:
    assert hash_of("tasks", summary=one) != hash_of("tasks", summary=other)
    assert hash_of("tasks", photos=[{"id": 1, "x": [{"y": one}]}]) != hash_of(
        "tasks", photos=[{"id": 1, "x": [{"y": other}]}]
    )
    assert hash_of("tasks", **{"unknown": one}) != hash_of("tasks", **{"unknown": other})


@pytest.mark.parametrize(
    ("text", "cleaned", "changed"),
    [
        ("plain \U0001f511 \u0001 \ufffd", "plain \U0001f511 \u0001 \ufffd", 0),
        ("a\x00b\x00", "ab", 2),
        ("a\ud83d", "a\ufffd", 1),
        ("\udc00\ud800\x00", "\ufffd\ufffd", 3),
        ("\\u0000", "\\u0000", 0),
        ("", "", 0),
    ],
)
def test_characters_that_cannot_be_stored_are_replaced_and_counted(text: str, cleaned: str, changed: int) -> None:
    assert clean_text(text) == (cleaned, changed)
    found = valid_records("tasks", {"id": 7, "name": text, "photos": [{"id": 1, "url": [text]}]})
    assert found.record == {"id": 7, "name": cleaned, "photos": [{"id": 1, "url": [cleaned]}]}
    assert found.changed_characters == 2 * changed


def test_names_are_cleaned_as_well() -> None:
    found = valid_records("tasks", {"id": 7, "a\x00": {"\ud800": 1}})
    assert found.record == {"id": 7, "a": {"\ufffd": 1}}
    assert found.changed_characters == 2


def test_names_that_meet_when_cleaned_keep_their_values() -> None:
    for names in (("a\x00", "a", "\x00a"), ("a", "a\x00", "a\x00\x00"), ("\ud800", "\udfff", "\ufffd")):
        found = valid_records("tasks", {"id": 7, **{name: number for number, name in enumerate(names)}})
        assert sorted(value for name, value in found.record.items() if name != "id" and isinstance(value, int)) == [
            0,
            1,
            2,
        ]


def test_a_cleaned_record_hashes_like_one_that_came_clean() -> None:
    assert hash_of("tasks", name="a\x00b\ud800") == hash_of("tasks", name="ab\ufffd")


@given(dirty_values)
def test_cleaning_leaves_only_what_can_be_stored(value: Json) -> None:
    cleaned, changed = clean(value)
    text = json.dumps(cleaned, default=str, ensure_ascii=False)
    text.encode()
    assert "\\u0000" not in text.replace("\\\\", "")
    assert (cleaned == value) == (changed == 0)


@pytest.mark.parametrize(
    "item", [None, 5, "text", True, [], [{"id": 1}], {}, {"id": None}, {"id": "abc"}, {"id": 2**63}]
)
def test_what_has_no_id_is_rejected_under_its_payloads_hash(item: Json) -> None:
    found = rejected(item)
    assert json.loads(found.payload) == item
    assert found.record_id == "payload " + digest(found.payload.encode()).hex()
    assert found.record_id == rejected(item).record_id


def test_rejects_of_different_payloads_have_different_keys() -> None:
    assert rejected({"name": "a"}).record_id != rejected({"name": "b"}).record_id
    assert rejected({"name": "a", "size": 1}).record_id == rejected({"size": 1, "name": "a"}).record_id


def test_a_reason_quotes_no_value() -> None:
    items: tuple[Json, ...] = ("secret", ["secret"], {"id": "secret"}, {"name": "secret"})
    for item in items:
        assert "secret" not in rejected(item).reason


def test_what_nothing_read_is_kept_as_its_text() -> None:
    found = rejected(Unreadable('{"id": 7, "a": \x00\ud800', "not JSON at character 15"))
    assert json.loads(found.payload) == '{"id": 7, "a": \ufffd'
    assert found.reason == "not JSON at character 15"
    assert found.record_id.startswith("payload ")


def test_a_rejection_with_an_id_is_keyed_by_it() -> None:
    assert reject({"id": 7}, "why", 7).record_id == "7"
    assert reject({"id": 0}, "why", 0).record_id == "0"


@pytest.mark.parametrize("dirt", DIRT, ids=ascii)
@pytest.mark.parametrize("shape", ["list", "object"])
@pytest.mark.parametrize("levels", [300, 600, 900, 3_000])
def test_nothing_is_nested_too_deeply_to_be_judged(levels: int, shape: str, dirt: dict[str, Json]) -> None:
    found = validate(PLANS["tasks"], {"id": 7, "b": nested(levels, shape), **dirt})
    if isinstance(found, RejectedRecord):
        assert found.record_id == "7"
        assert found.reason == "nested too deeply"
        assert "bottom" in found.payload
        assert _is_json(found.payload)
    else:
        assert levels < 1_000


@pytest.mark.parametrize("levels", [600, 900, 3_000])
def test_what_has_no_id_may_be_nested_deeply_too(levels: int) -> None:
    for item in (nested(levels), {"id": None, "x": nested(levels, "object")}):
        assert _is_json(rejected(item).payload)


@given(dirty_values | st.dictionaries(storable_text, dirty_values))
def test_nothing_raises_for_any_item(item: Json) -> None:
    for plan in PLANS.values():
        found = validate(plan, item)
        if isinstance(found, RejectedRecord):
            json.loads(found.payload)
            assert len(found.record_id) < 60


@given(st.integers(-(2**63), 2**63 - 1), st.dictionaries(storable_text, dirty_values, max_size=4))
def test_a_record_with_an_id_is_never_rejected_for_its_values(key: int, record: dict[str, Json]) -> None:
    found = validate(PLANS["tasks"], {**record, "id": key})
    assert isinstance(found, ValidRecord)
    assert found.key == key


def _is_json(text: str) -> bool:
    json.loads(text)
    return "\x00" not in text
