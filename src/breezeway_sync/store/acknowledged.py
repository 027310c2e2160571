"""Counts the commits of a lease, and sees whether a server has lost one. Pure but for its own state.

Every transaction under a lease increases its own counter in `lease_commits` and reads all counters of the account. If
a server shows less than it acknowledged, an older copy of the database has taken its place. The result of a COMMIT that
was interrupted is unknown. It may count or not: neither is less than what was acknowledged.

Why counters: WAL positions and timelines are not exact enough. Each lease counts in several slots, so no merge waits
for another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from breezeway_sync.core.errors import DatabaseError, DatabaseWentBack, LeaseLost
from breezeway_sync.store.database import Row

AGAIN = "what is missing is read again by the next runs"


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of an account: its fencing token, and its random name."""

    fence: int
    claim_id: UUID


@dataclass(frozen=True, slots=True)
class ServerLease:
    """What a server says of an account: its newest fence, who claimed it, and the counts by slot."""

    fence: int
    claim_id: UUID | None
    batches: Mapping[int, int]


def known_state_of(row: Row | None) -> ServerLease | None:
    """A row of `lease_standing` or `check_lease`; None where the server knows no such account."""
    if row is None:
        return None
    return ServerLease(row["fence"], row["claim_id"], dict(zip(row["slots"], row["commits"], strict=True)))


@dataclass(slots=True)
class Acknowledged:
    """The highest count of each slot that a COMMIT of this holder has been acknowledged for."""

    counts: dict[int, int] = field(default_factory=dict)
    _busy: set[int] = field(default_factory=set)

    def take_slot(self) -> int:
        """A slot that no other transaction of this holder counts in: none waits for another."""
        slot = next(number for number in range(len(self._busy) + 1) if number not in self._busy)
        self._busy.add(slot)
        return slot

    def ended(self, slot: int, count: int, *, is_committed: bool) -> None:
        """A transaction that was the slot's `count`th is over."""
        self._busy.discard(slot)
        if is_committed:
            self.counts[slot] = max(count, self.counts.get(slot, 0))


def flaw_of(claim: Claim, told: Mapping[int, int], found: ServerLease | None) -> DatabaseError | None:
    """What a server's standing of the account says against going on.

    `told` are the acknowledged counts by slot, as they were before the server was asked. A lower fence is an older
    copy's, since fences only rise.
    """
    fence = found.fence if found else 0
    actual, expected = f"fence {fence}", f"fence {claim.fence}"
    if found is None or fence < claim.fence:
        what = "the database went back: the claim of this account is not there any more"
        return DatabaseWentBack(what, actual=actual, expected=expected, hint=AGAIN)
    if (fence, found.claim_id) != (claim.fence, claim.claim_id):
        hint = "nothing was written after that; the new holder goes on"
        return LeaseLost("the account was taken over by another process", actual=actual, expected=expected, hint=hint)
    missing = sum(max(0, count - found.batches.get(slot, 0)) for slot, count in told.items())
    if not missing:
        return None
    what = f"the database went back: {missing} transactions that it had acknowledged are not there any more"
    return DatabaseWentBack(what, hint=AGAIN)
