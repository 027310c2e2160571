"""The properties whose lists are compared: those of the API and those of the mirror, since either may lack some."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from breezeway_sync.core.verification import Class
from breezeway_sync.entities.comparison import ListScope
from breezeway_sync.entities.model import Entity
from breezeway_sync.entities.rows import JsonObject
from breezeway_sync.entities.streams import STREAMS
from breezeway_sync.sync.verify import classify
from breezeway_sync.sync.verify.bench import BATCH_ROWS, Bench
from breezeway_sync.sync.verify.compare import says_deleted
from breezeway_sync.sync.verify.extent import SMALL_PAGES, Extent
from breezeway_sync.sync.verify.values import whole


@dataclass(frozen=True, slots=True)
class Homes:
    """Ids of properties that only the API shows, `late` ones created after the mirror has read their list among them.

    `is_strange`: the API has properties, the mirror has some, and none is the same property of the same company.
    """

    unknown: tuple[int, ...]
    late: frozenset[int]
    is_strange: bool


async def find_homes(bench: Bench, properties: Entity) -> Homes:
    """Ask the API for its properties: all of them, or where only a sample is compared a few pages of a long list."""
    known = await bench.mirror.known(bench.region, properties)
    asking = replace(
        bench, stream=STREAMS[properties.name], known=known, differences={}, compared={}, seen=set(), listed={}
    )
    listed = await _shown(asking, properties)
    shown = {key: record for key, record in listed.items() if not says_deleted(properties, record)}
    stored = await bench.mirror.keys(bench.region, ListScope(properties))
    unknown = sorted(shown.keys() - stored)

    def is_late(key: int) -> bool:
        last = classify.last_read(properties, known, None, key, shown[key])
        return classify.of_missing(shown[key], key, last) is Class.LATE

    is_strange = bool(shown and stored) and not await _is_any_same(asking, shown, sorted(shown.keys() & stored))
    return Homes(tuple(unknown), frozenset(key for key in unknown if is_late(key)), is_strange)


async def _is_any_same(asking: Bench, shown: Mapping[int, JsonObject], common: Sequence[int]) -> bool:
    """Whether any property of both sides is the same company's on both; one that names no company may be."""
    for start in range(0, len(common), BATCH_ROWS):
        rows = await asking.mirror.stored(asking.region, ListScope(asking.entity), common[start : start + BATCH_ROWS])
        for key, stored in rows.items():
            theirs, ours = whole(shown[key].get("company_id")), whole(stored.row.get("company_id"))
            if theirs is None or ours is None or theirs == ours:
                return True
    return False


async def _shown(asking: Bench, properties: Entity) -> Mapping[int, JsonObject]:
    (source,) = properties.sources
    params = asking.params(source)
    if asking.extent.whole:
        return await asking.whole(source, params)
    first = await asking.page(source, params, 1)
    pages = first.total_pages or 0
    if pages <= SMALL_PAGES:
        return await asking.whole(source, params)
    rng = random.Random(asking.extent.seed)  # noqa: S311 - a sample that can be drawn again
    other = await asking.page(source, params, rng.randint(2, pages))
    return asking.keyed(first.items) | asking.keyed(other.items)


async def to_scan(bench: Bench, properties: Entity, homes: Homes) -> list[int]:
    """The properties to be walked. In a sample those that the mirror lacks come first: there most is to be found."""
    extent, every = bench.extent, ListScope(properties)
    if extent.whole:
        return sorted({*homes.unknown, *await bench.mirror.keys(bench.region, every)})
    unknown = drawn(homes.unknown, extent, max(1, extent.lists // 2))
    known = await bench.mirror.sample(bench.region, every, max(1, extent.lists - len(unknown)), extent.seed)
    return [*unknown, *known]


def drawn(keys: tuple[int, ...], extent: Extent, most: int) -> list[int]:
    """At most so many of these, the same ones for the same seed."""
    if len(keys) <= most:
        return list(keys)
    return sorted(random.Random(extent.seed).sample(keys, most))  # noqa: S311
