"""Stores which alerts were sent, for all processes.

Each write names the version that it has read, so two processes cannot overwrite each other. An alert is claimed here
before it is sent: several services and restarts send it once. A crash between sending and settling may send it twice,
but never loses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from breezeway_sync.core.error_codes import ERROR_RULES, Alert
from breezeway_sync.store.database import Database


@dataclass(frozen=True, slots=True)
class AlertRow:
    """A row of alert_states; `version` is what a writer must name."""

    failing_since: datetime | None
    failures: int
    error: str | None
    notified_at: datetime | None
    thread: str | None
    claimed_until: datetime | None
    version: int


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """The row of alert_budget: when messages went out, and how many were held back since."""

    sent_at: Sequence[datetime]
    suppressed: int
    version: int


# Codes of runs that were ended on purpose.
_ON_PURPOSE = [code for code, rule in ERROR_RULES.items() if rule.alert is Alert.NONE]


@dataclass(frozen=True, slots=True)
class TroubleRow:
    """A region and entity that did not always succeed: its runs, and the latest error."""

    region: str
    entity: str
    runs: int
    failed: int
    partial: int
    error: str | None
    last_success: datetime | None


class StoredAlerts:
    """The alerts' tables of one schema; every method is one statement.

    Saving is a compare-and-set: it returns False, and has written nothing, when another process wrote after
    `version` was read. Version 0 stands for no row.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def use(self, database: Database) -> None:
        """Go on in this one: the one before was not open yet."""
        self._database = database

    async def load(self, region: str, subjects: Sequence[str]) -> dict[str, AlertRow]:
        """The states of these subjects, as far as there are rows; `region` is '' for what concerns none."""
        rows = await self._database.fetch("alert_states", region, list(subjects))
        return {row["subject"]: AlertRow(*list(row)[1:]) for row in rows}

    async def save(
        self,
        region: str,
        subject: str,
        version: int,
        *,
        failing_since: datetime | None,
        failures: int,
        error: str | None,
        notified_at: datetime | None,
        thread: str | None,
        claimed_until: datetime | None,
    ) -> bool:
        """Write one state, which then has the version after the one named."""
        values = (failing_since, failures, error, notified_at, thread, claimed_until)
        return await self._database.fetch_row("save_alert_state", region, subject, version, *values) is not None

    async def load_budget(self) -> BudgetRow:
        """The messages of the last hour, of all processes."""
        row = await self._database.fetch_row("alert_budget")
        return BudgetRow(*row) if row else BudgetRow((), 0, 0)

    async def save_budget(self, version: int, sent_at: Sequence[datetime], suppressed: int) -> bool:
        """Write them, as `save` does."""
        return await self._database.fetch_row("save_alert_budget", version, list(sent_at), suppressed) is not None

    async def last_successes(self, region: str) -> dict[str, datetime]:
        """When each entity of the region last succeeded; those that never did are missing."""
        rows = await self._database.fetch("last_successes_of", region)
        return {row["entity_type"]: row["last_success"] for row in rows if row["last_success"]}

    async def troubles_since(self, moment: datetime) -> list[TroubleRow]:
        """What failed or was partial since then, by region and entity."""
        return [TroubleRow(*row) for row in await self._database.fetch("troubles_since", moment, _ON_PURPOSE)]
