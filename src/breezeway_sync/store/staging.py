"""Staging tables of one merge: what goes into them, and children that vanished."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from breezeway_sync.core.waiting import in_slices
from breezeway_sync.entities.admit import Admitted
from breezeway_sync.entities.rows import Row, Values
from breezeway_sync.store.database import Connection
from breezeway_sync.store.sql import Staging

# Some 5 ms. More than the slices in which the next batch is prepared: PostgreSQL waits for these.
COPY_SLICE = 250


class Candidate(NamedTuple):
    """A record that differs from what is stored, ready for COPY; `order` is its request's."""

    admitted: Admitted
    order: int
    row: Row
    content_changed: bool


def staged_values(candidate: Candidate) -> Values:
    admitted = candidate.admitted
    return [
        admitted.key,
        *candidate.row.values,
        admitted.payload_hash,
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


async def drop_stale(connection: Connection, stagings: Iterable[Staging], keys: list[int]) -> None:
    """Forget the children of records that lost against a newer answer."""
    for staging in stagings:
        await connection.execute(staging.delete, keys)


async def delete_vanished(
    connection: Connection,
    existing: str,
    delete: str,
    region: str,
    wanted: dict[int, set[tuple[object, ...]]],
) -> int:
    """Delete the stored children of these parents (by id) that are not wanted any more; how many."""
    if not wanted:
        return 0
    rows = await connection.fetch(existing, region, list(wanted))
    vanished = [row["id"] for row in rows if tuple(row)[2:] not in wanted[row["parent"]]]
    if vanished:
        await connection.execute(delete, region, vanished)
    return len(vanished)
