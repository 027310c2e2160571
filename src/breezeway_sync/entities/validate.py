"""Checks whether a record can be loaded: gives it its key and the hash of its content, or the reason for a rejection.

The hash covers the payload with sorted keys; keyed children are sorted where their order is no data. The version of the
mapping stands beside it. So a new column rewrites rows without making them look changed, and causes no child reads.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, TypeVar, cast

from breezeway_sync.entities.decode import Item, Json, Unreadable, read_item
from breezeway_sync.entities.plan import ChildPlan, EntityPlan
from breezeway_sync.entities.rows import ChildSet, JsonObject, build_called, record_key
from breezeway_sync.entities.text import clean, clean_text
from breezeway_sync.entities.values import dump, encode

NAMELESS = "payload "
"""How the names of records without an id begin."""
NOT_AN_OBJECT = "not an object"
_DEEP = 20_000
_NUL = b"\\u0000"


class ValidRecord(NamedTuple):
    """A record with an identity. `changed_characters` were removed or replaced, `lists_not_sent` lists null."""

    key: int
    record: JsonObject
    payload_hash: bytes
    changed_characters: int
    lists_not_sent: int


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A record that cannot be stored. `record_id` is short, `payload` JSON text; `reason` quotes no value.

    `is_altered`: characters were removed or replaced; without an id, what is left may read as another record.
    """

    record_id: str
    reason: str
    payload: str
    is_altered: bool = False


def validate(plan: EntityPlan, item: Item) -> ValidRecord | RejectedRecord:
    """Judge one item of a list. Never raises, whatever the item is."""
    if isinstance(item, Unreadable):
        return reject(item.text, item.reason)
    if not isinstance(item, dict):
        return reject(item, NOT_AN_OBJECT)
    key = record_key(item, plan.entity.key.path)
    if key is None:
        return reject(item, "no id that is a whole number within 64 bits")
    try:
        record, changed, text = _readable(item, lambda record: canonical(plan, record))
    except RecursionError:
        return reject(item, "nested too deeply", key)
    not_sent = sum([record.get(name) is None for name in plan.lists])
    return ValidRecord(key, record, digest(text), changed, not_sent)


def validate_children(child: ChildPlan, parent_key: int, items: Iterable[Item]) -> tuple[ChildSet, int]:
    """All children of one parent as rows, and how many characters were changed. Never raises.

    An item that cannot be stored as it is (no JSON, nested too deeply) is kept as its text.
    """
    storable = [_storable(item) for item in items]
    with _deep():
        children = build_called(child, parent_key, [item for item, _ in storable])
    return children, sum(changed for _, changed in storable)


def _storable(item: Item) -> tuple[Json, int]:
    if isinstance(item, Unreadable):
        return clean_text(item.text)
    try:
        record, changed, _ = _readable(item, encode)
    except RecursionError:
        cleaned, changed = _clean_deep(item)
        return _dump_deep(cleaned), changed
    return record, changed


_Value = TypeVar("_Value", bound=Json)


def _readable(value: _Value, write: Callable[[_Value], bytes]) -> tuple[_Value, int, bytes]:
    """A value that PostgreSQL's text can hold, how many characters that changed, and the value as JSON.

    Raises RecursionError for extreme nesting.
    """
    try:
        text = write(value)
    except UnicodeEncodeError:
        text = _NUL
    if _NUL not in text:
        return value, 0, text
    cleaned, changed = _clean_deep(value)
    return cleaned, changed, write(cleaned)


def reject(payload: Json, reason: str, key: int | None = None) -> RejectedRecord:
    """A rejection, keyed by the record's id or, without one, by its payload."""
    cleaned, changed = clean_text(payload) if isinstance(payload, str) else _clean_deep(payload)
    text = _dump_deep(cleaned)
    name = str(key) if key is not None else NAMELESS + digest(text.encode()).hex()
    return RejectedRecord(name, reason, text, changed > 0)


def stored_item(payload: str, reason: str) -> Item:
    """What a rejection's payload (JSON text) was when it came: of what only the text could be kept, read again.

    A text that was sent as one is told from these by the `reason` of its rejection. Never raises.
    """
    item = read_item(payload.encode())
    return read_item(item.encode()) if isinstance(item, str) and reason != NOT_AN_OBJECT else item


def canonical(plan: EntityPlan, record: JsonObject) -> bytes:
    """JSON that is equal for records differing only in the order of keys or of items whose order is no data.

    Raises UnicodeEncodeError for lone surrogates, RecursionError for extreme nesting.
    """
    seen = record
    for name in plan.unordered:
        items = record.get(name)
        if isinstance(items, list) and len(items) > 1:
            seen = seen if seen is not record else dict(record)
            seen[name] = sorted(items, key=_item_order)
    return encode(seen)


def digest(text: bytes) -> bytes:
    """16 bytes of BLAKE2b."""
    return hashlib.blake2b(text, digest_size=16).digest()


def _item_order(item: Json) -> tuple[int, int]:
    """Items with ids by id, before those without, which keep their order: there it is their key."""
    key = record_key(item) if isinstance(item, dict) else None
    return (1, 0) if key is None else (0, key)


@contextmanager
def _deep() -> Iterator[None]:
    """Room for values that are nested more deeply than the interpreter's own limit allows."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _DEEP))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def _clean_deep(payload: _Value) -> tuple[_Value, int]:
    with _deep():
        cleaned, changed = clean(payload)
    return cast("_Value", cleaned), changed


def _dump_deep(payload: Json) -> str:
    """JSON text of anything; what is nested too deeply even for jsonb is kept as one text."""
    try:
        return dump(payload)
    except RecursionError:
        with _deep():
            return json.dumps(json.dumps(payload, default=str))
