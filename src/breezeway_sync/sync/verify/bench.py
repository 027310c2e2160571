"""The working set of one comparison: both sides, the differences so far, and the comparison of one record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from breezeway_sync.core.errors import ApiError, CutShort, NotFound
from breezeway_sync.core.outcome import Tally
from breezeway_sync.core.problems import ProblemKind
from breezeway_sync.core.verification import Class, Difference
from breezeway_sync.entities.comparison import ClaimedState, ListScope
from breezeway_sync.entities.decode import Item
from breezeway_sync.entities.model import AnswerShape, Company, Entity, Source
from breezeway_sync.entities.rows import JsonObject
from breezeway_sync.entities.streams import Stream
from breezeway_sync.sync.job import each
from breezeway_sync.sync.ports import Params
from breezeway_sync.sync.status_rules import ends_everything
from breezeway_sync.sync.verify import classify
from breezeway_sync.sync.verify.compare import paths_unlike, says_deleted
from breezeway_sync.sync.verify.extent import PAGE_ROWS, Extent
from breezeway_sync.sync.verify.ports import ListApi, ListPage, Mirror
from breezeway_sync.sync.verify.values import whole

BATCH_ROWS = 500
# After so many failures more than single records are wrong: the comparison ends.
MOST_TROUBLES = 100
Name = tuple[str | None, int]
"""A record: the value of the entity's discriminator, if it has one, and its id."""


