"""How much is compared, and about what it costs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from breezeway_sync.entities.model import Entity, Shape

PAGE_ROWS = 100
# Lists of so few pages are read whole: that also tells which records are missing.
SMALL_PAGES = 5
# Lists of properties, and lists of children, cost more than a record: one for so many records of the sample.
RECORDS_PER_LIST = 5
CONTACTS = "property_contacts"


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is compared: records per entity, by a seed that finds the same ones again; `whole`: all lists."""

    sample_records: int
    seed: int
    whole: bool = False
    workers: int = 8
    paths: Mapping[str, str] = field(default_factory=dict)
    disabled: frozenset[str] = frozenset()

    @property
    def lists(self) -> int:
        return max(1, self.sample_records // RECORDS_PER_LIST)


def estimated_calls(entity: Entity, name: str, rows: int, properties: int, extent: Extent) -> int:
    """About how many calls a comparison makes where nothing differs."""
    lists = properties if extent.whole else min(extent.lists, properties)
    if name == CONTACTS:
        return min(extent.lists, rows)
    calls = sum(min(extent.lists, rows) for called in entity.called if called.owed)
    calls += min(extent.sample_records, rows) if entity.own_address is not None else 0
    for source in entity.sources:
        pages = -(-rows // PAGE_ROWS)
        if source.per is not None:
            calls += max(lists, pages * lists // max(properties, 1))
        elif source.shape is Shape.LIST:
            calls += len(source.variants)
        else:
            calls += 1 + pages if extent.whole or pages <= SMALL_PAGES else 2
    return calls
