"""Parses query parameters, and answers 422 to invalid ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from starlette.datastructures import QueryParams

from breezeway_sync.sandbox.answers import SandboxRefusal, unprocessable
from breezeway_sync.sandbox.facts import Span, midnight

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Which part of a list is asked for (section 3)."""

    limit: int
    number: int
    sort_by: str
    descending: bool


def whole(params: QueryParams, name: str, default: int) -> int:
    text = params.get(name)
    if text is None:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise SandboxRefusal(unprocessable(name, "Not a valid integer."))
    return int(text)


def parse_page(params: QueryParams, sortable: Iterable[str]) -> PageQuery:
    sort_by = params.get("sort_by", "created_at")
    order = params.get("sort_order", "desc")
    if sort_by not in sortable:
        raise SandboxRefusal(unprocessable("sort_by", "Must be one of: " + ", ".join(sortable) + "."))
    if order not in ("asc", "desc"):
        raise SandboxRefusal(unprocessable("sort_order", "Must be one of: asc, desc."))
    return PageQuery(whole(params, "limit", 100), whole(params, "page", 1), sort_by, order == "desc")


def many_ids(params: QueryParams, name: str) -> list[int] | None:
    """Repeated or comma-separated ids, None when the parameter is not there."""
    texts = [part.strip() for value in params.getlist(name) for part in value.split(",") if part.strip()]
    if not texts:
        return None
    if not all(text.isdecimal() for text in texts):
        raise SandboxRefusal(unprocessable(name, "Not a valid integer."))
    return [int(text) for text in texts]


def parse_day(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SandboxRefusal(unprocessable(name, "Not a valid date.")) from None


def day_pair(params: QueryParams, name: str) -> Span | None:
    """`YYYY-MM-DD,YYYY-MM-DD`, both days included; one day alone is refused."""
    text = params.get(name)
    if text is None:
        return None
    parts = text.split(",")
    if len(parts) != 2:
        raise SandboxRefusal(unprocessable(name, "Length must be 2."))
    first, last = (parse_day(name, part.strip()) for part in parts)
    return Span(midnight(first), midnight(last + _DAY))


def compared(params: QueryParams, fields: Iterable[str], *, time_part: bool) -> dict[str, Span]:
    """`{field}_{lt,le,gt,ge}`: by whole days unless `time_part` is honoured, which is unknown (section 8)."""
    spans: dict[str, Span] = {}
    for name in fields:
        for comparison in ("lt", "le", "gt", "ge"):
            key = f"{name}_{comparison}"
            text = params.get(key)
            if text is not None:
                span = _compared(key, text, comparison, time_part=time_part)
                spans[name] = span.within(spans.get(name, Span()))
    return spans


def _compared(key: str, text: str, comparison: str, *, time_part: bool) -> Span:
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise SandboxRefusal(unprocessable(key, "Not a valid date.")) from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    step = _SECOND
    if not time_part or "T" not in text:
        moment, step = moment.replace(hour=0, minute=0, second=0, microsecond=0), _DAY
    if comparison == "ge":
        return Span(low=moment)
    if comparison == "gt":
        return Span(low=moment + step)
    return Span(high=moment + step if comparison == "le" else moment)
