"""Reading lists: region-wide ones, and those that are asked for property by property."""

from __future__ import annotations

from collections.abc import Sequence

from breezeway_sync.core.errors import ApiError, CutShort
from breezeway_sync.entities.marks import BACKFILL, WHOLE, Standing
from breezeway_sync.entities.model import Shape, Source
from breezeway_sync.entities.plan import plan_of
from breezeway_sync.sync.batching import Batcher, newest_only
from breezeway_sync.sync.homes import learn_homes
from breezeway_sync.sync.job import Job, close_iterator
from breezeway_sync.sync.parents import over_parents
from breezeway_sync.sync.ports import Page, Params
from breezeway_sync.sync.verdict import means_unavailable
from breezeway_sync.sync.walks import Course, Walk, Wanted, backfill_walk, list_name, walks


async def read_lists(job: Job) -> None:
    """Every source of an entity, every variant of a source, one after the other."""
    for source in job.entity.sources:
        if source.name in job.settings.disabled or job.is_closed(source):
            continue
        wanted, was_read = await _wanted(job, source, [0])
        batcher = job.batcher(source.discriminator)
        answers_before = job.findings.answers
        async with batcher.in_time():
            try:
                for walk in wanted[0]:
                    await _walk(job, source, job.params(source), batcher, _course(job, source, 0, walk))
                await job.reopen(source)
            except ApiError as error:
                # What an account had until now it is not taken to have lost: its list is not read, and that is told.
                is_first = job.findings.answers == answers_before and not was_read
                if is_first and means_unavailable(error, empty_counts=source.empty_means_unavailable):
                    await job.close(source, error)
                else:
                    job.problem(job.list_of(source), error)


async def read_by_property(job: Job, property_ids: Sequence[int]) -> None:
    """The walks of every property. A property that cannot be read costs that property only, by name."""
    source = job.entity.sources[0]
    if job.is_closed(source):
        return
    wanted, was_read = await _wanted(job, source, property_ids)
    batcher = job.batcher()

    async def read(property_id: int) -> None:
        params = [*job.params(source), (source.per or "", str(property_id))]
        for walk in wanted[property_id]:
            await _walk(job, source, params, batcher, _course(job, source, property_id, walk))

    left = [one for one in wanted if wanted[one]]
    has_answered = was_read or len(left) < len(wanted)
    async with batcher.in_time():
        for property_id, error in await over_parents(job, source, left, read, has_answered=has_answered):
            job.problem(job.list_of(source, property_id), error)


async def _wanted(job: Job, source: Source, parents: Sequence[int]) -> tuple[dict[int, list[Walk]], bool]:
    """The walks to be made, by parent; and whether any list of the source was read to its end before."""
    days = job.settings.backfill
    standings = await job.ledger.standings(job.region, source.name)
    was_read = any(one.covered_at is not None for one in standings.values())
    if days is None:
        return {one: _walks(job, source, one, standings.get(one, Standing())) for one in parents}, was_read
    job.is_whole = False
    begun = await job.ledger.backfilled(job.region, source.name, days, job.clock.now())
    over = {parent for parent, part in begun.items() if part is None}
    job.findings.note("lists that were read before the interruption", len(over & set(parents)))
    page_size = job.settings.page_size
    left = {one: [] if one in over else [backfill_walk(days, begun.get(one), page_size)] for one in parents}
    return left, was_read


def _walks(job: Job, source: Source, parent: int, standing: Standing) -> list[Walk]:
    settings = job.settings
    cut_off = None if job.cut_off is None else job.cut_off.began_at
    wanted = Wanted(
        job.clock.now(), settings.pace, settings.full, plan_of(job.entity).version, settings.page_size, cut_off
    )
    found = walks(source, list_name(job.region, source.name, parent), standing, wanted)
    job.findings.note("lists that were read before the interruption", int(not found))
    job.is_whole &= [walk.kind for walk in found] == [WHOLE] and not found[0].is_resumed
    return found


def _course(job: Job, source: Source, parent: int, walk: Walk) -> Course:
    return Course(source.name, parent, walk, job.settings.page_size, plan_of(job.entity).version)


async def _walk(job: Job, source: Source, params: Params, batcher: Batcher, course: Course) -> None:
    """Read one list to its end. Raises CutShort after loading what came of one that showed less than it announced."""
    variants = source.variants
    for variant in variants:
        asked = [*course.walk.narrowed(params, source), *variant]
        is_final = variant == variants[-1]
        if source.shape is Shape.LIST:
            page = await job.api.listing(source.path, job.path(source), asked, tally=job.tally)
            await _take(job, page, source, batcher, course, is_over=is_final and page.is_complete)
            continue
        pages = job.api.pages(
            source.path,
            job.path(source),
            asked,
            after_page=course.walk.pages_stored,
            # Lists of properties are read side by side: pages asked for ahead would only lie in memory.
            concurrency=1 if source.per else None,
            tally=job.tally,
        )
        try:
            async for page in pages:
                is_over = is_final and page.is_last and page.is_complete
                await _take(job, page, source, batcher, course, is_over=is_over)
        finally:
            await close_iterator(pages)
    if flaw := course.flaw():
        raise CutShort(
            f"a list was not read whole: {flaw}",
            endpoint=source.path,
            cure="what it did show is stored; the next run reads it again",
        )


async def _take(job: Job, page: Page, source: Source, batcher: Batcher, course: Course, *, is_over: bool) -> None:
    job.findings.answers += 1
    order = job.order_of(page.requested_at)
    newest = newest_only(job.entity, page.items, order, course.seen)
    await learn_homes(job, newest)
    fresh = job.own(newest, course.sifted)
    job.survey(job.name).add(one.item for one in fresh)
    course.turned(page, order)
    # After a page that was cut short nothing goes on: the rest of it would not be asked for.
    can_go_on = source.shape is Shape.PAGES and len(source.variants) == 1 and page.is_complete
    await batcher.add(fresh, course.mark(is_over=is_over) if is_over or can_go_on else None, size_bytes=page.size_bytes)
    if source.shape is Shape.PAGES and source.per is None and course.walk.kind in (WHOLE, BACKFILL):
        job.advanced("pages", page.number, page.total_pages)
    if not page.is_complete:
        raise CutShort(
            "a list ended before it had shown all that it announced",
            endpoint=source.path,
            cure="what it did show is stored; the next run reads it again",
        )
