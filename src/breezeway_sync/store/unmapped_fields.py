"""Finds fields that no column takes, and writes the migration that adds a column. Its SQL contains names only."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from breezeway_sync.entities.decode import Item, read_item
from breezeway_sync.entities.model import ColumnKind, Entity
from breezeway_sync.entities.promote import Promotion, Target, tables
from breezeway_sync.store.database import Database
from breezeway_sync.store.files import quote

# ruff: noqa: S608 - names of the catalog, and names that `promote` has checked

MOST_VALUES = 20_000
"""How many values are looked at to find a type."""


@dataclass(frozen=True, slots=True)
class UnmappedField:
    """A field of a region's records that no column takes; `field` has a dot within an object."""

    region: str
    table: str
    field: str
    types: tuple[str, ...]
    rows: int
    since: datetime


@dataclass(frozen=True, slots=True)
class PastChange:
    """A change of a path, as the radar wrote it down. `filled_percent` is what is filled now."""

    region: str
    entity: str
    path: str
    what: str
    changed_at: datetime
    types: tuple[str, ...]
    filled_percent: float | None


class UnmappedFields:
    """Reads of what has no column; changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def gaps(self, regions: Collection[str] | None, of_tables: Collection[str] | None) -> list[UnmappedField]:
        """Fields in `extra`, the most frequent first; None: of all."""
        names = [name for name in tables() if of_tables is None or name in of_tables]
        async with self._database.connection("looking for gaps") as connection:
            rows = await connection.fetch(_gaps_sql(self._database.schema, names), _listed(regions))
        return [
            UnmappedField(row["region_code"], row["name"], row["field"], tuple(row["types"]), row["rows"], row["since"])
            for row in rows
        ]

    async def changes(self, regions: Collection[str] | None, entities: Collection[str] | None) -> list[PastChange]:
        """What the radar has seen change, the latest first; None: of all."""
        rows = await self._database.fetch("field_changes", _listed(regions), _listed(entities))
        return [
            PastChange(
                row["region_code"],
                row["entity_type"],
                row["path"],
                row["what"],
                row["changed_at"],
                tuple(row["types"]),
                row["filled_percent"],
            )
            for row in rows
        ]

    async def values(self, target: Target) -> list[Item]:
        """Values of a field that stand in `extra`, some at least."""
        table = f"{quote(self._database.schema)}.{target.table}"
        sql = f"SELECT (extra #> $1)::text AS value FROM {table} WHERE extra #> $1 IS NOT NULL LIMIT {MOST_VALUES}"
        async with self._database.connection("looking at values") as connection:
            rows = await connection.fetch(sql, list(target.parts))
        return [read_item(row["value"].encode()) for row in rows]

    async def columns(self, table: str) -> set[str]:
        """The columns that a table has now."""
        rows = await self._database.fetch("columns_of", self._database.schema, table)
        return {row["name"] for row in rows}

    async def reserved(self) -> set[str]:
        """Words that the server keeps for itself."""
        return {row["word"] for row in await self._database.fetch("reserved_words")}


def _listed(names: Collection[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)


def _gaps_sql(schema: str, names: Sequence[str]) -> str:
    known = tables()
    kept = " UNION ALL ".join(
        f"SELECT '{name}' AS name, region_code, extra, synced_at FROM {quote(schema)}.{name} WHERE extra IS NOT NULL"
        + (" AND deleted_at IS NULL" if isinstance(known[name], Entity) else "")
        for name in names
    )
    return f"""
        SELECT k.region_code, k.name, f.key || coalesce('.' || n.key, '') AS field,
            array_agg(DISTINCT jsonb_typeof(coalesce(n.value, f.value))) AS types,
            count(*) AS rows, min(k.synced_at) AS since
        FROM ({kept}) k
        CROSS JOIN jsonb_each(k.extra) f
        LEFT JOIN LATERAL jsonb_each(CASE WHEN jsonb_typeof(f.value) = 'object' THEN f.value END) n ON true
        WHERE $1::text[] IS NULL OR k.region_code = ANY ($1)
        GROUP BY 1, 2, 3 ORDER BY rows DESC, 1, 2, 3"""


# --- the migration --------------------------------------------------------------------------------

# Without a backslash: a database may be set to take one in a literal for an escape.
_NUMBER = "'^-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]{1,3})?$'"
_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,6}0*)?)?"
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_OFFSET = "[[:space:]]?(Z|z|[+-][0-9]{2}(:?[0-9]{2})?)"
_IS_TEXT = "jsonb_typeof(value) = 'string'"
_IS_NUMBER = f"jsonb_typeof(value) IN ('number', 'string') AND length(plain) <= 1000 AND plain ~ {_NUMBER}"

# Type and expression by kind, the way of `entities.values` in SQL; what it leaves out, the next reading brings.
_FITTED = {
    ColumnKind.BIGINT: ("BIGINT", f"CASE WHEN {_IS_NUMBER} AND plain::numeric % 1 = 0 THEN plain::numeric::bigint END"),
    ColumnKind.NUMERIC: ("NUMERIC", f"CASE WHEN {_IS_NUMBER} THEN plain::numeric END"),
    ColumnKind.BOOLEAN: ("BOOLEAN", "CASE WHEN jsonb_typeof(value) = 'boolean' THEN plain::boolean END"),
    ColumnKind.TEXT: (
        "TEXT",
        f"CASE WHEN {_IS_TEXT} THEN plain WHEN jsonb_typeof(value) = 'number' AND length(plain) < 40 THEN plain END",
    ),
    ColumnKind.DATE: ("DATE", f"CASE WHEN {_IS_TEXT} AND plain ~ '^{_DAY}$' THEN plain::date END"),
    ColumnKind.TIME: ("TIME", f"CASE WHEN {_IS_TEXT} AND plain ~ '^{_CLOCK}$' THEN plain::time END"),
    ColumnKind.TIMESTAMP: (
        "TIMESTAMPTZ",
        f"CASE WHEN {_IS_TEXT} AND plain ~ '^{_DAY}[T ]{_CLOCK}$' THEN (plain || 'Z')::timestamptz\n"
        f"        WHEN {_IS_TEXT} AND plain ~ '^{_DAY}[T ]{_CLOCK}{_OFFSET}$' THEN plain::timestamptz END",
    ),
    ColumnKind.JSON: ("JSONB", "CASE WHEN jsonb_typeof(value) <> 'null' THEN value END"),
}


def migration_text(promotion: Promotion) -> str:
    """The migration that adds the column and fills it from `extra`; harmless when it runs twice."""
    target, column = promotion.target, quote(promotion.column)
    sql_type, fitted = _FITTED[promotion.kind]
    update = _update_nested if len(target.parts) > 1 else _update
    return f"""\
