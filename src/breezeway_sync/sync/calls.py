"""Children that cost a call of their own per parent: the owed ones as a backlog, contacts for all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing

from breezeway_sync.core.errors import ApiError, CutShort, Forbidden, NotFound
from breezeway_sync.entities.admit import admit_children
from breezeway_sync.entities.batch import Incoming, Loaded
from breezeway_sync.entities.marks import WHOLE, Mark, Standing
from breezeway_sync.entities.model import CalledChild
from breezeway_sync.entities.plan import ChildPlan, plan_of
from breezeway_sync.entities.rows import ChildSet
from breezeway_sync.sync.held import Held
from breezeway_sync.sync.job import Job, each
from breezeway_sync.sync.parents import FIRST_ASKED, over_parents
from breezeway_sync.sync.ports import Page
from breezeway_sync.sync.walks import Course, Walk, is_made, sweep_share

CHUNK_PARENTS = 500
FLUSH_SETS = 200


class ChildReader:
    """Reads the children of one source, parent by parent, and loads them in batches of sets."""

    def __init__(self, job: Job, called: CalledChild) -> None:
        self._job = job
        self.called = called
        self.source = called.source
        self.is_open = called.source.name not in job.settings.disabled and not job.is_closed(called.source)
        self._plan: ChildPlan = next(
            plan for plan in plan_of(job.entity).called if plan.child.table == called.child.table
        )
        self._sets: list[tuple[ChildSet, int]] = []
        self._held = Held(job.room, job.settings.flush_seconds)
        self._storing = asyncio.Lock()
        self._settled: list[tuple[int, int]] = []
        self._marks: list[Mark] = []
        self._has_answered = False
        self._refusals: list[tuple[int, ApiError]] = []
        job.findings.children.setdefault(called.source.name, Loaded())

    def in_time(self) -> AbstractAsyncContextManager[None]:
        """Around everything that reads; see `Held`."""
        return self._held.in_time(self._flush_late)

    async def read(self, parent: int) -> None:
        """One call; its items wait for the next flush. Raises ApiError."""
        job, source = self._job, self.source
        path = job.path(source).replace("{id}", str(parent))
        page = await job.api.listing(source.path, path, tally=job.tally)
        job.findings.answers += 1
        self._has_answered = True
        await job.reopen(source)
        if not page.is_complete:
            # The children become what came, so that a part of them would delete the others.
            raise CutShort(
                "a list ended before it had shown all that it announced",
                endpoint=source.path,
                cure="what is stored of it stays; the next run asks again",
            )
        job.survey(source.name).add(page.items)
        children, changed = admit_children(self._plan, parent, page.items)
        job.findings.loaded.changed_characters += changed
        order = job.order_of(page.requested_at)
        self._sets.append((children, order))
        self._held.take(page.size_bytes)
        if not self.called.owed:
            self._marks.append(self._mark(parent, page, order))
        if len(self._sets) >= FLUSH_SETS or job.room.is_full:
            await self.flush()

    def _mark(self, parent: int, page: Page, order: int) -> Mark:
        job = self._job
        course = Course(self.source.name, parent, Walk(WHOLE), job.settings.page_size, plan_of(job.entity).version)
        course.turned(page, order)
        return course.mark(is_over=True)

    def settle(self, parent: int, requested_at: float) -> None:
        """A call that has nothing to bring is owed no more."""
        self._settled.append((parent, self._job.order_of(requested_at)))
        self._held.take(0)

    async def refused(self, parent: int, error: ApiError) -> None:
        """A call was not permitted: the account has none of them when the first ones are all refused."""
        if self._has_answered:
            self.problem(parent, error)
            return
        self._refusals.append((parent, error))
        if len(self._refusals) >= max(FIRST_ASKED, self._job.settings.workers):
            await self._close_if_all_refused()

    async def judge_refusals(self) -> None:
        """All calls are made: what was refused of a source that the account has speaks of its parent."""
        if len(self._refusals) >= FIRST_ASKED:
            await self._close_if_all_refused()
        if self.is_open:
            for parent, error in self._refusals:
                self.problem(parent, error)

    def problem(self, parent: int, error: ApiError) -> None:
        """A call for one parent has failed, and stays owed."""
        self._job.problem(self._job.children_of(self.source, parent), error)

    async def _close_if_all_refused(self) -> None:
        if self.is_open and not self._has_answered:
            self.is_open = False
            await self._job.close(self.source, self._refusals[0][1])

    async def flush(self) -> None:
        """Load what is waiting, after what is being loaded."""
        await self._held.finish(self._flush())

    async def _flush(self) -> None:
        sets, self._sets = self._sets, []
        settled, self._settled = self._settled, []
        marks, self._marks = self._marks, []
        job, name = self._job, self.source.name
        with self._held.storing():
            if self._held.has_failed or not (sets or settled):
                return
            async with self._storing:
                if sets:
                    loaded = await job.sink.load_children(job.region, job.entity, self._plan, name, sets, marks=marks)
                    job.findings.children[name].add(loaded)
                if settled:
                    await job.sink.settle(job.region, name, settled)

    async def _flush_late(self) -> None:
        async with self._storing:
            pass  # what comes while others are stored goes with the next ones
        await self.flush()


async def owe_again(job: Job) -> None:
    """Make calls owed for parents that did not change: all of them for a full run, otherwise a share at a set pace.

    It is not known whether a new comment moves its task's `updated_at`.
    """
    sources = [called.source.name for called in job.entity.called if called.owed]
    wanted = [name for name in sources if name not in job.settings.disabled]
    order = job.order_of(job.clock.monotonic())
    if job.settings.full:
        if wanted and not (job.cut_off and job.cut_off.has_owed_all):
            await job.ledger.owe_all(job.region, wanted, order)
        return
    for name in wanted:
        elapsed_seconds, parents = await job.ledger.sweep_standing(job.region, name)
        share = sweep_share(parents, elapsed_seconds, job.settings.pace.children_sweep_seconds)
        if share:
            await job.ledger.sweep(job.region, name, order, share)


async def work_backlog(job: Job) -> None:
    """Make the calls that are owed until none is left or time is over: tasks around today first, then the newest."""
    readers = [reader for called in job.entity.called if called.owed and (reader := ChildReader(job, called)).is_open]
    names = [reader.source.name for reader in readers]
    total = sum((await job.ledger.count_owed(job.region, names)).values()) if names else 0
    done = 0

    async def work(pair: tuple[int, ChildReader]) -> None:
        nonlocal done
        if not job.is_over():
            await _owed_call(job, *pair)
        done += 1
        job.advanced("owed calls", done, max(total, done))

    async with aclosing(_owed_chunks(job, readers)) as chunks:
        async for chunk in chunks:
            async with AsyncExitStack() as stack:
                for reader in readers:
                    await stack.enter_async_context(reader.in_time())
                await each(chunk, job.settings.workers, work, job.room)
    for reader in readers:
        await reader.judge_refusals()
    names = [name for name in names if name not in job.findings.unavailable]
    job.findings.owed = sum((await job.ledger.count_owed(job.region, names)).values()) if names else 0


async def _owed_chunks(job: Job, readers: Sequence[ChildReader]) -> AsyncGenerator[list[tuple[int, ChildReader]], None]:
    """What is owed, some at a time and each once: of tasks planned around today, then of all, newest first."""
    told: set[tuple[int, ChildReader]] = set()
    for near in (job.clock.now().date(), None):
        below: dict[ChildReader, int] = {}
        while not job.is_over():
            chunk = [
                (parent, reader)
                for reader in readers
                if reader.is_open
                for parent in await job.ledger.owed_parents(
                    job.region, reader.source.name, below.get(reader), CHUNK_PARENTS, near
                )
            ]
            if not chunk:
                break
            below |= {reader: parent for parent, reader in chunk}
            chunk = [pair for pair in chunk if pair not in told]
            if near is not None:
                told.update(chunk)
            yield sorted(chunk, key=lambda pair: -pair[0])


async def _owed_call(job: Job, parent: int, reader: ChildReader) -> None:
    if not reader.is_open:
        return
    try:
        await reader.read(parent)
    except NotFound:
        await _look_again(job, parent, reader)
    except Forbidden as error:
        await reader.refused(parent, error)
    except ApiError as error:
        reader.problem(parent, error)


async def _look_again(job: Job, parent: int, reader: ChildReader) -> None:
    """A 404 on a parent's children keeps them and reads the parent itself by its id."""
    asked_at = job.clock.monotonic()
    own = job.entity.own_address or ""
    try:
        record = await job.api.record(own, own.replace("{id}", str(parent)), tally=job.tally)
    except NotFound:
        job.findings.note(f"{job.entity.name} without an address of their own any more")
        reader.settle(parent, asked_at)
        return
    except ApiError as error:
        job.problem(job.record(parent), error)
        return
    job.findings.note(f"{reader.source.name} not found")
    if not job.belongs(record.value):
        reader.settle(parent, asked_at)
        return
    incoming = [Incoming(record.value, job.order_of(record.requested_at))]
    job.findings.loaded.add(await job.sink.load(job.region, job.entity, incoming))
    # After the load, which may have made the call owed again at the order of the record's own request.
    reader.settle(parent, record.requested_at)


async def read_contacts(job: Job, parents: Sequence[int]) -> None:
    """One call per parent, without those that the run which was cut off has made."""
    reader = ChildReader(job, job.entity.called[0])
    if not reader.is_open:
        return
    left = parents
    if job.cut_off:
        standings, began_at = await job.ledger.standings(job.region, reader.source.name), job.cut_off.began_at
        left = [one for one in parents if not is_made(WHOLE, standings.get(one, Standing()), began_at)]
        job.findings.note("lists that were read before the interruption", len(parents) - len(left))
    has_answered = len(left) < len(parents)
    async with reader.in_time():
        for parent, error in await over_parents(job, reader.source, left, reader.read, has_answered=has_answered):
            # The address itself is there: this parent's list is missing, what is stored of it stays.
            if isinstance(error, NotFound):
                job.findings.note("properties whose contacts were not found")
            else:
                job.problem(job.children_of(reader.source, parent), error)
    job.findings.loaded.add(job.findings.children.pop(reader.source.name))
