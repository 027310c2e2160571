"""The API as one region sees it: without the records of other companies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from breezeway_sync.core.errors import NotFound
from breezeway_sync.core.outcome import Tally
from breezeway_sync.entities.decode import Item
from breezeway_sync.entities.model import Entity
from breezeway_sync.sync.belonging import Belonging
from breezeway_sync.sync.ports import Params, RecordLike
from breezeway_sync.sync.verify.ports import ListApi, ListPage


@dataclass(frozen=True, slots=True)
class OwnPage:
    """A page without other companies' records; what it announces is what the API said."""

    items: tuple[Item, ...]
    total_pages: int | None
    total_results: int | None
    is_complete: bool


@dataclass(frozen=True, slots=True)
class OwnApi:
    """A ListApi for one region and entity."""

    api: ListApi
    belonging: Belonging
    entity: Entity

    async def pages(
        self, endpoint: str, path: str, params: Params = (), *, tally: Tally | None = None
    ) -> AsyncIterator[ListPage]:
        async for page in self.api.pages(endpoint, path, params, tally=tally):
            yield self._own(page, endpoint)

    async def listing(self, endpoint: str, path: str, params: Params = (), *, tally: Tally | None = None) -> ListPage:
        return self._own(await self.api.listing(endpoint, path, params, tally=tally), endpoint)

    async def record(self, endpoint: str, path: str, params: Params = (), *, tally: Tally | None = None) -> RecordLike:
        """One record. Raises NotFound for another company's record as well: the region does not have it."""
        record = await self.api.record(endpoint, path, params, tally=tally)
        if self.belonging.why_left_out(self.entity, record.value) is not None:
            raise NotFound("a record of another company", endpoint=endpoint)
        return record

    def _own(self, page: ListPage, endpoint: str) -> ListPage:
        if endpoint not in {source.path for source in self.entity.sources}:
            return page  # children of a record name no company
        items = tuple(one for one in page.items if self.belonging.why_left_out(self.entity, one) is None)
        return OwnPage(items, page.total_pages, page.total_results, page.is_complete)
