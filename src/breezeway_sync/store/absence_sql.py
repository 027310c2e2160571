"""Statements about what lists do not show any more, derived from the catalog."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.model import Entity
from breezeway_sync.store.files import quote

# ruff: noqa: S608 - put together from names of the catalog only


@dataclass(frozen=True, slots=True)
class AbsenceSql:
    """`absent` ($1 region, $2 order of the walk's first request, $3 ids shown, $4 kind, $5 parent, $6 and $7 days)
    finds what a list did not show. `doubt` ($1 region, $2 keys, $3 now, $4 run) makes records missing that were not.

    `delete` ($1 region, $2 keys, $3 now, $4 kind) and `restore` return the keys that it did, and whose list shows
    each. `candidates` ($1 region, $2 run, $3 and $4 when unlisted records were to be asked, $5 today, $6 days around
    it, $7 limit, $8 now; None without an address) and `listed` ($1 region, $2 how many) look for records by their
    own address.
    """

    absent: str
    doubt: str
    delete: str
    restore: str
    candidates: str | None
    listed: str


@cache
def absence_sql(entity: Entity, schema: str) -> AbsenceSql:
    """The statements of an entity for a schema."""
    table = f"{quote(schema)}.{entity.table}"
    return AbsenceSql(
        absent=_absent(entity, schema, table),
        doubt=_doubt(entity, schema, table),
        delete=_set_deleted(entity, table, "$3::timestamptz", ["t.deleted_at IS NULL", *_unused_tag(entity, schema)]),
        restore=_set_deleted(entity, table, "NULL", ["t.deleted_at IS NOT NULL"]),
        candidates=_candidates(entity, schema, table) if entity.own_address else None,
        listed=(
            f"SELECT t.{entity.key.name} AS key FROM {table} t WHERE t.region_code = $1 AND t.deleted_at IS NULL "
            f"AND NOT EXISTS ({_missing(entity, schema)}) ORDER BY t.id DESC LIMIT $2"
        ),
    )


def _missing(entity: Entity, schema: str) -> str:
    kind = f"t.{entity.discriminator}" if entity.discriminator else "''"
    return (
        f"SELECT FROM {quote(schema)}.missing_records m WHERE m.region_code = $1 "
        f"AND m.entity_type = '{entity.name}' AND m.kind = {kind} AND m.record_id = t.{entity.key.name}"
    )


def _absent(entity: Entity, schema: str, table: str) -> str:
    """What is live, was stored before the walk and is in its scope, but not among the ids shown nor missing before."""
    key, per = entity.key.name, list_column(entity)
    # The first and the last day may be others where the service is.
    planned = _touches(entity, "$6::date + 1", "$7::date - 1") if entity.planned else "$7::date IS NULL"
    conditions = [
        "t.region_code = $1 AND t.deleted_at IS NULL AND t.read_order < $2",
        f"t.{entity.discriminator} = $4" if entity.discriminator else "$4::text = ''",
        f"t.{per} = $5" if per else "$5::bigint = 0",
        f"($6::date IS NULL OR {planned})",
        f"NOT EXISTS ({_missing(entity, schema)})",
        *_unused_tag(entity, schema),
    ]
    return (
        f"SELECT count(*) AS expected, coalesce(array_agg(t.{key}) FILTER (WHERE s.id IS NULL), '{{}}') AS absent\n"
        f"FROM {table} t LEFT JOIN unnest($3::bigint[]) s (id) ON s.id = t.{key}\n"
        f"WHERE {' AND '.join(conditions)}"
    )


def _touches(entity: Entity, since: str, until: str) -> str:
    """Whether what is planned falls into these days or reaches into them."""
    first, last = entity.planned or ("", "")
    return f"t.{first} <= {until} AND t.{last} >= {since}"


def _doubt(entity: Entity, schema: str, table: str) -> str:
    per = list_column(entity)
    return (
        f"INSERT INTO {quote(schema)}.missing_records (region_code, entity_type, kind, record_id, source, parent_id, "
        "state, noticed_at, noticed_run, why)\n"
        f"SELECT $1, '{entity.name}', '', t.{entity.key.name}, '{entity.sources[0].name}', "
        f"{f'coalesce(t.{per}, 0)' if per else '0'}, 'open', $3, $4, 'its own address answered 404'\n"
        f"FROM {table} t WHERE t.region_code = $1 AND t.{entity.key.name} = ANY ($2::bigint[]) "
        "AND t.deleted_at IS NULL\n"
        "ON CONFLICT (region_code, entity_type, kind, record_id) DO NOTHING"
    )


def _unused_tag(entity: Entity, schema: str) -> list[str]:
    """A tag on a live record is never absent, whatever its list shows."""
    if entity.table != "tags":
        return []
    return [
        f"NOT EXISTS (SELECT FROM {quote(schema)}.{link.table} l JOIN {quote(schema)}.{other.table} p "
        f"ON p.region_code = $1 AND p.id = l.{other.pk} WHERE l.region_code = $1 AND l.tag_pk = t.id "
        "AND p.deleted_at IS NULL)"
        for other in ENTITIES
        for link in other.tags
    ]


def list_column(entity: Entity) -> str | None:
    """The column that says whose list shows a record; None: the region's own."""
    return next((source.per for source in entity.sources if source.per), None)


def _set_deleted(entity: Entity, table: str, value: str, conditions: list[str]) -> str:
    kind = f"t.{entity.discriminator} = $4" if entity.discriminator else "$4::text = ''"
    per = list_column(entity)
    parent = f"t.{per}" if per else "0"
    scope = " AND ".join([kind, *conditions])
    return (
        f"UPDATE {table} t SET deleted_at = {value}, synced_at = $3 "
        f"WHERE t.region_code = $1 AND t.{entity.key.name} = ANY ($2::bigint[]) AND {scope} "
        f"RETURNING t.{entity.key.name} AS key, {parent} AS parent"
    )


def _candidates(entity: Entity, schema: str, table: str) -> str:
    near = _touches(entity, "$5::date - $6::integer", "$5::date + $6::integer") if entity.planned else ""
    is_near = f"({near})" if near else "($5::date IS NULL AND $6::integer = 0)"
    return (
        f"SELECT m.record_id FROM {quote(schema)}.missing_records m\n"
        f"JOIN {table} t ON t.region_code = $1 AND t.{entity.key.name} = m.record_id AND t.deleted_at IS NULL\n"
        f"WHERE m.region_code = $1 AND m.entity_type = '{entity.name}' AND (\n"
        "    m.state = 'open' AND m.gone_run IS DISTINCT FROM $2\n"
        f"    OR m.state = 'unlisted' AND (m.asked_at NOT BETWEEN $3 AND $8 OR {is_near} AND m.asked_at < $4))\n"
        "ORDER BY m.state, m.asked_at NULLS FIRST, m.record_id LIMIT $7"
    )
