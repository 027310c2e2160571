"""Which walks a list needs, which days they ask for, and what a run that was cut off has made already."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway_sync.core.outcome import SUCCESS
from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.marks import CHANGED, NEAR, WHOLE, Pace, Standing
from breezeway_sync.entities.model import Source
from breezeway_sync.entities.plan import plan_of
from breezeway_sync.sync.job import Settings
from breezeway_sync.sync.walks import Walk, Wanted, due_seconds, sweep_share, walk_of, walks
from tests.sync.fakes import CALLED, LONG_AGO, Page, World, ids

BY_NAME = {entity.name: entity for entity in ENTITIES}
TASKS = BY_NAME["tasks"].sources[0]
RESERVATIONS = BY_NAME["reservations"].sources[0]
PEOPLE = BY_NAME["people"].sources[0]
NOW = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WEEK_SECONDS = 7 * 86_400.0
READ = Standing(covered_at=NOW - HOUR, whole_at=NOW - DAY, near_at=NOW - HOUR / 2, version=7)


def kinds(
    standing: Standing,
    source: Source = TASKS,
    *,
    name: str = "north tasks 5",
    full: bool = False,
    near: bool = True,
    cut_off: datetime | None = None,
) -> list[str]:
    return walks(source, name, standing, Wanted(NOW, Pace(), full, 7, cut_off), has_near=near)


def asked(kind: str, standing: Standing, now: datetime = NOW) -> Walk:
    return walk_of(kind, standing, Pace(), now)


def test_what_was_never_read_whole_is() -> None:
    assert kinds(Standing()) == [WHOLE]
    assert kinds(replace(READ, whole_at=None)) == [WHOLE]
    assert kinds(READ) == [CHANGED]


@pytest.mark.parametrize(
    "standing",
    [replace(READ, version=6), replace(READ, is_doubtful=True), replace(READ, covered_at=NOW + HOUR)],
    ids=["made for another mapping", "somebody must decide", "a clock that was set back"],
)
def test_what_makes_a_list_doubtful_is_read_whole(standing: Standing) -> None:
    assert kinds(standing) == [WHOLE]


def test_lists_without_a_window_are_read_whole_each_time() -> None:
    assert kinds(READ, PEOPLE) == [WHOLE]


def test_a_full_run_reads_everything_whole() -> None:
    assert kinds(READ, full=True) == [WHOLE]


def test_a_window_reaches_back_to_the_last_complete_walk_and_the_overlap() -> None:
    walk = asked(CHANGED, READ)
    assert walk.params(TASKS) == (("updated_at", "2026-03-28,2026-03-30"),)
    assert walk.params(RESERVATIONS) == (("updated_at_ge", "2026-03-28"),)


@pytest.mark.parametrize(("source", "params"), [
    (TASKS, [("scheduled_date", "2026-03-14,2026-04-13")]),
    (RESERVATIONS, [("checkin_date_le", "2026-04-13"), ("checkout_date_ge", "2026-03-14")]),
], ids=["tasks", "stays"])  # fmt: skip
def test_the_days_around_today_are_read_whole_every_hour(source: Source, params: list[tuple[str, str]]) -> None:
    standing = replace(READ, near_at=NOW - HOUR)
    assert kinds(standing, source) == [CHANGED, NEAR]
    assert kinds(standing, source, near=False) == [CHANGED]  # nothing could have left them
    assert asked(NEAR, standing).params(source) == params


def test_the_days_are_those_of_the_moment_at_which_a_list_is_asked_for() -> None:
    """A machine that slept four days between planning and asking."""
    late = NOW + 4 * DAY
    assert asked(CHANGED, READ, late).params(TASKS) == (("updated_at", "2026-03-28,2026-04-03"),)
    assert asked(NEAR, READ, late).since == date(2026, 3, 18)
    assert asked(CHANGED, READ).must_begin_before == datetime(2026, 3, 30, tzinfo=UTC)
    assert asked(WHOLE, READ).must_begin_before is None


@given(name=st.text())
def test_a_list_that_is_read_every_hour_is_never_older_than_a_week(name: str) -> None:
    due = due_seconds(name, WEEK_SECONDS)
    assert 0.72 * WEEK_SECONDS <= due <= 0.97 * WEEK_SECONDS
    assert due + 3600 < WEEK_SECONDS
    assert due_seconds(name, Pace().near_seconds) < 3600 - 600


@given(name=st.text(), hours=st.integers(0, 24 * 7))
def test_a_sweep_is_never_late_and_never_in_its_first_seven_tenths(name: str, hours: int) -> None:
    (kind,) = kinds(replace(READ, whole_at=NOW - hours * HOUR, near_at=NOW), name=name)
    if hours >= 24 * 7 * 0.97:
        assert kind == WHOLE
    if hours < 24 * 7 * 0.72:
        assert kind == CHANGED


def test_sweeps_of_many_lists_are_spread() -> None:
    standing = replace(READ, whole_at=NOW - timedelta(days=5.9))
    due = [kinds(standing, name=f"north tasks {number}") == [WHOLE] for number in range(400)]
    assert 0.3 < sum(due) / len(due) < 0.7


@given(covered_seconds=st.integers(0, 10**8), changed_seconds=st.integers(0, 10**8), zone_hours=st.integers(-12, 14))
def test_no_change_after_the_last_walk_is_outside_the_window(
    covered_seconds: int, changed_seconds: int, zone_hours: int
) -> None:
    """Whatever the service's zone is, and up to the edge of the day."""
    covered, changed = NOW - timedelta(seconds=covered_seconds), NOW - timedelta(seconds=changed_seconds)
    walk = asked(CHANGED, Standing(covered_at=covered, whole_at=NOW - HOUR, near_at=NOW, version=7))
    if covered <= changed <= NOW:
        day = (changed + timedelta(hours=zone_hours)).date()
        assert walk.since is not None
        assert walk.until is not None
        assert walk.since <= day <= walk.until


