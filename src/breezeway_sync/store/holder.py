"""Under which lease something is written: checked last, in the transaction that writes."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from breezeway_sync.store.acknowledged import flaw_of
from breezeway_sync.store.database import Connection, Database
from breezeway_sync.store.leases import Lease


@dataclass(frozen=True, slots=True)
class Holder:
    """Who writes: the lease of an account, and the run."""

    database: Database
    lease: Lease
    run_id: UUID

    async def check(self, connection: Connection) -> None:
        """Lock and check the lease until the transaction ends, and count the transaction under it.

        Raises LeaseLost, and DatabaseWentBack where something is gone that an earlier transaction was told to have
        committed.
        """
        lease, query = self.lease, self.database.query
        slot = lease.acknowledged.take_slot()
        count = 0
        try:
            told = dict(lease.acknowledged.counts)
            claim = lease.claim
            row = await connection.fetchrow(query("check_lease"), lease.account, slot, claim.fence, claim.claim_id)
            if flaw := flaw_of(claim, told, row):
                lease.give_up(flaw)
                raise flaw
            counted = row["counted"] if row else None
            count = counted or await connection.fetchval(query("first_batch"), lease.account, slot)
        except BaseException:
            lease.acknowledged.ended(slot, count, is_committed=False)
            raise
        self.database.at_end(
            connection, lambda is_committed: lease.acknowledged.ended(slot, count, is_committed=is_committed)
        )
