"""Stores a person's decisions on regions: list them, adopt a source, rename, retire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from breezeway_sync.core.clock import Clock
from breezeway_sync.core.errors import UnknownRecord
from breezeway_sync.core.sources import Companies, Identity
from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.store.database import Connection, Database
from breezeway_sync.store.files import internal_name, quote
from breezeway_sync.store.sources import source_columns

# Of a region of millions of rows each is written once.
RENAME_SECONDS = 4 * 3600.0


@dataclass(frozen=True, slots=True)
class RegionLine:
    """One region. `state`: attended, unattended, unconfirmed, source_changed or retired; `rows` are live records."""

    code: str
    name: str
    state: str
    companies: Companies
    address: str | None
    account: str | None
    claimed_at: datetime | None
    confirmed_at: datetime | None
    adopted_at: datetime | None
    adopted_by: str | None
    blocked_why: str | None
    rows: int


class Regions:
    """Decisions on regions. `person` is who decides, as it is written down."""

    def __init__(self, database: Database, clock: Clock, person: str) -> None:
        self._database = database
        self._clock = clock
        self._person = person

    async def lines(self) -> list[RegionLine]:
        """Every region that the mirror has."""
        rows = await self._database.fetch("region_list")
        counts = await self._live_rows()
        return [
            RegionLine(
                row["region_code"],
                row["region_name"],
                row["state"],
                Companies.of(row["company_ids"], all_=row["all_companies"]),
                row["api_address"],
                row["account"],
                row["claimed_at"],
                row["confirmed_at"],
                row["adopted_at"],
                row["adopted_by"],
                row["blocked_why"],
                counts.get(row["region_code"], 0),
            )
            for row in rows
        ]

    async def _live_rows(self) -> dict[str, int]:
        schema = quote(self._database.schema)
        # Names of the catalog only.
        each = " UNION ALL ".join(
            f"SELECT region_code FROM {schema}.{entity.table} WHERE deleted_at IS NULL"  # noqa: S608
            for entity in ENTITIES
        )
        async with self._database.connection("counting live rows") as connection:
            text = f"SELECT region_code, count(*) AS live FROM ({each}) x GROUP BY 1"  # noqa: S608
            return {row["region_code"]: row["live"] for row in await connection.fetch(text)}

    async def account_of(self, region: str) -> str | None:
        """The account that a region is a copy of, None before its first reading. Raises UnknownRecord."""
        row = await self._database.fetch_row("region_state", region)
        if row is None:
            raise await self._unknown(region)
        account: str | None = row["account"]
        return account

    async def adopt(self, region: str, identity: Identity) -> None:
        """Take this source for the region's own, and bring a retired region back: all of it is read whole."""
        now, query = self._clock.now(), self._database.query
        async with self._database.transaction("adopting a source") as connection:
            await connection.execute(query("bring_back_region"), region)
            await connection.execute(query("adopt_source"), region, *source_columns(identity), now, self._person)
            await connection.execute(query("reset_source"), region)
            await connection.execute(query("forget_source"), region, now)

    async def retire(self, region: str) -> bool:
        """Take a region out; False when it was out already. Raises UnknownRecord."""
        await self.account_of(region)
        return await self._database.fetch_row("retire_region", region) is not None

    async def rename(self, old: str, new: str) -> None:
        """Give everything of a region another code, in one transaction. Raises UnknownRecord.

        What a run left under the new code before it was refused goes; credentials that were put there by hand stay.
        """
        schema = self._database.schema
        async with self._database.transaction("renaming a region") as connection:
            await connection.execute(f"SET LOCAL statement_timeout = {int(RENAME_SECONDS * 1000)}")
            await connection.execute("SET CONSTRAINTS ALL DEFERRED")
            await self._check_names(connection, old, new)
            tables = [
                (row["table_schema"], row["table_name"])
                for row in await connection.fetch(
                    self._database.query("region_tables"), [schema, internal_name(schema)]
                )
            ]
            keeps_pair = await connection.fetchval(self._database.query("has_credentials"), new)
            for of, table in tables:
                gone = old if table == "api_tokens" and keeps_pair else new
                place = f"{quote(of)}.{quote(table)}"
                await connection.execute(f"DELETE FROM {place} WHERE region_code = $1", gone)  # noqa: S608
                move = f"UPDATE {place} SET region_code = $2 WHERE region_code = $1"  # noqa: S608
                await connection.execute(move, old, new, timeout=RENAME_SECONDS)

    async def _check_names(self, connection: Connection, old: str, new: str) -> None:
        query = self._database.query("region_state")
        if await connection.fetchrow(query, old) is None:
            raise await self._unknown(old)
        there = await connection.fetchrow(query, new)
        if there is not None and there["has_source"]:
            raise UnknownRecord(
                "nothing was changed",
                where="regions rename",
                actual=f"{new}, which is a region with rows of its own",
                expected="a code that no region has",
                hint="see `breezeway-sync regions list`",
            )

    async def _unknown(self, region: str) -> UnknownRecord:
        known = [row["region_code"] for row in await self._database.fetch("region_list")]
        return UnknownRecord(
            "nothing was changed",
            where="regions",
            actual=f'"{region}", which is no region of the mirror',
            expected=f"one of {', '.join(known)}" if known else "a region that was read before",
            hint="see `breezeway-sync regions list`",
        )
