"""Reads lists: lists of a region, and lists per property.

Properties where somebody arrives or leaves today or tomorrow come first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from breezeway_sync.core.errors import ApiError, CutShort, ListUnstable
from breezeway_sync.entities.batch import Incoming
from breezeway_sync.entities.checkpoints import BACKFILL, FULL, INCREMENTAL, Checkpoint, ListState
from breezeway_sync.entities.model import AnswerShape, Source
from breezeway_sync.entities.plan import plan_of
from breezeway_sync.sync.batching import Batcher, newest_only
from breezeway_sync.sync.belonging import Sifted
from breezeway_sync.sync.completeness import ListReading, flaw, is_worth_another, proven_by
from breezeway_sync.sync.homes import learn_homes
from breezeway_sync.sync.job import Job, close_iterator
from breezeway_sync.sync.missing import refused_list
from breezeway_sync.sync.parents import over_parents
from breezeway_sync.sync.ports import PageLike
from breezeway_sync.sync.scans import (
    READ_BEFORE,
    PlannedScan,
    ScanInputs,
    backfill_scan,
    due_scans,
    list_name,
    planned_scan_of,
    window_days,
)


@dataclass(slots=True)
class ListScan:
    """One walk over one list: what is asked for, and the readings that it has taken so far."""

    source: Source
    parent: int
    kind: str
    known_state: ListState
    has_window: bool = True
    readings: list[ListReading] = field(default_factory=list)
    sifted: Sifted = field(default_factory=Sifted)

    def own_ids(self) -> Sequence[int]:
        """The ids that the last reading showed, without records of another company: the region's list has none."""
        shown, excluded = self.readings[-1].seen.ids, self.sifted.excluded
        return [key for key in shown if key not in excluded] if excluded else shown


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


async def _scans(job: Job, source: Source, parents: Sequence[int]) -> tuple[dict[int, list[ListScan]], bool]:
    """The scans to be made, by parent; and whether any list of the source was read to its end before."""
    standings = await job.sync_state.standings(job.region, source.name)
    was_read = any(one.watermark is not None for one in standings.values())
    if job.settings.backfill is not None:
        return await _backfill_scans(job, source, parents), was_read
    interrupted, pace, version = job.interrupted, job.settings.pace, plan_of(job.entity).version
    expected = ScanInputs(job.clock.now(), pace, job.settings.full, version, interrupted)
    near = await _window_lists(job, source)
    found: dict[int, list[ListScan]] = {}
    for parent in parents:
        known_state, has_window = standings.get(parent, ListState()), parent in near
        kinds = due_scans(
            source, list_name(job.region, source.name, parent), known_state, expected, has_window=has_window
        )
        job.findings.note(READ_BEFORE, int(not kinds))
        job.is_full &= kinds == [FULL]
        found[parent] = [ListScan(source, parent, kind, known_state, has_window) for kind in kinds]
    return found, was_read


async def _window_lists(job: Job, source: Source) -> frozenset[int]:
    """The parents whose lists should show records around today."""
    if not source.dated:
        return frozenset()
    days = window_days(job.clock.now().date(), job.settings.pace)
    return frozenset(await job.sync_state.window_lists(job.region, source.name, *days))


async def _backfill_scans(job: Job, source: Source, parents: Sequence[int]) -> dict[int, list[ListScan]]:
    job.is_full = False
    days = job.settings.backfill
    over = await job.sync_state.backfilled(job.region, source.name, days, job.clock.now()) if days else frozenset()
    job.findings.note(READ_BEFORE, len(over & set(parents)))
    return {one: [] if one in over else [ListScan(source, one, BACKFILL, ListState())] for one in parents}


def _planned(job: Job, scan: ListScan) -> PlannedScan:
    """The walk to ask for now, with the days of this moment."""
    if scan.kind == BACKFILL and job.settings.backfill is not None:
        return backfill_scan(job.settings.backfill)
    return planned_scan_of(scan.kind, scan.known_state, job.settings.pace, job.clock.now())


async def _read(job: Job, scan: ListScan, batcher: Batcher[Incoming]) -> None:
    """Read one list, and store it, until the readings prove that nothing of it was missed.

    Raises CutShort or ListUnstable where that cannot be proven.
    """
    planned = _planned(job, scan)
    while True:
        reading = ListReading(job.entity.stamps, planned.must_begin_before)
        await _read_once(job, scan, planned, batcher, reading)
        scan.readings.append(reading)
        proven = proven_by(scan.readings)
        if proven or not is_worth_another(scan.readings):
            break
        if reading.is_overslept:
            planned = _planned(job, scan)
    await batcher.add((), _checkpoint(job, scan, planned, proven))
    if not proven:
        kind = CutShort if scan.readings[-1].is_short else ListUnstable
        raise kind(
            f"a list was not read whole: {flaw(scan.readings)}",
            endpoint=scan.source.path,
            hint="what it did show is stored; the next run reads it again",
        )


def _checkpoint(job: Job, scan: ListScan, planned: PlannedScan, proven: Sequence[ListReading]) -> Checkpoint:
    """What a scan has proven, or only shown."""
    first, last = proven[0] if proven else scan.readings[0], scan.readings[-1]
    if first.began_at is None:
        raise AssertionError("unreachable: a reading has a first page")
    return Checkpoint(
        source=scan.source.name,
        parent=scan.parent,
        kind=scan.kind,
        since=planned.since,
        until=planned.until,
        began_at=first.began_at,
        began_order=first.began_order,
        shown=last.distinct,
        is_complete=bool(proven),
        version=plan_of(job.entity).version,
        ids=scan.own_ids(),
        nameless=last.seen.nameless,
        # This walk also shows the records that became near since then.
        covers_window=scan.kind == INCREMENTAL and bool(scan.source.dated) and not scan.has_window,
    )


async def _read_once(
    job: Job, scan: ListScan, planned: PlannedScan, batcher: Batcher[Incoming], reading: ListReading
) -> None:
    source = scan.source
    params = [*job.params(source), *([(source.per, str(scan.parent))] if source.per else [])]
    for variant in source.variants:
        asked = [*planned.narrowed(params, source), *variant]
        if source.shape is AnswerShape.LIST:
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


async def _take(job: Job, page: PageLike, scan: ListScan, batcher: Batcher[Incoming], reading: ListReading) -> None:
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
    is_told = scan.source.shape is AnswerShape.PAGES and scan.source.per is None and scan.kind in (FULL, BACKFILL)
    if is_told and not scan.readings:
        job.advanced("pages", page.number, page.total_pages)
