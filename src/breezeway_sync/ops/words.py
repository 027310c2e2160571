"""Formats numbers and times for people. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment as seen from now ("3 min ago"), on the clock in UTC, and in ISO 8601."""

    ago: str
    clock: str
    iso: str


def duration(seconds: float) -> str:
    """At most two units, the smaller one only where it matters: 40 s, 34 min, 2 h 5 min, 3 d 4 h, 12 d."""
    if seconds < 0.95:
        return "0 s" if seconds < 0.05 else f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    if seconds < HOUR - MINUTE / 2:
        return f"{seconds / MINUTE:.0f} min"
    if seconds < DAY - MINUTE / 2:
        return _pair(round(seconds / MINUTE), 60, "h", "min")
    if seconds < 10 * DAY:
        return _pair(round(seconds / HOUR), 24, "d", "h")
    return f"{seconds / DAY:,.0f} d"


def brief(seconds: float) -> str:
    """One unit, for narrow columns: 34 min, 2.8 h, 25 h, 5.9 d, 12 d."""
    if seconds < HOUR - MINUTE / 2:
        return duration(seconds)
    for unit, name, most in ((HOUR, "h", 48), (DAY, "d", float("inf"))):
        number = seconds / unit
        if round(number) <= most:
            return f"{number:,.0f} {name}" if number >= 9.95 or number == round(number) else f"{number:.1f} {name}"
    raise AssertionError("unreachable: there is no end of days")


def _pair(count: int, size: int, large: str, small: str) -> str:
    whole, rest = divmod(count, size)
    return f"{whole} {large} {rest} {small}" if rest else f"{whole} {large}"


def ago(moment: datetime, now: datetime) -> str:
    """A moment as seen from another: "3 min ago", "in 20 h"."""
    seconds = (now - moment).total_seconds()
    return f"in {duration(-seconds)}" if seconds < 0 else f"{duration(seconds)} ago"


def clock(moment: datetime, now: datetime) -> str:
    """The time of day in UTC, with the date where it is another day's."""
    moment, now = moment.astimezone(UTC), now.astimezone(UTC)
    return f"{moment:%H:%M:%S}" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M}"


def moment(at: datetime, now: datetime) -> Moment:
    """A moment in all three ways."""
    return Moment(ago(at, now), clock(at, now), at.astimezone(UTC).isoformat(timespec="seconds"))


def entity_name(entity: str) -> str:
    """property_contacts -> property contacts."""
    return entity.replace("_", " ")


def count(number: int, one: str, many: str | None = None) -> str:
    """1 region, 2 regions, 1,200 calls."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listing(names: Sequence[str]) -> str:
    """a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""
