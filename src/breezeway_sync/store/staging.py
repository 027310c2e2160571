"""The staging tables of one merge: what is copied into them, and children that vanished.

They are temporary and made inside the transaction (ON COMMIT DROP). There is no session state, so PgBouncer in
transaction mode works. They cost about a millisecond a batch, and only batches that write pay it. COPY goes in slices
of 250 rows (5 ms), so the event loop stays responsive.

Vanished children are found by their stored keys and deleted by id. An anti-join against a staging table would be wrong
without ANALYZE, and a distributed table refuses it. Children with calls of their own are compared before they are
staged: most did not change, and a staging table alone writes 20 KB of catalogs into the WAL.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from breezeway_sync.core.waiting import in_slices
from breezeway_sync.entities.rows import RecordRow, Values
from breezeway_sync.entities.validate import ValidRecord
from breezeway_sync.store.database import Connection
from breezeway_sync.store.database import Row as StoredRow
from breezeway_sync.store.sql import ChildSql, EntitySql, Staging

# Some 5 ms. More than the slices in which the next batch is prepared: PostgreSQL waits for these.
COPY_SLICE = 250


class Candidate(NamedTuple):
    """A record that differs from what is stored, ready for COPY; `order` is its request's."""

    valid_records: ValidRecord
    order: int
    row: RecordRow
    content_changed: bool


class Staged(NamedTuple):
    """Records in the staging tables of a transaction; `tables` are those of children and tags that got any rows."""

    connection: Connection
    candidates: list[Candidate]
    tables: list[Staging]


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What became of staged rows: those `written`, the ids by key of all that lost to no newer answer, and the ids of
    those whose children were changed."""

    written: Sequence[StoredRow]
    ids: dict[int, int]
    touched: set[int] = field(default_factory=set)

    @property
    def changed(self) -> int:
        """Rows written, or whose children were."""
        return len({row["id"] for row in self.written} | self.touched)


async def stage_batch(connection: Connection, sql: EntitySql, candidates: list[Candidate]) -> Staged:
    """COPY records with their children and tags into new staging tables."""
    await stage(connection, sql.staging, map(staged_values, candidates))
    parts = [(one.staging, child_rows(candidates, child.child.table)) for child, one in sql.children]
    parts += [(one.staging, tag_rows(candidates, link.table)) for link, one in sql.tags]
    return Staged(
        connection, candidates, [staging for staging, rows in parts if await stage(connection, staging, rows)]
    )


def staged_values(candidate: Candidate) -> Values:
    valid_records = candidate.valid_records
    return [
        valid_records.key,
        *candidate.row.values,
        valid_records.payload_hash,
        candidate.order,
        candidate.content_changed,
    ]


def child_rows(candidates: list[Candidate], table: str) -> Iterator[Values]:
    return ([c.row.key, *row] for c in candidates for row in c.row.children[table] or ())


def tag_rows(candidates: list[Candidate], table: str) -> Iterator[Values]:
    return ([c.row.key, tag, rest] for c in candidates for tag, rest in c.row.tags[table] or ())


async def stage(connection: Connection, staging: Staging, rows: Iterable[Values]) -> bool:
    """Make a staging table and COPY the rows into it, made one by one while they are sent; without rows nothing."""
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        return False
    await connection.execute(staging.create)
    records = in_slices(chain((first,), rows), COPY_SLICE)
    await connection.copy_records_to_table(staging.name, records=records, columns=staging.columns)
    return True


async def delete_vanished(
    connection: Connection,
    existing: str,
    delete: str,
    region: str,
    expected: dict[int, set[tuple[object, ...]]],
) -> set[int]:
    """Delete the stored children of these parents (by id) that are not wanted any more; the parents that had some."""
    if not expected:
        return set()
    rows = await connection.fetch(existing, region, list(expected))
    vanished = {row["id"]: row["parent"] for row in rows if tuple(row)[2:] not in expected[row["parent"]]}
    if vanished:
        await connection.execute(delete, region, list(vanished))
    return set(vanished.values())


async def children_to_stage(
    connection: Connection,
    sql: ChildSql,
    region: str,
    stored: Mapping[tuple[object, ...], int],
    shown: Mapping[tuple[object, ...], Values],
) -> list[Values]:
    """Those that are new, and those that are stored otherwise; `stored` are ids, by parent's id and own key.

    Most of what is called for again is stored as it is, and no hash of a parent tells. They are asked about without
    a staging table, which is written to the catalogs and their WAL, and without ON CONFLICT, which locks what it meets.
    """
    again = {stored[key]: values for key, values in shown.items() if key in stored}
    differing: set[int] = set()
    if again:
        # A child's key is the parent's id and its own columns; as it is staged, the parent's key comes first.
        key_columns = len(next(iter(stored)))
        columns = [list(column) for column in zip(*(values[key_columns:] for values in again.values()), strict=True)]
        differing = {row["id"] for row in await connection.fetch(sql.differing, region, list(again), *columns)}
    return [values for key, values in shown.items() if key not in stored or stored[key] in differing]
