"""Stores the source of each region, and the companies that the same credentials show.

All writes happen under the lease of the account.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from breezeway_sync.core.clock import Clock
from breezeway_sync.core.sources import Companies, Identity, RegionSource, SourceState
from breezeway_sync.entities.batch import Loaded
from breezeway_sync.entities.catalog import HOME
from breezeway_sync.entities.streams import OF_HOMES
from breezeway_sync.store.database import Connection, Database, Row
from breezeway_sync.store.proof import StoredProofs


class SourceStore:
    """The sources of one account's regions."""

    def __init__(self, proofs: StoredProofs, clock: Clock) -> None:
        self._proofs = proofs
        self._holder = proofs.holder
        self._database = proofs.holder.database
        self._clock = clock

    async def known_state(self, region: str, expected: Identity) -> SourceState:
        """What is known of a region, and whether another one has one of the companies wanted."""
        return await stored_source_state(self._database, region, expected)

    async def begin(self, region: str, identity: Identity) -> str | None:
        """Write down what a new region is to be a copy of; not where another one has the same: its code is returned."""
        async with self._database.transaction("beginning a region") as connection:
            await self._holder.check(connection)
            twin = await self._twin(connection, region, identity)
            if twin is None:
                await connection.execute(self._database.query("begin_source"), region, *source_columns(identity))
        return twin

    async def confirm(self, region: str, identity: Identity, *, is_reset: bool) -> str | None:
        """It is the right source; with `is_reset` what was remembered of it goes. As `begin`."""
        async with self._database.transaction("confirming a source") as connection:
            await self._holder.check(connection)
            twin = await self._twin(connection, region, identity)
            if twin is None:
                values = (*source_columns(identity), self._clock.now())
                await connection.execute(self._database.query("confirm_source"), region, *values)
                if is_reset:
                    await connection.execute(self._database.query("reset_source"), region)
        return twin

    async def _twin(self, connection: Connection, region: str, identity: Identity) -> str | None:
        await connection.execute(self._database.query("lock_sources"))
        row = await connection.fetchrow(self._database.query("source_standing"), *_asked(region, identity))
        return None if row is None else row["twin"]

    async def block(self, region: str, why: str) -> None:
        """Say why nothing is read."""
        async with self._database.transaction("blocking a region") as connection:
            await self._holder.check(connection)
            await connection.execute(self._database.query("block_source"), region, why, self._clock.now())

    async def known_properties(self, region: str) -> frozenset[int]:
        """Properties that the mirror has or had of this source."""
        return frozenset(row["property_id"] for row in await self._database.fetch("known_properties", region))

    async def excluded_homes(self, region: str) -> frozenset[int]:
        """Properties of other companies that the region's pair shows as well."""
        return await stored_left_out_homes(self._database, region)

    async def leave_out(self, region: str, excluded: Mapping[int, int | None], came_back: Sequence[int]) -> Loaded:
        """Remember properties of other companies, with those, and forget those that came back.

        Live ones that are left out have left the account, which the list proves.
        """
        async with self._database.transaction("leaving properties out") as connection:
            await self._holder.check(connection)
            deleted = await self._proofs.left(connection, region, HOME, excluded) if excluded else 0
            if excluded:
                values = (list(excluded), list(excluded.values()), self._clock.now())
                await connection.execute(self._database.query("leave_out"), region, *values)
            if came_back:
                take_back = self._database.query("take_back")
                await connection.execute(take_back, region, list(came_back), list(OF_HOMES))
        return Loaded(deleted=deleted)


async def stored_source_state(database: Database, region: str, expected: Identity) -> SourceState:
    """The same without a lease, for who only looks."""
    row = await database.fetch_row("source_standing", *_asked(region, expected))
    return SourceState(None, is_retired=False, has_properties=False) if row is None else known_state_of(row)


async def stored_left_out_homes(database: Database, region: str) -> frozenset[int]:
    """The same without a lease."""
    return frozenset(row["property_id"] for row in await database.fetch("excluded_homes", region))


def known_state_of(row: Row) -> SourceState:
    """A row of `source_standing`."""
    source = None
    if row["region_code"] is not None:
        companies = Companies.of(row["company_ids"], all_=row["all_companies"])
        identity = Identity(row["api_address"], row["account"], companies)
        source = RegionSource(identity, row["confirmed_at"], row["blocked_why"], row["adopted_at"])
    return SourceState(source, row["is_retired"], row["has_properties"], row["twin"], row["is_shared"], row["has_live"])


def source_columns(identity: Identity) -> tuple[str, str, list[int] | None, bool]:
    """The columns of `region_sources` that say what a source is."""
    return identity.address, identity.account, list(identity.companies.ids) or None, identity.companies.all


def _asked(region: str, expected: Identity) -> tuple[str, str, list[int], str]:
    """The values of `source_standing`."""
    return region, expected.address, list(expected.companies.ids), expected.account
