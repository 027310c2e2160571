"""The three formats in which the API writes a time."""

from __future__ import annotations

from datetime import UTC, date, datetime


def naive(moment: datetime) -> str:
    """Without offset, in UTC: `created_at` of tasks, comments, supplies."""
    return moment.replace(tzinfo=None, microsecond=0).isoformat()


def aware(moment: datetime) -> str:
    """With offset: `updated_at` of tasks, both times of costs."""
    return moment.replace(microsecond=0).isoformat()


def like(moment: datetime, kind: str) -> str:
    """As the kind's own `updated_at` is written."""
    return naive(moment) if kind == "supplies" else aware(moment)


def moment_of(value: object) -> datetime | None:
    """What a stored value says, None when it says nothing."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def day_of(value: object) -> date | None:
    moment = moment_of(value)
    return None if moment is None else moment.date()
