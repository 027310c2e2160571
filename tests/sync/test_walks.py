"""Which walks a list needs, which days they ask for, and what a run that was cut off has made already."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway_sync.core.outcome import SUCCESS
from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.checkpoints import FULL, INCREMENTAL, WINDOW, ListState, RefreshPace
from breezeway_sync.entities.model import Source
from breezeway_sync.entities.plan import plan_of
from breezeway_sync.sync.job import ReadSettings
from breezeway_sync.sync.scans import PlannedScan, ScanInputs, due_scans, due_seconds, planned_scan_of, refresh_share
from tests.sync.fakes import CALLED, LONG_AGO, Page, World, ids

BY_NAME = {entity.name: entity for entity in ENTITIES}
TASKS = BY_NAME["tasks"].sources[0]
RESERVATIONS = BY_NAME["reservations"].sources[0]
PEOPLE = BY_NAME["people"].sources[0]
NOW = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WEEK_SECONDS = 7 * 86_400.0
READ = ListState(watermark=NOW - HOUR, last_full_scan_at=NOW - DAY, last_window_scan_at=NOW - HOUR / 2, version=7)


def kinds(
    known_state: ListState,
    source: Source = TASKS,
    *,
    name: str = "north tasks 5",
    full: bool = False,
    near: bool = True,
    interrupted: datetime | None = None,
) -> list[str]:
    return due_scans(source, name, known_state, ScanInputs(NOW, RefreshPace(), full, 7, interrupted), has_window=near)


def asked(kind: str, known_state: ListState, now: datetime = NOW) -> PlannedScan:
    return planned_scan_of(kind, known_state, RefreshPace(), now)


def test_what_was_never_read_whole_is() -> None:
    assert kinds(ListState()) == [FULL]
    assert kinds(replace(READ, last_full_scan_at=None)) == [FULL]
    assert kinds(READ) == [INCREMENTAL]


@pytest.mark.parametrize(
    "known_state",
    [replace(READ, version=6), replace(READ, is_doubtful=True), replace(READ, watermark=NOW + HOUR)],
    ids=["made for another mapping", "somebody must decide", "a clock that was set back"],
)
def test_what_makes_a_list_doubtful_is_read_whole(known_state: ListState) -> None:
    assert kinds(known_state) == [FULL]


def test_lists_without_a_window_are_read_whole_each_time() -> None:
    assert kinds(READ, PEOPLE) == [FULL]


def test_a_full_run_reads_everything_whole() -> None:
    assert kinds(READ, full=True) == [FULL]


def test_a_window_reaches_back_to_the_last_complete_walk_and_the_overlap() -> None:
    planned = asked(INCREMENTAL, READ)
    assert planned.params(TASKS) == (("updated_at", "2026-03-28,2026-03-30"),)
    assert planned.params(RESERVATIONS) == (("updated_at_ge", "2026-03-28"),)


@pytest.mark.parametrize(("source", "params"), [
    (TASKS, [("scheduled_date", "2026-03-14,2026-04-13")]),
    (RESERVATIONS, [("checkin_date_le", "2026-04-13"), ("checkout_date_ge", "2026-03-14")]),
], ids=["tasks", "stays"])  # fmt: skip
def test_the_days_around_today_are_read_whole_every_hour(source: Source, params: list[tuple[str, str]]) -> None:
    known_state = replace(READ, last_window_scan_at=NOW - HOUR)
    assert kinds(known_state, source) == [INCREMENTAL, WINDOW]
    assert kinds(known_state, source, near=False) == [INCREMENTAL]  # nothing could have left them
    assert asked(WINDOW, known_state).params(source) == params


def test_the_days_are_those_of_the_moment_at_which_a_list_is_asked_for() -> None:
    """A machine that slept four days between planning and asking."""
    late = NOW + 4 * DAY
    assert asked(INCREMENTAL, READ, late).params(TASKS) == (("updated_at", "2026-03-28,2026-04-03"),)
    assert asked(WINDOW, READ, late).since == date(2026, 3, 18)
    assert asked(INCREMENTAL, READ).must_begin_before == datetime(2026, 3, 30, tzinfo=UTC)
    assert asked(FULL, READ).must_begin_before is None


@given(name=st.text())
def test_a_list_that_is_read_every_hour_is_never_older_than_a_week(name: str) -> None:
    due = due_seconds(name, WEEK_SECONDS)
    assert 0.72 * WEEK_SECONDS <= due <= 0.97 * WEEK_SECONDS
    assert due + 3600 < WEEK_SECONDS
    assert due_seconds(name, RefreshPace().window_scan_seconds) < 3600 - 600


@given(name=st.text(), hours=st.integers(0, 24 * 7))
def test_a_sweep_is_never_late_and_never_in_its_first_seven_tenths(name: str, hours: int) -> None:
    (kind,) = kinds(replace(READ, last_full_scan_at=NOW - hours * HOUR, last_window_scan_at=NOW), name=name)
    if hours >= 24 * 7 * 0.97:
        assert kind == FULL
    if hours < 24 * 7 * 0.72:
        assert kind == INCREMENTAL


def test_sweeps_of_many_lists_are_spread() -> None:
    known_state = replace(READ, last_full_scan_at=NOW - timedelta(days=5.9))
    due = [kinds(known_state, name=f"north tasks {number}") == [FULL] for number in range(400)]
    assert 0.3 < sum(due) / len(due) < 0.7


@given(covered_seconds=st.integers(0, 10**8), changed_seconds=st.integers(0, 10**8), zone_hours=st.integers(-12, 14))
def test_no_change_after_the_last_walk_is_outside_the_window(
    covered_seconds: int, changed_seconds: int, zone_hours: int
) -> None:
    """Whatever the service's zone is, and up to the edge of the day."""
    covered, changed = NOW - timedelta(seconds=covered_seconds), NOW - timedelta(seconds=changed_seconds)
    planned = asked(
        INCREMENTAL, ListState(watermark=covered, last_full_scan_at=NOW - HOUR, last_window_scan_at=NOW, version=7)
    )
    if covered <= changed <= NOW:
        day = (changed + timedelta(hours=zone_hours)).date()
        assert planned.since is not None
        assert planned.until is not None
        assert planned.since <= day <= planned.until