@dataclass(slots=True)
class Bench:
    """One region and stream of one account that is ours.

    `seen` are the records that were laid beside their rows, on whichever side they are; `listed` parents, by the source
    whose list of theirs was compared; `looked_again` records, and parents by source, of which nothing is left to be
    compared. `late_homes` are properties that are newer than the mirror's list of them. `open` is what an earlier
    comparison has found and none has seen right since. `doubt`: why nothing may be concluded from the account.
    """

    region: str
    company_id: int | None
    stream: Stream
    api: ListApi
    mirror: Mirror
    extent: Extent
    known: ClaimedState = field(default_factory=lambda: ClaimedState({}, {}, {}, None))
    open: tuple[Difference, ...] = ()
    late_homes: frozenset[int] = frozenset()
    compared: dict[str, int] = field(default_factory=dict)
    differences: dict[Difference, None] = field(default_factory=dict)
    seen: set[Name] = field(default_factory=set)
    listed: dict[str, set[int]] = field(default_factory=dict)
    looked_again: set[Name] = field(default_factory=set)
    tally: Tally = field(default_factory=Tally)
    troubles: list[ApiError] = field(default_factory=list)
    doubt: str | None = None

    @property
    def name(self) -> str:
        return self.stream.name

    @property
    def entity(self) -> Entity:
        """Whose records, or children, are compared."""
        return self.stream.entity

    # --- what is found -----------------------------------------------------------------------------------

    def count(self, what: str, number: int = 1) -> None:
        if number:
            self.compared[what] = self.compared.get(what, 0) + number

    def differ(self, discriminator: str | None, key: int | None, paths: Iterable[str], kind: Class) -> None:
        for path in paths:
            self.differences[Difference(self.name, classify.name_of(discriminator, key), path, kind)] = None

    def trouble(self, kind: ProblemKind, source: str, key: int, error: ApiError) -> None:
        """One list or record cannot be compared; the others are. Raises the error where nothing else can be."""
        if (kind, source, key) in self.known.accepted:
            self.count("accepted by a person")
            return
        if ends_everything(error) or len(self.troubles) >= MOST_TROUBLES:
            raise error
        self.troubles.append(error)

    # --- the API's side ----------------------------------------------------------------------------------

    def path(self, source: Source) -> str:
        return self.extent.paths.get(source.name, source.path)

    def params(self, source: Source) -> list[tuple[str, str]]:
        has_company = source.company is not Company.NONE and self.company_id is not None
        return [*([(source.company.value, str(self.company_id))] if has_company else []), *source.always]

    async def own(self, key: int) -> JsonObject | None:
        """A record from its own address; None where the address has none, or one of another company."""
        address = self.entity.own_address or ""
        try:
            record = (await self.api.record(address, address.replace("{id}", str(key)), tally=self.tally)).value
        except NotFound:
            return None
        return None if self.is_foreign(record) else record

    async def children(self, source: Source, key: int) -> ListPage:
        """The list of one parent that costs a call of its own."""
        path = self.path(source).replace("{id}", str(key))
        return await self.api.listing(source.path, path, self.params(source), tally=self.tally)

    async def page(self, source: Source, params: Params, number: int) -> ListPage:
        order = (("limit", str(PAGE_ROWS)), ("sort_by", "created_at"), ("sort_order", "asc"), ("page", str(number)))
        return await self.api.listing(source.path, self.path(source), [*params, *order], tally=self.tally)

    async def whole(self, source: Source, params: Params) -> dict[int, JsonObject]:
        """All records of a list by id. Raises CutShort for one that shows less than it announces."""
        shown: dict[int, JsonObject] = {}
        for variant in source.variants:
            asked, path = [*params, *variant], self.path(source)
            if source.shape is AnswerShape.LIST:
                pages = [await self.api.listing(source.path, path, asked, tally=self.tally)]
            else:
                pages = [page async for page in self.api.pages(source.path, path, asked, tally=self.tally)]
            if not all(page.is_complete for page in pages):
                raise CutShort("a list ended before it had shown all that it announced", endpoint=source.path)
            for page in pages:
                shown |= self.keyed(page.items)
        return shown

    def keyed(self, items: Sequence[Item]) -> dict[int, JsonObject]:
        """The records of a list by id, without those of companies that the region leaves out."""
        found: dict[int, JsonObject] = {}
        for item in items:
            key = whole(item.get(self.entity.key.path)) if isinstance(item, dict) else None
            if not isinstance(item, dict) or key is None:
                self._miss_nameless(item)
            elif self.is_foreign(item):
                self.count("of another company")
            else:
                found[key] = item
        return found

    def is_accepted(self, name: str, key: int) -> bool:
        """Whether a person lives with a record, or a parent's list, that no row can take: the row is an older one."""
        found = ("rejected", name, key) in self.known.accepted
        self.count("accepted by a person", int(found))
        return found

    def _miss_nameless(self, item: Item) -> None:
        """No row can take a record without an id; a person may have accepted this one."""
        if (self.name, classify.name_of_nameless(self.entity, item)) in self.known.accepted_nameless:
            self.count("accepted by a person")
        else:
            self.differ(None, None, ["a record without an id"], Class.MISSING)

    def is_foreign(self, record: Mapping[str, object]) -> bool:
        """Whether a record belongs to a company that the region does not mirror, by itself or by its home."""
        company, companies = whole(record.get("company_id")), self.known.companies
        if company is not None and companies is not None and company not in companies:
            return True
        homes = (record.get("home_id"), record.get("property_id"))
        return any(whole(one) in self.known.excluded for one in homes if one is not None)

    async def links(self) -> None:
        """Rows whose link does not go where its id says."""
        for link in self.entity.links:
            for key in await self.mirror.broken_links(self.region, self.entity, link):
                self.differ(None, key, [link.column], Class.WRONG)
            self.count("links")

    # --- one beside the other ----------------------------------------------------------------------------

    async def look(self, scope: ListScope, shown: Mapping[int, JsonObject]) -> set[int]:
        """The keys of records that the mirror does not have, or has otherwise."""
        suspects: set[int] = set()
        every = list(shown)
        for start in range(0, len(every), BATCH_ROWS):
            keys = every[start : start + BATCH_ROWS]
            stored = await self.mirror.stored(self.region, ListScope(self.entity, scope.discriminator), keys)
            self.seen.update((scope.discriminator, key) for key in keys)
            suspects.update(
                key for key in keys if key not in stored or paths_unlike(self.entity, shown[key], stored[key])
            )
        return suspects

    async def judge_all(self, source: Source, params: Params, scope: ListScope, suspects: Iterable[int]) -> None:
        """Read both sides of these records again, and keep what still differs."""
        keys = sorted(suspects)
        if keys and self.entity.own_address is None:
            shown = await self.whole(source, params)
            for key in keys:
                await self.judge(scope, key, shown.get(key))
        elif keys:
            await each(keys, self.extent.workers, lambda key: self.judge_own(scope, key))

    async def judge_own(self, scope: ListScope, key: int) -> None:
        """The same for one record that has an address of its own."""
        try:
            record = await self.own(key)
        except ApiError as error:
            self.trouble("record", self.entity.sources[0].name, key, error)
        else:
            await self.judge(scope, key, record)

    async def judge(self, scope: ListScope, key: int, record: JsonObject | None) -> None:
        """The class of what differs between a record, as it was read again, and its row as it is now."""
        entity, discriminator = self.entity, scope.discriminator
        stored = (await self.mirror.stored(self.region, ListScope(entity, discriminator), [key])).get(key)
        if stored is not None or record is not None:
            self.seen.add((discriminator, key))
        if record is None:
            if stored is not None:
                kind = classify.of_gone(entity, self.known, discriminator, key, stored.row)
                self.differ(discriminator, key, [""], kind)
            return
        last = classify.last_read(entity, self.known, discriminator, key, record)
        if stored is None:
            self._miss(discriminator, key, record, classify.of_missing(record, key, last))
            return
        paths = paths_unlike(entity, record, stored)
        if not paths:
            self.count("explained when read again")
            return
        as_loaded = classify.is_as_loaded(entity, record, stored)
        if not as_loaded and self.is_accepted(self.name, key):
            return
        kind = classify.of_unlike(record, stored.row.get("updated_at"), last, is_as_loaded=as_loaded)
        self.differ(discriminator, key, paths, kind)

    def _miss(self, discriminator: str | None, key: int, record: JsonObject, kind: Class) -> None:
        """The mirror does not have a record; a person may have accepted that it cannot be stored."""
        if says_deleted(self.entity, record):
            self.count("deleted by their own word")
            return
        if ("record", self.name, key) in self.known.accepted:
            self.count("accepted by a person")
            return
        per = self.entity.sources[0].per
        is_late = per is not None and whole(record.get(per)) in self.late_homes
        self.differ(discriminator, key, [""], Class.LATE if is_late else kind)
