"""What the engine needs of the world, as protocols: it knows neither HTTP nor PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from breezeway_sync.core.outcome import Outcome, Tally
from breezeway_sync.entities.asking import Asked, Control, Home, KnownHomes, Missing, Strangers
from breezeway_sync.entities.batch import Incoming, Loaded
from breezeway_sync.entities.decode import Item
from breezeway_sync.entities.losses import Loss
from breezeway_sync.entities.marks import CutOff, Days, Mark, Pace, Part, Standing
from breezeway_sync.entities.model import Entity
from breezeway_sync.entities.plan import ChildPlan
from breezeway_sync.entities.radar import Known
from breezeway_sync.entities.rows import ChildSet, JsonObject

Params = Sequence[tuple[str, str]]


class Page(Protocol):
    """One page of a list; `requested_at` is the start of its request in monotonic seconds, `requested_wall` in UTC.

    `is_complete` is False on the last page of a list that had announced more than it gave; `is_repeat` where it
    ended because the page only showed again what was known.
    """

    @property
    def items(self) -> tuple[Item, ...]: ...
    @property
    def number(self) -> int: ...
    @property
    def requested_at(self) -> float: ...
    @property
    def requested_wall(self) -> datetime: ...
    @property
    def total_pages(self) -> int | None: ...
    @property
    def total_results(self) -> int | None: ...
    @property
    def is_last(self) -> bool: ...
    @property
    def is_complete(self) -> bool: ...
    @property
    def is_repeat(self) -> bool: ...
    @property
    def size_bytes(self) -> int: ...


class Record(Protocol):
    """One record from its own address."""

    @property
    def value(self) -> JsonObject: ...
    @property
    def requested_at(self) -> float: ...


class Api(Protocol):
    """One account's API. `endpoint` is the template of the path, for counts and messages."""

    def pages(
        self,
        endpoint: str,
        path: str,
        params: Params = (),
        *,
        concurrency: int | None = None,
        after_page: int = 0,
        tally: Tally | None = None,
    ) -> AsyncIterator[Page]: ...

    async def listing(self, endpoint: str, path: str, params: Params = (), *, tally: Tally | None = None) -> Page: ...

    async def record(self, endpoint: str, path: str, params: Params = (), *, tally: Tally | None = None) -> Record: ...


class Sink(Protocol):
    """Where records go; marks and what was settled are stored with them.

    `prepared` is the first half of `load` and gives the second, to be called within the block or not at all.
    """

    async def load(
        self,
        region: str,
        entity: Entity,
        incoming: Sequence[Incoming],
        discriminator: str | None = None,
        *,
        marks: Sequence[Mark] = (),
    ) -> Loaded: ...

    def prepared(
        self,
        region: str,
        entity: Entity,
        incoming: Sequence[Incoming],
        discriminator: str | None = None,
        *,
        marks: Sequence[Mark] = (),
    ) -> AbstractAsyncContextManager[Callable[[], Awaitable[Loaded]]]: ...

    async def load_children(
        self,
        region: str,
        entity: Entity,
        child: ChildPlan,
        source: str,
        sets: Sequence[tuple[ChildSet, int]],
        *,
        marks: Sequence[Mark] = (),
    ) -> Loaded: ...

    async def settle(self, region: str, source: str, parents: Sequence[tuple[int, int]]) -> None: ...


class Proofs(Protocol):
    """What lists do not show any more, and what proves that it is gone."""

    async def take_losses(self, region: str, order: int) -> list[Loss]: ...
    async def settle_absent(self, region: str, entity: Entity) -> Missing: ...
    async def candidates(self, region: str, entity: Entity, pace: Pace, limit: int, open_limit: int) -> list[int]: ...
    async def listed_records(self, region: str, entity: Entity, limit: int) -> list[int]: ...
    async def known(self, region: str, homes: Iterable[int]) -> KnownHomes: ...
    async def homes(self, region: str, entity: Entity, keys: Sequence[int]) -> Mapping[int, Home]: ...
    async def doubt(self, region: str, entity: Entity, keys: Sequence[int]) -> None: ...
    async def answered(self, region: str, entity: Entity, asked: Asked) -> None: ...
    async def gone(self, region: str, entity: Entity, asked: Asked, control: Control) -> Loaded: ...
    async def strangers(self, region: str, entity: Entity, found: Strangers) -> Loaded: ...


class Ledger(Protocol):
    """What a run must remember beyond itself."""

    async def open(self, region: str, entity: str, run_id: UUID) -> int: ...
    async def close(self, region: str, row_id: int, outcome: Outcome) -> None: ...
    async def begin_pass(self, region: str, now: datetime, resume_seconds: float) -> CutOff | None: ...
    async def end_pass(self, region: str) -> None: ...
    async def standings(self, region: str, source: str) -> Mapping[int, Standing]: ...
    async def backfilled(self, region: str, source: str, days: Days, now: datetime) -> Mapping[int, Part | None]: ...
    async def end_backfill(self, region: str, source: str, days: Days) -> None: ...
    async def property_ids(self, region: str, today: date) -> list[int]: ...
    async def owed_parents(
        self, region: str, source: str, below: int | None, limit: int, near: date | None
    ) -> list[int]: ...
    async def count_owed(self, region: str, sources: Sequence[str]) -> dict[str, int]: ...
    async def owe_all(self, region: str, sources: Sequence[str], order: int) -> None: ...
    async def sweep_standing(self, region: str, source: str) -> tuple[float, int]: ...
    async def sweep(self, region: str, source: str, order: int, parents: int) -> None: ...
    async def count_open_rejects(self, region: str, names: Sequence[str]) -> int: ...
    async def unavailable(self, region: str) -> dict[str, str | None]: ...
    async def mark_unavailable(self, region: str, source: str, reason: str, seconds: float) -> bool: ...
    async def mark_available(self, region: str, source: str) -> None: ...
    async def known_fields(self, region: str, entity: str) -> Mapping[str, Known]: ...
    async def save_fields(self, region: str, entity: str, rows: Sequence[Known]) -> None: ...
