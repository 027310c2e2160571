"""Counting what a region's mirror holds."""

from __future__ import annotations

from datetime import datetime, timedelta

from breezeway_sync.entities.stock import Listed, Stock, Unlisted
from breezeway_sync.store.database import Database

# How far back the log is asked how much changes.
LOG_DAYS = 7
LEAST_LOG_HOURS = 1.0


async def stock_of(database: Database, region: str, now: datetime, near_days: int) -> Stock:
    """A region's stock; near is what is planned within `near_days` and one more, as it is asked for."""
    reach = timedelta(days=near_days + 1)
    days = (now.date() - reach, now.date() + reach)
    tasks = await database.fetch("stock_tasks", region, *days)
    rows = await database.fetch("stock_lists", region, *days)
    lists = {row["source"]: [Listed(0, row["records"], row["near"])] for row in rows}
    sources = await database.fetch("stock_sources", region)
    changes = await database.fetch("stock_changes", region, LOG_DAYS)
    unlisted = await database.fetch("stock_unlisted", region, *days)
    return Stock(
        region,
        {**lists, "tasks": [Listed(row["property_id"], row["records"], row["near"]) for row in tasks]},
        read=frozenset(row["source"] for row in sources if row["is_read"]),
        unavailable=frozenset(row["source"] for row in sources if not row["is_read"]),
        changed_per_hour={
            row["entity_type"]: row["records"] / row["hours"] for row in changes if row["hours"] >= LEAST_LOG_HOURS
        },
        unlisted={row["entity_type"]: Unlisted(row["records"], row["near"]) for row in unlisted},
        owed={row["source"]: row["calls"] for row in await database.fetch("stock_owed", region)},
    )
