"""What a sync costs, in counts that are the same on every machine: rows written, bytes of WAL, statements."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from breezeway_sync.store.database import Connection, Database

_BUSY = b"""
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'breezeway-sync'
"""
_WRITTEN = b"SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables"


@dataclass(frozen=True, slots=True)
class Writes:
    """Rows inserted, updated and deleted, by table, tables of which none was left out; and bytes of WAL."""

    rows: dict[str, tuple[int, int, int]]
    wal_bytes: int


@dataclass(frozen=True, slots=True)
class Meter:
    """Reads the server's counters; the product's own connections leave theirs when they end."""

    admin: psycopg.Connection[Any]

    def start(self) -> Callable[[], Writes]:
        """Begin to count; what is returned tells what was written since.

        Everything is vacuumed and on disk before: what a page costs the first time it is read is none of the sync's.
        """
        self.admin.execute("VACUUM (ANALYZE)")
        self.admin.execute("CHECKPOINT")
        before, begun = self._written(), self._one(b"SELECT pg_current_wal_insert_lsn()::text")

        def stop() -> Writes:
            after = self._written()
            ended = self._one(b"SELECT pg_current_wal_insert_lsn()::text")
            size = self.admin.execute("SELECT %s::pg_lsn - %s::pg_lsn", (ended, begun)).fetchone()
            rows = {name: _less(counts, before.get(name, (0, 0, 0))) for name, counts in after.items()}
            return Writes({name: counts for name, counts in rows.items() if any(counts)}, int((size or (0,))[0]))

        return stop

    def _written(self) -> dict[str, tuple[int, int, int]]:
        while self._one(_BUSY):
            pass
        self.admin.execute("SELECT pg_stat_force_next_flush()")
        self.admin.execute("SELECT pg_stat_clear_snapshot()")
        return {name: (new, changed, gone) for name, new, changed, gone in self.admin.execute(_WRITTEN)}

    def _one(self, statement: bytes) -> Any:
        row = self.admin.execute(statement).fetchone()
        return row[0] if row else None


def _less(after: tuple[int, int, int], before: tuple[int, int, int]) -> tuple[int, int, int]:
    return after[0] - before[0], after[1] - before[1], after[2] - before[2]


class CountingDatabase(Database):
    """A database that knows how often each statement was sent, by its first words; COPY is not among them."""

    statements: Counter[str]

    def __init__(self, dsn: str, schema: str) -> None:
        super().__init__(dsn, schema)
        self.statements = Counter()

    @asynccontextmanager
    async def connection(self, operation: str) -> AsyncIterator[Connection]:
        def count(record: Any) -> None:
            self.statements[" ".join(str(record.query).split()[:3]).rstrip(";")] += 1

        async with super().connection(operation) as connection:
            connection.add_query_logger(count)
            try:
                yield connection
            finally:
                connection.remove_query_logger(count)
