"""Derives from the catalog what is read under which name, how often, in which order, and after what. Pure.

The catalog owns the intervals, the order and the child streams. No other module lists entities by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

from breezeway_sync.entities.catalog import ENTITIES, HOME
from breezeway_sync.entities.homes import home_column
from breezeway_sync.entities.model import CalledChild, Entity, Interval, Source


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """What is scheduled, read, logged, compared and asked for under one name.

    It is an entity, or one list of each home (`child`) that has an interval of its own. `needs` are the streams without
    which it cannot be read.
    """

    name: str
    entity: Entity
    interval: Interval
    needs: tuple[str, ...]
    child: CalledChild | None = None

    @property
    def sources(self) -> tuple[Source, ...]:
        """Its lists, without those of its called children."""
        return self.entity.sources if self.child is None else (self.child.source,)

    @property
    def called(self) -> tuple[CalledChild, ...]:
        """The children with calls of their own that are read with it."""
        return tuple(one for one in self.entity.called if one.pending_reads) if self.child is None else (self.child,)

    @property
    def is_per_home(self) -> bool:
        """Whether its lists are asked for home by home."""
        return self.child is not None or bool(self.entity.sources[0].per)


def streams_of(entities: Sequence[Entity], home: Entity) -> tuple[Stream, ...]:
    """The streams of a catalog, in reading order. Raises ValueError for children that no run would read."""
    found = [*_entities(entities), *_children(entities, home)]
    by_name = {stream.name: stream for stream in found}
    return tuple(by_name[name] for stage in stages_of(found, home) for name in stage)


def _entities(entities: Sequence[Entity]) -> Iterator[Stream]:
    names = {entity.table: entity.name for entity in entities}
    for entity in entities:
        needs = dict.fromkeys(names[link.target] for link in entity.links if link.target != entity.table)
        yield Stream(entity.name, entity, entity.interval, tuple(needs))


def _children(entities: Sequence[Entity], home: Entity) -> Iterator[Stream]:
    for entity in entities:
        for called in entity.called:
            if called.interval is not None and entity is not home:
                raise ValueError(f"{called.source.name}: only lists of {home.name} can have an interval of their own")
            if called.interval is not None:
                yield Stream(called.source.name, entity, called.interval, (entity.name,), called)


def stages_of(streams: Iterable[Stream], home: Entity) -> tuple[tuple[str, ...], ...]:
    """Names that are read at the same time, stage by stage. Raises CycleError for entities that need each other.

    Homes come before the lists that name no company: only they show whether the source is still the region's own. Tags
    come before the records that carry them. Lists of each home that have their own interval come last: they are many
    calls, and nothing needs them.
    """
    every = list(streams)
    entities = {stream.entity.table: stream.name for stream in every if stream.child is None}
    graph: dict[str, set[str]] = {}
    for stream in every:
        before = {*stream.needs, *(entities[link.target] for link in stream.entity.tags), home.name}
        graph[stream.name] = (before if stream.child is None else {*entities.values()}) - {stream.name}
    order = [stream.name for stream in every]
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    found = []
    while sorter.is_active():
        ready = sorter.get_ready()
        sorter.done(*ready)
        found.append(tuple(sorted(ready, key=order.index)))
    return tuple(found)


STREAMS: Mapping[str, Stream] = {stream.name: stream for stream in streams_of(ENTITIES, HOME)}
"""Every stream by its name, in reading order."""

NAMES: tuple[str, ...] = tuple(STREAMS)

STAGES: tuple[tuple[str, ...], ...] = stages_of(STREAMS.values(), HOME)

BY_NAME: Mapping[str, Entity] = {entity.name: entity for entity in ENTITIES}

LISTS: Mapping[str, tuple[Entity, Source]] = {
    source.name: (entity, source) for entity in ENTITIES for source in entity.sources
}
"""Every list of records, with what it lists."""

PARENTS: Mapping[str, Entity] = {called.source.name: entity for entity in ENTITIES for called in entity.called}
"""Whose children a called source lists."""

PER_HOME: tuple[str, ...] = tuple(
    source.name for stream in STREAMS.values() if stream.is_per_home for source in stream.sources
)
"""Sources with one list for each home."""

OF_HOMES: Mapping[str, str] = {
    source.name: entity.name
    for entity in ENTITIES
    if home_column(entity)
    for source in entity.sources
    if source.per is None
}
"""Lists of a whole region whose records belong to homes, with their entities."""
