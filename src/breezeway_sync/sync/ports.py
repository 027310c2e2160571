"""What the engine needs of the world, as protocols: it knows neither HTTP nor PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from breezeway_sync.core.outcome import Outcome, Tally
from breezeway_sync.entities.batch import Incoming, Loaded
from breezeway_sync.entities.decode import Item
from breezeway_sync.entities.model import Entity
from breezeway_sync.entities.plan import ChildPlan
from breezeway_sync.entities.radar import Known
from breezeway_sync.entities.rows import ChildSet, JsonObject

Params = Sequence[tuple[str, str]]


class Page(Protocol):
    """One page of a list; `requested_at` is the start of its request in monotonic seconds.

    `is_complete` is False on the last page of a list that had announced more than it gave.
    """

    @property
    def items(self) -> tuple[Item, ...]: ...
    @property
    def number(self) -> int: ...
    @property
    def requested_at(self) -> float: ...
    @property
    def total_pages(self) -> int | None: ...
    @property
    def is_complete(self) -> bool: ...


class Record(Protocol):
    """One record from its own address."""

    @property
    def value(self) -> JsonObject: ...
    @property
    def requested_at(self) -> float: ...


class Api(Protocol):
    """One account's API. `endpoint` is the template of the path, for counts and messages."""

    def pages(
        self, endpoint: str, path: str, params: Params = (), *, tally: Tally | None = None
    ) -> AsyncIterator[Page]: ...

    async def listing(self, endpoint: str, path: str, params: Params = (), *, tally: Tally | None = None) -> Page: ...

    async def record(self, endpoint: str, path: str, params: Params = (), *, tally: Tally | None = None) -> Record: ...


class Sink(Protocol):
    """Where records go."""

    async def load(
        self, region: str, entity: Entity, incoming: Sequence[Incoming], discriminator: str | None = None
    ) -> Loaded: ...

    async def load_children(
        self, region: str, entity: Entity, child: ChildPlan, source: str, sets: Sequence[tuple[ChildSet, int]]
    ) -> Loaded: ...

    async def settle(self, region: str, source: str, parents: Sequence[tuple[int, int]]) -> None: ...


class Ledger(Protocol):
    """What a run must remember beyond itself."""

    async def open(self, region: str, entity: str, run_id: UUID) -> int: ...
    async def close(self, region: str, row_id: int, outcome: Outcome) -> None: ...
    async def property_ids(self, region: str) -> list[int]: ...
    async def owed_parents(self, region: str, source: str, below: int | None, limit: int) -> list[int]: ...
    async def count_owed(self, region: str, sources: Sequence[str]) -> dict[str, int]: ...
    async def owe_all(self, region: str, sources: Sequence[str], order: int) -> None: ...
    async def unavailable(self, region: str) -> dict[str, str]: ...
    async def mark_unavailable(self, region: str, source: str, reason: str, seconds: float) -> bool: ...
    async def mark_available(self, region: str, source: str) -> None: ...
    async def known_fields(self, region: str, entity: str) -> Mapping[str, Known]: ...
    async def save_fields(self, region: str, entity: str, rows: Sequence[Known]) -> None: ...
