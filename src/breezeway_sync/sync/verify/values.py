"""Decides whether a value of the API and a value of the mirror are equal. Pure; it does not use the loader's code.

Null, absent and an empty object are equal. Numbers are equal by value, also as text where a column says number. Times
are equal as instants; without an offset they are UTC. An amount of money is its number and its currency. U+0000 and
lone surrogates cannot be stored in PostgreSQL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation

from breezeway_sync.entities.model import ColumnKind

_LONE = re.compile("[\ud800-\udfff]")
_MONEY = re.compile(r"(?:([A-Z]{3})\s+)?(-?[\d,]+(?:\.\d+)?)(?:\s+([A-Z]{3}))?", re.ASCII)


def clean(text: str) -> str:
    """What PostgreSQL can hold of a text."""
    return _LONE.sub("\ufffd", text.replace("\0", ""))


def normal(value: object) -> Hashable:
    """A JSON value in a form that is equal exactly for values that count as the same."""
    if isinstance(value, bool):
        return ("flag", value)
    if isinstance(value, int | float | Decimal):
        return ("number", Decimal(value))
    if isinstance(value, str):
        return ("text", clean(value))
    if isinstance(value, list):
        return ("list", tuple(normal(item) for item in value))
    if isinstance(value, dict):
        fields = ((clean(str(name)), normal(item)) for name, item in value.items())
        return frozenset(one for one in fields if one[1] is not None) or None
    return None


def number(value: object) -> Decimal | None:
    """The number that a number or a numeric text is."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    try:
        found = Decimal(value)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def whole(value: object) -> int | None:
    """An id: a whole number of 64 bits."""
    found = number(value)
    if found is None or found.adjusted() > 18 or found != int(found) or not -(2**63) <= int(found) < 2**63:
        return None
    return int(found)


def instant(value: object) -> datetime | None:
    """A moment, in UTC where nothing else is said."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _clock(value: object) -> time | None:
    try:
        return time.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


_READ: dict[ColumnKind, Callable[[object], object]] = {
    ColumnKind.BIGINT: number,
    ColumnKind.NUMERIC: number,
    ColumnKind.TIMESTAMP: instant,
    ColumnKind.DATE: _day,
    ColumnKind.TIME: _clock,
}


def same(kind: ColumnKind, api: object, mirror: object) -> bool:
    """Whether a column's value, as PostgreSQL writes it in JSON, says what the API says."""
    if normal(api) == normal(mirror):
        return True
    if kind is ColumnKind.TEXT and not isinstance(api, str):
        return number(api) is not None and number(api) == number(mirror)
    read = _READ.get(kind)
    return read is not None and read(api) is not None and read(api) == read(mirror)


def same_money(api: object, amount: object, currency: object) -> bool:
    """ "1,250.00 USD" beside an amount and a currency; a bare number has none."""
    match = _MONEY.fullmatch(api) if isinstance(api, str) else None
    if match is None:
        return number(api) is not None and number(api) == number(amount) and currency is None
    return number(match[2].replace(",", "")) == number(amount) and (match[1] or match[3]) == currency
