"""The row that a record of the API must have become: every column, and nothing else in `extra`."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from tests.truth.contract import Field, Table, at, fields_of
from tests.truth.mirror import OWN, Row
from tests.truth.values import READ, clean, same_json, text


def expected(table: Table, record: dict[str, Any]) -> Row:
    """Columns by name, `extra` included; links and places among `table.others` are the caller's."""
    rest = deepcopy(record)
    row: Row = dict.fromkeys((*(one.column for one in table.fields), *table.others))
    for one in fields_of(table, record):
        row |= _columns(one, at(record, *one.path))
        if row[one.column] is not None:
            _take(rest, one.path)
    for child in table.lists:
        if isinstance(rest.get(child.source), list):
            del rest[child.source]
    row["extra"] = {key: value for key, value in rest.items() if value is not None} or None
    return row | _derived(table, record)


def _columns(one: Field, value: Any) -> Row:
    found = None if value is None else READ[one.kind](value)
    if one.kind != "money":
        return {one.column: found}
    amount, currency = found or (None, None)
    return {one.column: amount, f"{one.column}_currency": currency}


def _take(rest: dict[str, Any], path: tuple[str, ...]) -> None:
    """Out with what a column took, and with the object around it once nothing is left in it."""
    inner: Any = at(rest, *path[:-1]) if path[:-1] else rest
    del inner[path[-1]]
    if path[:-1] and all(value is None for value in inner.values()):
        del rest[path[0]]


def _derived(table: Table, record: dict[str, Any]) -> Row:
    if table.name == "people" and record.get("name") is None:
        return {"person_name": joined(record)}
    if table.name == "reservation_guests":
        phone = first(record.get("phone_numbers"))
        return {
            "guest_name": joined(record),
            "guest_email": text(first(record.get("emails"))),
            "guest_phone": text(phone.get("number")) if isinstance(phone, dict) else text(phone),
        }
    return {}


def joined(record: dict[str, Any]) -> str | None:
    """First and last name, empty parts dropped."""
    parts = [part for part in (text(record.get("first_name")), text(record.get("last_name"))) if part]
    return " ".join(parts) or None


def first(items: Any) -> Any:
    return items[0] if isinstance(items, list) and items else None


def differences(wanted: Row, row: Row) -> list[str]:
    """What a row says otherwise than expected, and columns that nobody expected."""
    found = [
        f"{column}: {row.get(column)!r} instead of {value!r}"
        for column, value in wanted.items()
        if not _equal(value, row.get(column))
    ]
    return found + [f"{column}: unexpected" for column in sorted(row.keys() - wanted.keys() - OWN)]


def _equal(wanted: Any, got: Any) -> bool:
    if isinstance(wanted, dict | list) or isinstance(got, dict | list):
        return same_json(_without_empty_notes(wanted), _without_empty_notes(got))
    if isinstance(wanted, str):
        return isinstance(got, str) and clean(wanted) == got
    return isinstance(wanted, bool) == isinstance(got, bool) and wanted == got


def _without_empty_notes(value: Any) -> Any:
    """A property's notes are an object at all times: an empty one says what an absent one says."""
    if not isinstance(value, dict) or not isinstance(value.get("notes"), dict):
        return value
    notes = {name: note for name, note in value["notes"].items() if note is not None}
    kept = {**value, "notes": notes or None}
    return kept if any(one is not None for one in kept.values()) else None
