"""Reading lists: region-wide ones, and those that are asked for property by property."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from breezeway_sync.core.errors import ApiError, CutShort, ListUnstable
from breezeway_sync.entities.marks import BACKFILL, CHANGED, WHOLE, Mark, Standing
from breezeway_sync.entities.model import Shape, Source
from breezeway_sync.entities.plan import plan_of
from breezeway_sync.sync.batching import Batcher, newest_only
from breezeway_sync.sync.belonging import Sifted
from breezeway_sync.sync.completeness import Reading, flaw, is_worth_another, proven_by
from breezeway_sync.sync.homes import learn_homes
from breezeway_sync.sync.job import Job, close_iterator
from breezeway_sync.sync.missing import refused_list
from breezeway_sync.sync.parents import over_parents
from breezeway_sync.sync.ports import Page
from breezeway_sync.sync.walks import READ_BEFORE, Walk, Wanted, backfill_walk, list_name, near_days, walk_of, walks


@dataclass(slots=True)
class Scan:
    """One walk over one list: what is asked for, and the readings that it has taken so far."""

    source: Source
    parent: int
    kind: str
    standing: Standing
    has_near: bool = True
    readings: list[Reading] = field(default_factory=list)
    sifted: Sifted = field(default_factory=Sifted)

    def own_ids(self) -> Sequence[int]:
        """The ids that the last reading showed, without records of another company: the region's list has none."""
        shown, left_out = self.readings[-1].seen.ids, self.sifted.left_out
        return [key for key in shown if key not in left_out] if left_out else shown


async def read_lists(job: Job) -> None:
    """Every source of an entity, every variant of a source, one after the other."""
    for source in job.entity.sources:
        if source.name in job.settings.disabled or job.is_closed(source):
            continue
        scans, was_read = await _scans(job, source, [0])
        batcher = job.batcher(source.discriminator)
        answers_before = job.findings.answers
        async with batcher.in_time():
            try:
                for scan in scans[0]:
                    await _read(job, scan, batcher)
                await job.answered(source)
            except ApiError as error:
                # No account is believed to have lost what it had until now: that its list was not read is a problem.
                if job.findings.answers > answers_before or was_read:
                    job.problem(job.list_of(source), error)
                else:
                    await refused_list(job, source, error)


async def read_by_property(job: Job, property_ids: Sequence[int]) -> None:
    """The walks of every property. A property that cannot be read costs that property only, by name."""
    source = job.entity.sources[0]
    if job.is_closed(source):
        return
    scans, _ = await _scans(job, source, property_ids)
    batcher = job.batcher()

    async def read(property_id: int) -> None:
        for scan in scans[property_id]:
            await _read(job, scan, batcher)

    left = [one for one in scans if scans[one]]
    async with batcher.in_time():
        for property_id, error in await over_parents(job, source, left, read):
            job.problem(job.list_of(source, property_id), error)


async def read_one(job: Job, source: Source, parent: int) -> None:
    """The list of one source: the region's own (`parent` 0), or that of one property. Raises ApiError."""
    scans, _ = await _scans(job, source, [parent])
    batcher = job.batcher(source.discriminator)
    async with batcher.in_time():
        for scan in scans[parent]:
            await _read(job, scan, batcher)


async def _scans(job: Job, source: Source, parents: Sequence[int]) -> tuple[dict[int, list[Scan]], bool]:
    """The scans to be made, by parent; and whether any list of the source was read to its end before."""
    standings = await job.ledger.standings(job.region, source.name)
    was_read = any(one.covered_at is not None for one in standings.values())
    if job.settings.backfill is not None:
        return await _backfill_scans(job, source, parents), was_read
    cut_off, pace, version = job.cut_off, job.settings.pace, plan_of(job.entity).version
    wanted = Wanted(job.clock.now(), pace, job.settings.full, version, cut_off)
    near = await _near_lists(job, source)
    found: dict[int, list[Scan]] = {}
    for parent in parents:
        standing, has_near = standings.get(parent, Standing()), parent in near
        kinds = walks(source, list_name(job.region, source.name, parent), standing, wanted, has_near=has_near)
        job.findings.note(READ_BEFORE, int(not kinds))
        job.is_whole &= kinds == [WHOLE]
        found[parent] = [Scan(source, parent, kind, standing, has_near) for kind in kinds]
    return found, was_read


