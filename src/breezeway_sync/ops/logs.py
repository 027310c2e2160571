"""Turns events into log lines: stable event names, one object a line, never a secret or a guest's data.

Events contain no payload, URL or name of a person by construction (core.events), so nothing is filtered here.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TextIO

import structlog

from breezeway_sync.core.events import (
    AccountPaused,
    AlertDelivered,
    AttendanceChanged,
    BatchLoaded,
    CallFinished,
    CallRetried,
    ComparisonSeen,
    ConcurrencyChanged,
    ConfigurationReloaded,
    Crashed,
    CycleFinished,
    CycleSkipped,
    DatabaseLost,
    DatabaseReplaced,
    DeletionsNeedReview,
    Emit,
    EntityAdvanced,
    EntityFinished,
    EntityStarted,
    EntityUnavailable,
    Event,
    FieldChanged,
    LeaseAwaited,
    LeaseClaimed,
    OperatorNotice,
    RecordRejected,
    TokenFailed,
    TokenObtained,
    VerificationFinished,
)
from breezeway_sync.core.record_events import RecordsLeft, RowsLost
from breezeway_sync.core.text import visible
from breezeway_sync.core.verification import FAILED, LATE, PROVED

LEVELS: Mapping[type[Event], int] = {
    CallFinished: logging.DEBUG,
    CallRetried: logging.WARNING,
    ComparisonSeen: logging.DEBUG,
    AccountPaused: logging.WARNING,
    AlertDelivered: logging.INFO,
    TokenObtained: logging.INFO,
    TokenFailed: logging.ERROR,
    LeaseClaimed: logging.INFO,
    LeaseAwaited: logging.WARNING,
    EntityStarted: logging.DEBUG,
    BatchLoaded: logging.DEBUG,
    RecordRejected: logging.WARNING,
    Crashed: logging.ERROR,
    EntityUnavailable: logging.WARNING,
    FieldChanged: logging.WARNING,
    DeletionsNeedReview: logging.WARNING,
    AttendanceChanged: logging.WARNING,
    RecordsLeft: logging.WARNING,
    RowsLost: logging.WARNING,
    OperatorNotice: logging.WARNING,
    CycleSkipped: logging.WARNING,
    DatabaseLost: logging.ERROR,
    DatabaseReplaced: logging.ERROR,
}
_STATUS_LEVELS = {"success": logging.INFO, "partial": logging.WARNING, "failed": logging.ERROR}
_RESULT_LEVELS = {PROVED: logging.INFO, LATE: logging.INFO, FAILED: logging.ERROR}
# A line that cannot be written, on a full disk or to a reader that is gone, is lost: the work is not.
_LOST = contextlib.suppress(OSError)
# Of one kind in a minute: 400 regions that each begin and end their entities stay below.
FLOOD_LINES = 10_000
FLOOD_SECONDS = 60.0
_WORD_START = re.compile(r"(?<!^)(?=[A-Z])")


def level_of(event: Event) -> int | None:
    """How loud a fact is; None: progress, which is no log line."""
    if isinstance(event, EntityAdvanced):
        return None
    if isinstance(event, EntityFinished | CycleFinished):
        return _STATUS_LEVELS.get(event.status, logging.WARNING)
    if isinstance(event, VerificationFinished):
        return _RESULT_LEVELS.get(event.result, logging.WARNING)
    if isinstance(event, ConcurrencyChanged):
        return logging.DEBUG if event.reason in ("started", "recovered") else logging.INFO
    if isinstance(event, ConfigurationReloaded) and event.error is not None:
        return logging.ERROR
    return LEVELS.get(type(event), logging.INFO)


def name_of(event: Event) -> str:
    """The stable name of a fact: EntityFinished -> entity_finished."""
    return _WORD_START.sub("_", type(event).__name__).lower()


def configure(level: str, *, stream: TextIO | None = None, as_json: bool = True, colors: bool = False) -> None:
    """Set up structlog for the process: JSON lines, or text for people. Local variables are never shown."""
    stream = stream or sys.stderr
    renderer: structlog.typing.Processor
    if as_json:
        tail: list[structlog.typing.Processor] = [
            structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(),
        ]
    else:
        renderer = structlog.dev.ConsoleRenderer(
            colors=colors, exception_formatter=structlog.dev.plain_traceback, pad_event_to=24
        )
        tail = [_made_visible, renderer]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *tail,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    _bridge_libraries()


def _made_visible(_logger: object, _method: str, fields: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Make values safe for a terminal; JSON has escapes of its own."""
    return {name: visible(value) if isinstance(value, str) else value for name, value in fields.items()}


class _Bridge(logging.Handler):
    """Log lines of libraries in our form: who, how loud, what; never their arguments, which may quote data."""

    def emit(self, record: logging.LogRecord) -> None:
        first_line = str(record.msg).split("\n", 1)[0][:200]
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        fields = {"logger": record.name, "message": first_line} | ({"error": error} if error else {})
        with _LOST:
            structlog.get_logger().log(record.levelno, "library", **fields)


def _bridge_libraries() -> None:
    """Warnings and worse of every library go through the bridge, and nowhere else."""
    root = logging.getLogger()
    root.handlers = [_Bridge(logging.WARNING)]
    root.setLevel(logging.WARNING)


class _Flood:
    """Holds back lines of a kind that comes too often in a minute, and counts them."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._began_at = monotonic()
        self._lines: Counter[str] = Counter()

    def over(self) -> Mapping[str, int]:
        """After a minute: how many lines of each kind it held back."""
        now = self._monotonic()
        if now - self._began_at < FLOOD_SECONDS:
            return {}
        held = {name: count - FLOOD_LINES for name, count in self._lines.items() if count > FLOOD_LINES}
        self._began_at, self._lines = now, Counter()
        return held

    def has_memory(self, name: str) -> bool:
        self._lines[name] += 1
        return self._lines[name] <= FLOOD_LINES


def log_events(monotonic: Callable[[], float] = time.monotonic) -> Emit:
    """An Emit that writes every fact as a log line, at most FLOOD_LINES of one kind a minute (debug lines aside)."""
    logger = structlog.get_logger()
    flood = _Flood(monotonic)

    def emit(event: Event) -> None:
        level, name = level_of(event), name_of(event)
        if level is None:
            return
        with _LOST:
            for kind, lines in flood.over().items():
                logger.warning("log_lines_left_out", kind=kind, lines=lines)
            if level > logging.DEBUG and not flood.has_memory(name):
                return
            fields = {name: value for name, value in asdict(event).items() if value is not None}
            logger.log(level, name, **fields)

    return emit
