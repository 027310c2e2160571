"""Finds rows that somebody deleted by hand, reports them once, and makes the run read them again.

Triggers note them in `lost_rows`. This module restores nothing. It resets checkpoints, hashes and pending child reads,
so the next run reads as if the rows had never been there.

Why triggers and not counts: a count reads the table in each run, and it misses a row that was deleted and replaced.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.losses import Loss
from breezeway_sync.entities.model import Entity
from breezeway_sync.store.absence_sql import list_column
from breezeway_sync.store.database import Connection, Row
from breezeway_sync.store.files import internal, quote
from breezeway_sync.store.holder import Holder

# ruff: noqa: S608 - put together from names of the catalog only


@dataclass(frozen=True, slots=True)
class _Lost:
    """Records of a region, by id, and whose lists show them; None: any."""

    records: list[int] | None
    parents: list[int] | None


async def take_losses(holder: Holder, region: str, order: int, now: datetime) -> list[Loss]:
    """What was deleted by hand since the last run. Afterwards the mirror knows that it has not read it.

    Calls for children are pending at `order`. Raises DatabaseError and LeaseLost; then all is as it was.
    """
    database = holder.database
    if not await database.fetch("lost_tables", region):
        return []
    async with database.transaction("taking note of lost rows") as connection:
        await holder.check(connection)
        rows = await connection.fetch(database.query("take_lost_rows"), region)
        losses = []
        for row in rows:
            lost = _Lost(None, None) if row["is_any"] else _Lost(row["records"], row["parents"])
            for statement, values in _statements(row["table_name"], database.schema, lost, order):
                await connection.execute(statement, region, *values)
            losses.append(
                Loss(row["entity_type"], row["table_name"], None if lost.records is None else len(lost.records))
            )
        await _ask_for_hidden(connection, holder, region, rows, now)
    return losses


async def _ask_for_hidden(
    connection: Connection, holder: Holder, region: str, rows: Sequence[Row], now: datetime
) -> None:
    """What lists do not show is asked for at its own address; what they show is not missing any more by then."""
    for entity in ENTITIES:
        if entity.own_address is None:
            continue
        tables = {entity.table, *(child.table for child in entity.children), *(link.table for link in entity.tags)}
        found = [row for row in rows if row["table_name"] in tables]
        if found:
            keys, is_any = [key for row in found for key in row["records"]], any(row["is_any"] for row in found)
            ask, source = holder.database.query("ask_for_lost"), entity.sources[0].name
            await connection.execute(ask, region, entity.name, source, keys, now, holder.run_id, is_any)


def _statements(table: str, schema: str, lost: _Lost, order: int) -> Iterator[tuple[str, tuple[object, ...]]]:
    """What is to be read again, as statements with their values after the region."""
    for entity in ENTITIES:
        sources = [source.name for source in entity.sources]
        is_embedded = table in {child.table for child in entity.children} | {link.table for link in entity.tags}
        if table == entity.table or is_embedded:
            yield _forget_lists(schema), (sources, lost.parents if list_column(entity) else None)
        if table == entity.table:
            # Their children by a call went with them. Those that are owed new records owe anyway.
            called = [one.source.name for one in entity.called if not one.pending_reads]
            yield _forget_lists(schema), (called, lost.records)
        if is_embedded:
            yield _forget_hashes(entity, schema), (lost.records,)
        for one in entity.called:
            if table == one.child.table and one.pending_reads:
                yield _request_reads(entity, schema), (lost.records, one.source.name, order)
            elif table == one.child.table:
                yield _forget_lists(schema), ([one.source.name], lost.records)


@cache
def _forget_lists(schema: str) -> str:
    return (
        f"DELETE FROM {internal(schema)}.checkpoints WHERE region_code = $1 AND source = ANY ($2::text[]) "
        "AND ($3::bigint[] IS NULL OR parent_id = ANY ($3::bigint[]))"
    )


@cache
def _forget_hashes(entity: Entity, schema: str) -> str:
    return (
        f"UPDATE {quote(schema)}.{entity.table} t SET payload_hash = NULL "
        f"WHERE {_is_meant(entity)} AND t.payload_hash IS NOT NULL"
    )


@cache
def _request_reads(entity: Entity, schema: str) -> str:
    return (
        f"INSERT INTO {internal(schema)}.pending_child_reads AS o (region_code, source, parent_id, pending_order)\n"
        f"SELECT $1, $3, t.{entity.key.name}, $4 FROM {quote(schema)}.{entity.table} t\n"
        f"WHERE {_is_meant(entity)}\n"
        f"AND EXISTS (SELECT FROM {internal(schema)}.v_claims k WHERE k.region_code = $1 AND k.name = $3\n"
        "    AND k.state IN ('attended', 'unattended'))\n"
        "ON CONFLICT (region_code, source, parent_id)\n"
        "DO UPDATE SET pending_order = greatest(o.pending_order, EXCLUDED.pending_order)"
    )


def _is_meant(entity: Entity) -> str:
    """Live records of the region ($1) with these ids ($2), or all of them."""
    return (
        "t.region_code = $1 AND t.deleted_at IS NULL "
        f"AND ($2::bigint[] IS NULL OR t.{entity.key.name} = ANY ($2::bigint[]))"
    )
