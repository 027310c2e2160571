"""Compares one region and entity. What differs at first sight is suspect, read again on both sides, then judged."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from breezeway_sync.core.certificate import Certificate, Class, Difference
from breezeway_sync.core.clock import Clock
from breezeway_sync.core.errors import ApiError, CutShort, EmptyAnswer, NotFound
from breezeway_sync.core.outcome import Tally
from breezeway_sync.entities.comparison import Known, LastRead, Reading, Scope
from breezeway_sync.entities.decode import Item
from breezeway_sync.entities.model import CalledChild, Company, Entity, Shape, Source
from breezeway_sync.entities.rows import JsonObject
from breezeway_sync.sync.job import each
from breezeway_sync.sync.ports import Params
from breezeway_sync.sync.verdict import means_unavailable
from breezeway_sync.sync.verify import classify
from breezeway_sync.sync.verify.compare import paths_unlike, unlike_items
from breezeway_sync.sync.verify.extent import CONTACTS, PAGE_ROWS, SMALL_PAGES, Extent
from breezeway_sync.sync.verify.ports import ListApi, ListPage, Mirror
from breezeway_sync.sync.verify.values import whole

BATCH_ROWS = 500


@dataclass(slots=True)
class Verifier:
    """One region and entity (by its name in the log) of one account that is ours."""

    region: str
    company_id: int | None
    name: str
    entity: Entity
    api: ListApi
    mirror: Mirror
    clock: Clock
    extent: Extent
    properties: Entity
    """What tasks are asked for by."""
    known: Known = field(default_factory=lambda: Known({}, {}, {}, None))
    compared: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    _seen: set[tuple[str | None, int]] = field(default_factory=set)

    async def run(self) -> Certificate:
        """Compare; an error of the API ends it and makes the certificate incomplete. Raises DatabaseError."""
        started_at, began = self.clock.now(), self.clock.monotonic()
        error: ApiError | None = None
        try:
            await self._compare()
        except ApiError as failure:
            error = failure
        return Certificate(
            region=self.region,
            entity=self.name,
            started_at=started_at,
            seed=self.extent.seed,
            compared=self.compared,
            differences=tuple(sorted(self.differences, key=lambda one: (one.key, one.path))),
            calls=self.tally.calls,
            seconds=self.clock.monotonic() - began,
            error=None if error is None else error.message,
            fault=None if error is None else error.code,
        )

    async def _compare(self) -> None:
        self.known = await self.mirror.known(self.region, self.entity)
        closed = self.extent.disabled | await self.mirror.unavailable(self.region)
        if self.name != CONTACTS:
            for source in self.entity.sources:
                if source.name not in closed:
                    await self._list(source)
            await self._own_addresses()
            await self._links()
        for called in self.entity.called:
            if called.source.name not in closed and called.owed == (self.name != CONTACTS):
                await self._called(called)

    async def _list(self, source: Source) -> None:
        """Every list of a source that is compared: what it announces, shows, and what the mirror has of it."""
        params = self._params(source)
        if source.per is None:
            scope = Scope(self.entity, source.discriminator)
            try:
                await self._one_list(source, params, scope)
            except ApiError as error:
                is_closed = means_unavailable(error, empty_counts=source.empty_means_unavailable)
                if not is_closed or await self.mirror.count(self.region, scope):
                    raise
                self._count("unavailable")
            return
        every = Scope(self.properties)
        count = await self.mirror.count(self.region, every) if self.extent.whole else self.extent.lists

        async def walk(parent: int) -> None:
            scope = Scope(self.entity, by=source.per, parent=parent)
            await self._one_list(source, [*params, (source.per or "", str(parent))], scope)

        await each(await self.mirror.sample(self.region, every, count, self.extent.seed), self.extent.workers, walk)

    async def _one_list(self, source: Source, params: Params, scope: Scope) -> None:
        if source.shape is Shape.PAGES and source.per is None and not self.extent.whole:
            first = await self._page(source, params, 1)
            count = await self.mirror.count(self.region, scope)
            pages = first.total_pages or 0
            if pages > SMALL_PAGES and first.total_results == count:
                self._count("lists by their total")
                await self._some_pages(source, params, scope, first, pages)
                return
        shown = await self._whole(source, params)
        self._count("lists")
        suspects = await self._look(scope, shown) | (await self.mirror.keys(self.region, scope) - shown.keys())
        await self._judge_all(source, params, scope, suspects)

    async def _some_pages(self, source: Source, params: Params, scope: Scope, first: ListPage, pages: int) -> None:
        dice = random.Random(self.extent.seed)  # noqa: S311 - a sample that can be drawn again
        wanted = min(pages - 1, max(1, self.extent.sample_records // PAGE_ROWS))
        suspects = await self._look(scope, self._keyed(first.items))
        for number in sorted(dice.sample(range(2, pages + 1), wanted)):
            page = await self._page(source, params, number)
            suspects |= await self._look(scope, self._keyed(page.items))
        await self._judge_all(source, params, scope, suspects)

    async def _own_addresses(self) -> None:
        if self.entity.own_address is None:
            return
        scope = Scope(self.entity)

        async def look(key: int) -> None:
            record = await self._own(key)
            if record is None or await self._look(scope, {key: record}):
                await self._judge(scope, key, await self._own(key))

        keys = await self.mirror.sample(self.region, scope, self.extent.sample_records, self.extent.seed)
        wanted = {key for key in keys if (None, key) not in self._seen} | {int(name) for name in self.known.gone}
        await each(sorted(wanted), self.extent.workers, look)

    async def _called(self, called: CalledChild) -> None:
        async def look(key: int) -> None:
            if await self._called_once(called, key) is None:
                return
            again = await self._called_once(called, key)
            if again is not None:
                paths, kind = again
                self._differ(None, key, paths, Class.LATE if await self._is_stale(key) else kind)

        keys = await self.mirror.sample(self.region, Scope(self.entity), self.extent.lists, self.extent.seed)
        await each(keys, self.extent.workers, look)

    async def _is_stale(self, key: int) -> bool:
        """Whether the parent itself has changed after the last read, which will have its lists read again."""
        record = await self._own(key)
        stored = (await self.mirror.stored(self.region, Scope(self.entity), [key])).get(key)
        if record is None or stored is None or not paths_unlike(self.entity, record, stored):
            return False
        last = classify.last_read(self.entity, self.known, None, key, record)
        return classify.of_unlike(record, stored.row.get("updated_at"), last, is_as_loaded=None) is Class.LATE

    async def _called_once(self, called: CalledChild, key: int) -> tuple[list[str], Class] | None:
        """Where the list of one parent differs and what that means; None where it does not.

        A parent without such a list, and one that has gone meanwhile, are left to the other comparisons.
        """
        source, child = called.source, called.child
        path = self._path(source).replace("{id}", str(key))
        try:
            page = await self.api.listing(source.path, path, self._params(source), tally=self.tally)
        except (NotFound, EmptyAnswer) as error:
            if isinstance(error, EmptyAnswer) and not source.empty_means_unavailable:
                raise
            self._count(f"{source.name} not found")
            return None
        stored, is_owed = await self.mirror.called(self.region, self.entity, called, key)
        if stored is None:
            return None
        self._count(source.name)
        items = list(page.items)
        extra = stored.row.get("extra")
        kept = extra.get(f"/{child.items}") if isinstance(extra, dict) else None
        paths = unlike_items(child, items, stored.children[child.table], kept)
        last = classify.last_read(self.entity, self.known, None, key, stored.row)
        if not called.owed:
            last = LastRead(self.known.lists.get((source.name, key), Reading()).covered_at, None)
        return (paths, classify.of_called(items, last, is_owed=is_owed)) if paths else None

    async def _links(self) -> None:
        for link in self.entity.links:
            for key in await self.mirror.broken_links(self.region, self.entity, link):
                self._differ(None, key, [link.column], Class.WRONG)
            self._count("links")

    async def _look(self, scope: Scope, shown: Mapping[int, JsonObject]) -> set[int]:
        """The keys of records that the mirror does not have, or has otherwise."""
        suspects: set[int] = set()
        every = list(shown)
        for start in range(0, len(every), BATCH_ROWS):
            keys = every[start : start + BATCH_ROWS]
            stored = await self.mirror.stored(self.region, Scope(self.entity, scope.discriminator), keys)
            for key in keys:
                if (scope.discriminator, key) not in self._seen:
                    self._seen.add((scope.discriminator, key))
                    self._count("records")
                if key not in stored or paths_unlike(self.entity, shown[key], stored[key]):
                    suspects.add(key)
        return suspects

    async def _judge_all(self, source: Source, params: Params, scope: Scope, suspects: set[int]) -> None:
        if not suspects:
            return
        if self.entity.own_address is None:
            shown = await self._whole(source, params)
            for key in sorted(suspects):
                await self._judge(scope, key, shown.get(key))
            return

        async def judge(key: int) -> None:
            await self._judge(scope, key, await self._own(key))

        await each(sorted(suspects), self.extent.workers, judge)

    async def _judge(self, scope: Scope, key: int, record: JsonObject | None) -> None:
        """Both sides once more, then the class of what still differs."""
        entity, discriminator = self.entity, scope.discriminator
        stored = (await self.mirror.stored(self.region, Scope(entity, discriminator), [key])).get(key)
        if record is None:
            if stored is not None:
                kind = classify.of_gone(entity, self.known, discriminator, key, stored.row)
                self._differ(discriminator, key, [""], kind)
            return
        last = classify.last_read(entity, self.known, discriminator, key, record)
        if stored is None:
            self._differ(discriminator, key, [""], classify.of_missing(record, key, last))
            return
        paths = paths_unlike(entity, record, stored)
        if not paths:
            self._count("explained at their own address")
            return
        as_loaded = classify.is_as_loaded(entity, record, stored)
        kind = classify.of_unlike(record, stored.row.get("updated_at"), last, is_as_loaded=as_loaded)
        self._differ(discriminator, key, paths, kind)

    async def _own(self, key: int) -> JsonObject | None:
        own = self.entity.own_address or ""
        try:
            return (await self.api.record(own, own.replace("{id}", str(key)), tally=self.tally)).value
        except NotFound:
            return None

    async def _page(self, source: Source, params: Params, number: int) -> ListPage:
        order = (("limit", str(PAGE_ROWS)), ("sort_by", "created_at"), ("sort_order", "asc"), ("page", str(number)))
        return await self.api.listing(source.path, self._path(source), [*params, *order], tally=self.tally)

    async def _whole(self, source: Source, params: Params) -> dict[int, JsonObject]:
        """All records of a list by id. Raises CutShort for one that shows less than it announces."""
        shown: dict[int, JsonObject] = {}
        for variant in source.variants:
            asked, path = [*params, *variant], self._path(source)
            if source.shape is Shape.LIST:
                pages = [await self.api.listing(source.path, path, asked, tally=self.tally)]
            else:
                pages = [page async for page in self.api.pages(source.path, path, asked, tally=self.tally)]
            if not all(page.is_complete for page in pages):
                raise CutShort("a list ended before it had shown all that it announced", endpoint=source.path)
            for page in pages:
                shown |= self._keyed(page.items)
        return shown

    def _keyed(self, items: Sequence[Item]) -> dict[int, JsonObject]:
        found: dict[int, JsonObject] = {}
        for item in items:
            key = whole(item.get(self.entity.key.path)) if isinstance(item, dict) else None
            if isinstance(item, dict) and key is not None:
                found[key] = item
            else:
                self._differ(None, None, ["a record without an id"], Class.MISSING)
        return found

    def _path(self, source: Source) -> str:
        return self.extent.paths.get(source.name, source.path)

    def _params(self, source: Source) -> list[tuple[str, str]]:
        has_company = source.company is not Company.NONE and self.company_id is not None
        return [*([(source.company.value, str(self.company_id))] if has_company else []), *source.always]

    def _count(self, what: str) -> None:
        self.compared[what] = self.compared.get(what, 0) + 1

    def _differ(self, discriminator: str | None, key: int | None, paths: Sequence[str], kind: Class) -> None:
        for path in paths:
            one = Difference(self.name, classify.name_of(discriminator, key), path, kind)
            if one not in self.differences:
                self.differences.append(one)
