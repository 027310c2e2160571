"""What a lease's holder was told of as committed, and whether a server still has it. Pure but for its own state.

Every transaction under a lease counts itself in a row of `lease_batches` and sees all counts of the account. A server
that shows less than was acknowledged has gone back: an older copy has taken its place. What a transaction came to that
was cut off during its COMMIT nobody knows; it may count or not, and neither is less than what was acknowledged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from breezeway_sync.core.errors import DatabaseError, DatabaseWentBack, LeaseLost

AGAIN = "what is missing is read again by the next runs"


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of an account: its fencing token, and its random name."""

    fence: int
    claim_id: UUID


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


def flaw_of(claim: Claim, told: Mapping[int, int], row: Mapping[str, object] | None) -> DatabaseError | None:
    """What a server's standing of the account (`lease_standing`; None: no such account) says against going on.

    `told` are the acknowledged counts by slot, as they were before the server was asked. A lower fence is an older
    copy's, since fences only rise.
    """
    fence = 0 if row is None else row["fence"]
    if row is None or (isinstance(fence, int) and fence < claim.fence):
        return DatabaseWentBack(
            "the database went back: the claim of this account is not there any more",
            got=f"fence {fence}",
            wanted=f"fence {claim.fence}",
            cure=AGAIN,
        )
    if (fence, row["claim_id"]) != (claim.fence, claim.claim_id):
        return LeaseLost(
            "the account was taken over by another process",
            got=f"fence {fence}",
            wanted=f"fence {claim.fence}",
            cure="nothing was written after that; the new holder goes on",
        )
    slots, batches = row["slots"], row["batches"]
    assert isinstance(slots, list)
    assert isinstance(batches, list)
    shown = dict(zip(slots, batches, strict=True))
    missing = sum(max(0, count - shown.get(slot, 0)) for slot, count in told.items())
    if not missing:
        return None
    return DatabaseWentBack(
        f"the database went back: {missing} transactions that it had acknowledged are not there any more", cure=AGAIN
    )
