"""The stored side of a comparison, and the verification results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from breezeway_sync.core.verification import Class, Difference, VerificationResult
from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.comparison import ClaimedState, LastScans, ListScope, Rows, Stored
from breezeway_sync.entities.model import CalledChild, Entity, Link
from breezeway_sync.store import verify_sql
from breezeway_sync.store.database import Database
from breezeway_sync.store.holder import Holder
from breezeway_sync.store.leases import Lease

MOST_KEPT = 10_000
_TABLES = {entity.table: entity for entity in ENTITIES}


class StoredMirror:
    """Live rows of one schema, read without anything that loading uses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def known(self, region: str, entity: Entity) -> ClaimedState:
        """How far the lists of an entity and of its children have been read, and what they do not show."""
        names = [source.name for source in (*entity.sources, *(one.source for one in entity.called))]
        lists = await self._database.fetch("lists_read", region, names)
        absent = await self._database.fetch("absent_records", region, entity.name)
        gone = await self._fetch(
            "reading earlier certificates", verify_sql.gone(entity, self._database.schema), region, entity.name
        )
        highest = await self._fetch(
            "reading the highest id", verify_sql.highest_key(entity, self._database.schema), region, entity.table
        )
        source = await self._database.fetch_row("source_compared", region)
        accepted = await self._database.fetch("accepted_places", region)
        nameless = await self._database.fetch("accepted_nameless", region)
        return ClaimedState(
            {(row["source"], row["parent_id"]): LastScans(row["watermark"], row["last_full_scan_at"]) for row in lists},
            {(row["kind"], row["record_id"]): row["asked_at"] for row in absent},
            {row["name"]: row["notified_at"] for row in gone},
            highest[0]["key"],
            companies=frozenset(source["company_ids"]) if source and source["company_ids"] is not None else None,
            excluded=frozenset(source["excluded"]) if source else frozenset(),
            accepted=frozenset((row["kind"], row["source"], row["record_id"]) for row in accepted),
            accepted_nameless=frozenset((row["entity_type"], row["record_id"]) for row in nameless),
            blocked_why=source["blocked_why"] if source else None,
        )

    async def count(self, region: str, scope: ListScope) -> int:
        """Live rows that a list speaks of."""
        return int((await self._rows(scope, region, "count(*) AS n"))[0]["n"])

    async def keys(self, region: str, scope: ListScope) -> set[int]:
        """Live rows that are to be in a list."""
        where = verify_sql.not_in_use(scope.entity, self._database.schema)
        return {row["key"] for row in await self._rows(scope, region, f"r.{scope.entity.key.name} AS key", where)}

    async def sample(self, region: str, scope: ListScope, size: int, seed: int) -> list[int]:
        """So many of them; the same seed finds the same ones again."""
        key = f"r.{scope.entity.key.name}"
        order = f"ORDER BY hashint8extended({key}, {seed:d}), 1 LIMIT {size:d}"
        return [row["key"] for row in await self._rows(scope, region, f"{key} AS key", order)]

    async def stored(self, region: str, scope: ListScope, keys: Sequence[int]) -> dict[int, Stored]:
        kind = scope.discriminator
        text = verify_sql.stored(scope.entity, self._database.schema, discriminator=kind is not None)
        values = [region, *([] if kind is None else [kind]), list(keys)]
        return {row["key"]: _stored(row) for row in await self._fetch("reading rows to compare", text, *values)}

    async def called(self, region: str, entity: Entity, called: CalledChild, key: int) -> tuple[Stored | None, bool]:
        """The parent with the rows of that list, and whether the call is owed."""
        text = verify_sql.called(entity, called, self._database.schema)
        rows = await self._fetch("reading rows to compare", text, region, key, called.source.name)
        return (_stored(rows[0]), rows[0]["is_owed"]) if rows else (None, False)

    async def broken_links(self, region: str, entity: Entity, link: Link) -> list[int]:
        """Keys of rows whose link does not go where its id says, though that row is there."""
        text = verify_sql.broken_links(entity, link, _TABLES[link.target], self._database.schema)
        return [row["key"] for row in await self._fetch("comparing links", text, region)]

    async def row_counts(self, region: str, entity: Entity, properties: Entity) -> Rows:
        """How much there is to be compared, for an estimate."""
        live, homes = await self.count(region, ListScope(entity)), await self.count(region, ListScope(properties))
        absent = await self._database.fetch("absent_records", region, entity.name)
        per = next((source.per for source in entity.sources if source.per), None)
        text = None if per is None else verify_sql.by_home(entity, per, properties, self._database.schema)
        by_home = [row["n"] for row in await self._fetch("counting rows to compare", text, region)] if text else []
        return Rows(live, len(absent), by_home, homes)

    async def unavailable(self, region: str) -> set[str]:
        """Sources that this account was found not to have."""
        return {row["source"] for row in await self._database.fetch("unavailable_sources", region)}

    async def unresolved(self, region: str, name: str) -> list[Difference]:
        """What the latest comparison that came to its end has found, without what was late."""
        rows = await self._database.fetch("unresolved_differences", region, name)
        return [Difference(name, row["key"], row["path"], Class(row["class"])) for row in rows]

    async def knows(self, region: str) -> bool:
        """Whether the mirror has such a region at all."""
        return await self._database.fetch_row("region_is_known", region) is not None

    async def save(self, run_id: UUID, verification_result: VerificationResult, lease: Lease | None = None) -> None:
        """Keep what was found: places and classes, no values; under the lease that it was found under.

        Of so many differences as a certificate may hold. Raises DatabaseWentBack and LeaseLost where the mirror may not
        be the one that was compared.
        """
        async with self._database.transaction("keeping a certificate") as connection:
            if lease is not None:
                await Holder(self._database, lease, run_id).confirm(connection)
            await connection.execute(self._database.query("save_verification"), *_columns(run_id, verification_result))

    async def _rows(self, scope: ListScope, region: str, columns: str, further: str = "") -> Sequence[Any]:
        value = scope.discriminator if scope.by is None else scope.parent
        text = verify_sql.live(
            scope.entity, self._database.schema, discriminator=scope.discriminator is not None, by=scope.by
        )
        values = [region] if value is None else [region, value]
        return await self._fetch("counting rows to compare", f"SELECT {columns} {text} {further}", *values)

    async def _fetch(self, operation: str, text: str, *values: object) -> Sequence[Any]:
        async with self._database.connection(operation) as connection:
            found: Sequence[Any] = await connection.fetch(text, *values)
            return found


def _stored(row: Any) -> Stored:
    return Stored(*(json.loads(row[name], parse_float=Decimal) for name in ("row", "children")))


def _columns(run_id: UUID, one: VerificationResult) -> tuple[object, ...]:
    kept = (*one.unexplained, *(at for at in one.differences if at.kind is Class.LATE))[:MOST_KEPT]
    differences = [[at.key, at.path, at.kind.value] for at in kept]
    return (
        one.region,
        run_id,
        one.entity,
        one.started_at,
        one.seconds,
        one.result,
        one.seed,
        one.calls,
        json.dumps(dict(one.compared)),
        *(one.count(kind) for kind in Class),
        json.dumps([dict(zip(("key", "path", "class"), at, strict=True)) for at in differences]),
        one.error,
        one.is_full,
    )