def test_what_the_run_that_was_cut_off_has_read_whole_is_not_read_again() -> None:
    interrupted = NOW - 2 * HOUR
    assert kinds(replace(READ, watermark=NOW - HOUR), interrupted=interrupted) == []
    assert kinds(replace(READ, watermark=NOW - 3 * HOUR), interrupted=interrupted) == [INCREMENTAL]


@given(
    parents=st.integers(0, 1_000_000),
    elapsed=st.floats(-1e9, 1e9),
    period=st.sampled_from([0.0, 3600.0, 30 * 86_400.0]),
)
def test_a_share_is_never_more_than_all(parents: int, elapsed: float, period: float) -> None:
    share = refresh_share(parents, elapsed, period)
    assert 0 <= share <= parents
    if period and elapsed >= period:
        assert share == parents


# --- what a walk over a list leaves ---------------------------------------------------------------------


def pages(*found: tuple[int, list[int]]) -> list[Page]:
    """Pages with the total that each announces."""
    return [
        Page(tuple(ids(*keys)), number, float(number), total_pages=len(found), total_results=total)
        for number, (total, keys) in enumerate(found, 1)
    ]


async def test_marks_go_with_the_records_that_they_speak_for() -> None:
    world = World()
    world.api.answers = {"/reservation": list(pages((3, [1, 2]), (3, [3])))}
    began = world.clock.now()
    await world.run("reservations")
    (checkpoint,) = [checkpoint for checkpoint in world.sink.checkpoints if checkpoint.source == "reservations"]
    assert (checkpoint.shown, list(checkpoint.ids), checkpoint.parent) == (3, [1, 2, 3], 0)
    assert began <= checkpoint.began_at <= world.clock.now()
    assert checkpoint.began_order == 1000


async def test_changes_cover_today_where_nothing_was_planned_around_it() -> None:
    """What is around today since then was shown by this very walk; what was before may have left the list."""
    for near, covers in ((set[int](), True), ({0}, False)):
        world = World()
        world.sync_state.near_parents = near
        version, now = plan_of(BY_NAME["reservations"]).version, world.clock.now()
        known_state = ListState(
            watermark=now - HOUR, last_full_scan_at=now - HOUR, last_window_scan_at=now - HOUR / 2, version=version
        )
        world.sync_state.due_scans = {"reservations": {0: known_state}}
        await world.run("reservations")
        (checkpoint,) = [checkpoint for checkpoint in world.sink.checkpoints if checkpoint.source == "reservations"]
        assert (checkpoint.kind, checkpoint.covers_window) == (INCREMENTAL, covers)


async def test_lists_that_the_run_before_has_read_are_not_read_again() -> None:
    world = World()
    began = world.clock.now()
    world.sync_state.interrupted = began
    world.sync_state.properties = {"north": [5, 6]}
    version = plan_of(BY_NAME["tasks"]).version
    done = ListState(watermark=began, last_full_scan_at=began, last_window_scan_at=began, version=version)
    world.sync_state.due_scans = {"tasks": {5: done}, "people": {0: done}, "property_contacts": {5: done}}
    found = await world.run("tasks", "people", "property_contacts")
    assert {one.status for one in found.values()} == {SUCCESS}
    assert [params["home_id"] for path, params in world.api.calls if path == "/task/"] == ["6"]
    assert world.api.paths("/people") == []
    assert world.api.paths("/property/") == ["/property/6/contacts"]


async def test_a_full_run_goes_on_with_none_and_owes_everything_anew() -> None:
    world = World(settings=ReadSettings(full=True))
    for _ in range(2):
        await world.run("tasks")
    assert [source for source, _ in world.sync_state.owed_anew] == [*CALLED, *CALLED]
    assert world.sync_state.passes[:2] == ["north ended", "north began"]


async def test_what_is_newly_wanted_is_owed_at_once() -> None:
    """Comments were switched off while tasks changed, or never wanted; requirements always were."""
    world = World()
    world.sync_state.due_scans = {CALLED[0]: {0: ListState()}, CALLED[1]: {0: ListState(last_full_scan_at=LONG_AGO)}}
    await world.run("tasks")
    assert [source for source, _ in world.sync_state.owed_anew] == [CALLED[0]]


async def test_a_share_of_all_children_is_asked_for_again_at_a_set_pace() -> None:
    world = World()
    world.sync_state.sweeping = (3600.0, 72_000)
    await world.run("tasks")
    assert world.sync_state.swept == [("task_comments", 100), ("task_requirements", 100)]


async def test_a_pass_ends_only_when_the_run_does() -> None:
    world = World()
    await world.run("people")
    assert world.sync_state.passes == ["north began", "north ended"]
