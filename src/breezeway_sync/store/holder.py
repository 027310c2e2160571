"""Under which lease something is written: checked last, in the transaction that writes."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from breezeway_sync.core.errors import LeaseLost
from breezeway_sync.store.database import Connection, Database


@dataclass(frozen=True, slots=True)
class Holder:
    """Who writes: the account, the fencing token of its lease, and the run."""

    database: Database
    account: str
    fence: int
    run_id: UUID

    async def check(self, connection: Connection) -> None:
        """Lock and check the lease until the transaction ends. Raises LeaseLost."""
        fence = await connection.fetchval(self.database.query("check_lease"), self.account)
        if fence != self.fence:
            raise LeaseLost(
                "the account was taken over by another process",
                got=f"fence {fence}",
                wanted=f"fence {self.fence}",
                cure="nothing was written after that; the new holder goes on",
            )
