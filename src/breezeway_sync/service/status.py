"""`status`: the state of the mirror, from its database alone. No API call, no change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from breezeway_sync.core.clock import Clock, SystemClock
from breezeway_sync.core.errors import SchemaRefused
from breezeway_sync.core.report import Freshness, RegionState, TokenState, VerificationState
from breezeway_sync.service.runner import open_database
from breezeway_sync.service.settings import Settings
from breezeway_sync.store import migrate
from breezeway_sync.store.database import Database
from breezeway_sync.store.status import Status


@dataclass(frozen=True, slots=True)
class RegionTotals:
    """One region: calls still owed and how long they take alone, open rejections and problems, by entity those that a
    person has accepted, its token's end."""

    region: str
    name: str
    pending_reads: Mapping[str, int]
    pending_child_reads: int
    pending_read_seconds: float
    rejected_open: int
    problems_open: int
    accepted: Mapping[str, int]
    token_expires_at: datetime | None
    token_expires_in_seconds: float | None
    token_error: str | None


@dataclass(frozen=True, slots=True)
class Overview:
    """Every region and entity against its freshness target, and the totals of every region."""

    entities: tuple[Freshness, ...]
    regions: tuple[RegionTotals, ...]
    verifications: tuple[VerificationState, ...] = ()

    @property
    def differing(self) -> tuple[VerificationState, ...]:
        """What the latest comparison found to say something else than the API."""
        return tuple(one for one in self.verifications if one.is_differing)

    @property
    def asked(self) -> tuple[Freshness, ...]:
        """Without what nobody asks for."""
        return tuple(one for one in self.entities if not one.is_off)

    @property
    def late(self) -> tuple[Freshness, ...]:
        """What is older than its freshness target, or was never read."""
        return tuple(one for one in self.entities if one.is_late)


async def overview(settings: Settings, clock: Clock | None = None) -> Overview:
    """Read it all. Raises DatabaseError, and SchemaRefused where this version's tables are not there."""
    now = (clock or SystemClock()).now()
    async with open_database(settings) as database:
        await require_schema(database)
        status = Status(database)
        entities = tuple(await status.freshness())
        states, tokens = await status.regions(), await status.tokens()
        verifications = tuple(await status.verifications(now))
    names = {one.region: one.region_name for one in entities}
    return Overview(entities, totals(states, tokens, names, settings.api.requests_per_minute, now), verifications)


def totals(
    states: Sequence[RegionState],
    tokens: Sequence[TokenState],
    names: Mapping[str, str],
    requests_per_minute: int,
    now: datetime,
) -> tuple[RegionTotals, ...]:
    """A line for every region. Pure."""
    by_region = {token.region: token for token in tokens}
    found = []
    for state in states:
        token = by_region.get(state.region)
        expires_at = token.expires_at if token else None
        pending_reads = sum(state.pending_reads.values())
        found.append(
            RegionTotals(
                region=state.region,
                name=names.get(state.region, state.region),
                pending_reads=state.pending_reads,
                pending_child_reads=pending_reads,
                pending_read_seconds=pending_reads * 60 / requests_per_minute,
                rejected_open=state.rejected_open,
                problems_open=state.problems_open,
                accepted=state.accepted,
                token_expires_at=expires_at,
                token_expires_in_seconds=None if expires_at is None else (expires_at - now).total_seconds(),
                token_error=token.error if token else None,
            )
        )
    return tuple(found)


async def require_schema(database: Database) -> None:
    """Refuse a schema that is not this version's, without touching it. Raises SchemaRefused."""
    pending = await migrate.check(database)
    if pending:
        raise SchemaRefused(
            f'schema "{database.schema}" is not up to date',
            actual=f"{len(pending)} migration{'s' if len(pending) != 1 else ''} to run",
            hint="run `breezeway-sync migrate`",
        )
