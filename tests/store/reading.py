"""Ways to see what PostgreSQL reads: its counters, and its plans."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import Any

import psycopg

from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.model import Entity
from breezeway_sync.entities.plan import plan_of

# Kept for months, and asked every minute.
KEPT = ("etl_sync_log", "rejected_records", "verification_results")


def tables_of(entity: Entity) -> list[str]:
    """An entity's table, those of its children and of its links."""
    plan = plan_of(entity)
    return [
        entity.table,
        *(child.child.table for child in (*plan.children, *plan.called)),
        *(link.table for link in entity.tags),
    ]


# A region's tags are few, however many tasks carry them.
RECORDS = frozenset(table for entity in ENTITIES for table in tables_of(entity)) - {"tags"}
# Indexes of what is rare: runs under way, open rejections, records whose property nobody knows.
NARROW = {
    "etl_sync_log_running",
    "rejected_records_open",
    "reservations_region_code_property_id_idx",
    "tasks_region_code_home_id_idx",
}


@dataclass(frozen=True, slots=True)
class Cost:
    """What was read of a table: scans and rows without an index, and blocks of it and its indexes."""

    scans: int
    rows: int
    blocks: int


Costs = dict[str, Cost]


_BUSY = b"""
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'breezeway-sync'
"""
_READ = b"""
SELECT relname, seq_scan, seq_tup_read, heap_blks_hit + heap_blks_read + coalesce(idx_blks_hit + idx_blks_read, 0)
FROM pg_stat_user_tables JOIN pg_statio_user_tables USING (relid, relname)
"""


def counters(admin: psycopg.Connection[Any]) -> Costs:
    """The server's counters; a connection of the product leaves its own when it ends."""
    while admin.execute(_BUSY).fetchone() != (0,):
        pass
    admin.execute("SELECT pg_stat_force_next_flush()")
    admin.execute("SELECT pg_stat_clear_snapshot()")
    return {name: Cost(*counts) for name, *counts in admin.execute(_READ)}


def spent(before: Costs, after: Costs) -> Costs:
    none = Cost(0, 0, 0)
    found = {
        name: Cost(*(new - old for new, old in zip(astuple(cost), astuple(before.get(name, none)), strict=True)))
        for name, cost in after.items()
    }
    return {name: cost for name, cost in found.items() if cost != none}


def plan(admin: psycopg.Connection[Any], statement: str) -> dict[str, Any]:
    """The plan that PostgreSQL makes once for any values, as it does for a statement that is sent again and again."""
    values = max((int(number) for number in re.findall(r"\$(\d+)", statement)), default=0)
    admin.execute(f"PREPARE it AS {statement}".encode())
    try:
        call = f"EXECUTE it ({', '.join(['NULL'] * values)})" if values else "EXECUTE it"
        row = admin.execute(f"EXPLAIN (FORMAT JSON) {call}".encode()).fetchone()
    finally:
        admin.execute("DEALLOCATE it")
    assert row is not None
    found: dict[str, Any] = row[0][0]["Plan"]
    return found


def whole_reads(node: dict[str, Any], relation: str = "", *, is_bounded: bool = False) -> Iterator[str]:
    """Tables of which a plan reads all, or all of a region; what stands under a LIMIT ends early."""
    kind, relation = node["Node Type"], node.get("Relation Name", relation)
    narrowed = re.sub(r"\(?(\w+\.)?region_code = [^()]*(\([^()]*\))?\)?", "", node.get("Index Cond", ""))
    by_index = kind.endswith("Index Scan") or kind == "Index Only Scan"
    is_full = kind == "Seq Scan" or (by_index and not re.search("[<>=]", narrowed))
    is_bounded = is_bounded or kind == "Limit" or node.get("Index Name") in NARROW
    if is_full and not is_bounded and relation in {*RECORDS, *KEPT}:
        yield f"{kind} {relation} {node.get('Index Name', '')} {node.get('Index Cond', '')}"
    for part in node.get("Plans", ()):
        yield from whole_reads(part, relation, is_bounded=is_bounded)
