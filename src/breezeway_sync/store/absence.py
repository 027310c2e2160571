"""How far lists were read, and what complete walks did not show; in the transaction of their records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import compress

from breezeway_sync.core.clock import Clock
from breezeway_sync.entities.batch import Loaded
from breezeway_sync.entities.guard import Guard
from breezeway_sync.entities.marks import BACKFILL, CHANGED, NEAR, WHOLE, Mark
from breezeway_sync.store.absence_sql import absence_sql
from breezeway_sync.store.database import Connection
from breezeway_sync.store.deletion import HELD, NOT_LISTED, OPEN, Deleter, Scope, approval, proof_of
from breezeway_sync.store.holder import Holder


class Absence:
    """Marks of one account's lists. `elsewhere` are what lists of this run showed that are not theirs, by region and
    entity: a task that is listed under one property and names another."""

    def __init__(self, holder: Holder, clock: Clock, guard: Guard, deleter: Deleter) -> None:
        self._database = holder.database
        self._holder = holder
        self._clock = clock
        self._guard = guard
        self._deleter = deleter
        self.elsewhere: dict[tuple[str, str], set[int]] = {}

    async def save_marks(self, connection: Connection, scope: Scope, marks: Sequence[Mark]) -> Loaded:
        """Write how far lists were read, and note what complete walks did not show."""
        loaded = Loaded()
        shown = [key for mark in marks for key in mark.ids]
        if shown:
            forget = self._database.query("forget_shown")
            await connection.execute(forget, scope.region, scope.entity.name, scope.kind, shown)
        believed = []
        for mark in marks:
            says_absent = mark.is_complete and mark.kind != CHANGED
            is_doubted = says_absent and await self._note_absent(connection, scope, mark, loaded)
            believed.append(mark.is_complete and not is_doubted)
        lasting = [mark.kind != BACKFILL for mark in marks]
        if any(lasting):
            await self.save_walks(connection, scope.region, [*compress(marks, lasting)], [*compress(believed, lasting)])
        if not all(lasting):
            await self._save_backfills(connection, scope.region, [mark for mark in marks if mark.kind == BACKFILL])
        return loaded

    async def _save_backfills(self, connection: Connection, region: str, marks: Sequence[Mark]) -> None:
        rows = [
            (one.source, one.parent, one.since, one.until, one.is_over, one.pages, one.page_size, one.shown)
            for one in marks
        ]
        columns = [list(column) for column in zip(*rows, strict=True)]
        await connection.execute(self._database.query("save_backfills"), region, self._clock.now(), *columns)

    async def save_walks(
        self, connection: Connection, region: str, marks: Sequence[Mark], believed: Sequence[bool]
    ) -> None:
        """Write marks alone; those that are believed move what is known of their list."""
        rows: dict[tuple[str, int], tuple[object, ...]] = {}
        for mark, is_believed in zip(marks, believed, strict=True):
            known, part = _walk_row(mark, is_believed=is_believed)
            # One list may have had two walks: what the earlier one is known by stays, the part is the later one's.
            before = rows.get((mark.source, mark.parent), (None,) * len(known))
            both = [new if new is not None else old for new, old in zip(known, before, strict=False)]
            rows[mark.source, mark.parent] = (*both, *part)
        moved = await connection.fetch(self._database.query("move_walks"), region, *_columns(rows))
        for row in moved:
            del rows[row["source"], row["parent_id"]]
        if rows:
            await connection.execute(self._database.query("save_walks"), region, *_columns(rows))
        await connection.execute(self._database.query("touch_pass"), region, self._clock.now())

    async def _note_absent(self, connection: Connection, scope: Scope, mark: Mark, loaded: Loaded) -> bool:
        """Note what a complete walk did not show; True when the walk is not believed."""
        if mark.kind == WHOLE:
            await self._close_rejects(connection, scope, mark)
        if mark.nameless and scope.entity.own_address is None:
            return False  # nobody can be asked whether it is one of those
        sql = absence_sql(scope.entity, self._database.schema)
        bounds = (mark.since, mark.until) if mark.kind in (NEAR, BACKFILL) else (None, None)
        row = await connection.fetchrow(
            sql.absent, scope.region, mark.began_order, mark.ids, scope.kind, mark.parent, *bounds
        )
        expected, absent, elsewhere = (row["expected"], row["absent"], row["elsewhere"]) if row else (0, [], [])
        known = self.elsewhere.setdefault((scope.region, scope.entity.name), set())
        known.update(elsewhere)
        absent = [key for key in absent if key not in known]
        why = await self._why_not(connection, scope, mark, expected)
        is_held = why is not None and scope.entity.own_address is None
        if absent:
            state = HELD if is_held else OPEN
            reason = why or f"not in the list of {mark.kind} of {mark.began_at:%Y-%m-%d %H:%M:%S} UTC"
            values = (absent, mark.source, mark.parent, state, self._clock.now(), self._holder.run_id, reason)
            await connection.execute(sql.note, scope.region, scope.kind, *values, mark.kind == NEAR)
        if mark.kind == WHOLE and scope.entity.own_address is None:
            loaded.deleted += await self._delete_twice_absent(connection, scope, is_believed=why is None)
        return why is not None

    async def _why_not(self, connection: Connection, scope: Scope, mark: Mark, expected: int) -> str | None:
        """Why a list that has become empty is not believed; asked of the others nothing is."""
        if mark.shown:
            return None
        region, name = scope.region, scope.entity.name
        waiting = await connection.fetchval(
            self._database.query("count_waiting"), region, name, scope.kind, mark.source, mark.parent
        )
        can_be_asked = scope.entity.own_address is not None
        return self._guard.of_list(mark.kind, mark.shown, expected + waiting, can_be_asked=can_be_asked)

    async def _close_rejects(self, connection: Connection, scope: Scope, mark: Mark) -> None:
        """What could not be stored once and is not sent any more waits for nothing."""
        per = next((source.per for source in scope.entity.sources if source.name == mark.source), None)
        close = self._database.query("close_unshown_rejects")
        values = (scope.region, scope.entity.name, scope.kind, mark.began_order, per, mark.parent)
        await connection.execute(close, *values)

    async def _delete_twice_absent(self, connection: Connection, scope: Scope, *, is_believed: bool) -> int:
        """Without an address of its own, a second complete walk without a record is what proves that it is gone."""
        run_id, now = self._holder.run_id, self._clock.now()
        twice = self._database.query("twice_absent")
        values = (scope.region, scope.entity.name, scope.kind, run_id, is_believed)
        rows = await connection.fetch(twice, *values)
        evidence = {
            row["record_id"]: {
                "why": "two complete walks did not show it",
                "noticed": proof_of(row["noticed_at"], row["noticed_run"]),
                "second": proof_of(now, run_id),
                **approval(row),
            }
            for row in rows
        }
        return await self._deleter.guarded(connection, scope, NOT_LISTED, rows, evidence)


def _columns(rows: Mapping[tuple[str, int], tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*((*key, *row) for key, row in rows.items()), strict=True)]


def _walk_row(mark: Mark, *, is_believed: bool) -> tuple[tuple[object, ...], tuple[object, ...]]:
    """The columns of `save_walks` after the list's name: what is known now, and the part."""
    at = mark.began_at if is_believed else None
    is_whole = mark.kind == WHOLE
    known = (
        None if mark.kind == NEAR else at,
        at if is_whole else None,
        mark.version if is_whole and is_believed else None,
        None if mark.kind == CHANGED else at,
    )
    part = (mark.kind, mark.began_at, mark.since, mark.until, mark.pages, mark.page_size, mark.shown)
    return known, (None,) * len(part) if mark.is_over else part
