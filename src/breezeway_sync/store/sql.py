"""The one module that derives SQL from the catalog: staging tables, hash look-up, merge, links.

Names come from the catalog and the checked schema name. Values are always parameters. Statements begin with the region
in every key and join, have no now() in DO UPDATE SET, and count with RETURNING. So they also run where tables are
distributed by region (Citus).

Staged rows are looked up one by one (`LATERAL … LIMIT 1`). Nobody analyses a staging table, so the planner takes five
rows of it for hundreds: with 20,000 tasks it read the whole table five times for five changed ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.model import Entity, Link, TagLinks
from breezeway_sync.entities.plan import ChildPlan, Column, EntityPlan, plan_of
from breezeway_sync.store.files import quote

# ruff: noqa: S608 - this module is where SQL is put together, from names of the catalog only


@dataclass(frozen=True, slots=True)
class Staging:
    """A temporary table that lives as long as the transaction."""

    name: str
    create: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChildSql:
    """`existing`: ids and keys of the children of parents ($2); `delete`: by id ($2); `merge`: what differs.

    `merge` ($1 region, $2 now, $3 keys and $4 ids of parents) leaves out what was staged of others. `insert` is the
    same for parents that are all new: what cannot be there is neither looked for nor confirmed in the WAL. `differing`
    ($1 region, $2 ids of children, $3 … values as staged, in columns) gives the ids of those that are stored otherwise.
    """

    staging: Staging
    existing: str
    differing: str
    delete: str
    insert: str
    merge: str


@dataclass(frozen=True, slots=True)
class TagSql:
    """As of children; `create_tags` ($1 region, $2 now, $3 keys of parents), `merge` ($1 region, $2 keys, $3 ids)."""

    staging: Staging
    create_tags: str
    existing: str
    delete: str
    insert: str
    merge: str


@dataclass(frozen=True, slots=True)
class EntitySql:
    """Every statement for one entity.

    `lookup` ($1 region, $2 keys, [$3 discriminator]) sees live rows only, so that a record that comes back with
    its old content is undeleted, and those that say of themselves that they are deleted; `standing` ($1 region,
    $2 key, [$3 discriminator]) sees all. `merge` ($1 region, $2 now, $3 mapping version, [$4 discriminator])
    returns key, id, whether the row is new, whether it is live and whether it has just been deleted. `rewrite` (the
    present order as one more) writes what differs from its row in any value, also where that row claims an order later
    than the present, which nothing has; `not_newer` ($1 region, $2 keys, $3 orders, [$4 discriminator]) then gives key
    and id of the rows that no later answer has written. `late_links` ($1 region, $2 now, $3 keys) point what was
    waiting at rows that have just appeared.
    """

    staging: Staging
    lookup: str
    known_state: str
    merge: str
    rewrite: str
    not_newer: str
    children: tuple[tuple[ChildPlan, ChildSql], ...]
    called: tuple[tuple[ChildPlan, ChildSql], ...]
    tags: tuple[tuple[TagLinks, TagSql], ...]
    late_links: tuple[str, ...]
    parents: str
    save_leftover: str


@cache
def sql_for(entity: Entity, schema: str) -> EntitySql:
    """All statements of an entity for a schema."""
    plan = plan_of(entity)
    table = f"{quote(schema)}.{entity.table}"
    return EntitySql(
        staging=_staging(entity.table, _staged_columns(plan)),
        lookup=_lookup(entity, table),
        known_state=_known_state(entity, table),
        merge=_merge(plan, schema, table, is_rewrite=False),
        rewrite=_merge(plan, schema, table, is_rewrite=True),
        not_newer=_not_newer(entity, table),
        children=tuple((child, _child(child, entity, schema)) for child in plan.children),
        called=tuple((child, _child(child, entity, schema)) for child in plan.called),
        tags=tuple((link, _tags(link, entity, schema)) for link in entity.tags),
        late_links=tuple(
            _late_link(other, link, entity, schema)
            for other in ENTITIES
            for link in other.links
            if link.target == entity.table
        ),
        parents=(
            f"SELECT {entity.key.name} AS key, id FROM {table} "
            f"WHERE region_code = $1 AND {entity.key.name} = ANY ($2::bigint[])"
        ),
        save_leftover=_save_leftover(table),
    )


def _staged_columns(plan: EntityPlan) -> tuple[Column, ...]:
    return (
        Column("key", "bigint"),
        *plan.shape.columns,
        Column("extra", "jsonb"),
        Column("payload_hash", "bytea"),
        Column("read_order", "bigint"),
        Column("content_changed", "boolean"),
    )


def _staging(table: str, columns: tuple[Column, ...]) -> Staging:
    name = f"staging_{table}"
    # `key` and friends may be words of SQL: every staged column is quoted.
    body = ", ".join(f"{quote(column.name)} {column.sql_type}" for column in columns)
    return Staging(
        name,
        create=f"CREATE TEMP TABLE {name} ({body}) ON COMMIT DROP",
        columns=tuple(column.name for column in columns),
    )


def _lookup(entity: Entity, table: str) -> str:
    kind = f" AND t.{entity.discriminator} = $3" if entity.discriminator else ""
    return (
        f"SELECT t.{entity.key.name} AS key, t.payload_hash, t.mapping_version "
        f"FROM unnest($2::bigint[]) k (key) JOIN {table} t ON t.region_code = $1 AND t.{entity.key.name} = k.key{kind} "
        f"WHERE t.deleted_at IS NULL{_or_says_deleted(entity)}"
    )


def _or_says_deleted(entity: Entity) -> str:
    if entity.deleted_when is None:
        return ""
    column, value = entity.deleted_when
    return f" OR t.{column} = '{value}'"


def _known_state(entity: Entity, table: str) -> str:
    kind = f" AND {entity.discriminator} = $3" if entity.discriminator else ""
    return (
        f"SELECT read_order, deleted_at IS NOT NULL AS is_deleted FROM {table} "
        f"WHERE region_code = $1 AND {entity.key.name} = $2{kind}"
    )


def _not_newer(entity: Entity, table: str) -> str:
    kind = f" AND t.{entity.discriminator} = $4" if entity.discriminator else ""
    return (
        f"SELECT k.key, t.id FROM unnest($2::bigint[], $3::bigint[]) k (key, read_order) "
        f"JOIN {table} t ON t.region_code = $1 AND t.{entity.key.name} = k.key{kind} AND t.read_order <= k.read_order"
    )


def _merge(plan: EntityPlan, schema: str, table: str, *, is_rewrite: bool) -> str:
    entity = plan.entity
    target: list[str] = ["region_code"]
    source: list[str] = ["$1"]
    if entity.discriminator:
        target.append(entity.discriminator)
        source.append("$4")
    identity = [*target, entity.key.name]
    target.append(entity.key.name)
    source.append("s.key")
    joins = []
    for place, link in enumerate(entity.links):
        alias = f"l{place}"
        target.append(link.column)
        source.append(f"{alias}.id")
        row = _row_of(f"{quote(schema)}.{link.target}", f"{_target_key(link)} = s.{quote(link.by)}")
        joins.append(f"LEFT JOIN {row} {alias} ON true")
    for column in plan.shape.columns:
        target.append(quote(column.name))
        source.append(f"s.{quote(column.name)}")
    target += ["extra", "payload_hash", "read_order", "mapping_version", "synced_at", "deleted_at"]
    source += ["s.extra", "s.payload_hash", "s.read_order", "$3", "$2", _deleted(entity)]
    if entity.keeps_own_times:
        target += ["system_created_at", "system_updated_at"]
        source += ["$2", "$2"]
    sets, condition = _update(plan, schema, [name for name in target if name not in identity], is_rewrite=is_rewrite)
    return (
        f"INSERT INTO {table} AS t ({', '.join(target)})\n"
        f"SELECT {', '.join(source)}\nFROM {_staging(entity.table, ()).name} s\n"
        + "".join(f"{join}\n" for join in joins)
        + f"ORDER BY s.key\nON CONFLICT ({', '.join(identity)}) DO UPDATE SET\n    "
        + ",\n    ".join(f"{name} = {value}" for name, value in sets.items())
        + f"\nWHERE {condition}\n"
        f"RETURNING t.{entity.key.name} AS key, t.id, t.xmax = 0 AS is_new, t.deleted_at IS NULL AS is_live,\n"
        "    t.deleted_at IS NOT DISTINCT FROM $2 AS is_deleted"
    )


def _update(plan: EntityPlan, schema: str, target: list[str], *, is_rewrite: bool) -> tuple[dict[str, str], str]:
    """What the columns of a row that is there become, and under which condition."""
    entity = plan.entity
    sets = {
        name: f"EXCLUDED.{name}"
        for name in target
        if name not in ("extra", "deleted_at", "system_created_at", "system_updated_at")
    }
    sets["deleted_at"] = (
        f"CASE WHEN EXCLUDED.deleted_at IS NOT NULL{_unless_undone(entity, schema)} THEN coalesce(t.deleted_at, $2) END"
    )
    sets["extra"] = _merged_extra(plan)
    values = [name for name in sets if name not in ("read_order", "synced_at")]
    if entity.keeps_own_times:
        sets["system_updated_at"] = (
            "CASE WHEN t.deleted_at IS NULL AND t.payload_hash = EXCLUDED.payload_hash "
            "THEN t.system_updated_at ELSE EXCLUDED.system_updated_at END"
        )
    # Newest is what was asked for last: an answer to an earlier request that arrives later loses.
    condition = "t.read_order <= EXCLUDED.read_order"
    if is_rewrite:
        differs = " OR ".join(f"t.{name} IS DISTINCT FROM {sets[name]}" for name in values)
        condition = f"t.read_order > ${5 if entity.discriminator else 4} OR {condition} AND ({differs})"
    return sets, condition


def _deleted(entity: Entity) -> str:
    """A record that says of itself that it is deleted is proof."""
    if entity.deleted_when is None:
        return "NULL::timestamptz"
    column, value = entity.deleted_when
    return f"CASE WHEN s.{column} = '{value}' THEN $2::timestamptz END"


def _unless_undone(entity: Entity, schema: str) -> str:
    """What a person has made live again stays so while the record says nothing new."""
    if entity.deleted_when is None:
        return ""
    return (
        " AND NOT (t.deleted_at IS NULL AND t.payload_hash = EXCLUDED.payload_hash "
        f"AND EXISTS (SELECT FROM {quote(schema)}.deletions d WHERE d.region_code = t.region_code "
        f"AND d.entity_type = '{entity.name}' AND d.record_id = t.{entity.key.name} AND d.undone_at IS NOT NULL))"
    )


def _merged_extra(plan: EntityPlan) -> str:
    """The payload's leftovers, and those that calls of their own have left in the row ("/comments")."""
    if not plan.called:
        return "EXCLUDED.extra"
    names = ", ".join(f"'{leftover_name(child)}'" for child in plan.called)
    kept = f"SELECT jsonb_object_agg(key, value) FROM jsonb_each(t.extra) WHERE key IN ({names})"
    return (
        f"CASE WHEN t.extra ?| ARRAY[{names}] THEN coalesce(EXCLUDED.extra, '{{}}') || ({kept}) ELSE EXCLUDED.extra END"
    )


