"""`plan`: computes what the configured schedule costs, from the database alone. No API call, no change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from breezeway_sync.core.clock import Clock, SystemClock
from breezeway_sync.service.account_runner import read_settings
from breezeway_sync.service.accounts import credentials_of, group
from breezeway_sync.service.runner import open_database
from breezeway_sync.service.schedule import timetable
from breezeway_sync.service.settings import Settings
from breezeway_sync.service.status import require_schema
from breezeway_sync.store.row_counts import row_counts_of
from breezeway_sync.store.token_store import stored_credentials
from breezeway_sync.sync.forecast import ReadInterval, Use, forecast, unknowns, worries


@dataclass(frozen=True, slots=True)
class RegionPlan:
    """One region: calls by purpose, calls owed already, and what is not known."""

    region: str
    uses: tuple[Use, ...]
    pending_child_reads: int
    unknown: tuple[str, ...]

    @property
    def calls_per_hour(self) -> float:
        """All of them together."""
        return sum(use.calls_per_hour for use in self.uses)


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """Regions that share one budget. `late` says what would be late."""

    regions: tuple[RegionPlan, ...]
    budget_per_hour: float
    late: tuple[str, ...]

    @property
    def calls_per_hour(self) -> float:
        """All regions together."""
        return sum(one.calls_per_hour for one in self.regions)

    @property
    def pending_read_seconds(self) -> float:
        """How long the calls that are owed already take, with the whole budget."""
        return sum(one.pending_child_reads for one in self.regions) * 3600 / self.budget_per_hour


async def plan(settings: Settings, regions: Sequence[str], clock: Clock | None = None) -> tuple[AccountPlan, ...]:
    """The accounts of these regions, each with all of its regions, since they share a budget.

    Raises DatabaseError, and SchemaRefused where this version's tables are not there.
    """
    now = (clock or SystemClock()).now()
    reading = read_settings(settings, full=False)
    lines = timetable(settings)
    every = {name: line.every_seconds for line in lines for name in line.entities}
    read_intervals = [
        ReadInterval(interval, seconds, names) for interval, (seconds, names) in _intervals(settings).items()
    ]
    found = []
    async with open_database(settings) as database:
        await require_schema(database)
        credentials = credentials_of(settings, await stored_credentials(database, list(settings.regions)))
        accounts = [account.regions for account in group(settings, credentials)]
        accounts += [(code,) for code in settings.regions if code not in credentials]
        for codes in accounts:
            if not set(codes) & set(regions):
                continue
            parts = []
            for code in codes:
                row_counts = await row_counts_of(database, code, now, reading.pace.window_days)
                uses = forecast(row_counts, every, reading)
                unknown = unknowns(row_counts, every, reading)
                parts.append(RegionPlan(code, tuple(uses), sum(row_counts.pending_reads.values()), tuple(unknown)))
            late = worries([use for part in parts for use in part.uses], read_intervals, reading.requests_per_minute)
            found.append(AccountPlan(tuple(parts), reading.requests_per_minute * 60, tuple(late)))
    return tuple(found)


def _intervals(settings: Settings) -> dict[str, tuple[float, frozenset[str]]]:
    """Every interval with its seconds and entities; the same for all regions."""
    return {line.interval: (line.every_seconds, frozenset(line.entities)) for line in timetable(settings)}
