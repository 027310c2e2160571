"""Checks the lease of a writer: last, in the transaction that writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from breezeway_sync.store.acknowledged import flaw_of, known_state_of
from breezeway_sync.store.database import Connection, Database, Row
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
        ours = self.lease.acknowledged
        slot = ours.take_slot()
        try:
            count = await self._count(connection, slot)
        except BaseException:
            ours.ended(slot, 0, is_committed=False)
            raise
        self.database.at_end(connection, lambda is_committed: ours.ended(slot, count, is_committed=is_committed))

    async def confirm(self, connection: Connection) -> None:
        """See that everything is there that this lease was told to have committed; writes and locks nothing. Raises as
        `check`."""
        told = dict(self.lease.acknowledged.counts)
        row = await connection.fetchrow(self.database.query("lease_standing"), self.lease.account)
        self._judge(told, row)

    def _judge(self, told: Mapping[int, int], row: Row | None) -> None:
        if flaw := flaw_of(self.lease.claim, told, known_state_of(row)):
            self.lease.give_up(flaw)
            raise flaw

    async def _count(self, connection: Connection, slot: int) -> int:
        """The how manyth of its slot this transaction is."""
        lease, claim = self.lease, self.lease.claim
        told = dict(lease.acknowledged.counts)
        row = await connection.fetchrow(
            self.database.query("check_lease"), lease.account, slot, claim.fence, claim.claim_id
        )
        self._judge(told, row)
        if row is not None and row["counted"] is not None:
            return int(row["counted"])
        return int(await connection.fetchval(self.database.query("first_batch"), lease.account, slot))
