"""What must be live in the end, and what may disappear on the way: the one place that knows about deletion."""

from __future__ import annotations

from typing import Any

from tests.convergence.evidence import OWN_ADDRESS, Evidence
from tests.truth.mirror import Row

PROOFS = 2
DELETED = "deleted"
_STATUS = {"tasks": "task_status_code", "reservations": "status", "properties": "property_status"}


def says_deleted(table: str, record: Any) -> bool:
    """Whether a record, as the API has it, says of itself that it is deleted."""
    if table == "tasks":
        return bool((record.get("type_task_status") or {}).get("code") == DELETED)
    return table in _STATUS and record.get("status") == DELETED


def row_says_deleted(table: str, row: Row) -> bool:
    return table in _STATUS and row[_STATUS[table]] == DELETED


def may_disappear(evidence: Evidence, table: str, region: str, key: Any, row: Row | None) -> bool:
    """Whether a live row of the mirror may stop to be one; it is never removed."""
    if row is None:
        return False
    if row_says_deleted(table, row):
        return True
    if table in OWN_ADDRESS:
        refusals = evidence.refusals((region, table, key))
        home: int = row.get("home_id") or row.get("property_id") or 0
        # What belongs to a property that is proven to be gone needs no second proof of its own.
        has_left = table != "properties" and evidence.refusals((region, "properties", home)) >= PROOFS
        return refusals >= (1 if has_left else PROOFS)
    return evidence.absences(table, region, key) >= PROOFS


def expected_live(table: str, served: set[Any], known: set[Any], existing: set[Any]) -> set[Any]:
    """The keys that must be live after undisturbed full runs, of one region and table.

    `served` are in the lists and do not say that they are deleted, `known` were live in the mirror before,
    `existing` answer at their own address and do not say so either. Where no record is listed, no 404
    proves anything.
    """
    if table not in OWN_ADDRESS:
        return served
    return served | (known & existing if served else known)
