"""What readings of a list prove, whatever it announces, and what is said where they prove nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway_sync.core.outcome import PARTIAL, SUCCESS
from breezeway_sync.entities.checkpoints import Checkpoint, ListState
from breezeway_sync.entities.decode import Item
from breezeway_sync.entities.plan import plan_of
from breezeway_sync.entities.streams import BY_NAME
from breezeway_sync.sync.completeness import ListReading, is_worth_another, proven_by
from tests.sync.fakes import REGION, Page, World, ids

Total = int | None


def pages(*found: tuple[Total, list[int]], **fields: str) -> list[Page]:
    """Pages with the total that each announces; every record has these fields."""
    return [
        Page(tuple({"id": key, **fields} for key in keys), number, float(number), total_results=total)
        for number, (total, keys) in enumerate(found, 1)
    ]


def last_mark(world: World) -> Checkpoint:
    return [
        checkpoint
        for checkpoint in world.sink.checkpoints
        if checkpoint.source in ("reservations", "supplies", "people")
    ][-1]


async def read(*readings: list[Page], entity: str = "reservations") -> tuple[World, str, str]:
    """What a run makes of a list that is each time one of these; its status and why."""
    world = World()
    path = {"reservations": "/reservation", "supplies": "/supplies"}[entity]
    world.api.answers = {path: list(readings[0])}
    left = list(readings[1:])

    def next_reading(asked: str) -> None:
        if asked == path and len(world.api.paths(path)) > 1 and left:
            world.api.answers[path] = list(left.pop(0))

    world.api.before = next_reading
    outcome = (await world.run(entity))[entity]
    return world, outcome.status, outcome.error or ""


ONE_PAGE = {
    "as announced": (pages((2, [1, 2])), True, 1),
    "nothing": (pages((0, [])), True, 1),
    "nothing, and nothing announced": (pages((None, [])), True, 1),
    "one listed twice": (pages((3, [1, 2, 2])), True, 1),
    "one more than announced": (pages((1, [1, 2])), True, 2),
    "fewer than announced": (pages((3, [1, 2])), False, 2),
}


@pytest.mark.parametrize(("found", "is_complete", "readings"), ONE_PAGE.values(), ids=ONE_PAGE.keys())
async def test_one_answer_holds_everything(found: list[Page], is_complete: bool, readings: int) -> None:
    world, status, _ = await read(found)
    assert last_mark(world).is_complete is is_complete
    assert status == (SUCCESS if is_complete else PARTIAL)
    assert len(world.api.paths("/reservation")) == readings


STEADY = {
    "totals that agree": pages((3, [1, 2]), (3, [3])),
    "a total one too low": pages((2, [1, 2]), (2, [3])),
    "no totals": pages((None, [1, 2]), (None, [])),
    "one record listed twice for ever": pages((4, [1, 2]), (4, [2, 3])),
}


@pytest.mark.parametrize("found", STEADY.values(), ids=STEADY.keys())
async def test_two_readings_that_agree_prove_it_as_of_the_first(found: list[Page]) -> None:
    world, status, error = await read(found)
    checkpoint = last_mark(world)
    assert (status, error, checkpoint.is_complete) == (SUCCESS, "", True)
    assert len(world.api.paths("/reservation")) == 2
    assert checkpoint.began_order == 1000
    assert len(world.sink.loaded("reservations")) <= sum(len(page.items) for page in found), "loaded again"


async def test_a_list_that_grows_while_it_is_read_is_complete() -> None:
    world, status, _ = await read(pages((2, [1, 2]), (3, [3])), pages((4, [1, 2]), (4, [3, 4])))
    assert (status, last_mark(world).is_complete, list(last_mark(world).ids)) == (SUCCESS, True, [1, 2, 3, 4])
    assert world.sink.loaded("reservations") == [1, 2, 3, 4]


@pytest.mark.parametrize("total", [None, 3], ids=["without totals", "with totals that stay the same"])
async def test_a_record_that_slipped_past_at_the_seam_is_read(total: Total) -> None:
    """1 was deleted after it was shown, and 3 moved to the page that was read already."""
    first = pages((total, [1, 2]), (total, [4]))
    world, status, _ = await read(first, pages((total, [2, 3]), (total, [4])), pages((total, [2, 3]), (total, [4])))
    checkpoint = last_mark(world)
    assert (status, checkpoint.is_complete, list(checkpoint.ids)) == (SUCCESS, True, [2, 3, 4])
    assert sorted(map(str, world.sink.loaded("reservations"))) == ["1", "2", "3", "4"]
    # The first reading proves nothing: 1 may be absent only since the second one began.
    assert len(world.api.paths("/reservation")) == 3


async def test_a_list_that_never_shows_the_same_is_partial_and_says_why() -> None:
    changing = [pages((None, [one, one + 1]), (None, [9])) for one in (1, 2, 3)]
    world, status, error = await read(*changing)
    assert (status, last_mark(world).is_complete) == (PARTIAL, False)
    assert "no two of 3 readings in a row agreed" in error
    assert len(world.api.paths("/reservation")) == 3


async def test_a_list_that_announces_more_than_it_shows_twice_is_partial_and_says_why() -> None:
    world, status, error = await read(pages((4, [1, 2]), (4, [3])))
    assert (status, last_mark(world).is_complete) == (PARTIAL, False)
    assert "it showed 3 of the 4 records that it announced" in error
    assert len(world.api.paths("/reservation")) == 2


async def test_pages_that_only_repeat_without_a_total_prove_nothing() -> None:
    found = pages((None, [1, 2]), (None, []))
    world, status, error = await read([found[0], replace(found[1], is_repeat=True)])
    assert (status, last_mark(world).is_complete) == (PARTIAL, False)
    assert "its pages repeat" in error
    assert len(world.api.paths("/reservation")) == 1


async def test_pages_that_repeat_past_the_announced_last_one_are_read_twice() -> None:
    found = [replace(page, total_pages=1) for page in pages((None, [1, 2]), (None, []))]
    world, status, _ = await read([found[0], replace(found[1], is_repeat=True)])
    assert (status, last_mark(world).is_complete) == (SUCCESS, True)
    assert len(world.api.paths("/reservation")) == 2


@pytest.mark.parametrize(("made", "readings"), [("2025-11-01T10:00:00", 1), ("2026-01-01T00:00:00", 2)])
async def test_totals_that_stay_the_same_prove_it_where_nothing_was_added(made: str, readings: int) -> None:
    """Supplies tell when they were made and changed; the run is on 2026-01-01."""
    world, status, _ = await read(
        pages((3, [1, 2]), (3, [3]), created_at="2025-10-01T10:00:00", updated_at=made), entity="supplies"
    )
    assert (status, last_mark(world).is_complete) == (SUCCESS, True)
    assert len(world.api.paths("/supplies")) == readings


async def test_a_person_who_changes_state_between_two_calls_is_not_missed() -> None:
    world = World()
    world.api.answers = {"/people?status=active": ids(1)}

    def move(path: str) -> None:
        if len(world.api.paths("/people")) == 3:
            world.api.answers["/people?status=active"] = ids(1, 2)

    world.api.before = move
    assert (await world.run("people"))["people"].status == SUCCESS
    assert world.sink.loaded("people") == [1, 2]
    assert list(last_mark(world).ids) == [1, 2]


async def test_a_list_that_is_asked_for_later_than_its_day_is_asked_for_again() -> None:
    """The machine slept while the call waited for its turn: the days of its filter are long over."""
    world = World()
    world.sync_state.properties[REGION] = [5]
    version, hour = plan_of(BY_NAME["tasks"]).version, timedelta(hours=1)
    before = world.clock.now() - hour
    world.sync_state.due_scans = {"tasks": {5: ListState(before, before, before, version)}}
    naps = [4 * 86_400.0]

    def sleep(path: str) -> None:
        if path == "/task/" and naps:
            world.clock.seconds += naps.pop()

    world.api.before = sleep
    assert (await world.run("tasks"))["tasks"].status == SUCCESS
    asked = [params["updated_at"] for path, params in world.api.calls if path == "/task/"]
    assert asked == ["2025-12-30,2026-01-02", "2025-12-30,2026-01-06"]
    (checkpoint,) = [checkpoint for checkpoint in world.sink.checkpoints if checkpoint.source == "tasks"]
    assert checkpoint.is_complete
    assert checkpoint.began_at > datetime(2026, 1, 5, tzinfo=UTC)


# --- whatever happens to a list -------------------------------------------------------------------------


def reading(found: Sequence[Sequence[int]], totals: Sequence[Total]) -> ListReading:
    """One reading of these pages."""
    read_so_far = ListReading()
    for number, (keys, total) in enumerate(zip(found, totals, strict=True), 1):
        items: tuple[Item, ...] = tuple(ids(*keys))
        for key in keys:
            read_so_far.seen.is_newest(key, number)
        read_so_far.turned(
            Page(items, number, float(number), total_results=total, is_last=number == len(found)), number
        )
    return read_so_far


@given(
    size=st.integers(1, 12),
    page_size=st.integers(1, 4),
    removed=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 11)), max_size=4),
    added=st.lists(st.integers(0, 8), max_size=4),
    lie=st.integers(-1, 1),
    has_totals=st.booleans(),
)
def test_no_record_that_stays_is_ever_absent_from_a_complete_scan(
    size: int,
    page_size: int,
    removed: list[tuple[int, int]],
    added: list[int],
    lie: int,
    has_totals: bool,
) -> None:
    """Records vanish and come while pages are asked for: what is there from the first request on is shown."""
    content, calls, fresh = list(range(size)), 0, size
    began: set[int] = set(content)
    readings: list[ListReading] = []
    shown: set[int] = set()
    while not readings or (not proven_by(readings) and is_worth_another(readings)):
        found: list[list[int]] = []
        totals: list[Total] = []
        while True:
            for moment, key in removed:
                if moment == calls and key in content:
                    content.remove(key)
            for moment in added:
                if moment == calls:
                    content.append(fresh)
                    fresh += 1
            page = content[len(found) * page_size : (len(found) + 1) * page_size]
            found.append(page)
            totals.append(len(content) + lie if has_totals else None)
            calls += 1
            if not page:
                break
        readings.append(reading(found, totals))
        shown |= {key for keys in found for key in keys}
    if proven_by(readings):
        assert began & set(content) <= shown
