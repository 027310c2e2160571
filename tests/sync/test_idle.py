"""An account that is paused: what was read before is stored in time, and keeps no room from the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from breezeway_sync.core.errors import DatabaseBusy
from breezeway_sync.core.outcome import FAILED
from breezeway_sync.entities.batch import Loaded
from breezeway_sync.entities.checkpoints import Checkpoint, ListState
from breezeway_sync.entities.decode import Json
from breezeway_sync.entities.model import Entity
from breezeway_sync.entities.plan import ChildPlan
from breezeway_sync.entities.rows import ChildSet
from breezeway_sync.sync.batching import LAST_SECONDS
from breezeway_sync.sync.engine import Engine
from breezeway_sync.sync.job import ReadSettings
from breezeway_sync.sync.source_check import RegionTarget
from tests.api.virtual_time import run
from tests.sync.fakes import IDENTITY, LONG_AGO, REGION, Answer, FakeSink, Hang, Page, World, ids

Stored = Callable[[World], Sequence[Json]]


def of_lists(world: World) -> Sequence[Json]:
    return world.sink.loaded("tasks")


def of_contacts(world: World) -> Sequence[Json]:
    return world.sink.parents("property_contacts")


def of_comments(world: World) -> Sequence[Json]:
    return world.sink.parents("task_comments")


class SlowSink(FakeSink):
    """Takes some seconds for children."""

    seconds = 10.0

    async def load_children(
        self,
        region: str,
        entity: Entity,
        child: ChildPlan,
        source: str,
        sets: Sequence[tuple[ChildSet, int]],
        *,
        reached: Sequence[Checkpoint] = (),
    ) -> Loaded:
        await asyncio.sleep(self.seconds)
        return await super().load_children(region, entity, child, source, sets, reached=reached)


PARTS = pytest.mark.parametrize(
    ("entity", "part", "answers", "stored"),
    [
        (
            "tasks",
            "tasks",
            {"/task/?home_id=1": [Page(tuple(ids(1)), 1, 100.0, size_bytes=10)], "/task/?home_id=2": Hang()},
            of_lists,
        ),
        (
            "property_contacts",
            "property_contacts",
            {"/property/1/contacts": ids(10), "/property/2/contacts": Hang()},
            of_contacts,
        ),
        ("tasks", "task_comments", {"/task/1/comments": ids(10), "/task/2/comments": Hang()}, of_comments),
    ],
    ids=["lists", "contacts", "comments"],
)


def idle(answers: dict[str, Answer]) -> tuple[World, Engine]:
    """A world whose second call of some kind never ends."""
    world = World()
    world.sync_state.properties[REGION] = [1, 2]
    world.sync_state.pending_reads["task_comments"] = {1, 2}
    world.api.answers, world.api.size_bytes = answers, 10
    return world, world.engine


@PARTS
def test_what_was_read_is_stored_though_nothing_more_comes(
    entity: str, part: str, answers: dict[str, Answer], stored: Stored
) -> None:
    async def read() -> None:
        world, engine = idle(answers)
        running = asyncio.ensure_future(engine.run([RegionTarget(REGION, IDENTITY, (entity,))]))
        await world.api.waiting.wait()
        await asyncio.sleep(1.4)
        assert (stored(world), engine.memory.held_bytes) == ([], 10)
        await asyncio.sleep(0.2)
        assert (stored(world), engine.memory.held_bytes) == ([1], 0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(read())


def test_children_that_are_late_wait_for_those_that_are_being_stored() -> None:
    """So that a slow database gets larger batches, not more of them at once."""

    async def read() -> None:
        world, engine = idle({})
        slow = SlowSink(world.sync_state)
        world.sync_state.properties[REGION] = list(range(6))
        world.api.loop_seconds = 1.0
        await replace(engine, sink=slow, settings=ReadSettings(workers=1)).run(
            [RegionTarget(REGION, IDENTITY, ("property_contacts",))]
        )
        assert [len(sets) for _, sets in slow.sets] == [2, 4]

    run(read())


@pytest.mark.parametrize(
    ("takes", "stored", "ends_after"),
    [(1.5, [1, 2, 3], 2.0), (2 * LAST_SECONDS, [], LAST_SECONDS)],
    ids=["soon enough", "too long"],
)
def test_children_that_are_being_stored_are_though_the_run_is_cancelled(
    takes: float, stored: list[int], ends_after: float
) -> None:
    """Each of their calls would be made again. Where the database keeps it waiting it is given up."""

    async def read() -> None:
        world, engine = idle({"/property/4/contacts": Hang()})
        slow = SlowSink(world.sync_state)
        slow.seconds = takes
        world.sync_state.properties[REGION] = [1, 2, 3, 4]
        world.sync_state.due_scans["property_contacts"] = {1: ListState(watermark=LONG_AGO)}
        world.api.loop_seconds = 1.0
        engine = replace(engine, sink=slow, settings=ReadSettings(workers=1))
        running = asyncio.ensure_future(engine.run([RegionTarget(REGION, IDENTITY, ("property_contacts",))]))
        await asyncio.sleep(3.5)  # two are being stored since 2.5, the third waits
        running.cancel()
        began = asyncio.get_running_loop().time()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert asyncio.get_running_loop().time() - began == pytest.approx(ends_after, abs=0.01)
        assert (sorted(slow.parents("property_contacts")), engine.memory.held_bytes) == (stored, 0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(read())


@pytest.mark.parametrize(
    ("takes", "stored", "ends_after"),
    [(2.0, [1], 2.0), (2 * LAST_SECONDS, [], LAST_SECONDS)],
    ids=["soon enough", "too long"],
)
def test_what_waits_is_stored_when_the_run_is_cancelled(takes: float, stored: list[int], ends_after: float) -> None:
    async def read() -> None:
        world, engine = idle({"/property/2/contacts": Hang()})
        slow = SlowSink(world.sync_state)
        slow.seconds = takes
        engine = replace(engine, sink=slow, settings=ReadSettings(workers=1))
        running = asyncio.ensure_future(engine.run([RegionTarget(REGION, IDENTITY, ("property_contacts",))]))
        await world.api.waiting.wait()
        running.cancel()
        began = asyncio.get_running_loop().time()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert asyncio.get_running_loop().time() - began == pytest.approx(ends_after, abs=0.01)
        assert slow.parents("property_contacts") == stored
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(read())


@PARTS
def test_an_error_of_the_store_ends_the_job_though_nothing_more_comes(
    entity: str, part: str, answers: dict[str, Answer], stored: Stored
) -> None:
    async def read() -> None:
        world, engine = idle(answers)
        world.sink.failing[part] = DatabaseBusy("deadlock")
        async with asyncio.timeout(10):
            [outcome] = await engine.run([RegionTarget(REGION, IDENTITY, (entity,))])
        assert (outcome.status, outcome.error_code, stored(world)) == (FAILED, "database_busy", [])
        assert engine.memory.held_bytes == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(read())
