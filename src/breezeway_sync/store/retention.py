"""The limit of each table: what bounds its size, or how long its rows stay.

Every table of the schema stands here. A test fails for a table that does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.store.database import Database
from breezeway_sync.store.migrate import LEDGER

BATCH_ROWS = 10_000
BATCHES = 50
_DAY_SECONDS = 86_400.0

MIRROR = "one row for each record, child or link that the API has shown; deleted records stay, with `deleted_at`"
_REGION = "one row for each region"
_OLD = "`retention.sync_log_days`"


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """Why a table stays small, for people; `queries` are the named ones that delete, by which setting.

    A query takes seconds and a number of rows, and returns one row for each that it has deleted.
    """

    words: str
    queries: tuple[str, ...] = ()
    is_history: bool = False


def _mirror_tables() -> set[str]:
    found: set[str] = set()
    for entity in ENTITIES:
        found.add(entity.table)
        found.update(child.table for child in entity.children)
        found.update(called.child.table for called in entity.called)
        found.update(link.table for link in entity.tags)
    return found


_SUPPORT = {
    LEDGER: RetentionRule("one row for each migration"),
    "regions": RetentionRule(_REGION),
    "region_sources": RetentionRule(_REGION),
    "excluded_properties": RetentionRule("one row for each property of another company that the region's pair shows"),
    "claims": RetentionRule("one row for each region and name of an entity or list"),
    "api_tokens": RetentionRule(_REGION),
    "account_leases": RetentionRule(
        f"one row for each account; those that nobody has claimed for {_OLD} go", ("delete_old_leases",)
    ),
    "lease_commits": RetentionRule("a few rows for each account, gone with its lease"),
    "account_fences": RetentionRule("one row"),
    "lost_rows": RetentionRule(
        "of each region and table 100,000 rows that one statement deleted by hand, until the next run"
    ),
    "etl_sync_log": RetentionRule(
        f"rows that ended before {_OLD} go, but for the latest of each region and entity",
        ("delete_old_log_rows",),
    ),
    "rejected_records": RetentionRule(
        f"one row for each record; its payload goes when it is resolved, the row after {_OLD}. Of records without an "
        "id the newest 1,000 of each region and entity stay open, and resolved ones go within a day",
        ("delete_old_rejects",),
    ),
    "problems": RetentionRule(
        f"one row for each list, parent or record; resolved ones go after {_OLD}", ("delete_old_problems",)
    ),
    "pending_child_reads": RetentionRule("one row for each live task and list of its own"),
    "unavailable_sources": RetentionRule("one row for each region and list"),
    "freshness_targets": RetentionRule("one row for each entity"),
    "checkpoints": RetentionRule("one row for each list: of a region, or of one property"),
    "unfinished_runs": RetentionRule(_REGION),
    "rolling_refreshes": RetentionRule("one row for each region and list of tasks"),
    "missing_records": RetentionRule("one row for each record that lists do not show"),
    "deletions": RetentionRule(
        f"the latest of each record stays; earlier ones of a record that came back go after {_OLD}",
        ("delete_old_deletions",),
    ),
    "record_history": RetentionRule("`history.retention_days`; `0` keeps all", ("prune_history",), is_history=True),
    "field_profiles": RetentionRule(
        f"paths that no reading has shown for {_OLD} go, and of each region and entity all but the latest 5,000",
        ("delete_old_fields",),
    ),
    "verification_results": RetentionRule(
        f"those before {_OLD} go, but for the newest of each region and entity that came to its end",
        ("delete_old_certificates",),
    ),
    "backfills": RetentionRule("those that were cut off more than a week ago go", ("delete_old_backfills",)),
    "alert_states": RetentionRule(
        f"one row for each subject; what has not failed for {_OLD} goes", ("delete_old_alert_states",)
    ),
    "alert_budget": RetentionRule("one row, with the messages of an hour"),
}
RULES: MappingProxyType[str, RetentionRule] = MappingProxyType(
    {name: RetentionRule(MIRROR) for name in _mirror_tables()} | _SUPPORT
)


async def prune(database: Database, log_days: float, history_days: float) -> int:
    """Delete what its rule does not keep, in batches of a statement each; how many rows. What is left waits.

    `history_days` 0 keeps all history. Raises DatabaseError.
    """
    deleted = 0
    for rule in RULES.values():
        days = history_days if rule.is_history else log_days
        for name in rule.queries if days else ():
            deleted += await _delete(database, name, days * _DAY_SECONDS)
    return deleted


async def _delete(database: Database, name: str, seconds: float) -> int:
    deleted = 0
    for _ in range(BATCHES):
        rows = len(await database.fetch(name, seconds, BATCH_ROWS))
        deleted += rows
        if rows < BATCH_ROWS:
            break
    return deleted