-- {target.table}.{target.path} gets a column of its own, {promotion.column}, filled from what stands in `extra`.
ALTER TABLE {target.table} ADD COLUMN IF NOT EXISTS {column} {sql_type};

-- What a value is in the column; NULL: it does not fit and stays in `extra`.
CREATE OR REPLACE FUNCTION pg_temp.promoted(value JSONB) RETURNS {sql_type} LANGUAGE plpgsql AS $promoted$
DECLARE
    plain TEXT := value #>> '{{}}';
BEGIN
    RETURN {fitted};
EXCEPTION
    WHEN data_exception OR program_limit_exceeded THEN RETURN NULL;
END
$promoted$;

{update(target, column)}

DROP FUNCTION pg_temp.promoted(JSONB);
"""


def _update(target: Target, column: str) -> str:
    name = f"'{target.path}'"
    return f"""\
UPDATE {target.table} t
SET {column} = f.value, extra = nullif(t.extra - {name}, '{{}}')
FROM (
    SELECT region_code, id, pg_temp.promoted(extra -> {name}) AS value FROM {target.table} WHERE extra ? {name}
) f
WHERE t.region_code = f.region_code AND t.id = f.id AND t.{column} IS NULL AND f.value IS NOT NULL;"""


def _update_nested(target: Target, column: str) -> str:
    outer, inner = (f"'{part}'" for part in target.parts)
    # An object that is nothing but null is kept as an empty one, unless its name says that null is meant.
    nothing = "NULL" if target.parts[0] == "notes" else "'{}'"
    return f"""\
-- The rest of the object stays, without its nulls; nothing stays of one whose content has all found a column.
UPDATE {target.table} t
SET {column} = coalesce(t.{column}, f.value),
    extra = nullif(
        CASE WHEN f.rest IS NULL THEN t.extra - {outer} ELSE t.extra || jsonb_build_object({outer}, f.rest) END, '{{}}'
    )
FROM (
    SELECT s.region_code, s.id, p.value, CASE WHEN jsonb_strip_nulls(s.extra -> {outer}) = '{{}}' THEN {nothing} ELSE (
        SELECT jsonb_object_agg(m.key, m.value) FROM jsonb_each(s.extra -> {outer}) m
        WHERE m.value <> 'null' AND (m.key <> {inner} OR p.value IS NULL)
    ) END AS rest
    FROM {target.table} s, LATERAL (SELECT pg_temp.promoted(s.extra -> {outer} -> {inner}) AS value) p
    WHERE jsonb_typeof(s.extra -> {outer}) = 'object' AND s.{column} IS NULL
) f
WHERE t.region_code = f.region_code AND t.id = f.id;"""
