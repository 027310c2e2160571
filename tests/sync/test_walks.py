"""Which walks a list needs, what a finished one proves, and how a run that was cut off is gone on with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway_sync.core.errors import NotFound
from breezeway_sync.core.outcome import PARTIAL, SUCCESS
from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.marks import CHANGED, WHOLE, CutOff, Pace, Part, Standing
from breezeway_sync.entities.plan import plan_of
from breezeway_sync.sync.job import Settings
from breezeway_sync.sync.walks import Wanted, sweep_share, walks
from tests.sync.fakes import Page, World, error, ids

BY_NAME = {entity.name: entity for entity in ENTITIES}
TASKS = BY_NAME["tasks"].sources[0]
RESERVATIONS = BY_NAME["reservations"].sources[0]
PEOPLE = BY_NAME["people"].sources[0]
NOW = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
READ = Standing(covered_at=NOW - HOUR, whole_at=NOW - DAY, near_at=NOW - HOUR, version=7)


def wanted(*, now: datetime = NOW, full: bool = False, cut_off: datetime | None = None) -> Wanted:
    return Wanted(now, Pace(), full, 7, 100, cut_off)


def kinds(standing: Standing, source: object = TASKS, **how: object) -> list[str]:
    return [walk.kind for walk in walks(source, "north tasks 5", standing, wanted(**how))]  # type: ignore[arg-type]


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
    (walk,) = walks(TASKS, "x", READ, wanted())
    assert walk.params(TASKS) == (("updated_at", "2026-03-28,2026-03-30"),)
    (walk,) = walks(RESERVATIONS, "x", READ, wanted())
    assert walk.params(RESERVATIONS) == (("updated_at_ge", "2026-03-28"),)


def test_the_days_around_today_are_read_whole_daily() -> None:
    changed, near = walks(TASKS, "x", replace(READ, near_at=NOW - DAY), wanted())
    assert changed.kind == CHANGED
    assert near.params(TASKS) == (("scheduled_date", "2026-03-14,2026-04-13"),)
    assert kinds(replace(READ, near_at=NOW - DAY), RESERVATIONS) == [CHANGED]


@given(name=st.text(), hours=st.integers(0, 24 * 7))
def test_a_sweep_is_never_late_and_never_in_its_first_three_quarters(name: str, hours: int) -> None:
    standing = replace(READ, whole_at=NOW - hours * HOUR, near_at=NOW)
    (walk,) = walks(TASKS, name, standing, wanted())
    if hours >= 24 * 7:
        assert walk.kind == WHOLE
    if hours < 24 * 7 * 0.75:
        assert walk.kind == CHANGED


def test_sweeps_of_many_lists_are_spread() -> None:
    standing = replace(READ, whole_at=NOW - timedelta(days=6.1))
    due = [walks(TASKS, f"north tasks {number}", standing, wanted())[0].kind == WHOLE for number in range(400)]
    assert 0.3 < sum(due) / len(due) < 0.7


@given(covered_seconds=st.integers(0, 10**8), changed_seconds=st.integers(0, 10**8), zone_hours=st.integers(-12, 14))
def test_no_change_after_the_last_walk_is_outside_the_window(
    covered_seconds: int, changed_seconds: int, zone_hours: int
) -> None:
    """Whatever the service's zone is, and up to the edge of the day."""
    covered, changed = NOW - timedelta(seconds=covered_seconds), NOW - timedelta(seconds=changed_seconds)
    standing = Standing(covered_at=covered, whole_at=NOW - HOUR, near_at=NOW, version=7)
    (walk,) = walks(TASKS, "x", standing, wanted())
    if walk.kind == CHANGED and covered <= changed <= NOW:
        day = (changed + timedelta(hours=zone_hours)).date()
        assert walk.since is not None
        assert walk.until is not None
        assert walk.since <= day <= walk.until


PART = Part(CHANGED, NOW - HOUR, date(2026, 3, 20), date(2026, 3, 30), 3, 100, 290)


def test_a_run_that_was_cut_off_is_gone_on_with() -> None:
    cut_off = NOW - 2 * HOUR
    done = replace(READ, covered_at=NOW - HOUR)
    assert walks(TASKS, "x", done, wanted(cut_off=cut_off)) == []
    half = replace(READ, covered_at=NOW - 3 * HOUR, part=PART)
    (walk,) = walks(TASKS, "x", half, wanted(cut_off=cut_off))
    assert (walk.pages_stored, walk.shown_stored, walk.since, walk.is_resumed) == (3, 290, date(2026, 3, 20), True)


@pytest.mark.parametrize(
    "part",
    [replace(PART, kind=WHOLE), replace(PART, page_size=50), replace(PART, began_at=NOW - DAY)],
    ids=["of another walk", "of other pages", "of an earlier run"],
)
def test_a_part_that_does_not_fit_is_read_anew(part: Part) -> None:
    half = replace(READ, covered_at=NOW - 3 * HOUR, part=part)
    (walk,) = walks(TASKS, "x", half, wanted(cut_off=NOW - 2 * HOUR))
    assert not walk.is_resumed


def test_a_part_is_left_alone_by_a_run_that_was_not_cut_off() -> None:
    (walk,) = walks(TASKS, "x", replace(READ, part=PART), wanted())
    assert not walk.is_resumed


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


