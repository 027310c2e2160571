"""Counts the rows of a region's mirror.

The rolling refresh uses a count that is a day old at most. An exact count would read the table twice an hour. An old
one makes a round only longer or shorter by what a day adds. `tests/store/test_plans.py` counts the blocks of an hour at
500 and 20,000 old tasks, and looks at the plan of every statement.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.model import AnswerShape, Entity, Source
from breezeway_sync.entities.row_counts import HiddenCounts, ListCounts, RowCounts
from breezeway_sync.entities.streams import LISTS
from breezeway_sync.store.database import Database

# How far back the log is asked how much changes.
LOG_DAYS = 7
LEAST_LOG_HOURS = 1.0

_Days = tuple[date, date]
# How many calls these cost depends on how much they list.
_IN_PAGES = {name: (entity, source) for name, (entity, source) in LISTS.items() if source.shape is AnswerShape.PAGES}
_ASKED = tuple(entity for entity in ENTITIES if entity.own_address)


async def row_counts_of(database: Database, region: str, now: datetime, window_days: int) -> RowCounts:
    """A region's stock; near is what is planned within `window_days` and one more, as it is asked for."""
    reach = timedelta(days=window_days + 1)
    days = (now.date() - reach, now.date() + reach)
    sources = await database.fetch("stock_sources", region)
    changes = await database.fetch("stock_changes", region, LOG_DAYS)
    homes = await database.fetch_row("stock_homes", region)
    return RowCounts(
        region,
        {name: await _listed(database, region, entity, source, days) for name, (entity, source) in _IN_PAGES.items()},
        read=frozenset(row["source"] for row in sources if row["is_read"]),
        unavailable=frozenset(row["source"] for row in sources if not row["is_read"]),
        changed_per_hour={
            row["entity_type"]: row["records"] / row["hours"] for row in changes if row["hours"] >= LEAST_LOG_HOURS
        },
        hidden={entity.name: await _hidden(database, region, entity, days) for entity in _ASKED},
        pending_reads={row["source"]: row["calls"] for row in await database.fetch("stock_pending_reads", region)},
        homes=homes["homes"] if homes else 0,
    )


async def _listed(database: Database, region: str, entity: Entity, source: Source, days: _Days) -> list[ListCounts]:
    name = "stock_lists" if source.per else "stock_list"
    rows = await database.fetch(name, region, *days, entity=entity)
    return [ListCounts(row["parent_id"], row["records"], row["near"]) for row in rows]


async def _hidden(database: Database, region: str, entity: Entity, days: _Days) -> HiddenCounts:
    (row,) = await database.fetch("stock_unlisted", region, *days, entity=entity)
    return HiddenCounts(row["records"], row["near"])