def leftover_name(child: ChildPlan) -> str:
    """Under which name of the parent's `extra` items stand that a list of its own brought and no row takes.

    The last part of that list's address, slash included: the payload may carry a field of the bare name.
    """
    return f"/{child.child.items}"


def _row_of(table: str, condition: str) -> str:
    """The id of the one row with a key that is staged.

    Nobody analyses a staging table, so the planner takes a few rows of it for hundreds, and would rather read the
    whole table than look them up. What has a LIMIT is looked up row by row.
    """
    return f"LATERAL (SELECT id FROM {table} WHERE region_code = $1 AND {condition} LIMIT 1)"


def _parents(first: int) -> str:
    """Keys and ids of parents that were merged: nothing is looked up, what lost to a newer answer is none."""
    return f"unnest(${first}::bigint[], ${first + 1}::bigint[]) p (key, id)"


def _target_key(link: Link) -> str:
    return next(entity.key.name for entity in ENTITIES if entity.table == link.target)


def _child(child: ChildPlan, entity: Entity, schema: str) -> ChildSql:
    table = f"{quote(schema)}.{child.child.table}"
    staging = _staging(child.child.table, (Column("parent_key", "bigint"), *child.columns))
    keys = [column.name for column in child.key_columns]
    others = [column for column in child.columns if column.name not in keys]
    names = ", ".join(quote(column.name) for column in child.columns)
    stored, given = (f"({', '.join(f'{of}.{quote(column.name)}' for column in others)})" for of in ("t", "EXCLUDED"))
    insert = (
        f"INSERT INTO {table} AS t (region_code, {entity.pk}, {names}, synced_at)\n"
        f"SELECT $1, p.id, {', '.join(f's.{quote(column.name)}' for column in child.columns)}, $2\n"
        f"FROM {staging.name} s JOIN {_parents(3)} ON p.key = s.parent_key\n"
        f"ORDER BY p.id, {', '.join(f's.{key}' for key in keys)}\n"
    )
    arrays = ", ".join(f"${place}::{column.sql_type}[]" for place, column in enumerate(others, 3))
    return ChildSql(
        staging=staging,
        existing=(
            f"SELECT id, {entity.pk} AS parent, {', '.join(keys)} FROM {table} "
            f"WHERE region_code = $1 AND {entity.pk} = ANY ($2::bigint[])"
        ),
        differing=(
            f"SELECT s.id FROM unnest($2::bigint[], {arrays}) s (id, {', '.join(quote(c.name) for c in others)})\n"
            f"JOIN {table} t ON t.region_code = $1 AND t.id = s.id\n"
            f"WHERE {stored}\n    IS DISTINCT FROM {given.replace('EXCLUDED', 's')}"
        ),
        delete=f"DELETE FROM {table} WHERE region_code = $1 AND id = ANY ($2::bigint[])",
        insert=insert,
        merge=(
            insert
            + f"ON CONFLICT (region_code, {entity.pk}, {', '.join(keys)}) DO UPDATE SET\n    "
            + ",\n    ".join(f"{quote(column.name)} = EXCLUDED.{quote(column.name)}" for column in others)
            + f",\n    synced_at = EXCLUDED.synced_at\nWHERE {stored}\n    IS DISTINCT FROM {given}"
            f"\nRETURNING t.xmax = 0 AS is_new, t.{entity.pk} AS parent"
        ),
    )


