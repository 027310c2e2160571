"""Repairs differences: reads the records again and stores them, whatever the mirror has noted about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from breezeway_sync.core.errors import ApiError, CutShort
from breezeway_sync.core.verification import Difference
from breezeway_sync.entities.batch import Incoming, Loaded
from breezeway_sync.entities.comparison import ListScope
from breezeway_sync.entities.model import CalledChild, Entity, Source
from breezeway_sync.entities.plan import plan_of
from breezeway_sync.entities.rows import ChildSet, JsonObject
from breezeway_sync.entities.validate import validate_children
from breezeway_sync.sync.job import each
from breezeway_sync.sync.ports import Sink
from breezeway_sync.sync.verify.again import parents_of, records_of
from breezeway_sync.sync.verify.bench import Bench
from breezeway_sync.sync.verify.values import whole

# Records, or lists of so many parents, that are held in memory and stored together.
TOGETHER = 100


class Doubts(Protocol):
    """Where live rows are noted that the API does not have: the next runs look for the proof that they are gone."""

    async def note(self, region: str, entity: Entity, source: Source, parent: int, keys: Sequence[int]) -> None: ...


@dataclass(slots=True)
class Repairer:
    """Writes under the lease, by a sink that puts right what differs. `order` is that of a request that begins now."""

    bench: Bench
    sink: Sink
    doubts: Doubts
    order: int
    loaded: Loaded = field(default_factory=Loaded)

    async def repair(self, found: Sequence[Difference]) -> None:
        """Raises what ends everything; what cannot be read stays as it is, and the next comparison finds it again."""
        bench = self.bench
        names = records_of(bench, found) if bench.stream.child is None else []
        for source in bench.entity.sources:
            keys = [key for kind, key in names if kind == source.discriminator]
            if bench.entity.own_address is not None:
                for some in _chunks(keys):
                    await self._store(source, await self._own(some))
            elif keys:
                shown = await bench.whole(source, bench.params(source))
                await self._store(source, {key: shown.get(key) for key in keys})
        for called in bench.stream.called:
            if called.source.name not in bench.extent.disabled:
                for some in _chunks(parents_of(bench, called, found)):
                    await self._lists(called, some)

    async def _own(self, keys: Sequence[int]) -> dict[int, JsonObject | None]:
        """What their own addresses say, without those that do not answer now."""
        records: dict[int, JsonObject | None] = {}

        async def ask(key: int) -> None:
            try:
                records[key] = await self.bench.own(key)
            except ApiError as error:
                self.bench.trouble("record", self.bench.entity.sources[0].name, key, error)

        await each(keys, self.bench.extent.workers, ask)
        return records

    async def _store(self, source: Source, records: Mapping[int, JsonObject | None]) -> None:
        """Write those that the API has; doubt those that it does not have."""
        bench, kind = self.bench, source.discriminator
        incoming = [Incoming(record, self.order) for record in records.values() if record is not None]
        if incoming:
            self.loaded.add(await self.sink.load(bench.region, bench.entity, incoming, kind))
        gone = [key for key, record in records.items() if record is None]
        rows = await bench.mirror.stored(bench.region, ListScope(bench.entity, kind), gone) if gone else {}
        by_parent: dict[int, list[int]] = {}
        for key, stored in rows.items():
            parent = whole(stored.row.get(source.per)) if source.per else 0
            by_parent.setdefault(parent or 0, []).append(key)
        for parent, some in by_parent.items():
            await self.doubts.note(bench.region, bench.entity, source, parent, some)

    async def _lists(self, called: CalledChild, parents: Sequence[int]) -> None:
        """Read lists that cost a call of their own again, and make them what the mirror has."""
        bench, source = self.bench, called.source
        plan = next(one for one in plan_of(bench.entity).called if one.child.table == called.child.table)
        sets: list[tuple[ChildSet, int]] = []

        async def ask(key: int) -> None:
            try:
                page = await bench.children(source, key)
                if not page.is_complete:
                    raise CutShort("a list ended before it had shown all that it announced", endpoint=source.path)
            except ApiError as error:
                bench.trouble("children", source.name, key, error)
            else:
                sets.append((validate_children(plan, key, page.items)[0], self.order))

        await each(parents, bench.extent.workers, ask)
        if sets:
            await self.sink.load_children(bench.region, bench.entity, plan, source.name, sets)


def _chunks(keys: Sequence[int]) -> Iterator[Sequence[int]]:
    return (keys[start : start + TOGETHER] for start in range(0, len(keys), TOGETHER))
