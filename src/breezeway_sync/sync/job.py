"""One region and entity of one run: what all ways of reading share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Generic, TypeVar
from uuid import UUID

from breezeway_sync.core.clock import Clock
from breezeway_sync.core.errors import ApiError
from breezeway_sync.core.events import Emit, EntityAdvanced, EntityUnavailable
from breezeway_sync.core.lacks import is_lack
from breezeway_sync.core.memory_budget import MemoryBudget
from breezeway_sync.core.outcome import Tally
from breezeway_sync.core.problems import Subject
from breezeway_sync.core.waiting import in_slices, task_group
from breezeway_sync.entities.batch import Incoming, Loaded
from breezeway_sync.entities.catalog import HOME
from breezeway_sync.entities.checkpoints import Checkpoint, Days, RefreshPace
from breezeway_sync.entities.decode import Item
from breezeway_sync.entities.field_profile import FieldProfile
from breezeway_sync.entities.model import Company, Entity, Source
from breezeway_sync.entities.streams import Stream
from breezeway_sync.sync.batching import Batcher
from breezeway_sync.sync.belonging import Belonging, Sifted, sift
from breezeway_sync.sync.gate import Gate, GatedBatcher
from breezeway_sync.sync.ports import AccountReader, DeletionProofs, Params, RecordLike, Sink, Sources, SyncState
from breezeway_sync.sync.run_budget import RunBudget
from breezeway_sync.sync.status_rules import Findings, ends_everything

UNAVAILABLE_RETRY_SECONDS = 24 * 3600.0
NO_RUN = UUID(int=0)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """How to read. `paths` replace those of the catalog by source; `disabled` sources are not read.

    `workers` calls of one entity are under way at once; `max_seconds` bounds the owed calls of a run
    (None: until all are done). With `backfill` only what falls between these days is read. A `rewrite` goes on with no
    run that was cut off: what that one has read it did not lay beside the stored values.
    """

    batch_rows: int = 2000
    flush_seconds: float = 1.5
    workers: int = 8
    requests_per_minute: float = 180.0
    max_seconds: float | None = None
    full: bool = False
    rewrite: bool = False
    backfill: Days | None = None
    page_size: int = 100
    pace: RefreshPace = field(default_factory=RefreshPace)
    paths: dict[str, str] = field(default_factory=dict)
    disabled: frozenset[str] = frozenset()


@dataclass(slots=True)
class PendingReadTime:
    """When owed calls must give way: told from outside, and to be asked what is going on.

    `regions` are those whose lists are done and whose owed calls are being worked.
    """

    is_up: bool = False
    regions: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Deadline:
    """When something must be over, by both clocks: that of a machine that sleeps stands still."""

    monotonic_seconds: float
    wall: datetime

    @classmethod
    def after(cls, seconds: float, monotonic_seconds: float, wall: datetime) -> Deadline:
        """So many seconds after both moments."""
        return cls(monotonic_seconds + seconds, wall + timedelta(seconds=seconds))

    def is_over(self, clock: Clock) -> bool:
        """Whether one of the clocks says so."""
        return clock.monotonic() >= self.monotonic_seconds or clock.now() >= self.wall


@dataclass(slots=True)
class RegionKnowledge:
    """What a region's lists have said of each other, shared by all its jobs.

    `answered` are the sources that answered in this run or before; `doubtful` those that were refused before enough
    others had answered to conclude anything, with the entity's name in the log.
    """

    answered: set[str] = field(default_factory=set)
    doubtful: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Job:
    """Reading one stream of one region."""

    region: str
    company_id: int | None
    """The one company that is configured, sent wherever an address takes it."""
    stream: Stream
    """What is read, by its name in the log."""
    api: AccountReader
    sink: Sink
    sync_state: SyncState
    proofs: DeletionProofs
    order_of: Callable[[float], int]
    clock: Clock
    settings: ReadSettings
    emit: Emit
    memory: MemoryBudget = field(default_factory=MemoryBudget)
    deadline: Deadline | None = None
    pending_read_time: PendingReadTime = field(default_factory=PendingReadTime)
    findings: Findings = field(default_factory=Findings)
    tally: Tally = field(default_factory=Tally)
    run_id: UUID = NO_RUN
    known: RegionKnowledge = field(default_factory=RegionKnowledge)
    run_budget: RunBudget = field(default_factory=RunBudget)
    """What the calls of the account's whole run leave; shared by its jobs."""
    interrupted: datetime | None = None
    """When the run before began that did not end, if this one goes on with it."""
    closed_sources: dict[str, str | None] = field(default_factory=dict)
    """Sources that this account was found not to have: less than a day ago with the reason, otherwise None."""
    is_full: bool = True
    """Whether everything is asked for: only then can a field be missing."""
    surveys: dict[str, FieldProfile] = field(default_factory=dict)
    """What the records of each list looked like, by the entity's or called source's name."""
    belonging: Belonging = field(default_factory=Belonging)
    gate: Gate | None = None
    """Of the list of properties alone: holds it until it is known to be the region's own."""
    sources: Sources | None = None
    sifted: Sifted = field(default_factory=Sifted)
    """What the list of properties showed under other companies."""

    @property
    def name(self) -> str:
        return self.stream.name

    @property
    def entity(self) -> Entity:
        """Whose records, or children, are read."""
        return self.stream.entity

    def profile(self, name: str) -> FieldProfile:
        """Where the looks of a list's records are counted."""
        return self.surveys.setdefault(name, FieldProfile())

    async def look(self, name: str, items: Iterable[Item]) -> None:
        """Count the looks of a list's records; in slices, as those of a large answer take seconds."""
        profile = self.profile(name)
        async for item in in_slices(items):
            profile.add((item,))

    def path(self, source: Source) -> str:
        """Where a source is read."""
        return self.settings.paths.get(source.name, source.path)

    def params(self, source: Source) -> Params:
        """What goes with every call of a source."""
        company = (
            [(source.company.value, str(self.company_id))]
            if source.company is not Company.NONE and self.company_id is not None
            else []
        )
        return [*company, *source.always]

    def batcher(self, discriminator: str | None = None) -> Batcher[Incoming]:
        """A batcher for this entity's records."""

        def store(incoming: list[Incoming], reached: list[Checkpoint]) -> Awaitable[Loaded]:
            return self.sink.load(self.region, self.entity, incoming, discriminator, reached=reached)

        make = (
            Batcher[Incoming]
            if self.gate is None
            else partial(GatedBatcher, self.gate, lambda: not self.findings.problems)
        )
        return make(
            store,
            self.findings.loaded,
            memory=self.memory,
            batch_rows=self.settings.batch_rows,
            flush_seconds=self.settings.flush_seconds,
        )

    def own(self, incoming: Sequence[Incoming], sifted: Sifted) -> list[Incoming]:
        """The records of a page that are the region's own; the others are counted and left out."""
        own, excluded = sift(self.belonging, self.entity, incoming, sifted)
        for why, others in excluded.items():
            self.findings.note(why, len(others))
        if self.gate is not None:
            self.sifted = sifted
            self.gate.note(own, [one for others in excluded.values() for one in others])
        return own

    async def ask(self, key: int, entity: Entity | None = None) -> RecordLike:
        """Ask for a record at its own address; `entity` where it is not the job's. Raises ApiError."""
        address = (entity or self.entity).own_address or ""
        return await self.api.record(address, address.replace("{id}", str(key)), tally=self.tally)

    async def store(self, records: Iterable[RecordLike]) -> None:
        """Store records that their own addresses brought."""
        incoming = [Incoming(one.value, self.order_of(one.requested_at)) for one in records]
        self.findings.loaded.add(await self.sink.load(self.region, self.entity, incoming))

    def belongs(self, item: Item) -> bool:
        """Whether a record that was read at its own address is the region's own."""
        return self.belonging.why_left_out(self.entity, item) is None

    def is_closed(self, source: Source) -> bool:
        """Whether a source is not to be asked; says so in the findings."""
        reason = self.closed_sources.get(source.name)
        if reason is not None and not self.settings.full:
            self.findings.unavailable[source.name] = reason
            return True
        return False

    async def close(self, source: Source, error: ApiError) -> None:
        """Remember that this account does not have a source: tell it once, and ask again in a day."""
        reason = error.message
        self.findings.unavailable[source.name] = reason
        self.findings.lack(self.list_of(source), reason)
        if await self.sync_state.mark_unavailable(self.region, source.name, reason, UNAVAILABLE_RETRY_SECONDS):
            hours = UNAVAILABLE_RETRY_SECONDS / 3600
            self.emit(EntityUnavailable(self.region, source.name, reason, hours))

    async def answered(self, source: Source) -> None:
        """A source answers: the account has it, whatever was thought before."""
        self.known.answered.add(source.name)
        self.known.doubtful.pop(source.name, None)
        if source.name in self.closed_sources:
            del self.closed_sources[source.name]
            await self.sync_state.mark_available(self.region, source.name)

    def problem(self, subject: Subject, error: ApiError) -> None:
        """Keep what could not be read. Raises the error where nothing else can succeed after it."""
        if ends_everything(error):
            raise error
        self.findings.met(subject, error)

    def list_of(self, source: Source, parent: int = 0) -> Subject:
        """A list, of the region or of one property, as the subject of a problem."""
        return Subject("list", source.name, parent, f"{HOME.singular} {parent}" if source.per else source.name)

    def children_of(self, source: Source, parent: int) -> Subject:
        """The list of one parent that costs a call of its own, as the subject of a problem."""
        return Subject("children", source.name, parent, f"{source.name} of {self.entity.singular} {parent}")

    def record(self, key: int, entity: Entity | None = None) -> Subject:
        """A record's own address, as the subject of a problem; `entity` where it is not the job's."""
        of = entity or self.entity
        return Subject("record", of.sources[0].name, key, f"{of.singular} {key}")

    def advanced(self, unit: str, done: int, total: int | None) -> None:
        self.emit(EntityAdvanced(self.region, self.name, unit, done, total))

    def is_over(self) -> bool:
        """Whether the time for owed calls is used up, also where the machine slept through it."""
        if self.pending_read_time.is_up:
            return True
        return self.deadline is not None and self.deadline.is_over(self.clock)


