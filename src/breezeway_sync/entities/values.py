"""Checks whether a JSON value fits a column, and converts it. Pure; nothing here raises for any input."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Final

import msgspec

from breezeway_sync.entities.model import ColumnKind


class _Misfit:
    """The one value that says: no column for this, keep it in `extra`."""

    def __repr__(self) -> str:
        return "MISFIT"


MISFIT: Final = _Misfit()

_BIGINT_MIN, _BIGINT_MAX = -(2**63), 2**63 - 1
# PostgreSQL's NUMERIC: 131,072 digits before the point, 16,383 behind it (its documentation, 8.1.2).
_MAX_ADJUSTED, _MIN_EXPONENT = 131_000, -16_000

_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d{1,6})?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(r"\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6}0*)?)?", re.ASCII)
_TIMESTAMP = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.(\d{1,6})0*)?)?)(?:\s?(Z|z|[+-]\d{2}(?::?\d{2})?))?",
    re.ASCII,
)
_UTC = ("", "Z", "+00:00")
_AMOUNT = r"-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_MONEY = re.compile(rf"({_AMOUNT})(?:\s+([A-Z]{{3}}))?|([A-Z]{{3}})\s+({_AMOUNT})", re.ASCII)


def fit_bigint(value: object) -> object:
    """A whole number within 64 bits, also written as text ("42") or with a zero fraction (42.0)."""
    number = value if type(value) is int else fit_numeric(value)
    if isinstance(number, Decimal):
        # Compared before conversion: int(Decimal("1e131000")) would build all its digits.
        if number.adjusted() > 18 or number != number.to_integral_value():
            return MISFIT
        number = int(number)
    return number if isinstance(number, int) and _BIGINT_MIN <= number <= _BIGINT_MAX else MISFIT


def fit_numeric(value: object) -> object:
    """A number, or a text that is one in JSON's own notation. True and false are not numbers."""
    if isinstance(value, bool):
        return MISFIT
    if isinstance(value, int):
        return value
    if isinstance(value, str) and len(value) <= 20_000 and _NUMBER.fullmatch(value):
        value = Decimal(value)
    if isinstance(value, Decimal) and fits_numeric(value):
        return value
    return MISFIT


def fits_numeric(value: Decimal) -> bool:
    """Whether NUMERIC can hold this without rounding or refusing."""
    if not value.is_finite():
        return False
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= _MIN_EXPONENT and value.adjusted() <= _MAX_ADJUSTED


def fit_text(value: object) -> object:
    """Text as it is, and a number as its digits: a numeric string counts as equal to the number."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return MISFIT
    if isinstance(value, int):
        return str(value) if abs(value) < 10**40 else MISFIT
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < 40:
        return format(value, "f")
    return MISFIT


def fit_boolean(value: object) -> object:
    return value if isinstance(value, bool) else MISFIT


def fit_timestamp(value: object) -> object:
    """ISO 8601 with or without an offset (none: UTC), to the microsecond, within the years 1 to 9999."""
    if type(value) is str and value[4:17:3] == "--T::" and value[19:] in _UTC:
        # How nearly all are written: the same answer in a fifth of the time.
        try:
            return datetime.fromisoformat(value[:19]).replace(tzinfo=UTC)
        except ValueError:
            return MISFIT
    match = _TIMESTAMP.fullmatch(value) if isinstance(value, str) else None
    if not match:
        return MISFIT
    day, clock, fraction, offset = match.groups()
    zone = "+00:00" if offset in (None, "Z", "z") else offset
    try:
        moment = datetime.fromisoformat(f"{day}T{clock.partition('.')[0]}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        return MISFIT
    return moment.replace(microsecond=int(fraction.ljust(6, "0"))) if fraction else moment


def fit_date(value: object) -> object:
    """YYYY-MM-DD."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return MISFIT
    try:
        return date.fromisoformat(value)
    except ValueError:
        return MISFIT


def fit_time(value: object) -> object:
    """HH:MM, HH:MM:SS or with a fraction, without an offset."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return MISFIT
    clock, _, fraction = value.partition(".")
    try:
        moment = time.fromisoformat(clock)
    except ValueError:
        return MISFIT
    return moment.replace(microsecond=int(fraction.rstrip("0").ljust(6, "0")[:6])) if fraction else moment


def fit_json(value: object) -> object:
    """Anything but null, as JSON text."""
    return dump(value)


def fit_money(value: object) -> object:
    """(amount, currency): "1,250.00 USD", "USD 12.5", a plain number (currency None).

    A comma must group thousands: "12,50 EUR" could be read two ways and is left alone.
    """
    if not isinstance(value, str):
        number = fit_numeric(value)
        return MISFIT if number is MISFIT else (number, None)
    match = _MONEY.fullmatch(value) if len(value) < 1000 else None
    if not match:
        return MISFIT
    amount, after, before, amount_after = match.groups()
    number = Decimal((amount or amount_after).replace(",", ""))
    return number, after or before


FIT: Final[dict[ColumnKind, Callable[[object], object]]] = {
    ColumnKind.BIGINT: fit_bigint,
    ColumnKind.TEXT: fit_text,
    ColumnKind.NUMERIC: fit_numeric,
    ColumnKind.BOOLEAN: fit_boolean,
    ColumnKind.TIMESTAMP: fit_timestamp,
    ColumnKind.DATE: fit_date,
    ColumnKind.TIME: fit_time,
    ColumnKind.JSON: fit_json,
    ColumnKind.MONEY: fit_money,
}

_encode = msgspec.json.Encoder(decimal_format="number", order="sorted").encode
_HUGE_EXPONENT = re.compile(rb"[eE][+-]?\d{4,}")
_LONG_NUMBER = re.compile(rb"\d{%d}" % -_MIN_EXPONENT)


def encode(value: object) -> bytes:
    """JSON with sorted keys and numbers as they came; equal for records that differ in key order only.

    Raises UnicodeEncodeError for lone surrogates and RecursionError for extreme nesting.
    """
    return _encode(value)


def dump(value: object) -> str:
    """JSON text that jsonb takes: numbers beyond NUMERIC become text."""
    text = encode(value)
    if _HUGE_EXPONENT.search(text) or (len(text) > -_MIN_EXPONENT and _LONG_NUMBER.search(text)):
        text = encode(_tame(value))
    return text.decode()


def _tame(value: object) -> object:
    if isinstance(value, dict):
        return {key: _tame(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_tame(item) for item in value]
    if isinstance(value, Decimal) and not fits_numeric(value):
        return str(value)
    return value
