"""Stores what a run needs besides records: the log, pending child reads, and lists that an account does not have.

An interrupted run leaves its row in `unfinished_runs`. The next run within an hour leaves out the lists that were read
completely. It reads a half-read list from the start: nothing says what slipped past between the two halves. `run
--full` continues no earlier run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from breezeway_sync.core.outcome import FAILED, Outcome
from breezeway_sync.core.problems import FoundProblem, Key
from breezeway_sync.entities.checkpoints import Days, ListState
from breezeway_sync.entities.drift import KnownPath
from breezeway_sync.entities.streams import LISTS, PARENTS, STREAMS
from breezeway_sync.store.database import Database
from breezeway_sync.store.holder import Holder

# A backfill that was cut off longer ago begins anew.
BACKFILL_RESUME = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class SavedRegion:
    """A region as the configuration has it."""

    code: str
    name: str
    company_id: int | None


class SyncStateStore:
    """The support tables of one schema. `holder`: under which lease a run writes down what others will rely on."""

    def __init__(self, database: Database, holder: Holder | None = None) -> None:
        self._database = database
        self._holder = holder

    async def save_regions(self, regions: Sequence[SavedRegion], names: Sequence[str], window_days: int) -> None:
        """Make `regions` say what the configuration says, and claim these entities and lists (`names`) of them."""
        codes = sorted(region.code for region in regions)
        async with self._database.transaction("saving regions") as connection:
            save = self._database.query("save_region")
            for region in sorted(regions, key=lambda one: one.code):
                await connection.execute(save, region.code, region.name, region.company_id, window_days)
            await connection.execute(self._database.query("claim"), codes, list(names))
            await connection.execute(self._database.query("close_unattended"))

    async def claim(self, regions: Sequence[str], names: Sequence[str]) -> None:
        """Say that these entities and lists of these regions are still read by somebody."""
        await self._database.fetch("claim", sorted(regions), list(names))

    async def open(self, region: str, entity: str, run_id: UUID) -> int:
        """Write `running`; returns the row's id."""
        row = await self._database.fetch_row("open_log_row", region, entity, run_id)
        return int(row["id"]) if row else 0

    async def close(self, region: str, row_id: int, outcome: Outcome) -> None:
        """Write how it ended; a row that an operator has deleted meanwhile stays deleted.

        Raises DatabaseWentBack or LeaseLost, and writes nothing, where what it has read may not be there any more.
        """
        values = (
            region,
            row_id,
            outcome.status,
            outcome.read,
            outcome.new,
            outcome.updated,
            outcome.unchanged,
            outcome.deleted,
            outcome.rejected,
            outcome.calls,
            outcome.pending_reads,
            outcome.error,
            json.dumps(outcome.details) if outcome.details else None,
            outcome.error_code,
        )
        async with self._database.transaction("closing the log") as connection:
            if self._holder is not None and outcome.status != FAILED:
                await self._holder.confirm(connection)
            await connection.execute(self._database.query("close_log_row"), *values)

    async def close_orphans(self, regions: Sequence[str]) -> list[tuple[str, str]]:
        """End rows that a dead process left `running`. Only for who holds the account of these regions."""
        rows = await self._database.fetch("close_orphans", list(regions))
        return [(row["region_code"], row["entity_type"]) for row in rows]

    async def property_ids(self, region: str, today: date) -> list[int]:
        """Live properties, inactive ones included; first those with an arrival or departure today or tomorrow."""
        return [row["property_id"] for row in await self._database.fetch("property_ids", region, today)]

    async def pending_parents(
        self, region: str, source: str, highest: int, limit: int, near: date | None = None
    ) -> list[int]:
        """The next parents that owe a call, from `highest` (which may be one of them) down.

        With `near` only parents that are planned for that day, the one before or the one after.
        """
        asked, entity = (region, source, highest, limit), PARENTS[source]
        if near is None:
            rows = await self._database.fetch("pending_parents", *asked, entity=entity)
        else:
            rows = await self._database.fetch("pending_parents_near", *asked, near, entity=entity)
        return [row["parent_id"] for row in rows]

    async def pending_sample(self, region: str, source: str, limit: int) -> list[int]:
        """Some parents that owe a call, spread over all of them, the same ones each time."""
        rows = await self._database.fetch("pending_sample", region, source, limit)
        return [row["parent_id"] for row in rows]

    async def count_pending_reads(self, region: str, sources: Sequence[str]) -> dict[str, int]:
        """Calls that are still owed, by source."""
        rows = await self._database.fetch("count_pending_reads", region, list(sources))
        return {row["source"]: row["pending_reads"] for row in rows}

    async def request_all_reads(self, region: str, source: str, order: int, now: datetime) -> None:
        """Every live parent owes this call; from now on every new and changed one does. Raises as Holder.check."""
        async with self._database.transaction("request_all_reads") as connection:
            if self._holder is not None:
                await self._holder.check(connection)
            request_reads = self._database.query("request_all_reads", PARENTS[source])
            await connection.execute(request_reads, region, source, order, now)

    async def begin_pass(self, region: str, now: datetime, resume_seconds: float) -> datetime | None:
        """Note that a region's run begins; when the run began that was cut off within `resume_seconds`, if one was."""
        row = await self._database.fetch_row("begin_pass", region, now, resume_seconds)
        return None if row is None or row["began_at"] == now else row["began_at"]

    async def end_pass(self, region: str) -> None:
        """Nothing of the region was cut off."""
        await self._database.fetch("end_pass", region)

    async def standings(self, region: str, source: str) -> dict[int, ListState]:
        """How far the lists of a source have been read, by parent (0: the region's own list)."""
        rows = await self._database.fetch("standings", region, source)
        return {
            row["parent_id"]: ListState(
                row["watermark"],
                row["last_full_scan_at"],
                row["last_window_scan_at"],
                row["mapping_version"],
                row["is_doubtful"],
                row["refused_run"],
            )
            for row in rows
        }

    async def window_lists(self, region: str, source: str, since: date, until: date) -> frozenset[int]:
        """Whose lists should show live records of these days: properties, or 0 for the region's own list."""
        entity, found = LISTS[source]
        name = "near_lists" if found.per else "near_list"
        rows = await self._database.fetch(name, region, since, until, entity=entity)
        return frozenset(row["parent_id"] for row in rows)

    async def answered_sources(self, region: str) -> frozenset[str]:
        """Sources of which a list was once read to its end."""
        return frozenset(row["source"] for row in await self._database.fetch("answered_sources", region))

    async def note_answered(self, region: str, source: str, at: datetime | None) -> None:
        """A source that is called parent by parent has answered, so that no sample proves any more that it is missing.

        `at`: None where the lists of its parents say so themselves.
        """
        await self._database.fetch("note_called_answer", region, source, at)

    async def note_refused(self, region: str, source: str, run_id: UUID) -> bool:
        """A whole sample of such a source was refused. Whether another run had found the same, with no answer since."""
        row = await self._database.fetch_row("note_called_refusal", region, source, run_id)
        return bool(row and row["is_second"])

    async def backfilled(self, region: str, source: str, days: Days, now: datetime) -> frozenset[int]:
        """The parents whose lists a backfill of these days had read before it was cut off."""
        after = now - BACKFILL_RESUME
        rows = await self._database.fetch("backfills", region, source, days.since, days.until, after, now)
        return frozenset(row["parent_id"] for row in rows)

    async def end_backfill(self, region: str, source: str, days: Days) -> None:
        """All of these days has been read."""
        await self._database.fetch("end_backfill", region, source, days.since, days.until)

    async def refresh_state(self, region: str, source: str) -> tuple[float, int]:
        """Seconds since a rolling sweep made calls owed last, and how many live parents it goes round."""
        row = await self._database.fetch_row("refresh_state", region, source, entity=PARENTS[source])
        return (row["elapsed_seconds"], row["parents"]) if row else (0.0, 0)

    async def refresh(self, region: str, source: str, order: int, parents: int) -> None:
        """The next so many live parents owe this call."""
        await self._database.fetch("rolling_refresh", region, source, order, parents, entity=PARENTS[source])

    async def count_open_rejects(self, region: str, names: Sequence[str]) -> tuple[int, int]:
        """Records of an entity, or lists of its children, that could not be stored and have not come back well: those
        that wait, and those that a person has accepted."""
        row = await self._database.fetch_row("count_open_rejects", region, list(names))
        return (row["records"], row["accepted"]) if row else (0, 0)

    async def accepted_problems(self, region: str, entity: str) -> dict[Key, str]:
        """What a person has accepted of an entity's problems: the code that each has."""
        rows = await self._database.fetch("accepted_problems", region, entity)
        return {(row["kind"], row["source"], row["record_id"]): row["code"] for row in rows}

    async def save_problems(
        self, region: str, entity: str, met: Sequence[FoundProblem], pending_reads: Sequence[str], now: datetime
    ) -> int:
        """Write down what a run has met at `now`, and resolve what was met before and is settled since; how many of
        those that are open a person has accepted.

        `owed` are the lists of single parents whose calls stand in pending_child_reads.
        """
        async with self._database.transaction("writing problems down") as connection:
            if met:
                await connection.execute(
                    self._database.query("save_problems"),
                    region,
                    entity,
                    [one.subject.kind for one in met],
                    [one.subject.source for one in met],
                    [one.subject.record_id for one in met],
                    [one.subject.words for one in met],
                    [one.code for one in met],
                    [one.message for one in met],
                    now,
                )
            resolve = self._database.query("resolve_problems", STREAMS[entity].entity)
            await connection.execute(resolve, region, entity, list(pending_reads), now)
            accepted = await connection.fetch(self._database.query("accepted_problems"), region, entity)
        return len(accepted)

    async def unavailable(self, region: str) -> dict[str, str | None]:
        """Sources that the account did not have: with the reason those that are not to be asked now."""
        return {row["source"]: row["reason"] for row in await self._database.fetch("unavailable_sources", region)}

    async def mark_unavailable(self, region: str, source: str, reason: str, seconds: float) -> bool:
        """Ask again only after so many seconds. True when this was not known before."""
        row = await self._database.fetch_row("mark_unavailable", region, source, reason, seconds)
        return bool(row and row["is_new"])

    async def mark_available(self, region: str, source: str) -> None:
        await self._database.fetch_row("mark_available", region, source)

    async def known_fields(self, region: str, entity: str) -> dict[str, KnownPath]:
        """What the radar knows of an entity's fields, by path."""
        rows = await self._database.fetch("known_fields", region, entity)
        return {
            row["path"]: KnownPath(
                path=row["path"],
                types=tuple(row["types"]),
                first_seen_at=row["first_seen_at"],
                last_seen_at=row["last_seen_at"],
                seen=row["seen_count"],
                present=row["present_count"],
                filled=row["filled_count"],
                appeared_at=row["appeared_at"],
                type_changed_at=row["type_changed_at"],
                emptied_at=row["emptied_at"],
                vanished_at=row["vanished_at"],
            )
            for row in rows
        }

    async def save_fields(self, region: str, entity: str, rows: Sequence[KnownPath]) -> None:
        """Write down what has changed of the radar."""
        await self._database.fetch_row(
            "save_fields",
            region,
            entity,
            [row.path for row in rows],
            [",".join(row.types) for row in rows],
            [row.first_seen_at for row in rows],
            [row.last_seen_at for row in rows],
            [row.seen for row in rows],
            [row.present for row in rows],
            [row.filled for row in rows],
            [row.appeared_at for row in rows],
            [row.type_changed_at for row in rows],
            [row.emptied_at for row in rows],
            [row.vanished_at for row in rows],
        )
