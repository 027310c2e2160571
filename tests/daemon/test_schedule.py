"""When lines of the timetable are due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway_sync.cli.world import settings_for
from breezeway_sync.core.report import VerificationState
from breezeway_sync.service.schedule import (
    DueVerification,
    ScheduleEntry,
    comparisons,
    first_in_seconds,
    timetable,
)
from breezeway_sync.service.selection import enabled_entities
from breezeway_sync.service.settings import EntitySettings, Settings
from tests.helpers import tiny

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ENTITIES = ("properties", "reservations", "tasks")
LINE = ScheduleEntry("austin", "hourly", 3600.0, ENTITIES)
HOUR = 3600.0

seconds = st.floats(0.001, 10_000_000, allow_nan=False)
ages = st.floats(-400 * 86_400, 400 * 86_400, allow_nan=False)


def settings(**changes: object) -> Settings:
    made = settings_for({one.code: one for one in tiny(2)}, "http://127.0.0.1:1", "postgresql://x@/x")
    return made.model_copy(update=changes)


def read(*old: float, region: str = "austin") -> dict[tuple[str, str], datetime]:
    """Successes so many seconds ago, one per entity."""
    return {(region, name): NOW - timedelta(seconds=age) for name, age in zip(ENTITIES, old, strict=False)}


@given(st.lists(ages, min_size=1, max_size=3), seconds, st.floats(0, 86_400))
def test_never_in_the_past_and_never_later_than_due(old: list[float], every: float, spread: float) -> None:
    line = ScheduleEntry("austin", "hourly", every, ENTITIES)
    due_in = first_in_seconds(line, read(*old), NOW, spread)
    assert 0 <= due_in <= every + spread


@given(seconds, st.floats(0, 86_400), st.lists(ages, max_size=3))
def test_a_region_that_was_never_read_begins_at_once(every: float, spread: float, others: list[float]) -> None:
    line = ScheduleEntry("austin", "hourly", every, ENTITIES)
    assert first_in_seconds(line, read(*others, region="nashville"), NOW, spread) == 0


@given(st.floats(0, HOUR - 1), st.floats(0, HOUR - 1), st.floats(0, HOUR - 1), st.floats(0, 86_400))
def test_goes_on_from_the_oldest_success(one: float, two: float, three: float, spread: float) -> None:
    due_in = first_in_seconds(LINE, read(one, two, three), NOW, spread)
    assert due_in == pytest.approx(HOUR - max(one, two, three), abs=1e-3)


@given(st.floats(1, 400 * 86_400), st.floats(0, 86_400))
def test_after_a_clock_was_set_back(ahead: float, spread: float) -> None:
    """Successes of the future: a whole interval from now, not when the clock gets there again."""
    assert first_in_seconds(LINE, read(-ahead, -ahead, -ahead), NOW, spread) == HOUR


@given(st.floats(HOUR, 400 * 86_400), st.floats(0, 86_400))
def test_what_is_overdue_is_spread(age: float, spread: float) -> None:
    due_in = first_in_seconds(LINE, read(age, age, age), NOW, spread)
    assert 0 <= due_in <= min(spread, HOUR)
    assert due_in == first_in_seconds(LINE, read(age + 5, age, age), NOW, spread)


def test_an_entity_without_a_success_is_overdue() -> None:
    assert first_in_seconds(LINE, read(1, 1), NOW, 0) == 0
    assert first_in_seconds(LINE, read(1, 1), NOW, 300) <= 300


def test_places_in_the_spread_differ() -> None:
    places = {
        first_in_seconds(ScheduleEntry(f"region{number}", "hourly", HOUR, ENTITIES), {}, NOW, 300)
        for number in range(8)
    } | {
        first_in_seconds(
            ScheduleEntry(f"region{number}", "hourly", HOUR, ENTITIES), {(f"region{number}", "tags"): NOW}, NOW, 300
        )
        for number in range(8)
    }
    assert len(places) == 9


def test_the_usual_timetable() -> None:
    lines = {line.name: line for line in timetable(settings())}
    assert set(lines) == {f"{region} {interval}" for region in ("nashville", "austin") for interval in TEMPOS}
    for name, line in lines.items():
        assert line.every_seconds == TEMPOS[name.split()[1]][0]
        assert set(line.entities) == TEMPOS[name.split()[1]][1]


TEMPOS = {
    "hourly": (3600, {"properties", "reservations", "tasks"}),
    "daily": (86_400, {"people", "supplies", "tags", "property_contacts"}),
    "weekly": (604_800, {"templates", "subdepartments"}),
}


def test_tempos_and_switches_of_entities() -> None:
    made = settings()
    entities = {
        **made.entities,
        "people": EntitySettings(interval="hourly"),
        "templates": EntitySettings(enabled=False),
        "subdepartments": EntitySettings(interval="daily"),
    }
    lines = {line.name: line.entities for line in timetable(settings(entities=entities)) if line.region == "austin"}
    assert set(lines) == {"austin hourly", "austin daily"}
    assert "people" in lines["austin hourly"]
    assert "subdepartments" in lines["austin daily"]
    assert not any("templates" in names for names in lines.values())


def test_what_is_to_be_compared() -> None:
    """Whole regions that were read, the longest waiting first; each at its own place in the last quarter of the day."""
    two = settings()
    names = enabled_entities(two)
    one, other = two.regions
    all_read = {(region, name): NOW for region in two.regions for name in names}

    def state(hours: float, *, region: str = one, entity: str = "tasks", **more: Any) -> VerificationState:
        at = NOW - timedelta(hours=hours)
        return VerificationState(
            region, entity, **{"tried_at": at, "compared_at": at, "result": "proved", "seed": 5, **more}
        )

    def due(
        *states: VerificationState, successes: Any = all_read, now: datetime = NOW
    ) -> dict[str, list[DueVerification]]:
        return dict(comparisons(two, states, successes, now))

    fresh = [state(1, entity=name, region=region) for region in two.regions for name in names if name != "tasks"]
    assert list(due()) == [one, other]
    assert set(names) == {at.entity for at in due()[one]}
    assert due(successes={key: at for key, at in all_read.items() if key != (one, "tags")}).keys() == {other}
    assert due(*fresh, state(17), state(17, region=other)) == {}
    assert due(*fresh, state(24), state(17, region=other)) == {one: [DueVerification("tasks")]}
    assert list(due(*fresh, state(24), state(25, region=other))) == [other, one]
    assert due(*fresh, state(24, result="failed"), state(1, region=other)) == {one: [DueVerification("tasks", 5)]}
    tried: dict[str, Any] = {"tried_at": NOW - timedelta(minutes=50)}
    assert due(*fresh, state(24, **tried), state(1, region=other)) == {}
    assert due(*fresh, state(24, **tried), state(1, region=other), now=NOW + timedelta(minutes=10)).keys() == {one}
    never = two.schedule.model_copy(update={"verify_seconds": 0.0})
    assert comparisons(settings(schedule=never), [], all_read, NOW) == []
    firsts = {first_due(two, region, fresh, all_read) for region in two.regions}
    assert len(firsts) == 2
    assert all(18 <= hours <= 24 for hours in firsts)


def first_due(two: Settings, region: str, fresh: list[VerificationState], successes: Any) -> float:
    """After how many hours the region's tasks are due again."""
    states = [*fresh, VerificationState(region, "tasks", NOW, NOW, "proved", 1)]

    def is_due(hours: float) -> bool:
        return region in dict(comparisons(two, states, successes, NOW + timedelta(hours=hours)))

    return next(hours for hours in (tenth / 10 for tenth in range(300)) if is_due(hours))