async def _near_lists(job: Job, source: Source) -> frozenset[int]:
    """The parents whose lists should show records around today."""
    if not source.dated:
        return frozenset()
    days = near_days(job.clock.now().date(), job.settings.pace)
    return frozenset(await job.ledger.near_lists(job.region, source.name, *days))


async def _backfill_scans(job: Job, source: Source, parents: Sequence[int]) -> dict[int, list[Scan]]:
    job.is_whole = False
    days = job.settings.backfill
    over = await job.ledger.backfilled(job.region, source.name, days, job.clock.now()) if days else frozenset()
    job.findings.note(READ_BEFORE, len(over & set(parents)))
    return {one: [] if one in over else [Scan(source, one, BACKFILL, Standing())] for one in parents}


def _walk(job: Job, scan: Scan) -> Walk:
    """The walk to ask for now, with the days of this moment."""
    if scan.kind == BACKFILL and job.settings.backfill is not None:
        return backfill_walk(job.settings.backfill)
    return walk_of(scan.kind, scan.standing, job.settings.pace, job.clock.now())


async def _read(job: Job, scan: Scan, batcher: Batcher) -> None:
    """Read one list, and store it, until the readings prove that nothing of it was missed.

    Raises CutShort or ListUnstable where that cannot be proven.
    """
    walk = _walk(job, scan)
    while True:
        reading = Reading(job.entity.stamps, walk.must_begin_before)
        await _read_once(job, scan, walk, batcher, reading)
        scan.readings.append(reading)
        proven = proven_by(scan.readings)
        if proven or not is_worth_another(scan.readings):
            break
        if reading.is_overslept:
            walk = _walk(job, scan)
    await batcher.add((), _mark(job, scan, walk, proven))
    if not proven:
        kind = CutShort if scan.readings[-1].is_short else ListUnstable
        raise kind(
            f"a list was not read whole: {flaw(scan.readings)}",
            endpoint=scan.source.path,
            cure="what it did show is stored; the next run reads it again",
        )


def _mark(job: Job, scan: Scan, walk: Walk, proven: Sequence[Reading]) -> Mark:
    """What a scan has proven, or only shown."""
    first, last = proven[0] if proven else scan.readings[0], scan.readings[-1]
    if first.began_at is None:
        raise AssertionError("unreachable: a reading has a first page")
    return Mark(
        source=scan.source.name,
        parent=scan.parent,
        kind=scan.kind,
        since=walk.since,
        until=walk.until,
        began_at=first.began_at,
        began_order=first.began_order,
        shown=last.distinct,
        is_complete=bool(proven),
        version=plan_of(job.entity).version,
        ids=scan.own_ids(),
        nameless=last.seen.nameless,
        # This walk also shows the records that became near since then.
        covers_near=scan.kind == CHANGED and bool(scan.source.dated) and not scan.has_near,
    )


async def _read_once(job: Job, scan: Scan, walk: Walk, batcher: Batcher, reading: Reading) -> None:
    source = scan.source
    params = [*job.params(source), *([(source.per, str(scan.parent))] if source.per else [])]
    for variant in source.variants:
        asked = [*walk.narrowed(params, source), *variant]
        if source.shape is Shape.LIST:
            page = await job.api.listing(source.path, job.path(source), asked, tally=job.tally)
            await _take(job, page, scan, batcher, reading)
            continue
        # Lists of properties are read side by side: pages asked for ahead would only lie in memory.
        concurrency = 1 if source.per else None
        pages = job.api.pages(source.path, job.path(source), asked, concurrency=concurrency, tally=job.tally)
        try:
            async for page in pages:
                await _take(job, page, scan, batcher, reading)
        finally:
            await close_iterator(pages)


async def _take(job: Job, page: Page, scan: Scan, batcher: Batcher, reading: Reading) -> None:
    """Store what a page shows for the first time."""
    job.findings.answers += 1
    order = job.order_of(page.requested_at)
    shown = newest_only(job.entity, page.items, order, reading.seen, [one.seen for one in scan.readings])
    await learn_homes(job, shown)
    fresh = job.own(shown, scan.sifted)
    reading.turned(page, order)
    await batcher.add(fresh, size_bytes=page.size_bytes)
    # Last, because it lets other tasks run: a task that is cancelled in it has given everything to the batcher.
    await job.look(job.name, (one.item for one in fresh))
    is_told = scan.source.shape is Shape.PAGES and scan.source.per is None and scan.kind in (WHOLE, BACKFILL)
    if is_told and not scan.readings:
        job.advanced("pages", page.number, page.total_pages)
