"""When two values are equal: the normal form of the schema page, and nothing else."""

from __future__ import annotations

import re
import sys
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["int", "number", "text", "flag", "moment", "day", "clock", "json", "money"]

_NUMERIC = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LONE = re.compile("[\ud800-\udfff]")
_TOO_FINE = re.compile(r"\.\d{6}\d*[1-9]")
_MONEY = re.compile(r"(-?\d{1,3}(?:,\d{3})+(?:\.\d+)?|-?\d+(?:\.\d+)?) ([A-Z]{3})", re.ASCII)


@contextmanager
def deeply() -> Iterator[None]:
    """Room for values nested some thousand levels deep."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 60_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def clean(text: str) -> str:
    """What is left of a text that neither text nor jsonb could hold."""
    return _LONE.sub("\ufffd", text.replace("\0", ""))


def frozen(value: Any) -> Hashable:
    """A JSON value in the normal form: absent is null, numbers are equal by value, true is not 1."""
    match value:
        case None:
            return None
        case bool():
            return ("flag", value)
        case int() | float() | Decimal():
            return ("number", Decimal(value))
        case str():
            return ("text", clean(value))
        case list():
            return ("list", tuple(frozen(item) for item in value))
        case dict():
            fields = ((clean(key), frozen(item)) for key, item in value.items())
            return ("object", frozenset(one for one in fields if one[1] is not None))
    raise AssertionError(f"not a JSON value: {value!r}")


def same_json(one: Any, other: Any) -> bool:
    with deeply():
        return frozen(one) == frozen(other)


def numeric(value: Any) -> Decimal | None:
    """The number that a number or a numeric string is."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, str) and _NUMERIC.fullmatch(value):
        return Decimal(value)
    return None


def whole(value: Any) -> Decimal | None:
    """A number without fraction that BIGINT can hold."""
    number = numeric(value)
    fits = number is not None and abs(number) < 2**63 and number == int(number)
    return number if fits else None


def moment(value: Any) -> datetime | None:
    """A time without offset is UTC; finer than microseconds fits no TIMESTAMPTZ."""
    if not isinstance(value, str) or _TOO_FINE.search(value):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def clock(value: Any) -> time | None:
    """A time of day; one with an offset fits no TIME."""
    if not isinstance(value, str) or _TOO_FINE.search(value):
        return None
    try:
        found = time.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo is None else None


def money(value: Any) -> tuple[Decimal, str | None] | None:
    """ "1,250.00 USD": the amount and the currency; a bare number has none."""
    if isinstance(value, str) and (found := _MONEY.fullmatch(value)):
        return Decimal(found[1].replace(",", "")), found[2]
    bare = numeric(value)
    return None if bare is None else (bare, None)


def text(value: Any) -> str | None:
    """Text as it is; a number as its numeric string."""
    if isinstance(value, str):
        return clean(value)
    return None if isinstance(value, bool) or not isinstance(value, int | Decimal) else str(value)


def flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def anything(value: Any) -> Any:
    return value


READ: dict[str, Any] = {
    "int": whole,
    "number": numeric,
    "text": text,
    "flag": flag,
    "moment": moment,
    "day": day,
    "clock": clock,
    "json": anything,
    "money": money,
}


def same(kind: Kind, api: Any, mirror: Any) -> bool:
    """Whether the mirror's value, out of a column of this kind or out of `extra`, gives the API's back."""
    if mirror is None or api is None:
        return mirror is api
    if kind == "money" and isinstance(mirror, tuple):
        return bool(money(api) == mirror)
    if isinstance(mirror, date | time):
        return bool(READ[kind](api) == mirror)
    if same_json(api, mirror):
        return True
    as_number = kind in ("int", "number") or (kind == "text" and not isinstance(api, str))
    number = numeric(api) if as_number else None
    return number is not None and number == numeric(mirror)
