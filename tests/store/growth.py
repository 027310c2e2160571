"""Many old records for the properties that a mirror has: what years leave behind, made by SQL."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.model import Entity
from breezeway_sync.entities.plan import ChildPlan, plan_of

REGION = "nashville"
BY_NAME = {entity.name: entity for entity in ENTITIES}

_RESERVATIONS = """
INSERT INTO reservations (region_code, reservation_id, property_pk, property_id, status, checkin_date, checkout_date,
    note, payload_hash, mapping_version, read_order)
SELECT p.region_code, n, p.id, p.property_id, 'checked_out', DATE '2015-01-01' + mod(n, 3000)::int,
    DATE '2015-01-04' + mod(n, 3000)::int, repeat('a stay of long ago ', 5), decode(md5(n::text), 'hex'),
    %(reservations)s, 1
FROM generate_series(%(first)s::bigint, %(last)s) n
JOIN (SELECT *, row_number() OVER (ORDER BY property_id) - 1 AS place, count(*) OVER () AS places FROM properties) p
    ON p.place = mod(n, p.places)
WHERE mod(n, 2) = 0
"""
_TASKS = """
INSERT INTO tasks (region_code, task_id, property_pk, reservation_pk, home_id, linked_reservation_id, task_name,
    description, task_status_code, scheduled_date, updated_at, finished_at, payload_hash, mapping_version, read_order)
SELECT p.region_code, n, p.id, r.id, p.property_id, r.reservation_id, 'Cleaning', repeat('done long ago ', 10),
    'finished', DATE '2015-01-01' + mod(n, 3000)::int, TIMESTAMPTZ '2015-01-01' + mod(n, 3000)::int * interval '1 day',
    TIMESTAMPTZ '2015-01-01' + mod(n, 3000)::int * interval '1 day', decode(md5(n::text), 'hex'), %(tasks)s, 1
FROM generate_series(%(first)s::bigint, %(last)s) n
JOIN (SELECT *, row_number() OVER (ORDER BY property_id) - 1 AS place, count(*) OVER () AS places FROM properties) p
    ON p.place = mod(n, p.places)
LEFT JOIN reservations r ON r.region_code = p.region_code AND r.reservation_id = n
"""


def grow(connection: psycopg.Connection[Any], first: int, last: int) -> None:
    """Old tasks with the ids `first` to `last`, a reservation for every second, and a row of each child for all."""
    versions = {name: plan_of(BY_NAME[name]).version for name in ("reservations", "tasks")}
    values = {"first": first, "last": last, **versions}
    for statement in (_RESERVATIONS, _TASKS):
        connection.execute(statement.encode(), values)
    for name in ("reservations", "tasks"):
        grow_children(connection, BY_NAME[name], first, last)
    settle(connection)


def settle(connection: psycopg.Connection[Any]) -> None:
    """As after autovacuum."""
    connection.execute("VACUUM (ANALYZE)")


def grow_lists(connection: psycopg.Connection[Any], rows: int) -> None:
    """As many properties, people, tags … as no region has."""
    first, last = 10**12, 10**12 + rows
    for entity in ENTITIES:
        if entity.name in ("reservations", "tasks"):
            continue
        kind = sql.Identifier(entity.discriminator) if entity.discriminator else None
        connection.execute(
            sql.SQL(
                "INSERT INTO {table} (region_code, {key}{kind}) SELECT {region}, n{tag} "
                "FROM generate_series({first}, {last}) n"
            ).format(
                table=sql.Identifier(entity.table),
                key=sql.Identifier(entity.key.name),
                kind=sql.SQL(", {}").format(kind) if kind else sql.SQL(""),
                region=REGION,
                tag=sql.SQL(", 'task'") if kind else sql.SQL(""),
                first=first,
                last=last,
            )
        )
        grow_children(connection, entity, first, last)


def grow_log(connection: psycopg.Connection[Any], hours: int) -> None:
    """What so many hours leave in the log, in certificates and in rejections that are long resolved."""
    names = ["properties", "reservations", "tasks", "people", "tags"]
    connection.execute(
        "INSERT INTO etl_sync_log (region_code, entity_type, sync_status, sync_started_at, sync_completed_at, "
        "last_successful_sync_at) SELECT %s, name, 'success', at, at, at FROM unnest(%s::text[]) name, "
        "generate_series(1, %s) n, LATERAL (SELECT now() - n * interval '1 hour' AS at) moment",
        (REGION, names, hours),
    )
    connection.execute(
        "INSERT INTO verification_results (region_code, run_id, entity_type, started_at, result, sample_seed, "
        "api_calls_made, "
        "compared, late_differences, missing_differences, surplus_differences, wrong_differences, "
        "unexplained_differences, differences) SELECT %s, gen_random_uuid(), name, now() - n * interval '1 hour', "
        "'proved', 1, 1, '{}', 0, 0, 0, 0, 0, '[]' FROM unnest(%s::text[]) name, generate_series(1, %s) n",
        (REGION, names, hours),
    )
    connection.execute(
        "INSERT INTO rejected_records (region_code, entity_type, record_id, reason, resolved_at) "
        "SELECT %s, name, n, 'it was no record', now() FROM unnest(%s::text[]) name, generate_series(1, %s) n",
        (REGION, names, hours),
    )


def grow_children(connection: psycopg.Connection[Any], entity: Entity, first: int, last: int) -> None:
    """A row of every child and a link to a tag for the records with these ids."""
    plan = plan_of(entity)
    for child in (*plan.children, *plan.called):
        _insert(connection, child, entity, first, last)
    for link in entity.tags:
        statement = sql.SQL(
            "INSERT INTO {table} (region_code, {pk}, tag_pk) SELECT p.region_code, p.id, g.id FROM {parent} p "
            "JOIN LATERAL (SELECT id FROM tags WHERE tag_type = {kind} ORDER BY id LIMIT 1) g ON true "
            "WHERE p.{key} BETWEEN {first} AND {last}"
        )
        connection.execute(
            statement.format(table=sql.Identifier(link.table), kind=link.tag_type, **_names(entity, first, last))
        )


def _insert(connection: psycopg.Connection[Any], child: ChildPlan, entity: Entity, first: int, last: int) -> None:
    keys = [column.name for column in child.key_columns]
    needed = [*keys, *([child.child.position] if child.child.position else [])]
    statement = sql.SQL(
        "INSERT INTO {table} (region_code, {pk}, {columns}) SELECT region_code, id, {values} FROM {parent} p "
        "WHERE p.{key} BETWEEN {first} AND {last}"
    )
    own = sql.Identifier(entity.key.name)
    values = [sql.SQL("0") if name in ("ordinal", child.child.position) else own for name in needed]
    connection.execute(
        statement.format(
            table=sql.Identifier(child.child.table),
            columns=sql.SQL(", ").join(map(sql.Identifier, needed)),
            values=sql.SQL(", ").join(values),
            **_names(entity, first, last),
        )
    )


def _names(entity: Entity, first: int, last: int) -> dict[str, Any]:
    return {
        "pk": sql.Identifier(entity.pk),
        "parent": sql.Identifier(entity.table),
        "key": sql.Identifier(entity.key.name),
        "first": first,
        "last": last,
    }
