"""Which entities are read in which order, and which are left out after a failure."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway_sync.core.outcome import FAILED, PARTIAL, SUCCESS
from breezeway_sync.entities.streams import NAMES, STAGES, STREAMS
from breezeway_sync.sync.stages import blocked_by, stages

names = st.sets(st.sampled_from(NAMES))


def flat(chosen: tuple[tuple[str, ...], ...]) -> list[str]:
    return [name for stage in chosen for name in stage]


def test_everything_is_read_in_the_declared_order() -> None:
    assert stages(NAMES, knows_properties=True) == STAGES
    assert len(set(NAMES)) == len(NAMES)


def test_what_an_entity_needs_stands_in_an_earlier_stage() -> None:
    place = {name: number for number, stage in enumerate(STAGES) for name in stage}
    for name, stream in STREAMS.items():
        assert all(place[need] < place[name] for need in stream.needs)


@given(names, st.booleans())
def test_what_is_asked_for_is_read_once_in_order(expected: set[str], knows: bool) -> None:
    chosen = stages(expected, knows_properties=knows)
    assert all(chosen)
    found = flat(chosen)
    assert [name for name in NAMES if name in found] == found
    assert set(found) - expected <= {"properties"}
    assert expected <= set(found)


@pytest.mark.parametrize("name", ["tasks", "property_contacts"])
def test_properties_are_read_first_where_none_is_known(name: str) -> None:
    assert stages([name], knows_properties=False) == (("properties",), (name,))
    assert stages([name], knows_properties=True) == ((name,),)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("tasks", "property_contacts", "properties")])
def test_other_entities_do_without_properties(name: str) -> None:
    assert stages([name], knows_properties=False) == ((name,),)


def test_nothing_asked_for_is_nothing_read() -> None:
    assert stages([], knows_properties=False) == ()


@pytest.mark.parametrize(
    ("entity", "failed", "blocker"),
    [
        ("reservations", {"properties"}, "properties"),
        ("tasks", {"properties"}, "properties"),
        ("tasks", {"reservations"}, "reservations"),
        ("tasks", {"properties", "reservations"}, "properties"),
        ("tasks", {"tags", "people"}, None),
        ("property_contacts", {"properties"}, "properties"),
        ("property_contacts", {"tasks", "reservations"}, None),
        ("reservations", {"reservations"}, None),
        ("properties", set(NAMES), None),
        ("tags", set(NAMES), None),
    ],
)
def test_a_failed_entity_keeps_from_being_read_what_needs_it(
    entity: str, failed: set[str], blocker: str | None
) -> None:
    assert blocked_by(entity, dict.fromkeys(failed, FAILED)) == blocker


def test_a_partial_or_unread_entity_keeps_nothing_from_being_read() -> None:
    for first, second in combinations(
        [{}, {"properties": PARTIAL}, {"properties": SUCCESS, "reservations": PARTIAL}], 2
    ):
        assert blocked_by("tasks", first) is None
        assert blocked_by("tasks", second) is None
