"""A throw-away PostgreSQL, new databases on it, and what a run did to them.

The server is durable (fsync, synchronous_commit and full_page_writes as PostgreSQL ships them), so that WAL is what it
would be anywhere; everybody who is measured writes to the same one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from urllib.parse import urlsplit

import psycopg
from psycopg.sql import SQL, Identifier

from bench.processes import Failed
from breezeway_sync.cli.postgres import throwaway_postgres
from breezeway_sync.entities.catalog import ENTITIES

#: Room for 200 regions in one process, and a cache that holds every size.
_SETTINGS = {"max_connections": "100", "shared_buffers": "512MB", "max_wal_size": "4GB"}
_SETTLING_SECONDS = 30.0
_NUMBERS = count(1)

#: Tables that hold what the API said; all others are the mirror's own bookkeeping.
ENTITY_TABLES = frozenset(
    table
    for entity in ENTITIES
    for table in (
        entity.table,
        *(child.table for child in entity.children),
        *(called.child.table for called in entity.called),
        *(links.table for links in entity.tags),
    )
)


@contextmanager
def server() -> Iterator[str]:
    """The DSN of a server for the whole bench."""
    with throwaway_postgres(durable=True, settings=_SETTINGS) as dsn:
        yield dsn


@contextmanager
def fresh(server_dsn: str) -> Iterator[str]:
    """The DSN of a new, empty database; dropped at the end."""
    name = f"bench_{next(_NUMBERS)}"
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    try:
        yield urlsplit(server_dsn)._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(server_dsn, autocommit=True) as connection:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters of a database at one moment, all of them only rising."""

    wal_bytes: int
    written: dict[str, int]
    buffers_hit: int


def read(dsn: str) -> Reading:
    """After everybody else has left, whose counters are complete only then. Raises Failed where somebody stays."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        _wait_until_alone(connection)
        wal = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()
        hit = connection.execute("SELECT blks_hit FROM pg_stat_database WHERE datname = current_database()").fetchone()
        written = connection.execute("SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables")
        return Reading(int(wal[0]) if wal else 0, dict(written.fetchall()), int(hit[0]) if hit else 0)


def _wait_until_alone(connection: psycopg.Connection) -> None:
    deadline = time.monotonic() + _SETTLING_SECONDS
    others = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    while (found := connection.execute(others).fetchone()) and found[0]:
        if time.monotonic() > deadline:
            raise Failed(f"{found[0]} connections are still open {_SETTLING_SECONDS:.0f} s after a run")
        time.sleep(0.02)


def between(before: Reading, after: Reading) -> dict[str, float]:
    """What was done from one reading to the next, as numbers of a sample."""
    written = {table: rows - before.written.get(table, 0) for table, rows in after.written.items()}
    entity_rows = sum(rows for table, rows in written.items() if table in ENTITY_TABLES)
    return {
        "wal_mb": (after.wal_bytes - before.wal_bytes) / 1e6,
        "entity_rows_written": entity_rows,
        "other_rows_written": sum(written.values()) - entity_rows,
        "buffers_hit": after.buffers_hit - before.buffers_hit,
    }


def row_counts(dsn: str) -> dict[str, int]:
    """The exact number of rows of every table, of whatever schema."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        tables = connection.execute("SELECT schemaname, relname FROM pg_stat_user_tables ORDER BY 2").fetchall()
        counts = {}
        for schema, table in tables:
            found = connection.execute(SQL("SELECT count(*) FROM {}").format(Identifier(schema, table))).fetchone()
            counts[table] = found[0] if found else 0
        return counts


def settle(dsn: str) -> None:
    """VACUUM ANALYZE and CHECKPOINT: every measured run begins with the same duties of the server done.

    The second VACUUM reads what the first has written of statistics: whoever reads a page first marks it, and with
    checksums that is a page of WAL.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("VACUUM")
        connection.execute("CHECKPOINT")
