"""Reading what the mirror says of itself."""

from __future__ import annotations

import json
from datetime import datetime

from breezeway_sync.core.certificate import Class
from breezeway_sync.core.report import CertificateState, Freshness, LeaseState, PastRun, RegionState, TokenState
from breezeway_sync.store.database import Database

DAY_SECONDS = 86_400.0
PRUNE_ROWS = 10_000
PRUNE_BATCHES = 50


class Status:
    """Reports of one schema; every method is one statement."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def freshness(self) -> list[Freshness]:
        """Every active region and enabled entity against its promise."""
        return [Freshness(*row) for row in await self._database.fetch("freshness")]

    async def recent_runs(self, limit: int = 200, seconds: float = DAY_SECONDS) -> list[PastRun]:
        """The latest runs, newest first."""
        return [PastRun(*row) for row in await self._database.fetch("recent_runs", limit, seconds)]

    async def leases(self) -> list[LeaseState]:
        return [LeaseState(*row) for row in await self._database.fetch("lease_states")]

    async def tokens(self) -> list[TokenState]:
        return [TokenState(*row) for row in await self._database.fetch("token_states")]

    async def regions(self) -> list[RegionState]:
        rows = await self._database.fetch("region_states")
        return [
            RegionState(
                row["region_code"],
                json.loads(row["owed"]),
                row["rejected_open"],
                json.loads(row["held"]),
                row["problems_open"],
                json.loads(row["accepted"]),
            )
            for row in rows
        ]

    async def certificates(self, now: datetime) -> list[CertificateState]:
        """How each active region and entity last compared with the API; those that never did are missing."""
        return [
            CertificateState(
                row["region_code"],
                row["entity_type"],
                row["tried_at"],
                row["compared_at"],
                row["result"],
                row["sample_seed"],
                {kind.value: row[f"{kind.value}_differences"] or 0 for kind in Class},
            )
            for row in await self._database.fetch("certificate_states", now)
        ]

    async def last_successes(self) -> dict[tuple[str, str], datetime]:
        """When each region and entity last succeeded; those that never did are missing."""
        rows = await self._database.fetch("last_successes")
        return {(row["region_code"], row["entity_type"]): row["last_success"] for row in rows if row["last_success"]}

    async def delete_old_log_rows(self, seconds: float) -> int:
        """Forget rows that ended longer ago; the latest of each region and entity stays. How many went."""
        return len(await self._database.fetch("delete_old_log_rows", seconds))

    async def delete_old_certificates(self, seconds: float) -> int:
        """Forget older comparisons; the latest of each region and entity stays. How many went."""
        return len(await self._database.fetch("delete_old_certificates", seconds))

    async def delete_old_problems(self, seconds: float) -> int:
        """Forget problems that were resolved longer ago. How many went."""
        return len(await self._database.fetch("delete_old_problems", seconds))

    async def prune_history(self, retention_seconds: float) -> int:
        """Delete older history in batches of a statement each; how many rows. What is left waits; 0 keeps all."""
        deleted = 0
        for _ in range(PRUNE_BATCHES if retention_seconds else 0):
            rows = len(await self._database.fetch("prune_history", retention_seconds, PRUNE_ROWS))
            deleted += rows
            if rows < PRUNE_ROWS:
                break
        return deleted
