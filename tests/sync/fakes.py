"""The engine's world in memory: an API that is written down, a store that takes notes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from breezeway_sync.core.errors import ApiError
from breezeway_sync.core.events import Event
from breezeway_sync.core.outcome import Outcome, Tally
from breezeway_sync.core.problems import FoundProblem, Key
from breezeway_sync.core.sources import Companies, Identity, RegionSource, SourceState
from breezeway_sync.entities.asking import THERE, Asked, Control, Home, KnownHomes, MissingCounts, Strangers
from breezeway_sync.entities.batch import Incoming, Loaded
from breezeway_sync.entities.checkpoints import Checkpoint, Days, ListState, RefreshPace
from breezeway_sync.entities.decode import Item, Json
from breezeway_sync.entities.drift import KnownPath
from breezeway_sync.entities.losses import Loss
from breezeway_sync.entities.model import Entity
from breezeway_sync.entities.plan import ChildPlan
from breezeway_sync.entities.rows import ChildSet, JsonObject
from breezeway_sync.sync.engine import Engine
from breezeway_sync.sync.job import ReadSettings
from breezeway_sync.sync.ports import Params
from breezeway_sync.sync.source_check import RegionTarget

RUN = UUID(int=1)
LONG_AGO = datetime(2025, 12, 1, tzinfo=UTC)
CALLED = ("task_comments", "task_requirements")
REGION = "north"
IDENTITY = Identity("https://api.example", "an account", Companies((4,)))


@dataclass
class ManualClock:
    """Time that moves when a test or a call says so."""

    seconds: float = 100.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


@dataclass(frozen=True)
class Page:
    items: tuple[Item, ...]
    number: int
    requested_at: float
    total_pages: int | None = None
    is_complete: bool = True
    total_results: int | None = None
    is_last: bool = True
    is_repeat: bool = False
    size_bytes: int = 0
    requested_wall: datetime = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Record:
    value: JsonObject
    requested_at: float


class Hang:
    """An answer that never comes."""


Answer = list[Item] | list[Page] | JsonObject | Exception | Hang


@dataclass
class FakeApi:
    """Answers by path, or by path and one parameter ("/task/?home_id=5"); an empty list by default.

    Each call takes `seconds_per_call` and brings `size_bytes`; the loop's own time it takes is `loop_seconds`.
    """

    clock: ManualClock
    answers: dict[str, Answer] = field(default_factory=dict)
    seconds_per_call: float = 1.0
    size_bytes: int = 0
    loop_seconds: float = 0.0
    calls: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    endpoints: set[str] = field(default_factory=set)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    before: Callable[[str], None] = lambda path: None
    """Called before a path is answered, and before its call takes time."""
    active: int = 0
    most_active: int = 0

    async def pages(
        self,
        endpoint: str,
        path: str,
        params: Params = (),
        *,
        concurrency: int | None = None,
        tally: Tally | None = None,
    ) -> AsyncIterator[Page]:
        answer = await self._answer(endpoint, path, params, tally)
        assert isinstance(answer, list)
        found = [page for page in answer if isinstance(page, Page)]
        if found and len(found) == len(answer):
            for page in found:
                is_last = page is found[-1]
                yield replace(page, is_last=is_last, requested_wall=self.clock.now())
        else:
            yield self._page(answer)

    async def listing(self, endpoint: str, path: str, params: Params = (), *, tally: Tally | None = None) -> Page:
        answer = await self._answer(endpoint, path, params, tally)
        return self._page(answer)

    def _page(self, answer: Answer) -> Page:
        now = self.clock.now()
        return Page(_items(answer), 1, self.clock.seconds, size_bytes=self.size_bytes, requested_wall=now)

    async def record(self, endpoint: str, path: str, params: Params = (), *, tally: Tally | None = None) -> Record:
        answer = await self._answer(endpoint, path, params, tally)
        assert isinstance(answer, dict)
        return Record(answer, self.clock.seconds)

    def paths(self, prefix: str = "") -> list[str]:
        return [path for path, _ in self.calls if path.startswith(prefix)]

    async def _answer(self, endpoint: str, path: str, params: Params, tally: Tally | None) -> Answer:
        self.calls.append((path, dict(params)))
        self.before(path)
        self.endpoints.add(endpoint)
        if tally is not None:
            tally.calls += 1
        self.clock.seconds += self.seconds_per_call
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        try:
            await asyncio.sleep(self.loop_seconds)
            return await self._raised(self._chosen(path, params))
        finally:
            self.active -= 1

    def _chosen(self, path: str, params: Params) -> Answer:
        keyed = [f"{path}?{name}={value}" for name, value in params]
        return next((self.answers[key] for key in [*keyed, path] if key in self.answers), list[Item]())

    async def _raised(self, answer: Answer) -> Answer:
        if isinstance(answer, Hang):
            self.waiting.set()
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        return answer


def _items(answer: Answer) -> tuple[Item, ...]:
    assert isinstance(answer, list)
    return tuple(item for item in answer if not isinstance(item, Page))


@dataclass
class FakeLedger:
    """What would be in the database. Rows of the log are (region, entity, outcome or None).

    `near` are the tasks that are planned around today, `near_parents` the lists that should show some. Comments and
    requirements are known and wanted; the region's other lists have answered before.
    """

    properties: dict[str, list[int]] = field(default_factory=dict)
    pending_reads: dict[str, set[int]] = field(default_factory=dict)
    near: set[int] = field(default_factory=set)
    near_parents: set[int] = field(default_factory=set)
    answered: set[str] = field(
        default_factory=lambda: {"properties", "task_tags", "task_comments", "task_requirements"}
    )
    refused: dict[str, UUID] = field(default_factory=dict)
    closed: dict[str, str | None] = field(default_factory=dict)
    rows: list[tuple[str, str, Outcome | None]] = field(default_factory=list)
    reopened: list[str] = field(default_factory=list)
    owed_anew: list[tuple[str, int]] = field(default_factory=list)
    due_scans: dict[str, dict[int, ListState]] = field(default_factory=dict)
    interrupted: datetime | None = None
    passes: list[str] = field(default_factory=list)
    sweeping: tuple[float, int] = (0.0, 0)
    swept: list[tuple[str, int]] = field(default_factory=list)
    rejects: dict[str, int] = field(default_factory=dict)
    accepted_rejects: int = 0
    accepted: dict[Key, str] = field(default_factory=dict)
    problems: dict[tuple[str, str], dict[Key, str]] = field(default_factory=dict)
    failing: dict[str, Exception] = field(default_factory=dict)
    fields: dict[tuple[str, str], dict[str, KnownPath]] = field(default_factory=dict)
    close_seconds: float = 0.0
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self, region: str, entity: str, run_id: UUID) -> int:
        self._fail("open")
        self.rows.append((region, entity, None))
        return len(self.rows) - 1

    async def close(self, region: str, row_id: int, outcome: Outcome) -> None:
        self._fail("close")
        self.closing.set()
        await asyncio.sleep(self.close_seconds)
        of, entity, before = self.rows[row_id]
        assert (of, before) == (region, None)
        assert entity.startswith(outcome.entity)
        self.rows[row_id] = (region, entity, outcome)

    async def begin_pass(self, region: str, now: datetime, resume_seconds: float) -> datetime | None:
        self.passes.append(f"{region} began")
        return self.interrupted

    async def end_pass(self, region: str) -> None:
        self._fail("end_pass")
        self.passes.append(f"{region} ended")

    async def standings(self, region: str, source: str) -> dict[int, ListState]:
        usual = {0: ListState(watermark=LONG_AGO, last_full_scan_at=LONG_AGO)} if source in CALLED else {}
        return self.due_scans.get(source, usual)

    async def window_lists(self, region: str, source: str, since: date, until: date) -> set[int]:
        return set(self.near_parents)

    async def answered_sources(self, region: str) -> set[str]:
        return set(self.answered)

    async def note_answered(self, region: str, source: str, at: datetime | None) -> None:
        self.answered.add(source)
        self.refused.pop(source, None)

    async def note_refused(self, region: str, source: str, run_id: UUID) -> bool:
        return self.refused.setdefault(source, run_id) != run_id

    async def refresh_state(self, region: str, source: str) -> tuple[float, int]:
        return self.sweeping

    async def refresh(self, region: str, source: str, order: int, parents: int) -> None:
        self.swept.append((source, parents))

    async def backfilled(self, region: str, source: str, days: Days, now: datetime) -> frozenset[int]:
        return frozenset()

    async def end_backfill(self, region: str, source: str, days: Days) -> None:
        pass

    async def property_ids(self, region: str, today: date) -> list[int]:
        self._fail(f"property_ids of {region}")
        return list(self.properties.get(region, []))

    async def pending_parents(self, region: str, source: str, highest: int, limit: int, near: date | None) -> list[int]:
        pending_reads = sorted(self.pending_reads.get(source, ()), reverse=True)
        if near is not None:
            pending_reads = [parent for parent in pending_reads if parent in self.near]
        return [parent for parent in pending_reads if parent <= highest][:limit]

    async def pending_sample(self, region: str, source: str, limit: int) -> list[int]:
        return sorted(self.pending_reads.get(source, ()), key=hash)[:limit]

    async def count_pending_reads(self, region: str, sources: Sequence[str]) -> dict[str, int]:
        return {source: len(self.pending_reads.get(source, ())) for source in sources}

    async def request_all_reads(self, region: str, source: str, order: int, now: datetime) -> None:
        self.owed_anew.append((source, order))

    async def count_open_rejects(self, region: str, names: Sequence[str]) -> tuple[int, int]:
        return sum(self.rejects.get(name, 0) for name in names), self.accepted_rejects

    async def accepted_problems(self, region: str, entity: str) -> dict[Key, str]:
        return dict(self.accepted)

    async def save_problems(
        self, region: str, entity: str, met: Sequence[FoundProblem], pending_reads: Sequence[str], now: datetime
    ) -> int:
        self._fail("save_problems")
        self.problems[region, entity] = {one.subject.key: one.code for one in met}
        return len(self.accepted)

    async def unavailable(self, region: str) -> dict[str, str | None]:
        self._fail(f"unavailable of {region}")
        return dict(self.closed)

    async def mark_unavailable(self, region: str, source: str, reason: str, seconds: float) -> bool:
        is_news = source not in self.closed
        self.closed[source] = reason
        return is_news

    async def mark_available(self, region: str, source: str) -> None:
        self.reopened.append(source)
        self.closed.pop(source, None)

    async def known_fields(self, region: str, entity: str) -> Mapping[str, KnownPath]:
        return dict(self.fields.get((region, entity), {}))

    async def save_fields(self, region: str, entity: str, rows: Sequence[KnownPath]) -> None:
        self.fields.setdefault((region, entity), {}).update({row.path: row for row in rows})

    def _fail(self, what: str) -> None:
        if what in self.failing:
            raise self.failing[what]


@dataclass
class FakeSink:
    """Takes notes of what it is given; owed calls that bring something are owed no more."""

    sync_state: FakeLedger
    batches: list[tuple[str, list[Incoming], str | None]] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    sets: list[tuple[str, list[tuple[ChildSet, int]]]] = field(default_factory=list)
    failing: dict[str, Exception] = field(default_factory=dict)
    rejecting: int = 0

    async def load(
        self,
        region: str,
        entity: Entity,
        incoming: Sequence[Incoming],
        discriminator: str | None = None,
        *,
        reached: Sequence[Checkpoint] = (),
    ) -> Loaded:
        await asyncio.sleep(0)
        if entity.name in self.failing:
            raise self.failing[entity.name]
        self.checkpoints += reached
        if not incoming:
            return Loaded()
        self.batches.append((entity.name, list(incoming), discriminator))
        if self.rejecting:
            self.sync_state.rejects[entity.name] = self.sync_state.rejects.get(entity.name, 0) + self.rejecting
        return Loaded(read=len(incoming), new=len(incoming) - self.rejecting, rejected=self.rejecting)

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
        await asyncio.sleep(0)
        self.checkpoints += reached
        if source in self.failing:
            raise self.failing[source]
        self.sets.append((source, list(sets)))
        self.sync_state.pending_reads.get(source, set()).difference_update(one.parent_key for one, _ in sets)
        return Loaded(read=sum(len(one.rows) for one, _ in sets))

    def loaded(self, entity: str) -> list[Json]:
        """The ids that were given to it."""
        return [
            one.item.get("id")
            for name, batch, _ in self.batches
            if name == entity
            for one in batch
            if isinstance(one.item, dict)
        ]

    def parents(self, source: str) -> list[int]:
        """The parents whose children were given to it."""
        return [one.parent_key for name, sets in self.sets if name == source for one, _ in sets]


@dataclass
class FakeProofs:
    """What is missing, by entity, and what was said of it."""

    missing: dict[str, list[int]] = field(default_factory=dict)
    listed: int | None = 1
    listed_of: dict[str, list[int]] = field(default_factory=dict)
    waiting: int = 0
    too_many: bool = False
    home: Home = field(default_factory=lambda: Home(7, THERE))
    companies: frozenset[int] | None = None
    mirrored: frozenset[int] = frozenset({7})
    lost: list[Loss] = field(default_factory=list)
    limits: list[tuple[int, int]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    gone_keys: list[int] = field(default_factory=list)
    doubted: list[int] = field(default_factory=list)
    controls: list[Control] = field(default_factory=list)
    left: dict[int, tuple[int, int | None]] = field(default_factory=dict)

    async def take_losses(self, region: str, order: int) -> list[Loss]:
        return self.lost

    async def settle_absent(self, region: str, entity: Entity) -> MissingCounts:
        return MissingCounts(len(self.missing.get(entity.name, [])), self.waiting, self.too_many)

    async def held(self, region: str, entity: Entity) -> int:
        return self.waiting

    async def candidates(
        self, region: str, entity: Entity, pace: RefreshPace, limit: int, open_limit: int
    ) -> list[int]:
        self.limits.append((limit, open_limit))
        return self.missing.get(entity.name, [])[: min(limit, open_limit)]

    async def listed_records(self, region: str, entity: Entity, limit: int) -> list[int]:
        usual = [] if self.listed is None else [self.listed]
        return self.listed_of.get(entity.name, usual)

    async def known(self, region: str, homes: Iterable[int]) -> KnownHomes:
        return KnownHomes(self.companies, self.mirrored, frozenset())

    async def homes(self, region: str, entity: Entity, keys: Sequence[int]) -> dict[int, Home]:
        return dict.fromkeys(keys, self.home)

    async def doubt(self, region: str, entity: Entity, keys: Sequence[int]) -> None:
        self.doubted += keys
        self.missing.setdefault(entity.name, []).extend(keys)

    async def answered(self, region: str, entity: Entity, asked: Asked) -> None:
        self.answers += asked

    async def retire_adopted(self, region: str, entity: Entity, keys: Sequence[int]) -> list[int]:
        return []

    async def gone(self, region: str, entity: Entity, asked: Asked, control: Control) -> Loaded:
        self.gone_keys += asked
        self.controls.append(control)
        return Loaded(deleted=len(asked))

    async def strangers(self, region: str, entity: Entity, found: Strangers) -> Loaded:
        self.left |= found
        return Loaded(deleted=len(found))


@dataclass
class FakeSources:
    """What regions are copies of: of what is wanted, unless a test says otherwise; notes of what was written."""

    standings: dict[str, SourceState] = field(default_factory=dict)
    known: frozenset[int] = frozenset()
    excluded: frozenset[int] = frozenset()
    twin: str | None = None
    begun: list[str] = field(default_factory=list)
    confirmed: list[tuple[str, Identity, bool]] = field(default_factory=list)
    blocked: dict[str, str] = field(default_factory=dict)

    async def known_state(self, region: str, expected: Identity) -> SourceState:
        usual = SourceState(
            RegionSource(expected, datetime(2026, 1, 1, tzinfo=UTC)), is_retired=False, has_properties=True
        )
        return self.standings.get(region, usual)

    async def begin(self, region: str, identity: Identity) -> str | None:
        self.begun.append(region)
        return self.twin

    async def confirm(self, region: str, identity: Identity, *, is_reset: bool) -> str | None:
        self.confirmed.append((region, identity, is_reset))
        return self.twin

    async def block(self, region: str, why: str) -> None:
        self.blocked[region] = why

    async def known_properties(self, region: str) -> frozenset[int]:
        return self.known

    async def excluded_homes(self, region: str) -> frozenset[int]:
        return self.excluded

    async def leave_out(self, region: str, excluded: Mapping[int, int | None], came_back: Sequence[int]) -> Loaded:
        self.excluded = (self.excluded | excluded.keys()) - set(came_back)
        return Loaded()


@dataclass
class World:
    """An engine and everything around it."""

    settings: ReadSettings = field(default_factory=ReadSettings)
    clock: ManualClock = field(default_factory=ManualClock)
    events: list[Event] = field(default_factory=list)
    sync_state: FakeLedger = field(default_factory=FakeLedger)
    run_id: UUID = RUN

    def __post_init__(self) -> None:
        self.api = FakeApi(self.clock)
        self.sink = FakeSink(self.sync_state)
        self.proofs = FakeProofs()
        self.sources = FakeSources()

    @property
    def engine(self) -> Engine:
        return Engine(
            self.api,
            self.sink,
            self.sync_state,
            self.proofs,
            self.sources,
            order_of,
            self.clock,
            self.settings,
            self.events.append,
            self.run_id,
        )

    async def run(self, *entities: str, regions: Sequence[str] = (REGION,)) -> dict[str, Outcome]:
        """One run; the outcomes by entity, with several regions by "region entity"."""
        found = await self.engine.run([RegionTarget(code, IDENTITY, entities) for code in regions])
        return {one.entity if len(regions) == 1 else f"{one.region} {one.entity}": one for one in found}

    def told(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


def order_of(moment: float) -> int:
    return int(moment * 1000)


def error(kind: Callable[..., ApiError], what: str = "it failed") -> ApiError:
    """An error of the API."""
    return kind(what, endpoint="/x")


def items(*found: Item) -> list[Item]:
    """A list of anything."""
    return list(found)


def ids(*keys: int) -> list[Item]:
    """Records with these ids."""
    return [{"id": key} for key in keys]