def log_name(entity: str, backfill: Days | None) -> str:
    """The name in etl_sync_log. Reading some days again makes nothing fresh, so a backfill has a name of its own."""
    return entity if backfill is None else f"{entity} backfill"


async def each(
    things: Iterable[T], workers: int, work: Callable[[T], Awaitable[None]], memory: MemoryBudget | None = None
) -> None:
    """Do `work` for every thing, up to `workers` at once: one for certain, the others with the hands that are free.

    The first error cancels the others and is raised.
    """
    async with task_group() as begin:
        begin(_WorkerSlots(iter(things), workers - 1, work, memory or MemoryBudget(), begin).one())


@dataclass(slots=True)
class _WorkerSlots(Generic[T]):
    """Those who do the same `work`; not a function that begins itself, which would be a circle that keeps the run."""

    things: Iterator[T]
    to_come: int
    work: Callable[[T], Awaitable[None]]
    memory: MemoryBudget
    begin: Callable[[Coroutine[object, object, None]], asyncio.Task[None]]

    async def one(self) -> None:
        for thing in self.things:
            if self.to_come > 0 and self.memory.take_hand():
                self.to_come -= 1
                try:
                    self.begin(self.one()).add_done_callback(lambda _: self.memory.give_hand_back())
                except Exception as error:
                    self.memory.give_hand_back()
                    if not is_lack(error):  # without memory for a helper it goes on alone
                        raise
            await self.work(thing)


async def close_iterator(pages: AsyncIterator[object]) -> None:
    """Stop an iterator's own tasks now, not whenever it is collected."""
    aclose = getattr(pages, "aclose", None)
    if aclose is not None:
        await aclose()
