"""Decodes bodies of the API without trusting them.

`read_list` splits a body into items, `read_item` decodes one of them. The fast path is msgspec with Decimal for every
fraction. msgspec refuses a whole page for one lone surrogate, NaN, raw control character or a value nested a thousand
deep. Then `split` splits the page and each item is decoded by itself, at last by the tolerant decoder of the standard
library. So one bad item never costs its page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import msgspec

from breezeway_sync.entities.repeats import count_repeats
from breezeway_sync.entities.split import NotJson, split

Json = None | bool | int | Decimal | str | list["Json"] | dict[str, "Json"]


class BadBody(ValueError):
    """A body that is no answer; the text says what it is instead, without quoting it."""


class EmptyBody(BadBody):
    """No body at all, or only white space."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An item that is not JSON by any reading; kept as text, so that it can be stored and looked at."""

    text: str
    reason: str


Item = Json | Unreadable


@dataclass(frozen=True, slots=True)
class ListBody:
    """One page. `page`, `limit` and the totals are None where the answer did not give a whole number.

    `repeats`: members of its objects that a later one of the same name has replaced.
    """

    items: tuple[Item, ...]
    is_bare: bool
    limit: int | None = None
    page: int | None = None
    total_pages: int | None = None
    total_results: int | None = None
    repeats: int = 0


class _Envelope(msgspec.Struct):
    results: list[msgspec.Raw] | None = None
    error: object = None
    limit: object = None
    page: object = None
    total_pages: object = None
    total_results: object = None


_decode_value = msgspec.json.Decoder(float_hook=Decimal).decode
_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_bare = msgspec.json.Decoder(list[msgspec.Raw]).decode

# What the fast decoder raises for texts that a more patient reader may still take.
_REFUSED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidOperation)
_INT_DIGITS = 4000
_WHITE = b" \t\r\n"
_COUNTS = ("limit", "page", "total_pages", "total_results")


def read_list(body: bytes) -> ListBody:
    """Split a list's body into decoded items.

    Accepts an envelope with `results` or a bare array; raises EmptyBody or BadBody for everything else
    (null, HTML, an `error` key, a cut body), which must never be taken for an empty page.
    """
    text = body.strip(_WHITE)
    if not text:
        raise EmptyBody("an empty body")
    if text.startswith(b"["):
        raws: Sequence[bytes | msgspec.Raw] | None
        try:
            raws = _decode_bare(text)
        except _REFUSED:
            raws = _split_array(text)
        items, repeats = _read_items(raws)
        return ListBody(items, is_bare=True, repeats=repeats)
    if not text.startswith(b"{"):
        raise BadBody(describe(text))
    try:
        envelope = _decode_envelope(text)
        raws = envelope.results
        has_error = envelope.error is not None
        fields = {name: getattr(envelope, name) for name in _COUNTS}
    except _REFUSED:
        members = _split_object(text)
        raws = _split_array(members["results"]) if members.get("results", b"")[:1] == b"[" else None
        has_error = members.get("error", b"null") != b"null"
        fields = {name: read_item(members[name]) for name in _COUNTS if name in members}
    if has_error:
        raise BadBody("an `error` body")
    if raws is None:
        raise BadBody("an object without a list of `results`")
    items, repeats = _read_items(raws)
    return ListBody(
        items=items,
        is_bare=False,
        repeats=repeats + _repeats_of_envelope(text),
        limit=_whole(fields.get("limit")),
        page=_whole(fields.get("page")),
        total_pages=_whole(fields.get("total_pages")),
        total_results=_whole(fields.get("total_results")),
    )


def _read_items(raws: Sequence[bytes | msgspec.Raw]) -> tuple[tuple[Item, ...], int]:
    items, repeats = [], 0
    for raw in raws:
        item = read_item(raw)
        items.append(item)
        if isinstance(item, dict | list):
            repeats += count_repeats(bytes(raw), item)
    return tuple(items), repeats


def _repeats_of_envelope(text: bytes) -> int:
    """Count the repeats among its own members; the caller counts those in `results` item by item."""
    if text.count(b'"results"') < 2:  # a second list hides a whole page
        return 0
    try:
        names = [name for name, _ in _members(text)]
    except NotJson:
        return 0
    return len(names) - len(set(names))


def read_object(body: bytes) -> dict[str, Json] | Unreadable:
    """Decode the body of a single record. Raises EmptyBody or BadBody for what is no record."""
    text = body.strip(_WHITE)
    if not text:
        raise EmptyBody("an empty body")
    if not text.startswith(b"{"):
        raise BadBody(describe(text))
    try:
        split(text)
    except NotJson as error:
        raise BadBody(str(error)) from error
    item = read_item(text)
    if isinstance(item, Unreadable):
        return item
    if not isinstance(item, dict):  # pragma: no cover - a text that starts with a brace is an object
        raise BadBody(describe(text))
    if "error" in item and "id" not in item:
        raise BadBody("an `error` body")
    return item


def read_item(raw: bytes | msgspec.Raw) -> Item:
    """Decode one JSON value; an Unreadable when no decoder takes it. Never raises."""
    try:
        value: Json = _decode_value(raw)
    except _REFUSED:
        return _read_tolerantly(bytes(raw))
    return value


def _read_tolerantly(raw: bytes) -> Item:
    text = raw.decode("utf-8", errors="replace")
    try:
        value: Json = json.loads(text, strict=False, parse_int=_whole_number, parse_float=_fraction, parse_constant=str)
    except RecursionError:
        return Unreadable(text, "nested too deeply")
    except ValueError as error:
        return Unreadable(text, f"not JSON at character {getattr(error, 'pos', 0)}")
    return value


def _whole_number(digits: str) -> int | Decimal:
    """Python's int takes some thousand digits, NUMERIC a hundred thousand."""
    return int(digits) if len(digits) < _INT_DIGITS else Decimal(digits)


def _fraction(text: str) -> Decimal | str:
    """A number whose exponent not even Decimal takes stays the text that it is."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def describe(text: bytes) -> str:
    """What a body that is not a list or an object looks like, in words that quote nothing of it."""
    if text.startswith(b"<"):
        return "HTML"
    if text == b"null":
        return "JSON null"
    if text[:1] in b'"-0123456789tfn' and _is_json(text):
        return "a JSON scalar"
    return "no JSON"


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _whole(value: object) -> int | None:
    """A count of the envelope: a whole number, perhaps written as text; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**15 else None


def _split_array(text: bytes) -> list[bytes]:
    try:
        return [value for _, value in split(text)]
    except NotJson as error:
        raise BadBody(str(error)) from error


def _split_object(text: bytes) -> dict[str, bytes]:
    try:
        return dict(_members(text))
    except NotJson as error:
        raise BadBody(str(error)) from error


def _members(text: bytes) -> Iterator[tuple[str, bytes]]:
    for key, value in split(text):
        name = read_item(key or b'""')
        if isinstance(name, str):
            yield name, value
