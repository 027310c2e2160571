"""Buffers the list of properties until it confirms the source of the region.

The list confirms a source when it shows a known property of a right company. Until then nothing of the region is
stored. An empty list while properties are live blocks the region too: a wrong source looks the same. A new `client_id`
resets the region in the transaction that confirms it, so wrong credentials change nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from breezeway_sync.core.errors import BreezewaySyncError
from breezeway_sync.entities.batch import Incoming, Loaded
from breezeway_sync.entities.catalog import HOME
from breezeway_sync.entities.checkpoints import Checkpoint
from breezeway_sync.entities.rows import record_key
from breezeway_sync.sync.batching import Batcher
from breezeway_sync.sync.belonging import Belonging, company_of
from breezeway_sync.sync.identity import Shown, SourceCheck, confirm

Confirm = Callable[[SourceCheck], Awaitable[None]]


@dataclass(slots=True)
class Gate:
    """Of one region's run: whether the source is the right one, by the properties that its list shows.

    `known` are those that the mirror has or had. `write` stores a new answer; it is called once, before anything
    that was held is stored.
    """

    region: str
    admission: SourceCheck
    known: Collection[int]
    belonging: Belonging
    write: Confirm
    is_open: bool = False
    refused: BreezewaySyncError | None = None
    """What the list of properties showed against the source: then the run reads nothing else either."""
    own: set[int] = field(default_factory=set)
    companies: Counter[int] = field(default_factory=Counter)
    excluded: Counter[int] = field(default_factory=Counter)

    @property
    def is_confirmed(self) -> bool:
        """Whether anything else may be stored."""
        return self.is_open or self.admission.is_confirmed

    def note(self, shown: Iterable[Incoming], excluded: Iterable[Incoming]) -> None:
        """Count one more page."""
        for one in shown:
            key = record_key(one.item) if isinstance(one.item, dict) else None
            if key is not None:
                self.own.add(key)
            _count(self.companies, one)
        for one in excluded:
            _count(self.excluded, one)

    async def open_early(self) -> None:
        """Open the gate as soon as the pages so far show enough."""
        has_known = not self.known or not self.admission.must_know or not self.own.isdisjoint(self.known)
        if not self.is_open and self.admission.identity.companies.is_known and self.own and has_known:
            await self.open()

    async def open(self) -> None:
        """Judge what the list has shown. Raises SourceUnclear and SourceChanged."""
        before = self.admission
        found = confirm(self.region, before, Shown(self.own, self.companies, self.excluded), self.known)
        if not before.is_confirmed or found != before:
            await self.write(found)
        self.admission, self.is_open = found, True
        self.belonging.companies = found.identity.companies


def _count(counter: Counter[int], one: Incoming) -> None:
    company = company_of(HOME, one.item)
    if company is not None:
        counter[company] += 1


class GatedBatcher(Batcher[Incoming]):
    """A batcher that loads nothing before the gate is open.

    What it holds until then takes no room: it could not be stored to make some, and properties are few.
    """

    def __init__(
        self,
        gate: Gate,
        is_full: Callable[[], bool],
        store: Callable[[list[Incoming], list[Checkpoint]], Awaitable[Loaded]],
        loaded: Loaded,
        **limits: Any,
    ) -> None:
        super().__init__(store, loaded, **limits)
        self._gate = gate
        self._is_full = is_full
        self._is_over = False
        self._before: list[tuple[list[Incoming], Checkpoint | None, int]] = []

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Around everything that adds; at the end of a list that was read whole the gate is judged by it."""
        async with super().in_time():
            yield
            if self._is_over and self._is_full() and not self._gate.is_open:
                await self._gate.open()
                await self._release()

    async def add(
        self, items: Iterable[Incoming], checkpoint: Checkpoint | None = None, *, size_bytes: int = 0
    ) -> None:
        if self._gate.is_open:
            await super().add(items, checkpoint, size_bytes=size_bytes)
            return
        self._before.append((list(items), checkpoint, size_bytes))
        self._is_over |= checkpoint is not None and checkpoint.is_complete
        await self._gate.open_early()
        if self._gate.is_open:
            await self._release()

    async def _release(self) -> None:
        before, self._before = self._before, []
        for incoming, checkpoint, size_bytes in before:
            await super().add(incoming, checkpoint, size_bytes=size_bytes)
