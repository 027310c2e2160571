"""The protocols of the comparison: what it needs from HTTP and PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol
from uuid import UUID

from breezeway_sync.core.outcome import Tally
from breezeway_sync.core.verification import Difference, VerificationResult
from breezeway_sync.entities.comparison import ClaimedState, ListScope, Stored
from breezeway_sync.entities.decode import Item
from breezeway_sync.entities.model import CalledChild, Entity, Link
from breezeway_sync.sync.ports import Params, RecordLike


class ListPage(Protocol):
    """One page of a list with what it announced; None where it announced nothing."""

    @property
    def items(self) -> tuple[Item, ...]: ...
    @property
    def total_pages(self) -> int | None: ...
    @property
    def total_results(self) -> int | None: ...
    @property
    def is_complete(self) -> bool: ...


class ListApi(Protocol):
    """One account's API. `endpoint` is the template of the path, for counts and messages."""

    def pages(
        self, endpoint: str, path: str, params: Params = (), *, tally: Tally | None = None
    ) -> AsyncIterator[ListPage]: ...

    async def listing(
        self, endpoint: str, path: str, params: Params = (), *, tally: Tally | None = None
    ) -> ListPage: ...

    async def record(
        self, endpoint: str, path: str, params: Params = (), *, tally: Tally | None = None
    ) -> RecordLike: ...


class Mirror(Protocol):
    """The stored side; live rows only."""

    async def known(self, region: str, entity: Entity) -> ClaimedState: ...
    async def count(self, region: str, scope: ListScope) -> int: ...
    async def keys(self, region: str, scope: ListScope) -> set[int]: ...
    async def sample(self, region: str, scope: ListScope, size: int, seed: int) -> list[int]: ...
    async def stored(self, region: str, scope: ListScope, keys: Sequence[int]) -> dict[int, Stored]: ...
    async def called(self, region: str, entity: Entity, called: CalledChild, key: int) -> tuple[Stored | None, bool]:
        """The parent with the rows of that list, and whether the call is owed."""
        ...

    async def unresolved(self, region: str, name: str) -> list[Difference]:
        """What the latest complete comparison has found, without late differences."""
        ...

    async def broken_links(self, region: str, entity: Entity, link: Link) -> list[int]: ...
    async def unavailable(self, region: str) -> set[str]: ...
    async def save(self, run_id: UUID, verification_result: VerificationResult) -> None: ...
