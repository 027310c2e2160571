"""Pages in, batches out: when a batch is loaded, and how much is held at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway_sync.core.errors import DatabaseBusy
from breezeway_sync.core.memory_budget import MemoryBudget
from breezeway_sync.entities.batch import Incoming, Loaded
from breezeway_sync.entities.checkpoints import FULL, Checkpoint
from breezeway_sync.entities.decode import Item, Unreadable
from breezeway_sync.entities.model import Entity
from breezeway_sync.entities.streams import BY_NAME
from breezeway_sync.sync.batching import Batcher, newest_only
from breezeway_sync.sync.job import each
from breezeway_sync.sync.seen import Seen
from tests.api.virtual_time import run
from tests.sync.fakes import FakeLedger, FakeSink, ManualClock, ids

TASKS = BY_NAME["tasks"]
MARK = Checkpoint("tasks", 5, FULL, None, None, ManualClock().now(), 1, 1, is_complete=True, version=1)


class Setup:
    """A batcher and its sink."""

    def __init__(self, batch_rows: int = 10, sink: FakeSink | None = None) -> None:
        self.sink = sink or FakeSink(FakeLedger())
        self.loaded = Loaded()
        self.memory = MemoryBudget(1000)
        self.batcher = Batcher[Incoming](
            lambda incoming, reached: self.sink.load("north", TASKS, incoming, reached=reached),
            self.loaded,
            memory=self.memory,
            batch_rows=batch_rows,
            flush_seconds=2.0,
        )

    async def add(self, *keys: int, size_bytes: int = 0) -> None:
        await self.batcher.add([Incoming(item, 1) for item in ids(*keys)], size_bytes=size_bytes)

    @property
    def sizes(self) -> list[int]:
        return [len(batch) for _, batch, _ in self.sink.batches]


class SlowSink(FakeSink):
    """Takes a while for each batch, and notes how many loads are under way."""

    active = most_active = 0

    async def load(
        self,
        region: str,
        entity: Entity,
        incoming: Sequence[Incoming],
        discriminator: str | None = None,
        *,
        reached: Sequence[Checkpoint] = (),
    ) -> Loaded:
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        await asyncio.sleep(0.002)
        self.active -= 1
        return await super().load(region, entity, incoming, discriminator, reached=reached)


class SteppedSink(FakeSink):
    """Says how far each batch is; none is stored before it may be."""

    def __init__(self, sync_state: FakeLedger) -> None:
        super().__init__(sync_state)
        self.steps: list[str] = []
        self.may_store = asyncio.Event()

    async def comes_to(self, step: str) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        assert step in self.steps

    async def load(
        self,
        region: str,
        entity: Entity,
        incoming: Sequence[Incoming],
        discriminator: str | None = None,
        *,
        reached: Sequence[Checkpoint] = (),
    ) -> Loaded:
        keys = [one.item["id"] for one in incoming if isinstance(one.item, dict)]
        self.steps.append(f"storing {keys}")
        await self.may_store.wait()
        return await super().load(region, entity, incoming, discriminator, reached=reached)


async def test_a_batch_is_loaded_when_it_is_full() -> None:
    setup = Setup(batch_rows=3)
    await setup.add(1, 2)
    assert setup.sizes == []
    await setup.add(3)
    await setup.add(4, 5)
    assert setup.sizes == [3]
    await setup.add(6, 7)
    assert setup.sizes == [3, 4]
    assert setup.sink.loaded("tasks") == [1, 2, 3, 4, 5, 6, 7]


def test_what_waits_is_loaded_when_its_time_is_over_though_nothing_more_comes() -> None:
    async def read() -> None:
        setup = Setup()
        async with setup.batcher.in_time():
            await setup.add(1, size_bytes=100)
            await asyncio.sleep(1.9)
            await setup.add(2, size_bytes=100)
            assert (setup.sizes, setup.memory.held_bytes) == ([], 200)
            await asyncio.sleep(0.2)
            assert (setup.sizes, setup.memory.held_bytes) == ([2], 0)

    run(read())


def test_the_time_counts_from_the_oldest_that_waits() -> None:
    async def read() -> None:
        setup = Setup()
        async with setup.batcher.in_time():
            await setup.add(1)
            await asyncio.sleep(1.9)
            await setup.batcher.flush()
            await setup.add(2)
            await asyncio.sleep(1.9)
            assert setup.sizes == [1]
            await asyncio.sleep(0.2)
            assert setup.sizes == [1, 1]

    run(read())


def test_where_nothing_waits_there_is_no_timer() -> None:
    async def read() -> None:
        setup = Setup()
        async with setup.batcher.in_time():
            await setup.add(1)
            await setup.batcher.flush()
            await setup.add(2)
            await asyncio.sleep(10)
            assert setup.sizes == [1, 1]
            await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="no timer is set"):
        run(read())


async def test_what_waits_is_loaded_when_the_process_holds_enough() -> None:
    setup = Setup(batch_rows=100)
    setup.memory.take(500)  # what others hold
    await setup.add(1, 2, size_bytes=400)
    assert (setup.sizes, setup.memory.held_bytes) == ([], 900)
    await setup.add(3, size_bytes=100)
    assert (setup.sizes, setup.memory.held_bytes) == ([3], 500)


async def test_a_load_that_fails_holds_nothing() -> None:
    setup = Setup(batch_rows=1)
    setup.sink.failing["tasks"] = DatabaseBusy("deadlock")
    with pytest.raises(DatabaseBusy):
        await setup.add(1, size_bytes=100)
    assert setup.memory.held_bytes == 0


async def test_nothing_waiting_is_not_loaded() -> None:
    setup = Setup()
    await setup.batcher.flush()
    await setup.add()
    await setup.add()
    await setup.batcher.flush()
    assert setup.sizes == []


async def test_what_was_loaded_is_counted_together() -> None:
    setup = Setup(batch_rows=2)
    setup.sink.rejecting = 1
    for key in range(5):
        await setup.add(key)
    await setup.batcher.flush()
    assert (setup.loaded.read, setup.loaded.new, setup.loaded.rejected) == (5, 2, 3)


@pytest.mark.parametrize(("readers", "batch_rows", "page"), [(1, 10, 4), (8, 10, 4), (8, 10, 25), (4, 1, 1)])
async def test_what_is_held_is_bounded_by_the_readers(readers: int, batch_rows: int, page: int) -> None:
    setup = Setup(batch_rows, SlowSink(FakeLedger()))

    async def read(number: int) -> None:
        await setup.add(*range(number * page, (number + 1) * page))

    await each(range(60), readers, read)
    await setup.batcher.flush()
    assert isinstance(setup.sink, SlowSink)
    assert setup.sink.most_active == 1
    assert max(setup.sizes) < batch_rows + (readers + 1) * page
    assert sorted(key for key in setup.sink.loaded("tasks") if isinstance(key, int)) == list(range(60 * page))


def test_a_late_batch_grows_while_the_one_before_it_is_stored() -> None:
    async def read() -> None:
        sink = SteppedSink(FakeLedger())
        setup = Setup(batch_rows=3, sink=sink)
        async with setup.batcher.in_time():
            full = asyncio.ensure_future(setup.add(1, 2, 3))
            await sink.comes_to("storing [1, 2, 3]")
            await setup.add(4)
            await asyncio.sleep(10)
            await setup.add(5)
            assert sink.steps == ["storing [1, 2, 3]"]
            sink.may_store.set()
            await full
            await asyncio.sleep(0.1)
            assert setup.sizes == [3, 2]

    run(read())


@pytest.mark.parametrize("how", ["failed", "failed, its room is full"])
def test_an_error_of_a_late_batch_ends_the_reading_and_nothing_is_stored_after_it(how: str) -> None:
    setup = Setup(batch_rows=2)

    async def read() -> None:
        setup.sink.failing["tasks"] = DatabaseBusy("deadlock")
        async with setup.batcher.in_time():
            await setup.add(1, size_bytes=100)
            try:
                await asyncio.Event().wait()
            finally:
                setup.sink.failing.clear()
                await setup.batcher.add([Incoming({"id": 2}, 1)], MARK, size_bytes=1000 if "full" in how else 10)
                await asyncio.sleep(10)

    with pytest.raises(DatabaseBusy):
        run(read())
    assert (setup.sizes, setup.sink.checkpoints, setup.memory.held_bytes) == ([], [], 0)


@pytest.mark.parametrize("times", [1, 2])
def test_who_is_cancelled_leaves_no_late_batch_behind(times: int) -> None:
    """What is being stored is stored to its end, and what came after it as well."""
    sink = SteppedSink(FakeLedger())
    setup = Setup(sink=sink)

    async def read() -> None:
        async with setup.batcher.in_time():
            await setup.add(1, size_bytes=100)
            await asyncio.sleep(3)
            await setup.add(2, size_bytes=100)
            await asyncio.Event().wait()

    async def cancel() -> None:
        reading = asyncio.ensure_future(read())
        await asyncio.sleep(4)
        for _ in range(times):
            reading.cancel()
            await asyncio.sleep(0.1)
        sink.may_store.set()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(cancel())
    assert (setup.sizes, setup.memory.held_bytes) == ([1, 1], 0)


async def test_what_comes_while_a_batch_is_stored_is_stored_after_it_in_one_batch() -> None:
    sink = SteppedSink(FakeLedger())
    setup = Setup(batch_rows=1, sink=sink)
    adding = [asyncio.ensure_future(setup.add(1))]
    await sink.comes_to("storing [1]")
    adding += [asyncio.ensure_future(setup.add(key)) for key in (2, 3)]
    await sink.comes_to("storing [1]")
    assert sink.steps == ["storing [1]"]
    sink.may_store.set()
    await asyncio.gather(*adding)
    assert sink.steps == ["storing [1]", "storing [2, 3]"]


@pytest.mark.parametrize("how", ["failed", "cancelled"])
async def test_after_a_batch_that_was_not_stored_no_mark_is(how: str) -> None:
    """Its records are missing before what the later marks speak for. Who is cancelled stores to the end."""
    sink = SteppedSink(FakeLedger())
    setup = Setup(batch_rows=1, sink=sink)
    first = asyncio.ensure_future(setup.add(1))
    await sink.comes_to("storing [1]")
    second = asyncio.ensure_future(setup.add(2))
    await asyncio.sleep(0)
    if how == "cancelled":
        first.cancel()
    else:
        sink.failing["tasks"] = DatabaseBusy("deadlock")
    sink.may_store.set()
    with pytest.raises(DatabaseBusy if how == "failed" else asyncio.CancelledError):
        await first
    sink.failing.clear()
    await second
    await setup.batcher.add([], MARK, size_bytes=10)
    await setup.batcher.flush()
    stored = ([], []) if how == "failed" else ([1, 1], [MARK])
    assert (setup.sizes, sink.checkpoints, setup.memory.held_bytes) == (*stored, 0)


async def test_an_error_of_the_store_reaches_whoever_filled_the_batch() -> None:
    setup = Setup(batch_rows=1)
    setup.sink.failing["tasks"] = DatabaseBusy("deadlock")
    with pytest.raises(DatabaseBusy):
        await setup.add(1)
    assert setup.loaded.read == 0


def test_a_record_shown_again_by_an_earlier_request_is_left_out() -> None:
    seen = Seen()
    assert [one.item for one in newest_only(TASKS, ids(1, 2), 20, seen)] == ids(1, 2)
    assert [one.item for one in newest_only(TASKS, [{"id": "2"}, *ids(3)], 10, seen)] == ids(3)
    assert newest_only(TASKS, ids(1), 30, seen) == [Incoming({"id": 1}, 30)]


def test_what_has_no_id_passes_every_time() -> None:
    seen = Seen()
    items: list[Item] = [{"name": "a"}, {"id": None}, "text", None, Unreadable("{", "cut")]
    for order in (20, 10):
        assert [one.item for one in newest_only(TASKS, items, order, seen)] == items
    assert len(seen) == 0


@given(st.lists(st.tuples(st.lists(st.integers(1, 8), max_size=6), st.integers(0, 9)), max_size=8))
def test_the_last_that_is_handed_on_of_each_id_is_the_newest(pages: list[tuple[list[int], int]]) -> None:
    seen = Seen()
    last: dict[object, int] = {}
    for keys, order in pages:
        last |= {str(one.item): one.order for one in newest_only(TASKS, ids(*keys), order, seen)}
    newest = {str({"id": key}): max(order for keys, order in pages if key in keys) for page in pages for key in page[0]}
    assert last == newest
