"""Writes `record_history`: what one merge changed, in the transaction of the merge.

PostgreSQL compares the stored rows before and after the merge. So an answer that lost against a newer one leaves no
trace, and neither does a value that is only written in another way. Columns of the mirror's own and links are left out.
Children are compared as whole sets. History is off by default: with it, a batch of changed tasks takes about four times
as long to write. Unchanged records cost nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from breezeway_sync.entities.model import Entity, TagLinks
from breezeway_sync.entities.plan import ChildPlan, plan_of
from breezeway_sync.store.database import Connection
from breezeway_sync.store.files import quote

# ruff: noqa: S608 - put together from names of the catalog only

_BEFORE = "history_before"
_OWN = (
    "region_code",
    "id",
    "payload_hash",
    "read_order",
    "mapping_version",
    "synced_at",
    "deleted_at",
    "system_created_at",
    "system_updated_at",
)


@dataclass(frozen=True, slots=True)
class HistorySql:
    """`lock`, `look` ($1 region, $2 keys, [$3 discriminator]) before the merge; `record` after it.

    `record` takes two more: now, and the keys of those that the API has changed. What differs of others was damaged in
    the mirror and is repaired.
    """

    create: str
    lock: str
    look: str
    record: str


@cache
def history_sql(entity: Entity, schema: str, called: str | None = None) -> HistorySql:
    """Statements for records of an entity, or for the table of children that a call of its own brings."""
    table = f"{quote(schema)}.{entity.table}"
    where = f"t.region_code = $1 AND t.{entity.key.name} = ANY ($2::bigint[])"
    where += f" AND t.{entity.discriminator} = $3" if entity.discriminator else ""
    now, news, record_type = ("$4", "$5", "$3") if entity.discriminator else ("$3", "$4", "NULL")
    plan = plan_of(entity)
    children = [child for child in plan.called if child.child.table == called] if called else plan.children
    sets = [_child_set(child, entity, schema) for child in children]
    sets += [] if called else [_tag_set(link, entity, schema) for link in entity.tags]
    parts = [] if called else [f"to_jsonb(t) - {_names((*_OWN, *_skipped(entity)))}"]
    parts += [f"jsonb_build_object({', '.join(sets)})"] if sets else []
    look = (
        f"SELECT t.{entity.key.name} AS key, t.deleted_at, {' || '.join(parts)} AS content FROM {table} t WHERE {where}"
    )
    return HistorySql(
        create=(
            f"CREATE TEMP TABLE {_BEFORE} (key bigint PRIMARY KEY, deleted_at timestamptz, content jsonb) "
            "ON COMMIT DROP"
        ),
        lock=f"SELECT FROM {table} t WHERE {where} ORDER BY t.{entity.key.name} FOR UPDATE",
        # A tag of which only a record's link has told is not there yet.
        look=f"INSERT INTO {_BEFORE} {look} AND NOT (t.payload_hash IS NULL AND t.read_order = 0)",
        record=(
            f"WITH after AS MATERIALIZED ({look}), happened (key, place, what, field, old_value, new_value) AS (\n"
            "SELECT a.key, 0, CASE WHEN b.key IS NULL THEN 'created' ELSE 'undeleted' END, NULL,\n"
            "    NULL::jsonb, NULL::jsonb\n"
            f"FROM after a LEFT JOIN {_BEFORE} b ON b.key = a.key\n"
            "WHERE b.key IS NULL OR (b.deleted_at IS NOT NULL AND a.deleted_at IS NULL)\nUNION ALL\n"
            f"SELECT a.key, 1, CASE WHEN a.key = ANY ({news}::bigint[]) THEN 'changed' ELSE 'repaired' END,\n"
            "    n.key, nullif(b.content -> n.key, 'null'), nullif(n.value, 'null')\n"
            f"FROM after a JOIN {_BEFORE} b ON b.key = a.key AND b.content <> a.content, jsonb_each(a.content) n\n"
            "WHERE b.content -> n.key IS DISTINCT FROM n.value)\n"
            f"INSERT INTO {quote(schema)}.record_history\n"
            "    (region_code, entity_type, record_id, record_type, seen_at, what, field, old_value, new_value)\n"
            f"SELECT $1, '{entity.name}', key, {record_type}, {now}, what, field, old_value, new_value\n"
            "FROM happened ORDER BY key, place, field"
        ),
    )


def _skipped(entity: Entity) -> tuple[str, ...]:
    own = [entity.key.name, *(link.column for link in entity.links)]
    return (*own, entity.discriminator) if entity.discriminator else tuple(own)


def _names(names: Sequence[str]) -> str:
    return "ARRAY[" + ", ".join(f"'{name}'" for name in names) + "]"


def _child_set(child: ChildPlan, entity: Entity, schema: str) -> str:
    table, order = child.child.table, ", ".join(f"c.{column.name}" for column in child.key_columns)
    content = f"to_jsonb(c) - {_names(('region_code', 'id', entity.pk, 'synced_at'))}"
    return (
        f"'{table}', (SELECT coalesce(jsonb_agg({content} ORDER BY {order}), '[]') FROM {quote(schema)}.{table} c "
        f"WHERE c.region_code = $1 AND c.{entity.pk} = t.id)"
    )


def _tag_set(link: TagLinks, entity: Entity, schema: str) -> str:
    tag = "jsonb_build_object('tag_id', g.tag_id, 'tag_name', coalesce(g.tag_name, g.extra ->> 'name'))"
    return (
        f"'{link.table}', (SELECT coalesce(jsonb_agg({tag} ORDER BY g.tag_id), '[]') "
        f"FROM {quote(schema)}.{link.table} c "
        f"JOIN {quote(schema)}.{link.target} g ON g.region_code = $1 AND g.id = c.tag_pk "
        f"WHERE c.region_code = $1 AND c.{entity.pk} = t.id)"
    )


@asynccontextmanager
async def recording(
    connection: Connection,
    sql: HistorySql | None,
    now: datetime,
    region: str,
    keys: list[int],
    news: list[int],
    *kind: str,
) -> AsyncIterator[None]:
    """Write down what the block does to these records, of which the API has changed `news`; without `sql`, nothing."""
    if sql is None or not keys:
        yield
        return
    # The lock is a statement of its own: the look that follows sees what a transaction before us has committed.
    await connection.execute(sql.lock, region, keys, *kind)
    await connection.execute(sql.create)
    await connection.execute(sql.look, region, keys, *kind)
    # Without statistics the comparison was planned as a loop over all pairs.
    await connection.execute(f"ANALYZE {_BEFORE} (key)")
    yield
    await connection.execute(sql.record, region, keys, *kind, now, news)
