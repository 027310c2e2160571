"""Several daemons on one database share the work: an interval's cycle is done by one of them."""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from breezeway_sync.service.schedule import PeerProgress, ScheduleEntry
from tests.cli.support import Starter, until
from tests.conftest import Rows
from tests.daemon.support import configured, nothing_is_open, ready, schedule, serve
from tests.helpers import sandboxed, tiny

EVERY_SECONDS = 4
SECONDS = 22

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LINE = ScheduleEntry("austin", "hourly", 3600.0, ("properties", "tasks"))
BOTH = {"austin": ("properties", "tasks")}


def successes(properties: int | None, tasks: int | None) -> dict[tuple[str, str], datetime]:
    """Minutes after noon."""
    found = {"properties": properties, "tasks": tasks}
    return {("austin", name): NOW + timedelta(minutes=at) for name, at in found.items() if at is not None}


def test_what_others_have_read_since_is_left_to_them() -> None:
    turns = PeerProgress()
    turns.begin(LINE, successes(None, None), NOW)
    assert turns.left(BOTH, successes(1, None)) == {"austin": ("tasks",)}
    turns.ended({"austin": ("tasks",)}, successes(1, 2))
    assert turns.left(BOTH, successes(1, 2)) == BOTH


def test_our_own_turn_is_not_anothers() -> None:
    turns = PeerProgress()
    turns.begin(LINE, successes(0, 0), NOW)
    for at in (60, 120, 180):
        assert turns.left(BOTH, successes(at - 60, at - 60)) == BOTH
        turns.ended(BOTH, successes(at, at))


def test_others_are_left_one_turn_only() -> None:
    """Who took a turn and died afterwards is not waited for."""
    turns = PeerProgress()
    turns.begin(LINE, successes(0, 0), NOW)
    assert turns.left(BOTH, successes(30, 30)) == {}
    assert turns.left(BOTH, successes(30, 30)) == BOTH


def test_a_turn_whose_end_is_not_known_is_taken_again() -> None:
    turns = PeerProgress()
    turns.begin(LINE, successes(0, 0), NOW)
    assert turns.left(BOTH, successes(0, 0)) == BOTH
    assert turns.left(BOTH, successes(60, 60)) == BOTH


def test_what_is_on_no_timetable_is_read() -> None:
    assert PeerProgress().left(BOTH, successes(1, 1)) == BOTH


def test_what_another_reads_just_now_is_not_begun_again() -> None:
    """A process that starts in the middle of another's first turn finds half of it read."""
    turns = PeerProgress()
    turns.begin(LINE, successes(0, None), NOW + timedelta(minutes=1))
    assert turns.left(BOTH, successes(0, 2)) == {}
    assert turns.left(BOTH, successes(0, 2)) == BOTH


def test_what_was_read_long_ago_is_read_with_what_is_due() -> None:
    turns = PeerProgress()
    turns.begin(LINE, successes(0, None), NOW + timedelta(minutes=31))
    assert turns.left(BOTH, successes(0, None)) == BOTH


def test_a_line_whose_time_comes_later_is_read_whole() -> None:
    turns = PeerProgress()
    turns.begin(LINE, successes(0, 5), NOW + timedelta(minutes=10))
    assert turns.left(BOTH, successes(0, 5)) == BOTH


@pytest.mark.process
async def test_daemons_do_not_repeat_each_other(start: Starter, dsn: str, rows: Rows, tmp_path: Path) -> None:
    async with sandboxed(dsn, tiny(2)) as setup:
        daemons = []
        for number in range(3):
            more = schedule(EVERY_SECONDS, 1000, 1000)
            config, port = configured(tmp_path / str(number), setup.url, dsn, tiny(2), more)
            daemons.append(serve(start, config, port))
        for daemon in daemons:
            await ready(daemon)
        ended = "SELECT count(*)::int AS n FROM etl_sync_log WHERE entity_type = 'tasks' AND sync_status = 'success'"
        passed = "SELECT extract(epoch FROM clock_timestamp() - min(sync_started_at)) AS age FROM etl_sync_log"
        await until(lambda: (rows(passed)[0]["age"] or 0) > SECONDS, 2 * SECONDS, "time does not pass")
        cycles = rows(ended)[0]["n"] / 2
        daily = rows("SELECT count(*)::int AS n FROM etl_sync_log WHERE entity_type = 'people'")[0]["n"] / 2
        skipped = sum(daemon.count("cycle_skipped") for daemon in daemons)
        for daemon in daemons:
            daemon.running.send(signal.SIGTERM)
        for daemon in daemons:
            assert (await daemon.running.end(25)).code == 0
    nothing_is_open(rows)
    print(f"{cycles} cycles a region, {daily} first ones, {skipped} skipped")  # noqa: T201
    assert cycles <= SECONDS / EVERY_SECONDS + 2
    assert daily == 1