def _tags(link: TagLinks, entity: Entity, schema: str) -> TagSql:
    table = f"{quote(schema)}.{link.table}"
    tags = f"{quote(schema)}.{link.target}"
    of_tag = f"tag_type = '{link.tag_type}' AND tag_id = s.tag_id"
    tag = _row_of(tags, of_tag)
    staging = _staging(
        link.table, (Column("parent_key", "bigint"), Column("tag_id", "bigint"), Column("rest", "jsonb"))
    )
    insert = (
        f"INSERT INTO {table} (region_code, {entity.pk}, tag_pk)\n"
        f"SELECT $1, p.id, g.id FROM {staging.name} s\n"
        f"JOIN {_parents(2)} ON p.key = s.parent_key\n"
        f"CROSS JOIN {tag} g\n"
        f"ORDER BY p.id, g.id"
    )
    return TagSql(
        staging=staging,
        # The list's columns stay NULL until the list brings them; what the record says of it waits in `extra`.
        create_tags=(
            f"INSERT INTO {tags} AS t (region_code, tag_type, tag_id, extra, synced_at)\n"
            f"SELECT DISTINCT ON (s.tag_id) $1, '{link.tag_type}', s.tag_id, s.rest, $2::timestamptz\n"
            f"FROM {staging.name} s LEFT JOIN {_row_of(tags, f'{of_tag} AND deleted_at IS NULL')} g ON true\n"
            "WHERE g.id IS NULL AND s.parent_key = ANY ($3::bigint[]) ORDER BY s.tag_id\n"
            "ON CONFLICT (region_code, tag_type, tag_id)\n"
            "DO UPDATE SET deleted_at = NULL, synced_at = EXCLUDED.synced_at WHERE t.deleted_at IS NOT NULL"
        ),
        existing=(
            f"SELECT l.id, l.{entity.pk} AS parent, g.tag_id FROM {table} l "
            f"JOIN {tags} g ON g.region_code = $1 AND g.id = l.tag_pk "
            f"WHERE l.region_code = $1 AND l.{entity.pk} = ANY ($2::bigint[])"
        ),
        delete=f"DELETE FROM {table} WHERE region_code = $1 AND id = ANY ($2::bigint[])",
        insert=insert,
        merge=f"{insert} ON CONFLICT (region_code, {entity.pk}, tag_pk) DO NOTHING RETURNING {entity.pk} AS parent",
    )


