"""Reads children that need a call per parent: pending child reads, and lists that are read for all parents.

Tasks planned from yesterday to tomorrow come first (a region's day is not known, only that of UTC), then the newest.
This changes the order only: each call is made once.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing
from functools import partial

from breezeway_sync.core.errors import ApiError, CutShort, Forbidden, NotFound
from breezeway_sync.entities.batch import Loaded
from breezeway_sync.entities.checkpoints import FULL, Checkpoint, ListState
from breezeway_sync.entities.model import CalledChild
from breezeway_sync.entities.plan import ChildPlan, plan_of
from breezeway_sync.entities.rows import ChildSet
from breezeway_sync.entities.validate import validate_children
from breezeway_sync.sync.batching import Batcher
from breezeway_sync.sync.job import Job, each
from breezeway_sync.sync.missing import LEAST_SAMPLE, refused_sample
from breezeway_sync.sync.parents import over_parents
from breezeway_sync.sync.ports import PageLike
from breezeway_sync.sync.proof import doubt
from breezeway_sync.sync.scans import READ_BEFORE, is_made, refresh_share

CHUNK_PARENTS = 500
LOWEST, HIGHEST = -(2**63), 2**63 - 1
FLUSH_SETS = 200


class ChildReader:
    """Reads the children of one source, parent by parent, and loads them in batches of sets."""

    def __init__(self, job: Job, called: CalledChild, known_state: ListState) -> None:
        self._job = job
        self._known_state = known_state
        self.has_answered = known_state.has_answered
        """Whether the account has it: since it answered now, or ever before."""
        self.called = called
        self.source = called.source
        self.is_open = called.source.name not in job.settings.disabled and not job.is_closed(called.source)
        self._plan: ChildPlan = next(
            plan for plan in plan_of(job.entity).called if plan.child.table == called.child.table
        )
        self._refusals: list[tuple[int, ApiError]] = []
        self.gone: list[int] = []
        """Parents whose own address answers 404 as well."""
        self.left: list[int] = []
        """Parents whose own address answers with a property of another company."""
        # Nothing of the batcher refers to the reader: objects in a circle stay until the collector comes.
        load = partial(job.sink.load_children, job.region, job.entity, self._plan, called.source.name)
        self.batcher = Batcher[tuple[ChildSet, int]](
            lambda sets, reached: load(sets, reached=reached),
            job.findings.children.setdefault(called.source.name, Loaded()),
            memory=job.memory,
            batch_rows=FLUSH_SETS,
            flush_seconds=job.settings.flush_seconds,
        )

    async def read(self, parent: int) -> None:
        """One call; its items wait for the next flush. Raises ApiError."""
        job, source = self._job, self.source
        path = job.path(source).replace("{id}", str(parent))
        page = await job.api.listing(source.path, path, tally=job.tally)
        job.findings.answers += 1
        await self._answered()
        if not page.is_complete:
            # The children become what came, so that a part of them would delete the others.
            raise CutShort(
                "a list ended before it had shown all that it announced",
                endpoint=source.path,
                hint="what is stored of it stays; the next run asks again",
            )
        children, changed = validate_children(self._plan, parent, page.items)
        job.findings.loaded.changed_characters += changed
        order = job.order_of(page.requested_at)
        checkpoint = None if self.called.pending_reads else self._checkpoint(parent, page, order)
        await self.batcher.add([(children, order)], checkpoint, size_bytes=page.size_bytes)
        await job.look(source.name, page.items)

    def _checkpoint(self, parent: int, page: PageLike, order: int) -> Checkpoint:
        version = plan_of(self._job.entity).version
        began, name = page.requested_wall, self.source.name
        return Checkpoint(name, parent, FULL, None, None, began, order, shown=0, is_complete=True, version=version)

    async def _answered(self) -> None:
        """The first answer of a run: it is written down that the account has it."""
        job, name = self._job, self.source.name
        is_news = self._known_state.refused_run is not None or (self.called.pending_reads and not self.has_answered)
        if is_news:
            self._known_state = ListState(watermark=job.clock.now())
            await job.sync_state.note_answered(
                job.region, name, self._known_state.watermark if self.called.pending_reads else None
            )
        self.has_answered = True
        await job.answered(self.source)

    def refused(self, parent: int, error: ApiError) -> None:
        """The address was refused for a parent that is there: its own problem, where the account has it."""
        if self.has_answered:
            self.problem(parent, error)
        else:
            self._refusals.append((parent, error))

    @property
    def refusals(self) -> int:
        """How many were refused before anything answered."""
        return len(self._refusals)

    @property
    def is_doubtful(self) -> bool:
        """Whether nothing has answered, and some were refused: a sample is to be asked before anything else."""
        return self.is_open and not self.has_answered and len(self._refusals) >= LEAST_SAMPLE

    async def ask_sample(self, told: set[tuple[int, ChildReader]]) -> list[tuple[int, ChildReader]]:
        """Calls for a sample of all parents that owe one, without those that were made."""
        job, size = self._job, max(LEAST_SAMPLE, self._job.settings.workers)
        chosen = await job.sync_state.pending_sample(job.region, self.source.name, size)
        return [(parent, self) for parent in chosen if (parent, self) not in told]

    async def judge_sample(self, refused_before: int, asked: int) -> None:
        """Judge the answers to a sample. Where all of it was refused, this run asks for nothing more of this source."""
        if not self.has_answered and len(self._refusals) - refused_before == asked:
            self.is_open = False
            if await refused_sample(self._job, self.source, self._refusals[0][1]):
                self._refusals.clear()

    def judge_refusals(self) -> None:
        """After all calls: each refusal that says nothing of the account is a problem of its parent."""
        for parent, error in self._refusals:
            self.problem(parent, error)

    def problem(self, parent: int, error: ApiError) -> None:
        """A call for one parent has failed, and stays owed."""
        self._job.problem(self._job.children_of(self.source, parent), error)


async def request_reads_again(job: Job) -> None:
    """Make calls owed for parents that did not change: all of them for a full run and for a list that is newly wanted,
    otherwise a share at a set pace.

    It is not known whether a new comment moves its task's `updated_at`.
    """
    expected = [called.source.name for called in job.entity.called if called.pending_reads]
    order = job.order_of(job.clock.monotonic())
    for name in (one for one in expected if one not in job.settings.disabled):
        elapsed_seconds, parents = await job.sync_state.refresh_state(job.region, name)
        if job.settings.full or (await known_state_of(job, name)).last_full_scan_at is None:
            await job.sync_state.request_all_reads(job.region, name, order, job.clock.now())
            continue
        share = refresh_share(parents, elapsed_seconds, job.settings.pace.children_refresh_seconds)
        if share:
            await job.sync_state.refresh(job.region, name, order, share)


async def known_state_of(job: Job, source: str) -> ListState:
    """The standing of a whole source that is called parent by parent."""
    return (await job.sync_state.standings(job.region, source)).get(0, ListState())


async def work_backlog(job: Job) -> None:
    """Make the calls that are owed until none is left or time is over: tasks around today first, then the newest."""
    pending_reads = [called for called in job.entity.called if called.pending_reads]
    every = [ChildReader(job, called, await known_state_of(job, called.source.name)) for called in pending_reads]
    readers = [reader for reader in every if reader.is_open]
    names = [reader.source.name for reader in readers]
    total = sum((await job.sync_state.count_pending_reads(job.region, names)).values()) if names else 0
    done = 0

    async def work(pair: tuple[int, ChildReader]) -> None:
        nonlocal done
        if not job.is_over():
            await _pending_call(job, *pair)
        done += 1
        job.advanced("owed calls", done, max(total, done))

    async with aclosing(_pending_chunks(job, readers)) as chunks:
        async for chunk in chunks:
            async with AsyncExitStack() as stack:
                for reader in readers:
                    await stack.enter_async_context(reader.batcher.in_time())
                await each(chunk, job.settings.workers, work, job.memory)
    for reader in readers:
        reader.judge_refusals()
    if gone := sorted({parent for reader in readers for parent in reader.gone}):
        await doubt(job, gone)
    if left := sorted({parent for reader in readers for parent in reader.left}):
        await job.proofs.doubt(job.region, job.entity, left)
    names = [name for name in names if name not in job.findings.unavailable]
    job.findings.pending_reads = (
        sum((await job.sync_state.count_pending_reads(job.region, names)).values()) if names else 0
    )


async def _pending_chunks(
    job: Job, readers: Sequence[ChildReader]
) -> AsyncGenerator[list[tuple[int, ChildReader]], None]:
    """The owed calls in chunks, each call once: those of tasks planned around today, then all others, newest first.

    Of a source that never answered, only a few calls come first. Where these are refused, a sample of all follows.
    """
    told: set[tuple[int, ChildReader]] = set()
    untried = {reader for reader in readers if not reader.has_answered}
    for near in (job.clock.now().date(), None):
        ahead = dict.fromkeys(readers, HIGHEST)
        while ahead and not job.is_over():
            chunk = []
            for reader, highest in [pair for pair in ahead.items() if pair[0].is_open]:
                limit = max(LEAST_SAMPLE, job.settings.workers) if reader in untried else CHUNK_PARENTS
                name = reader.source.name
                parents = await job.sync_state.pending_parents(job.region, name, highest, limit, near)
                chunk += [(parent, reader) for parent in parents if (parent, reader) not in told]
                ahead[reader] = parents[-1] - 1 if parents else LOWEST - 1
            if near is not None or untried:
                told.update(chunk)
            yield sorted(chunk, key=lambda pair: -pair[0])
            for reader in [one for one in untried if one.is_doubtful]:
                before, sampled = reader.refusals, await reader.ask_sample(told)
                told.update(sampled)
                yield sampled
                await reader.judge_sample(before, len(sampled))
            ahead = {reader: highest for reader, highest in ahead.items() if reader.is_open and highest >= LOWEST}
            untried = {reader for reader in untried if (near or reader in ahead)} - {reader for _, reader in chunk}


async def _pending_call(job: Job, parent: int, reader: ChildReader) -> None:
    if not reader.is_open:
        return
    try:
        await reader.read(parent)
    except NotFound as error:
        await _look_again(job, parent, reader, error)
    except Forbidden as error:
        reader.refused(parent, error)
    except ApiError as error:
        reader.problem(parent, error)


async def _look_again(job: Job, parent: int, reader: ChildReader, refusal: NotFound) -> None:
    """Read the parent itself, since a 404 on its list says nothing of what the list holds. The call stays owed.

    A parent that is there gets a problem of its own. One whose address also answers 404 is a candidate for deletion.
    """
    try:
        record = await job.ask(parent)
    except NotFound:
        job.findings.note(f"{job.entity.name} without an address of their own any more")
        reader.gone.append(parent)
        return
    except ApiError as error:
        job.problem(job.record(parent), error)
        return
    if not job.belongs(record.value):
        reader.left.append(parent)
        return
    await job.store([record])
    reader.refused(parent, refusal)


async def read_children(job: Job, called: CalledChild, parents: Sequence[int]) -> None:
    """One call per parent, without those that the run which was cut off has made."""
    standings = await job.sync_state.standings(job.region, called.source.name)
    has_answered = any(one.has_answered for one in standings.values())
    reader = ChildReader(job, called, standings.get(0, ListState()))
    if not reader.is_open:
        return
    left = parents
    if job.interrupted is not None:
        began_at = job.interrupted
        left = [one for one in parents if not is_made(FULL, standings.get(one, ListState()), began_at)]
        job.findings.note(READ_BEFORE, len(parents) - len(left))
    async with reader.batcher.in_time():
        refusals = await over_parents(job, reader.source, left, reader.read, has_answered=has_answered)

        async def judge(refusal: tuple[int, ApiError]) -> None:
            parent, error = refusal
            if isinstance(error, NotFound):
                await _look_again(job, parent, reader, error)
            else:
                reader.refused(parent, error)

        await each(refusals, job.settings.workers, judge, job.memory)
        reader.judge_refusals()
    if reader.gone:
        await doubt(job, sorted(reader.gone))
    job.findings.loaded.add(job.findings.children.pop(reader.source.name))
