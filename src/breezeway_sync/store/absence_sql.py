"""SQL that finds and writes missing records. It is derived from the catalog."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.model import Entity
from breezeway_sync.store.files import internal, quote

# ruff: noqa: S608 - put together from names of the catalog only


@dataclass(frozen=True, slots=True)
class AbsenceSql:
    """`absent` ($1 region, $2 order of the walk's first request, $3 ids shown, $4 kind, $5 parent, $6 and $7 days)
    finds what a list did not show, and (`elsewhere`) what it did though nothing under its parent is that.

    `note` ($1 region, $2 kind, $3 keys, $4 list, $5 parent, $6 state, $7 now, $8 run, $9 why, $10 whether the walk was
    one around today) writes it down. `live` ($1 region, $2 kind or NULL) counts live records. `delete` ($1 region,
    $2 keys, $3 now, $4 kind) and `restore` return the keys that it did, and whose list shows each. `listed` ($1 region,
    $2 how many) looks for records that lists show.
    """

    absent: str
    note: str
    live: str
    delete: str
    restore: str
    listed: str


@cache
def absence_sql(entity: Entity, schema: str) -> AbsenceSql:
    """The statements of an entity for a schema."""
    table = f"{quote(schema)}.{entity.table}"
    return AbsenceSql(
        absent=_absent_of_parent(entity, schema, table) if list_column(entity) else _absent(entity, schema, table),
        note=_note(entity, schema, table),
        live=(
            f"SELECT count(*) FROM {table} t WHERE t.region_code = $1 AND t.deleted_at IS NULL AND "
            + (f"($2::text IS NULL OR t.{entity.discriminator} = $2)" if entity.discriminator else "$2::text IS NULL")
        ),
        delete=_set_deleted(entity, table, "$3::timestamptz", ["t.deleted_at IS NULL", *_unused_tag(entity, schema)]),
        restore=_set_deleted(entity, table, "NULL", ["t.deleted_at IS NOT NULL"]),
        listed=(
            f"SELECT t.{entity.key.name} AS key FROM {table} t WHERE t.region_code = $1 AND t.deleted_at IS NULL "
            f"AND NOT EXISTS ({_missing(entity, schema)}) ORDER BY t.id DESC LIMIT $2"
        ),
    )


def _missing(entity: Entity, schema: str) -> str:
    kind = f"t.{entity.discriminator}" if entity.discriminator else "''"
    return (
        f"SELECT FROM {internal(schema)}.missing_records m WHERE m.region_code = $1 "
        f"AND m.entity_type = '{entity.name}' AND m.kind = {kind} AND m.record_id = t.{entity.key.name}"
    )


def _is_expected(entity: Entity, schema: str) -> str:
    """What is live, was stored before the walk, and not missing before."""
    return f"t.deleted_at IS NULL AND t.read_order < $2 AND NOT EXISTS ({_missing(entity, schema)})"


def _is_inside(entity: Entity) -> str:
    """What falls between the walk's days; the service's day may be another than UTC's."""
    if entity.planned is None:
        return "($6::date IS NULL AND $7::date IS NULL)"
    first, last = entity.planned
    return f"($6::date IS NULL OR t.{first} <= $7::date - 1 AND t.{last} >= $6 + 1)"


def _absent(entity: Entity, schema: str, table: str) -> str:
    kind = f"t.{entity.discriminator} = $4" if entity.discriminator else "$4::text = ''"
    conditions = ["t.region_code = $1 AND $5::bigint = 0", kind, _is_inside(entity), _is_expected(entity, schema)]
    return (
        f"SELECT count(*) AS expected, coalesce(array_agg(t.{entity.key.name}) FILTER (WHERE s.id IS NULL), '{{}}') "
        "AS absent, '{}'::bigint[] AS elsewhere\n"
        f"FROM {table} t LEFT JOIN unnest($3::bigint[]) s (id) ON s.id = t.{entity.key.name}\n"
        f"WHERE {' AND '.join([*conditions, *_unused_tag(entity, schema)])}"
    )


def _absent_of_parent(entity: Entity, schema: str, table: str) -> str:
    """What stands under a parent, beside what its list showed: either may have what the other has not."""
    return (
        f"WITH stored AS MATERIALIZED (\n"
        f"    SELECT t.{entity.key.name} AS key, {_is_expected(entity, schema)} AS is_expected FROM {table} t\n"
        f"    WHERE t.region_code = $1 AND t.{list_column(entity)} = $5 AND $4::text = '' AND {_is_inside(entity)}\n)\n"
        "SELECT count(*) FILTER (WHERE t.is_expected) AS expected,\n"
        "    coalesce(array_agg(t.key) FILTER (WHERE t.is_expected AND s.id IS NULL), '{}') AS absent,\n"
        "    coalesce(array_agg(s.id) FILTER (WHERE t.key IS NULL), '{}') AS elsewhere\n"
        "FROM stored t FULL JOIN unnest($3::bigint[]) s (id) ON s.id = t.key"
    )


def _note(entity: Entity, schema: str, table: str) -> str:
    kind = f"t.{entity.discriminator} = $2" if entity.discriminator else "$2::text = ''"
    return (
        f"INSERT INTO {internal(schema)}.missing_records (region_code, entity_type, kind, record_id, source,\n"
        "    parent_id, state, missing_since, missing_run, why, last_listed_at)\n"
        f"SELECT $1, '{entity.name}', $2, t.{entity.key.name}, $4, $5, $6, $7, $8, $9,\n"
        "    greatest(w.last_full_scan_at, CASE WHEN $10::boolean THEN w.last_window_scan_at END)\n"
        f"FROM {table} t LEFT JOIN {internal(schema)}.checkpoints w\n"
        "    ON w.region_code = $1 AND w.source = $4 AND w.parent_id = $5\n"
        f"WHERE t.region_code = $1 AND t.{entity.key.name} = ANY ($3::bigint[]) AND {kind}\n"
        "ON CONFLICT (region_code, entity_type, kind, record_id) DO NOTHING"
    )


def _unused_tag(entity: Entity, schema: str) -> list[str]:
    """A tag on a live record is never absent, whatever its list shows."""
    return [
        f"NOT EXISTS (SELECT FROM {quote(schema)}.{link.table} l JOIN {quote(schema)}.{other.table} p "
        f"ON p.region_code = $1 AND p.id = l.{other.pk} WHERE l.region_code = $1 AND l.tag_pk = t.id "
        "AND p.deleted_at IS NULL)"
        for other in ENTITIES
        for link in other.tags
        if link.target == entity.table
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