def _late_link(other: Entity, link: Link, target: Entity, schema: str) -> str:
    return (
        f"UPDATE {quote(schema)}.{other.table} o SET {link.column} = t.id, synced_at = $2\n"
        f"FROM {quote(schema)}.{target.table} t\n"
        f"WHERE t.region_code = $1 AND t.{target.key.name} = ANY ($3::bigint[])\n"
        f"  AND o.region_code = $1 AND o.{link.by} = t.{target.key.name} AND o.{link.column} IS NULL"
    )


def _save_leftover(table: str) -> str:
    """$1 region, $2 now, $3 name, $4 parents' ids, $5 leftovers (JSON or NULL); writes only what differs."""
    merged = (
        "nullif((coalesce(t.extra, '{}') - $3) || "
        "CASE WHEN n.leftover IS NULL THEN '{}' ELSE jsonb_build_object($3, n.leftover) END, '{}')"
    )
    return (
        f"UPDATE {table} t SET extra = {merged}, synced_at = $2\n"
        "FROM unnest($4::bigint[], $5::jsonb[]) n (id, leftover)\n"
        "WHERE t.region_code = $1 AND t.id = n.id AND (n.leftover IS NOT NULL OR t.extra ? $3)\n"
        f"  AND t.extra IS DISTINCT FROM {merged}"
    )