def test_what_the_run_that_was_cut_off_has_read_whole_is_not_read_again() -> None:
    cut_off = NOW - 2 * HOUR
    assert kinds(replace(READ, covered_at=NOW - HOUR), cut_off=cut_off) == []
    assert kinds(replace(READ, covered_at=NOW - 3 * HOUR), cut_off=cut_off) == [CHANGED]


@given(
    parents=st.integers(0, 1_000_000),
    elapsed=st.floats(-1e9, 1e9),
    period=st.sampled_from([0.0, 3600.0, 30 * 86_400.0]),
)
def test_a_share_is_never_more_than_all(parents: int, elapsed: float, period: float) -> None:
    share = sweep_share(parents, elapsed, period)
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
    (mark,) = [mark for mark in world.sink.marks if mark.source == "reservations"]
    assert (mark.shown, list(mark.ids), mark.parent) == (3, [1, 2, 3], 0)
    assert began <= mark.began_at <= world.clock.now()
    assert mark.began_order == 1000


async def test_changes_cover_today_where_nothing_was_planned_around_it() -> None:
    """What is around today since then was shown by this very walk; what was before may have left the list."""
    for near, covers in ((set[int](), True), ({0}, False)):
        world = World()
        world.ledger.near_parents = near
        version, now = plan_of(BY_NAME["reservations"]).version, world.clock.now()
        standing = Standing(covered_at=now - HOUR, whole_at=now - HOUR, near_at=now - HOUR / 2, version=version)
        world.ledger.walks = {"reservations": {0: standing}}
        await world.run("reservations")
        (mark,) = [mark for mark in world.sink.marks if mark.source == "reservations"]
        assert (mark.kind, mark.covers_near) == (CHANGED, covers)


async def test_lists_that_the_run_before_has_read_are_not_read_again() -> None:
    world = World()
    began = world.clock.now()
    world.ledger.cut_off = began
    world.ledger.properties = {"north": [5, 6]}
    version = plan_of(BY_NAME["tasks"]).version
    done = Standing(covered_at=began, whole_at=began, near_at=began, version=version)
    world.ledger.walks = {"tasks": {5: done}, "people": {0: done}, "property_contacts": {5: done}}
    found = await world.run("tasks", "people", "property_contacts")
    assert {one.status for one in found.values()} == {SUCCESS}
    assert [params["home_id"] for path, params in world.api.calls if path == "/task/"] == ["6"]
    assert world.api.paths("/people") == []
    assert world.api.paths("/property/") == ["/property/6/contacts"]


async def test_a_full_run_goes_on_with_none_and_owes_everything_anew() -> None:
    world = World(settings=Settings(full=True))
    for _ in range(2):
        await world.run("tasks")
    assert [source for source, _ in world.ledger.owed_anew] == [*CALLED, *CALLED]
    assert world.ledger.passes[:2] == ["north ended", "north began"]


async def test_what_is_newly_wanted_is_owed_at_once() -> None:
    """Comments were switched off while tasks changed, or never wanted; requirements always were."""
    world = World()
    world.ledger.walks = {CALLED[0]: {0: Standing()}, CALLED[1]: {0: Standing(whole_at=LONG_AGO)}}
    await world.run("tasks")
    assert [source for source, _ in world.ledger.owed_anew] == [CALLED[0]]


async def test_a_share_of_all_children_is_asked_for_again_at_a_set_pace() -> None:
    world = World()
    world.ledger.sweeping = (3600.0, 72_000)
    await world.run("tasks")
    assert world.ledger.swept == [("task_comments", 100), ("task_requirements", 100)]


async def test_a_pass_ends_only_when_the_run_does() -> None:
    world = World()
    await world.run("people")
    assert world.ledger.passes == ["north began", "north ended"]
