"""How loud facts are, and that nothing hangs on their being written."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest
import structlog

from breezeway_sync.core import events as e
from breezeway_sync.core.record_events import RecordsLeft, RowsLost
from breezeway_sync.ops import logs
from breezeway_sync.ops.logs import level_of
from tests.ops.support import ACCOUNTS


def compared(result: str) -> e.VerificationFinished:
    return e.VerificationFinished("r", "austin", "tasks", result, 50, 1, 0, 0, 0, 0, 60, 20.0, None)


@pytest.mark.parametrize(
    ("event", "level"),
    [
        (e.CycleStarted(ACCOUNTS[0], "r", ("austin",)), logging.INFO),
        (e.CycleFinished(ACCOUNTS[0], "r", ("austin",), "success", 3.0), logging.INFO),
        (e.CycleFinished(ACCOUNTS[0], "r", ("austin",), "partial", 3.0), logging.WARNING),
        (e.CycleFinished(ACCOUNTS[0], "r", ("austin",), "failed", 3.0), logging.ERROR),
        (e.ConcurrencyChanged(ACCOUNTS[0], 4, "rate_limited"), logging.INFO),
        (e.ConcurrencyChanged(None, 13, "recovered"), logging.DEBUG),
        (e.CycleSkipped("austin", "hourly", "running"), logging.WARNING),
        (e.DatabaseLost("PostgreSQL went away"), logging.ERROR),
        (e.DatabaseBack(3.0), logging.INFO),
        (e.FieldChanged("austin", "tasks", "new", "appeared", "string"), logging.WARNING),
        (e.DeletionsNeedReview("austin", "tasks", 24), logging.WARNING),
        (e.AttendanceChanged("austin", ("tasks",), is_attended=False), logging.WARNING),
        (RecordsLeft("austin", "tasks", 240), logging.WARNING),
        (RowsLost("austin", "tasks", "task_costs", None), logging.WARNING),
        (compared("proved"), logging.INFO),
        (compared("late"), logging.INFO),
        (compared("incomplete"), logging.WARNING),
        (compared("failed"), logging.ERROR),
        (e.ConfigurationReloaded(("a region",), None), logging.INFO),
        (e.ConfigurationReloaded((), "unknown key"), logging.ERROR),
        (e.EntityAdvanced("austin", "tasks", "pages", 1, 2), None),
    ],
)
def test_levels(event: e.Event, level: int | None) -> None:
    assert level_of(event) == level


def full_disk() -> TextIO:
    return Path("/dev/full").open("w", encoding="utf-8")


def dead_reader() -> TextIO:
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "w", encoding="utf-8")


@pytest.fixture(params=[full_disk, dead_reader])
def lost(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Logs that go nowhere."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    stream: TextIO = request.param()
    logs.configure("info", stream=stream)
    yield
    structlog.reset_defaults()
    with contextlib.suppress(OSError):
        stream.close()


@pytest.mark.usefixtures("lost")
def test_a_line_that_cannot_be_written_stops_nobody() -> None:
    logs.log_events()(e.DatabaseBack(3.0))
    logging.getLogger("a.library").warning("something")


@pytest.fixture
def unlogged(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test sets up of logs ends with it."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    yield
    structlog.reset_defaults()


def written(as_json: bool) -> tuple[io.StringIO, list[float], e.Emit]:
    stream, now = io.StringIO(), [0.0]
    logs.configure("info", stream=stream, as_json=as_json)
    return stream, now, logs.log_events(lambda: now[0])


@pytest.mark.usefixtures("unlogged")
def test_a_flood_of_one_kind_is_held_back_and_counted() -> None:
    stream, now, emit = written(as_json=True)
    for number in range(logs.FLOOD_LINES + 500):
        emit(e.RecordRejected("austin", "people", str(number), "no id"))
    emit(e.DatabaseBack(3.0))
    lines = stream.getvalue().splitlines()
    assert len(lines) == logs.FLOOD_LINES + 1, "other kinds are written all the same"
    now[0] = logs.FLOOD_SECONDS
    emit(e.RecordRejected("austin", "people", "1", "no id"))
    told, last = (json.loads(line) for line in stream.getvalue().splitlines()[-2:])
    assert (told["event"], told["kind"], told["lines"]) == ("log_lines_left_out", "record_rejected", 500)
    assert last["event"] == "record_rejected"


@pytest.mark.usefixtures("unlogged")
@pytest.mark.parametrize("as_json", [True, False])
def test_no_line_is_obeyed_by_a_terminal(as_json: bool) -> None:
    stream, _, emit = written(as_json)
    emit(e.RecordRejected("austin", "people", "\x1b]0;owned\x07", "\u202ereason\x9b"))
    assert not set(stream.getvalue()) & set("\x1b\x07\u202e\x9b")
    assert "x1b" in stream.getvalue() or "u001b" in stream.getvalue()
