"""The store as the service opens it, and what PostgreSQL counts of a piece of work."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import count
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
from psycopg import sql

from breezeway_sync.core.clock import SystemClock
from breezeway_sync.core.events import ignore
from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.guard import Guard
from breezeway_sync.store.database import Database
from breezeway_sync.store.files import internal_name
from breezeway_sync.store.holder import Holder
from breezeway_sync.store.leases import Lease, hold
from breezeway_sync.store.load import Loader
from breezeway_sync.store.proof import StoredProofs

SCHEMA = "breezeway"
_QUIET_SECONDS = 30.0
_copies = count(1)


@dataclass(frozen=True, slots=True)
class Store:
    database: Database
    lease: Lease
    loader: Loader


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Store]:
    """A migrated database with a claimed account, and the loader with everything that is on by default."""
    pending_reads = frozenset(one.source.name for entity in ENTITIES for one in entity.called if one.pending_reads)
    clock = SystemClock()
    async with (
        Database(dsn, SCHEMA) as database,
        hold(database, "bench", clock=clock, wait_seconds=0, drain_seconds=0, emit=ignore) as lease,
    ):
        proofs = StoredProofs(Holder(database, lease, UUID(int=1)), clock, Guard())
        yield Store(database, lease, Loader(proofs, clock, pending_sources=pending_reads, emit=ignore))


@contextmanager
def copied(dsn: str) -> Iterator[str]:
    """The DSN of a copy of a database that nobody is connected to, dropped at the end."""
    parts = urlsplit(dsn)
    old, new = parts.path.lstrip("/"), f"{parts.path.lstrip('/')}_copy_{next(_copies)}"
    names = {"new": sql.Identifier(new), "old": sql.Identifier(old)}
    with psycopg.connect(parts._replace(path="/postgres").geturl(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {new} TEMPLATE {old} STRATEGY file_copy").format(**names))
        try:
            yield parts._replace(path=f"/{new}").geturl()
        finally:
            connection.execute(sql.SQL("DROP DATABASE {new} WITH (FORCE)").format(**names))


@dataclass(slots=True)
class Meter:
    """What a block of `counted` did: rows inserted, updated and deleted, bytes of WAL."""

    rows: int = 0
    wal_bytes: int = 0


@contextmanager
def counted(dsn: str) -> Iterator[Meter]:
    """Count what the block does to a database; whoever works in it must have left at its end.

    What PostgreSQL would do by itself in the middle of it, a checkpoint and vacuum of what came before, is done first.
    """
    meter = Meter()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("VACUUM")
        connection.execute("CHECKPOINT")
        before = _written(connection)
        yield meter
        meter.wal_bytes = _wal(connection) - before[1]
        _wait_until_alone(connection)
        meter.rows = _written(connection)[0] - before[0]


def _written(connection: psycopg.Connection) -> tuple[int, int]:
    found = connection.execute(
        "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint FROM pg_stat_user_tables "
        "WHERE schemaname = ANY (%s) AND relname <> 'account_leases'",
        [[SCHEMA, internal_name(SCHEMA)]],
    ).fetchone()
    return (int(found[0]) if found else 0), _wal(connection)


def _wal(connection: psycopg.Connection) -> int:
    found = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'").fetchone()
    return int(found[0]) if found else 0


def _wait_until_alone(connection: psycopg.Connection) -> None:
    """A session's counts are there when it has ended."""
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    began = time.monotonic()
    while (found := connection.execute(others).fetchone()) and found[0]:
        if time.monotonic() - began > _QUIET_SECONDS:
            raise TimeoutError(f"{found[0]} sessions are still at work, wanted none")
        time.sleep(0.01)
