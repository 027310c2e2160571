"""What must be live in the end, and what may disappear on the way: the one place that knows about deletion."""

from __future__ import annotations

from typing import Any

from tests.convergence.history import History

DELETES = False
"""Whether the product deletes by proof. Off: whatever was ever mirrored stays live."""
PROOFS = 2
_KINDS = {"properties", "reservations", "tasks", "people"}


def expected_live(served: set[Any], known: set[Any], existing: set[Any]) -> set[Any]:
    """The keys that must be live after two undisturbed full runs, of one region and table.

    `served` are in the lists, `known` were live in the mirror before, `existing` answer at their own address.
    """
    return served | (known & existing if DELETES else known)


def may_disappear(history: History, table: str, region: str, key: Any) -> bool:
    """Whether a live row of the mirror may stop to be one."""
    if not DELETES:
        return False
    return table not in _KINDS or history.refused[region, table, key] >= PROOFS
