"""A store with two regions, a claimed account, and a loader that tells time by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from breezeway_sync.core.clock import Clock, SystemClock
from breezeway_sync.core.events import Event, ignore
from breezeway_sync.entities.batch import Incoming, Loaded
from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.checkpoints import Checkpoint
from breezeway_sync.entities.guard import Guard
from breezeway_sync.entities.plan import plan_of
from breezeway_sync.entities.validate import validate_children
from breezeway_sync.store.acknowledged import Acknowledged, Claim
from breezeway_sync.store.database import Database
from breezeway_sync.store.holder import Holder
from breezeway_sync.store.leases import Lease, hold
from breezeway_sync.store.load import Loader
from breezeway_sync.store.proof import StoredProofs
from breezeway_sync.store.sync_state import SavedRegion, SyncStateStore

BY_NAME = {entity.name: entity for entity in ENTITIES}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/store/" in item.nodeid:
            item.add_marker(pytest.mark.store)


@dataclass
class Store:
    """The store under test; each load counts as a later request unless `order` says otherwise."""

    database: Database
    lease: Lease
    sync_state: SyncStateStore
    events: list[Event] = field(default_factory=list)
    clock: int = 0
    behind: int = 0

    def __post_init__(self) -> None:
        self.begin_run(1)

    def begin_run(self, number: int, clock: Clock | None = None) -> None:
        """Work from now on as this run; `behind` fences behind the lease that is held."""
        lease = self.lease
        if self.behind:
            claim = Claim(lease.fence - self.behind, uuid4())
            lease = replace(lease, claim=claim, acknowledged=Acknowledged(), doubt=asyncio.Event())
        holder = Holder(self.database, lease, UUID(int=number))
        clock = clock or SystemClock()
        self.proofs = StoredProofs(holder, clock, Guard(), history=frozenset(BY_NAME))
        pending_reads = frozenset({"task_comments", "task_requirements"})
        self.loader = Loader(self.proofs, clock, pending_sources=pending_reads, emit=self.events.append)

    def next_order(self) -> int:
        self.clock += 1
        return (self.lease.fence << 32) | self.clock

    async def load(
        self,
        name: str,
        *items: Any,
        region: str = "nashville",
        order: int | None = None,
        tag_type: str | None = None,
        reached: Sequence[Checkpoint] = (),
    ) -> Loaded:
        order = self.next_order() if order is None else order
        incoming = [Incoming(item, order) for item in items]
        return await self.loader.load(region, BY_NAME[name], incoming, tag_type, reached=reached)

    async def load_children(
        self, source: str, parent: int, items: list[Any], *, region: str = "nashville", order: int | None = None
    ) -> Loaded:
        return await self.load_many(source, [(parent, items)], region=region, order=order)

    async def load_many(
        self, source: str, lists: list[tuple[int, list[Any]]], *, region: str = "nashville", order: int | None = None
    ) -> Loaded:
        order = self.next_order() if order is None else order
        for entity in ENTITIES:
            for called, child in zip(entity.called, plan_of(entity).called, strict=True):
                if called.source.name == source:
                    sets = [(validate_children(child, parent, items)[0], order) for parent, items in lists]
                    return await self.loader.load_children(region, entity, child, source, sets)
        raise KeyError(source)


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    sync_state = SyncStateStore(database)
    await sync_state.save_regions(
        [SavedRegion("nashville", "Nashville", 8558), SavedRegion("austin", "Austin", 8561)], ["tasks"], 14
    )
    async with hold(database, "made-up", clock=SystemClock(), wait_seconds=0, drain_seconds=0, emit=ignore) as lease:
        yield Store(database, lease, sync_state)
