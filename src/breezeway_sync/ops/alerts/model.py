"""The types of alerts: facts, states, rules, messages. No secret, no guest's data, no URL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import Enum
from typing import Protocol

from breezeway_sync.core.error_codes import ErrorCode

CREDENTIALS = "credentials"
SUMMARY = "summary"
FIELDS = "fields"
"""What changed in the shape of a region's records."""
REPLACED = "database_replaced"
"""An older copy took the database's place."""
DAY = timedelta(days=1)
NOWHERE = ""
"""The region of what concerns no single region."""

_ENTITY = "entity:"
_HELD = "held:"
_DIFFERS = "differs:"
_LEFT = "left:"
_LOST = "lost:"
_LONG_RUN = "long_run:"


def entity_subject(entity: str) -> str:
    """The subject of an entity's failures."""
    return _ENTITY + entity


def entity_of(subject: str) -> str:
    """The entity that a subject is about."""
    for prefix in (_ENTITY, _HELD, _DIFFERS, _LEFT, _LOST):
        subject = subject.removeprefix(prefix)
    return subject


def review_subject(entity: str) -> str:
    """The subject of an entity's deletions that wait for a person."""
    return _HELD + entity


def differs_subject(entity: str) -> str:
    """The subject of an entity whose mirror says something else than the API."""
    return _DIFFERS + entity


def left_subject(entity: str) -> str:
    """The subject of an entity's records that left the lists at once."""
    return _LEFT + entity


def lost_subject(entity: str) -> str:
    """The subject of an entity's rows that somebody deleted by hand."""
    return _LOST + entity


def is_left(subject: str) -> bool:
    """Whether a subject is about records that left the lists at once."""
    return subject.startswith(_LEFT)


def is_lost(subject: str) -> bool:
    """Whether a subject is about rows that were deleted by hand."""
    return subject.startswith(_LOST)


def needs_review(subject: str) -> bool:
    """Whether a subject is about deletions that wait for a person."""
    return subject.startswith(_HELD)


def long_run_subject(account: str) -> str:
    """The subject of an account's long runs."""
    return _LONG_RUN + account


class MessageKind(Enum):
    """What a message says of its subjects."""

    FAILED = "failed"
    REMINDER = "still failing"
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True)
class Rules:
    """When to tell what. None: never. Group: how long failures of a region are collected for one message;
    retry: how long until what nobody received is tried again."""

    warn_after: timedelta | None = timedelta(minutes=5)
    remind: timedelta | None = timedelta(hours=24)
    max_per_hour: int = 20
    summary_at: time | None = time(7, 0)
    on_partial: bool = False
    group: timedelta = timedelta(seconds=60)
    retry: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class RunFinding:
    """How a region and entity ended last, since people were last thought of.

    `failures` counts those in a row, the first at `first_at`; `called` tells whether the API was asked at all.
    """

    entity: str
    status: str
    error: str | None
    called: bool
    first_at: datetime
    failures: int
    held: int | None = None
    """Records that wait for a person; None where the run did not come to know."""
    left: int | None = None
    """Records that left the lists at once, and `lost` those with rows that were deleted by hand; None as above."""
    lost: int | None = None
    code: ErrorCode | None = None
    blocked_by: str | None = None
    """The entity whose failure kept this one from being read."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A subject fails (since `at`, `count` times), or does not."""

    fails: bool
    at: datetime
    error: str | None = None
    count: int = 1


class StateRow(Protocol):
    """A stored state."""

    @property
    def failing_since(self) -> datetime | None: ...
    @property
    def failures(self) -> int: ...
    @property
    def error(self) -> str | None: ...
    @property
    def notified_at(self) -> datetime | None: ...
    @property
    def thread(self) -> str | None: ...
    @property
    def claimed_until(self) -> datetime | None: ...
    @property
    def version(self) -> int: ...


@dataclass(frozen=True, slots=True)
class AlertState:
    """What is known of a subject and what people were told; made without arguments: nothing."""

    failing_since: datetime | None = None
    failures: int = 0
    error: str | None = None
    notified_at: datetime | None = None
    thread: str | None = None
    claimed_until: datetime | None = None
    version: int = 0

    def is_claimed(self, now: datetime) -> bool:
        """Whether another process is telling of it. A claim holds for minutes; one for a day is a wrong clock's."""
        return self.claimed_until is not None and now < self.claimed_until < now + DAY


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a subject: `told` when somebody received the message, else `untold`; `kind` None: no message."""

    subject: str
    before: AlertState
    told: AlertState
    untold: AlertState
    kind: MessageKind | None


@dataclass(frozen=True, slots=True)
class MessageBudget:
    """When messages went out, and how many were held back since the last one."""

    sent_at: tuple[datetime, ...] = ()
    suppressed: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `ident` is unique; `answers` are those of earlier ones that it belongs to."""

    title: str
    body: str
    ident: str
    answers: tuple[str, ...] = ()
