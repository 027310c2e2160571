"""SQL about records that the run asks for at their own address. It is derived from the catalog."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from breezeway_sync.entities.catalog import HOME
from breezeway_sync.entities.homes import home_column
from breezeway_sync.entities.missing_states import MissingState, sql_places
from breezeway_sync.entities.model import Entity
from breezeway_sync.store.absence_sql import list_column
from breezeway_sync.store.files import internal, quote

# ruff: noqa: S608 - put together from names of the catalog only


_AT = sql_places()
_CANDIDATE, _RETURNING = MissingState.CANDIDATE, MissingState.RETURNING
_HIDDEN, _PINNED = MissingState.HIDDEN, MissingState.PINNED


@dataclass(frozen=True, slots=True)
class AskingSql:
    """`candidates` ($1 region, $2 run, $3 and $4 when hidden records were to be asked, $5 today, $6 days around it,
    $7 limit, $8 now, $9 limit of candidates for deletion) looks for records to be asked. `homes` ($1 region, $2 keys)
    tells where each belongs and how that property stands: there, left,
    unknown, or first where no 404 was met before; None where nothing belongs to one.
    `forget_gone` ($1 region, $2 keys) ends waiting for records that are not live and that the API does not have.
    `doubt` ($1 region, $2 keys, $3 now, $4 run) makes records candidates, whatever lists show; `doubt_of` the same of
    what belongs to these properties.
    """

    candidates: str
    homes: str | None
    forget_gone: str
    doubt: str
    doubt_of: str | None


@cache
def asking_sql(entity: Entity, schema: str) -> AskingSql:
    """The statements of an entity for a schema."""
    table = f"{quote(schema)}.{entity.table}"
    home = home_column(entity)
    return AskingSql(
        candidates=_candidates(entity, schema, table),
        homes=_homes(entity, schema, table, home) if home else None,
        forget_gone=(
            f"DELETE FROM {internal(schema)}.missing_records m WHERE m.region_code = $1 "
            f"AND m.entity_type = '{entity.name}' AND m.record_id = ANY ($2::bigint[]) AND m.state = '{_RETURNING}' "
            f"AND NOT EXISTS (SELECT FROM {table} t WHERE t.region_code = $1 AND t.{entity.key.name} = m.record_id "
            "AND t.deleted_at IS NULL)"
        ),
        doubt=_doubt(
            entity, schema, table, f"t.{entity.key.name} = ANY ($2::bigint[])", "its own address answered 404"
        ),
        doubt_of=_doubt_of(entity, schema, table, home) if home else None,
    )


def _candidates(entity: Entity, schema: str, table: str) -> str:
    is_in_window = "($5::date IS NULL AND $6::integer = 0)"
    if entity.planned:
        first, last = entity.planned
        is_in_window = f"coalesce(t.{first} <= $5::date + $6::integer AND t.{last} >= $5::date - $6::integer, false)"
    return (
        "WITH missing AS (\n"
        "    SELECT m.record_id, m.asked_at, m.not_found_run,\n"
        f"        m.state IN ('{_CANDIDATE}', '{_RETURNING}') AS is_open,\n"
        f"        {is_in_window} AS is_near\n"
        f"    FROM {internal(schema)}.missing_records m LEFT JOIN {table} t\n"
        f"        ON t.region_code = $1 AND t.{entity.key.name} = m.record_id AND t.deleted_at IS NULL\n"
        f"    WHERE m.region_code = $1 AND m.entity_type = '{entity.name}' AND m.state <> '{_PINNED}'\n"
        f"      AND (t.{entity.key.name} IS NOT NULL OR m.state = '{_RETURNING}')\n"
        "), due AS (\n"
        "    SELECT x.*, row_number() OVER (PARTITION BY is_open ORDER BY is_near DESC, record_id DESC) AS place\n"
        "    FROM missing x\n"
        "    WHERE is_open AND not_found_run IS DISTINCT FROM $2 OR NOT is_open AND (asked_at IS NULL\n"
        "        OR asked_at NOT BETWEEN $3 AND $8 OR is_near AND asked_at < $4)\n"
        ")\n"
        "SELECT record_id FROM due WHERE NOT is_open OR place <= $9\n"
        "ORDER BY is_near DESC, is_open DESC, CASE WHEN NOT is_open THEN asked_at END NULLS FIRST, record_id DESC\n"
        "LIMIT $7"
    )


def _homes(entity: Entity, schema: str, table: str, home: str) -> str:
    """A property is there when the API showed it after the record's own address first answered 404."""
    of, own = quote(schema), internal(schema)
    return (
        f"SELECT t.{entity.key.name} AS key, t.{home} AS home, CASE\n"
        f"    WHEN t.{home} IS NULL THEN 'there'\n"
        "    WHEN o.property_id IS NOT NULL OR p.deleted_at IS NOT NULL THEN 'left'\n"
        "    WHEN m.not_found_at IS NULL THEN 'first'\n"
        f"    WHEN h.state = '{_PINNED}' OR h.state = '{_HIDDEN}' AND h.asked_at > m.not_found_at THEN 'there'\n"
        "    WHEN h.state IS NOT NULL OR w.last_full_scan_at IS NULL OR w.last_full_scan_at <= m.not_found_at\n"
        "        THEN 'unknown'\n"
        "    WHEN p.id IS NULL THEN 'left'\n"
        "    ELSE 'there'\n"
        "END AS home_state\n"
        f"FROM {table} t\n"
        f"JOIN {own}.missing_records m ON m.region_code = $1 AND m.entity_type = '{entity.name}'\n"
        f"    AND m.record_id = t.{entity.key.name}\n"
        # With a LIMIT each is looked up: else all properties of the region are read for a few records.
        f"LEFT JOIN LATERAL (SELECT x.id, x.deleted_at FROM {of}.{HOME.table} x\n"
        f"    WHERE x.region_code = $1 AND x.{HOME.key.name} = t.{home} LIMIT 1) p ON true\n"
        f"LEFT JOIN {own}.excluded_properties o ON o.region_code = $1 AND o.property_id = t.{home}\n"
        f"LEFT JOIN {own}.missing_records h ON h.region_code = $1 AND h.entity_type = '{HOME.name}' AND h.kind = ''\n"
        f"    AND h.record_id = t.{home}\n"
        f"LEFT JOIN {own}.checkpoints w ON w.region_code = $1 AND w.source = '{HOME.sources[0].name}'\n"
        "    AND w.parent_id = 0\n"
        f"WHERE t.region_code = $1 AND t.{entity.key.name} = ANY ($2::bigint[])"
    )


