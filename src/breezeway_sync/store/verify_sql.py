"""SQL that reads rows as PostgreSQL writes them in JSON. It is derived from the catalog's tables and keys."""

# ruff: noqa: S608 - SQL is put together from names of the catalog only

from __future__ import annotations

from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.model import CalledChild, Child, Entity, Link
from breezeway_sync.store.files import internal, quote

# In JSON bytes are written in one of two ways, as the database is set to.
_ROW = "to_jsonb(r) || jsonb_build_object('payload_hash', encode(r.payload_hash, 'hex'))"


def live(entity: Entity, schema: str, *, discriminator: bool, by: str | None) -> str:
    """FROM and WHERE of live rows: $1 region, $2 value of the discriminator or of `by` where there is one.

    A tag that only records mention waits for its list: lists do not speak of it.
    """
    text = f"FROM {quote(schema)}.{entity.table} r WHERE r.region_code = $1 AND r.deleted_at IS NULL"
    if discriminator:
        text += f" AND r.{entity.discriminator} = $2 AND r.payload_hash IS NOT NULL"
    return text if by is None else f"{text} AND r.{by} = $2"


def highest_key(entity: Entity, schema: str) -> str:
    """The highest id that the mirror has ever known; NULL where it has forgotten that. $1 region, $2 table.

    Rows that are marked as deleted, or were deleted by hand, were known as well: what the API has of them is not new.
    """
    lost = f"FROM {internal(schema)}.lost_rows l WHERE l.region_code = $1 AND l.table_name = $2"
    return (
        f"SELECT CASE WHEN NOT EXISTS (SELECT {lost} AND l.record_id IS NULL) THEN greatest("
        f"(SELECT max(r.{entity.key.name}) FROM {quote(schema)}.{entity.table} r WHERE r.region_code = $1), "
        f"(SELECT max(l.record_id) {lost})) END AS key"
    )


def by_home(entity: Entity, per: str, properties: Entity, schema: str) -> str:
    """How many live rows each live property lists; $1 region."""
    key = properties.key.name
    return (
        f"SELECT count(r.id) AS n FROM {quote(schema)}.{properties.table} p "
        f"LEFT JOIN {quote(schema)}.{entity.table} r ON r.region_code = $1 AND r.{per} = p.{key} "
        "AND r.deleted_at IS NULL "
        f"WHERE p.region_code = $1 AND p.deleted_at IS NULL GROUP BY p.{key}"
    )


def not_in_use(entity: Entity, schema: str) -> str:
    """Further conditions of `live`: a tag on a live record stays, whatever its list shows."""
    return "".join(
        f" AND NOT EXISTS (SELECT FROM {quote(schema)}.{link.table} l JOIN {quote(schema)}.{other.table} p "
        f"ON p.region_code = l.region_code AND p.id = l.{other.pk} AND p.deleted_at IS NULL "
        "WHERE l.region_code = r.region_code AND l.tag_pk = r.id)"
        for other in ENTITIES
        for link in other.tags
        if link.target == entity.table
    )


def stored(entity: Entity, schema: str, *, discriminator: bool) -> str:
    """Rows with their embedded children; $1 region, then the discriminator, the keys last."""
    keys = f"r.{entity.key.name} = ANY(${3 if discriminator else 2}::bigint[])"
    kind = f" AND r.{entity.discriminator} = $2" if discriminator else ""
    parts = [_children(entity, child, schema) for child in entity.children]
    parts += [
        f"'{tags.table}', (SELECT coalesce(jsonb_agg(jsonb_build_object('tag_id', t.tag_id)), '[]') "
        f"FROM {quote(schema)}.{tags.table} l JOIN {quote(schema)}.{tags.target} t "
        f"ON t.region_code = l.region_code AND t.id = l.tag_pk AND t.tag_type = '{tags.tag_type}' "
        f"WHERE l.region_code = r.region_code AND l.{entity.pk} = r.id)"
        for tags in entity.tags
    ]
    return (
        f"SELECT r.{entity.key.name} AS key, {_ROW} AS row, jsonb_build_object({', '.join(parts)}) AS children "
        f"FROM {quote(schema)}.{entity.table} r "
        f"WHERE r.region_code = $1{kind} AND r.deleted_at IS NULL AND {keys}"
    )


def called(entity: Entity, one: CalledChild, schema: str) -> str:
    """One row with the children of one call, and whether that call is owed; $1 region, $2 key, $3 source."""
    return (
        f"SELECT r.{entity.key.name} AS key, {_ROW} AS row, "
        f"jsonb_build_object({_children(entity, one.child, schema)}) AS children, "
        f"EXISTS (SELECT 1 FROM {internal(schema)}.pending_child_reads o "
        f"WHERE o.region_code = $1 AND o.source = $3 AND o.parent_id = $2) AS is_owed "
        f"FROM {quote(schema)}.{entity.table} r "
        f"WHERE r.region_code = $1 AND r.deleted_at IS NULL AND r.{entity.key.name} = $2"
    )


def broken_links(entity: Entity, link: Link, target: Entity, schema: str) -> str:
    """Keys whose link does not go to the row that has the id, or to none though that row is live; $1 region."""
    return (
        f"SELECT r.{entity.key.name} AS key FROM {quote(schema)}.{entity.table} r "
        f"LEFT JOIN {quote(schema)}.{target.table} t "
        f"ON t.region_code = r.region_code AND t.{target.key.name} = r.{link.by} "
        f"WHERE r.region_code = $1 AND r.deleted_at IS NULL AND r.{link.column} IS DISTINCT FROM t.id "
        f"AND NOT (r.{link.column} IS NULL AND t.deleted_at IS NOT NULL) ORDER BY 1"
    )


def gone(entity: Entity, schema: str) -> str:
    """Live rows that the API did not have any more when they were compared before, named as in certificates, with
    the first such time; those whose deletion is on record should not be live at all. $1 region, $2 entity.
    """
    kind = "" if entity.discriminator is None else f"r.{entity.discriminator} || ' ' || "
    return (
        "SELECT x.name, min(x.notified_at) AS notified_at FROM ("
        f"SELECT d.key AS name, c.started_at AS notified_at FROM {internal(schema)}.verification_results c, "
        "jsonb_to_recordset(c.differences) AS d (key TEXT, path TEXT, class TEXT) "
        "WHERE c.region_code = $1 AND c.entity_type = $2 AND d.path = '' AND d.class IN ('late', 'surplus') "
        "UNION ALL SELECT CASE kind WHEN '' THEN record_id::text ELSE kind || ' ' || record_id END, to_timestamp(0) "
        f"FROM {quote(schema)}.deletions WHERE region_code = $1 AND entity_type = $2 AND undone_at IS NULL"
        f") x JOIN {quote(schema)}.{entity.table} r ON r.region_code = $1 AND r.deleted_at IS NULL "
        f"AND {kind}r.{entity.key.name}::text = x.name GROUP BY 1"
    )


def _children(entity: Entity, child: Child, schema: str) -> str:
    return (
        f"'{child.table}', (SELECT coalesce(jsonb_agg(to_jsonb(c)), '[]') FROM {quote(schema)}.{child.table} c "
        f"WHERE c.region_code = r.region_code AND c.{entity.pk} = r.id)"
    )
