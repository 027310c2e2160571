"""Reading lists: region-wide ones, and those that are asked for property by property."""

from __future__ import annotations

from collections.abc import Sequence

from breezeway_sync.core.errors import ApiError, CutShort
from breezeway_sync.entities.model import Shape, Source
from breezeway_sync.sync.batching import Batcher, newest_only
from breezeway_sync.sync.job import Job, close_iterator
from breezeway_sync.sync.parents import over_parents
from breezeway_sync.sync.ports import Page, Params
from breezeway_sync.sync.seen import Seen
from breezeway_sync.sync.verdict import means_unavailable


async def read_lists(job: Job) -> None:
    """Every source of an entity, every variant of a source, one after the other."""
    for source in job.entity.sources:
        if source.name in job.settings.disabled or job.is_closed(source):
            continue
        seen = Seen()
        batcher = job.batcher(source.discriminator)
        try:
            for variant in source.variants:
                await _walk(job, source, [*job.params(source), *variant], batcher, seen)
            await job.reopen(source)
        except ApiError as error:
            if not len(seen) and means_unavailable(error, empty_counts=source.empty_means_unavailable):
                await job.close(source, error)
            else:
                job.problem(source.name, error)
        finally:
            await batcher.flush()


async def read_by_property(job: Job, property_ids: Sequence[int]) -> None:
    """One walk per property. A property that cannot be read costs that property only, by name."""
    source = job.entity.sources[0]
    if job.is_closed(source):
        return
    batcher = job.batcher()

    async def read(property_id: int) -> None:
        params = [*job.params(source), (source.per or "", str(property_id))]
        await _walk(job, source, params, batcher, Seen())

    try:
        for property_id, error in await over_parents(job, source, property_ids, read):
            job.problem(f"property {property_id}", error)
    finally:
        await batcher.flush()


async def _walk(job: Job, source: Source, params: Params, batcher: Batcher, seen: Seen) -> None:
    """Read one list to its end. Raises CutShort after loading what came of one that announced more."""
    if source.shape is Shape.LIST:
        page = await job.api.listing(source.path, job.path(source), params, tally=job.tally)
        await _take(job, page, source, batcher, seen)
        return
    pages = job.api.pages(source.path, job.path(source), params, tally=job.tally)
    try:
        async for page in pages:
            await _take(job, page, source, batcher, seen)
    finally:
        await close_iterator(pages)


async def _take(job: Job, page: Page, source: Source, batcher: Batcher, seen: Seen) -> None:
    job.findings.answers += 1
    fresh = newest_only(job.entity, page.items, job.order_of(page.requested_at), seen)
    job.survey(job.name).add(one.item for one in fresh)
    await batcher.add(fresh)
    if source.shape is Shape.PAGES and source.per is None:
        job.advanced("pages", page.number, page.total_pages)
    if not page.is_complete:
        raise CutShort(
            "a list ended before it had shown all that it announced",
            endpoint=source.path,
            cure="what it did show is stored; the next run reads it again",
        )
