"""Compares one region and entity. It reads each difference again on both sides, then classifies it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from breezeway_sync.core.clock import Clock
from breezeway_sync.core.errors import ApiError
from breezeway_sync.core.verification import VerificationResult
from breezeway_sync.entities.comparison import ListScope
from breezeway_sync.entities.model import AnswerShape, CalledChild, Entity, Source
from breezeway_sync.sync.job import each
from breezeway_sync.sync.ports import Params
from breezeway_sync.sync.status_rules import means_unavailable
from breezeway_sync.sync.verify import classify
from breezeway_sync.sync.verify.again import carry_over, compare_open, first_of_open
from breezeway_sync.sync.verify.bench import Bench
from breezeway_sync.sync.verify.called import compare_called
from breezeway_sync.sync.verify.extent import PAGE_ROWS, SMALL_PAGES
from breezeway_sync.sync.verify.homes import Homes, find_homes, to_scan
from breezeway_sync.sync.verify.ports import ListPage

STRANGE = (
    "the account has none of the properties that the mirror has. Compare client_id and company_id of the region with "
    "those that it was read with"
)


@dataclass(slots=True)
class Verifier:
    """One comparison. Lists per property are read for `properties`. `homes` are those that the mirror lacks."""

    bench: Bench
    clock: Clock
    properties: Entity
    homes: Homes | None = None

    async def run(self) -> VerificationResult:
        """Compare; what cannot be compared makes the certificate incomplete. Raises DatabaseError."""
        started_at, began = self.clock.now(), self.clock.monotonic()
        error: ApiError | None = None
        try:
            await self._compare()
        except ApiError as failure:
            error = failure
        carry_over(self.bench)
        return certificate_of(self.bench, started_at, self.clock.monotonic() - began, error)

    async def _compare(self) -> None:
        bench = self.bench
        bench.known = await bench.mirror.known(bench.region, bench.entity)
        bench.open = tuple(await bench.mirror.unresolved(bench.region, bench.name))
        if await self._is_in_doubt():
            return
        closed = await bench.mirror.unavailable(bench.region)
        parents = await self._walked() if bench.stream.is_per_home else []
        if bench.stream.child is None:
            for source in bench.entity.sources:
                if source.name not in bench.extent.disabled:
                    await self._source(source, parents)
            await self._own_addresses()
            await bench.links()
        for called in bench.stream.called:
            if called.source.name not in bench.extent.disabled:
                expected = await self._parents(called, parents)
                await compare_called(bench, called, expected, is_closed=called.source.name in closed)
        await compare_open(bench)

    async def _is_in_doubt(self) -> bool:
        """Whether the account may be another one than that which was read."""
        bench = self.bench
        bench.doubt = bench.known.blocked_why
        if bench.doubt is None and self.homes is None:
            self.homes = await find_homes(bench, self.properties)
        if self.homes is not None:
            bench.late_homes = self.homes.late
            bench.doubt = STRANGE if self.homes.is_strange else bench.doubt
        return bench.doubt is not None

    async def _walked(self) -> list[int]:
        """The properties whose lists are compared."""
        return [] if self.homes is None else await to_scan(self.bench, self.properties, self.homes)

    async def _parents(self, called: CalledChild, homes: Sequence[int]) -> list[int]:
        """Whose called lists are compared: everybody's, or those that were found to differ before and a sample."""
        bench = self.bench
        if bench.stream.child is not None:
            return list(dict.fromkeys([*first_of_open(bench, called), *homes]))
        every = ListScope(bench.entity)
        if bench.extent.whole:
            return sorted(await bench.mirror.keys(bench.region, every))
        sample = await bench.mirror.sample(bench.region, every, bench.extent.lists, bench.extent.seed)
        return list(dict.fromkeys([*first_of_open(bench, called), *sample]))

    async def _source(self, source: Source, parents: Sequence[int]) -> None:
        """Every list of a source that is compared: what it announces, shows, and what the mirror has of it."""
        bench, params = self.bench, self.bench.params(source)

        async def planned(parent: int) -> None:
            scope = ListScope(bench.entity, by=source.per, parent=parent)
            try:
                await self._one_list(source, [*params, (source.per or "", str(parent))], scope)
            except ApiError as error:
                bench.trouble("list", source.name, parent, error)

        if source.per is not None:
            await each(parents, bench.extent.workers, planned)
            return
        scope = ListScope(bench.entity, source.discriminator)
        try:
            await self._one_list(source, params, scope)
        except ApiError as error:
            is_refused = means_unavailable(error, empty_counts=source.empty_means_unavailable)
            if is_refused and source.may_be_missing and not await bench.mirror.count(bench.region, scope):
                bench.count("unavailable")
            else:
                bench.trouble("list", source.name, 0, error)

    async def _one_list(self, source: Source, params: Params, scope: ListScope) -> None:
        bench = self.bench
        # What an earlier comparison found of records without an address of their own only the whole list can settle.
        needs_full_scan = bench.extent.whole or (bench.open and bench.entity.own_address is None)
        if source.shape is AnswerShape.PAGES and source.per is None and not needs_full_scan:
            first = await bench.page(source, params, 1)
            count = await bench.mirror.count(bench.region, scope)
            pages = first.total_pages or 0
            if pages > SMALL_PAGES and first.total_results == count:
                bench.count("lists by their total")
                await self._some_pages(source, params, scope, first, pages)
                return
        shown = await bench.whole(source, params)
        bench.count("lists")
        suspects = await bench.look(scope, shown) | (await bench.mirror.keys(bench.region, scope) - shown.keys())
        await bench.judge_all(source, params, scope, suspects)

    async def _some_pages(self, source: Source, params: Params, scope: ListScope, first: ListPage, pages: int) -> None:
        bench = self.bench
        rng = random.Random(bench.extent.seed)  # noqa: S311 - a sample that can be drawn again
        expected = min(pages - 1, max(1, bench.extent.sample_records // PAGE_ROWS))
        suspects = await bench.look(scope, bench.keyed(first.items))
        for number in sorted(rng.sample(range(2, pages + 1), expected)):
            page = await bench.page(source, params, number)
            suspects |= await bench.look(scope, bench.keyed(page.items))
        await bench.judge_all(source, params, scope, suspects)

    async def _own_addresses(self) -> None:
        """Records that no list has shown so far: a sample, or all of them."""
        bench, every = self.bench, ListScope(self.bench.entity)
        if bench.entity.own_address is None:
            return

        async def look(key: int) -> None:
            try:
                record = await bench.own(key)
                if record is None or await bench.look(every, {key: record}):
                    await bench.judge(every, key, await bench.own(key))
            except ApiError as error:
                bench.trouble("record", bench.entity.sources[0].name, key, error)

        if bench.extent.whole:
            keys = list(await bench.mirror.keys(bench.region, every))
        else:
            keys = await bench.mirror.sample(bench.region, every, bench.extent.sample_records, bench.extent.seed)
        expected = {*keys, *(int(name) for name in bench.known.gone)}
        await each(sorted(key for key in expected if (None, key) not in bench.seen), bench.extent.workers, look)


def certificate_of(bench: Bench, started_at: datetime, seconds: float, error: ApiError | None) -> VerificationResult:
    """What the comparison amounts to."""
    names = {classify.name_of(*one) for one in bench.seen}
    compared = {"records": len(names)} if names else {}
    compared |= bench.compared | {name: len(keys) for name, keys in bench.listed.items()}
    first = error or next(iter(bench.troubles), None)
    return VerificationResult(
        region=bench.region,
        entity=bench.name,
        started_at=started_at,
        seed=bench.extent.seed,
        compared=compared,
        differences=tuple(sorted(bench.differences, key=lambda one: (one.key, one.path))),
        calls=bench.tally.calls,
        seconds=seconds,
        error=_why_incomplete(bench, error, is_empty=not names),
        error_code=None if first is None else first.code,
        is_full=bench.extent.whole,
        equal=len(names - {one.key for one in bench.differences}),
    )


def _why_incomplete(bench: Bench, error: ApiError | None, *, is_empty: bool) -> str | None:
    """Why not everything was compared, in words; nothing that was laid beside nothing is a proof of anything."""
    if bench.doubt is not None:
        return f"the region's source is in doubt, so nothing was compared: {bench.doubt}"
    if error is not None:
        return error.message
    if bench.troubles:
        more = f" (and {len(bench.troubles) - 1} more like this)" if len(bench.troubles) > 1 else ""
        return f"{bench.troubles[0].message}{more}"
    was_read = any(one.watermark is not None for one in bench.known.lists.values())
    if not is_empty or "unavailable" in bench.compared:
        return None
    if not bench.tally.calls or not was_read:
        return f"nothing was compared: the mirror has never read {bench.name}. `breezeway-sync run {bench.region}` does"
    return None