@pytest.mark.parametrize(
    ("found", "status", "is_complete"),
    [
        (pages((3, [1, 2]), (3, [3])), SUCCESS, True),
        (pages((3, [1, 2]), (4, [3, 4])), SUCCESS, False),
        (pages((4, [1, 2]), (3, [3])), PARTIAL, False),
        (pages((4, [1, 2]), (4, [2, 3])), PARTIAL, False),
        (pages((3, [1, 2]), (3, [2, 3])), SUCCESS, True),
        (pages((0, [])), SUCCESS, True),
    ],
    ids=["whole", "one was made", "one vanished", "a page shifted", "one was shown twice", "nothing"],
)
async def test_only_a_walk_whose_totals_agree_is_complete(found: list[Page], status: str, is_complete: bool) -> None:
    world = World()
    world.api.answers = {"/reservation": list(found)}
    outcome = (await world.run("reservations"))["reservations"]
    assert outcome.status == status
    (last,) = [mark for mark in world.sink.marks if mark.source == "reservations"][-1:]
    assert (last.is_over, last.is_complete) == (True, is_complete)


async def test_marks_go_with_the_records_that_they_speak_for() -> None:
    world = World()
    world.api.answers = {"/reservation": list(pages((3, [1, 2]), (3, [3])))}
    began = world.clock.now()
    await world.run("reservations")
    (mark,) = [mark for mark in world.sink.marks if mark.source == "reservations"]
    assert (mark.pages, mark.shown, list(mark.ids), mark.parent) == (2, 3, [1, 2, 3], 0)
    assert began <= mark.began_at <= world.clock.now()
    assert mark.began_order == 1000


async def test_a_walk_that_fails_midway_is_not_over() -> None:
    world = World()
    cut = [replace(page, is_complete=False) for page in pages((3, [1, 2]))]
    world.api.answers = {"/reservation": list(cut)}
    assert (await world.run("reservations"))["reservations"].status == PARTIAL
    assert [mark for mark in world.sink.marks if mark.source == "reservations"] == []


async def test_a_walk_goes_on_with_the_page_that_was_cut_short() -> None:
    world = World(Settings(batch_rows=1))
    found = pages((5, [1, 2]), (5, [3]), (5, [4, 5]))
    world.api.answers = {"/reservation": [found[0], replace(found[1], is_complete=False)]}
    assert (await world.run("reservations"))["reservations"].status == PARTIAL
    assert [(mark.pages, mark.is_over) for mark in world.sink.marks if mark.source == "reservations"] == [(1, False)]


async def test_a_resumed_walk_goes_on_after_the_stored_pages_and_is_not_complete() -> None:
    world = World()
    began = world.clock.now()
    world.ledger.cut_off = CutOff(began, has_owed_all=False)
    version = plan_of(BY_NAME["reservations"]).version
    part = Part(WHOLE, began, None, None, 1, 100, 2)
    world.ledger.walks = {"reservations": {0: Standing(version=version, part=part)}}
    world.api.answers = {"/reservation": list(pages((3, [1, 2]), (3, [3])))}
    assert (await world.run("reservations"))["reservations"].status == SUCCESS
    assert world.sink.loaded("reservations") == [3]
    (mark,) = [mark for mark in world.sink.marks if mark.source == "reservations"]
    assert (mark.pages, mark.shown, mark.is_over, mark.is_complete) == (2, 3, True, False)


async def test_lists_that_the_run_before_has_read_are_not_read_again() -> None:
    world = World()
    began = world.clock.now()
    world.ledger.cut_off = CutOff(began, has_owed_all=True)
    world.ledger.properties = {"north": [5, 6]}
    version = plan_of(BY_NAME["tasks"]).version
    done = Standing(covered_at=began, whole_at=began, near_at=began, version=version)
    world.ledger.walks = {"tasks": {5: done}, "people": {0: done}, "property_contacts": {5: done}}
    found = await world.run("tasks", "people", "property_contacts")
    assert {one.status for one in found.values()} == {SUCCESS}
    assert [params["home_id"] for path, params in world.api.calls if path == "/task/"] == ["6"]
    assert world.api.paths("/people") == []
    assert world.api.paths("/property/") == ["/property/6/contacts"]


@pytest.mark.parametrize(
    ("name", "path", "status"),
    [("tasks", "/task/?home_id={}", PARTIAL), ("property_contacts", "/property/{}/contacts", SUCCESS)],
)
async def test_what_was_refused_before_the_interruption_says_nothing_of_the_account(
    name: str, path: str, status: str
) -> None:
    """They come first of what is left, whatever the others answered."""
    world = World(Settings(workers=3))
    began = world.clock.now()
    world.ledger.cut_off = CutOff(began, has_owed_all=True)
    world.ledger.properties = {"north": list(range(1, 21))}
    refused = (2, 3, 5)
    done = Standing(covered_at=began, whole_at=began, near_at=began, version=plan_of(BY_NAME["tasks"]).version)
    world.ledger.walks = {name: {one: done for one in range(1, 11) if one not in refused}}
    world.api.answers = {path.format(one): error(NotFound) for one in refused}
    found = await world.run(name)
    assert world.ledger.closed == {}
    assert len(world.api.calls) == len(refused) + 10
    assert found[name].status == status


async def test_a_full_run_that_is_gone_on_with_owes_nothing_anew() -> None:
    world = World(settings=replace(World().settings, full=True))
    await world.run("tasks")
    assert [sources for sources, _ in world.ledger.owed_anew] == [("task_comments", "task_requirements")]
    world.ledger.cut_off = CutOff(world.clock.now(), has_owed_all=True)
    await world.run("tasks")
    assert len(world.ledger.owed_anew) == 1


async def test_a_share_of_all_children_is_asked_for_again_at_a_set_pace() -> None:
    world = World()
    world.ledger.sweeping = (3600.0, 72_000)
    await world.run("tasks")
    assert world.ledger.swept == [("task_comments", 100), ("task_requirements", 100)]


async def test_a_pass_ends_only_when_the_run_does() -> None:
    world = World()
    await world.run("people")
    assert world.ledger.passes == ["north began", "north ended"]