def _doubt_of(entity: Entity, schema: str, table: str, home: str) -> str:
    """What belongs to a property that an adopted source does not show is not of that source either."""
    is_adopted = (
        f"EXISTS (SELECT FROM {quote(schema)}.deletions d WHERE d.region_code = $1 AND d.entity_type = '{HOME.name}'\n"
        f"        AND d.record_id = t.{home} AND d.reason = 'source_adopted' AND d.undone_at IS NULL)"
    )
    return _doubt(entity, schema, table, f"t.{home} = ANY ($2::bigint[])", "its property has left", is_adopted)


def _doubt(entity: Entity, schema: str, table: str, condition: str, why: str, is_adopted: str = "false") -> str:
    source, per = entity.sources[0], list_column(entity)
    parent = "0" if per is None else f"coalesce(t.{per}, 0)"  # a task may name no property that can be read
    return (
        f"INSERT INTO {internal(schema)}.missing_records AS m (region_code, entity_type, kind, record_id, source,\n"
        "    parent_id, state, missing_since, missing_run, why, is_adopted)\n"
        f"SELECT $1, '{entity.name}', '', t.{entity.key.name}, '{source.name}', {parent}, {_AT['{new_doubted}']},\n"
        f"    $3, $4, '{why}', {is_adopted}\n"
        f"FROM {table} t WHERE t.region_code = $1 AND t.deleted_at IS NULL AND {condition}\n"
        "ON CONFLICT (region_code, entity_type, kind, record_id)\n"
        "DO UPDATE SET state = EXCLUDED.state, why = EXCLUDED.why, is_adopted = m.is_adopted OR EXCLUDED.is_adopted\n"
        f"WHERE m.state IN {_AT['{changed_by_doubted}']}\n"
        f"    OR m.state = '{_CANDIDATE}' AND EXCLUDED.is_adopted AND NOT m.is_adopted"
    )
