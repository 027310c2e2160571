"""Writes checkpoints: how far each list was read. The transaction that stores the records writes the checkpoint too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from breezeway_sync.entities.checkpoints import FULL, INCREMENTAL, WINDOW, Checkpoint
from breezeway_sync.store.database import Connection, Database

_Columns = tuple[object, ...]


async def save_walks(
    database: Database, connection: Connection, region: str, reached: Sequence[Checkpoint], now: datetime
) -> None:
    """Move what is known of the lists of these marks, which are believed; also a sign that the region's run goes on."""
    rows: dict[tuple[str, int], _Columns] = {}
    for checkpoint in reached:
        # One list may have had two walks: what the earlier one is known by stays.
        known = _known(checkpoint)
        before = rows.get((checkpoint.source, checkpoint.parent), (None,) * len(known))
        both = zip(known, before, strict=True)
        rows[checkpoint.source, checkpoint.parent] = tuple(old if new is None else new for new, old in both)
    if rows:
        moved = await connection.fetch(database.query("move_walks"), region, *_columns(rows))
        for row in moved:
            del rows[row["source"], row["parent_id"]]
    if rows:
        await connection.execute(database.query("save_walks"), region, *_columns(rows))
    await connection.execute(database.query("touch_pass"), region, now)


async def save_backfills(
    database: Database, connection: Connection, region: str, reached: Sequence[Checkpoint], now: datetime
) -> None:
    """Note the lists of some days that were read whole; the others are begun anew, since nobody else reads them."""
    rows = [(one.source, one.parent, one.since, one.until) for one in reached if one.is_complete]
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        await connection.execute(database.query("save_backfills"), region, now, *columns)


def _columns(rows: Mapping[tuple[str, int], _Columns]) -> list[list[object]]:
    return [list(column) for column in zip(*((*key, *row) for key, row in rows.items()), strict=True)]


def _known(checkpoint: Checkpoint) -> _Columns:
    """The columns of `save_walks` after the list's name."""
    at, is_full = checkpoint.began_at, checkpoint.kind == FULL
    return (
        None if checkpoint.kind == WINDOW else at,
        at if is_full else None,
        checkpoint.version if is_full else None,
        None if checkpoint.kind == INCREMENTAL and not checkpoint.covers_window else at,
    )
