"""Reads the report of the mirror: freshness, runs, leases, tokens, regions."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

from breezeway_sync.core.error_codes import known_code
from breezeway_sync.core.events import DatabaseReplaced
from breezeway_sync.core.report import Freshness, LeaseState, PastRun, RegionState, TokenState, VerificationState
from breezeway_sync.core.verification import Class
from breezeway_sync.store import given
from breezeway_sync.store.database import Database

DAY_SECONDS = 86_400.0


class Status:
    """Reports of one schema; every method is one statement."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def check_writable(self) -> None:
        """Raises DatabaseReadOnly for a server that takes no writes; the next question goes to the one that does."""
        await self._database.check_writable("reading the status")

    async def connect_anew(self) -> None:
        """Ask on new connections from now on."""
        await self._database.connect_anew()

    async def replaced(self) -> list[DatabaseReplaced]:
        """Accounts of which the database has forgotten the last lease of this process: it went back. Told once."""
        fences = {row["account"]: row["fence"] for row in await self._database.fetch("lease_fences")}
        return [DatabaseReplaced(one, given.WHY) for one in given.forgotten(self._database.address, fences)]

    async def freshness(self) -> list[Freshness]:
        """Every active region and enabled entity against its promise."""
        return [
            replace(Freshness(*row), error_code=known_code(row["error_code"]))
            for row in await self._database.fetch("freshness")
        ]

    async def recent_runs(self, limit: int = 200, seconds: float = DAY_SECONDS) -> list[PastRun]:
        """The latest runs, newest first."""
        return [
            replace(PastRun(*row), error_code=known_code(row["error_code"]))
            for row in await self._database.fetch("recent_runs", limit, seconds)
        ]

    async def leases(self) -> list[LeaseState]:
        return [LeaseState(*row) for row in await self._database.fetch("lease_states")]

    async def tokens(self) -> list[TokenState]:
        return [TokenState(*row) for row in await self._database.fetch("token_states")]

    async def regions(self) -> list[RegionState]:
        rows = await self._database.fetch("region_states")
        return [
            RegionState(
                row["region_code"],
                json.loads(row["pending_reads"]),
                row["rejected_open"],
                json.loads(row["held"]),
                row["problems_open"],
                json.loads(row["accepted"]),
            )
            for row in rows
        ]

    async def verifications(self, now: datetime) -> list[VerificationState]:
        """How each active region and entity last compared with the API; those that never did are missing."""
        return [
            VerificationState(
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
