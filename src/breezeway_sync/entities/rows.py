"""Turns a record into rows: every value goes to its column or to `extra`, under the API's own names.

Items of a child list that no row can take stand in the parent's `extra` with a slash, for example `"/comments"`. A
payload may have a field of the bare name, and the two must stay apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from breezeway_sync.entities.decode import Json
from breezeway_sync.entities.model import DerivationRule, Derived
from breezeway_sync.entities.plan import ChildPlan, EntityPlan, Node, RowShape
from breezeway_sync.entities.values import MISFIT, dump, fit_bigint, fit_text

Values = list[object]
JsonObject = dict[str, Json]


class Unstorable(ValueError):
    """A record that no row can hold; the text is the reason, without any of its values."""


class RecordRow(NamedTuple):
    """One record, ready for COPY.

    `values` are the columns of the plan's shape, then `extra` (JSON text or None). `children` maps a child
    table to its rows in the order of ChildPlan.columns, `tags` a link table to (tag_id, rest as JSON
    text). None instead of a list: the payload did not say, what is stored stays.
    """

    key: int
    values: Values
    children: dict[str, list[Values] | None]
    tags: dict[str, list[tuple[int, str | None]] | None]


@dataclass(frozen=True, slots=True)
class ChildSet:
    """All children of one kind of one parent, as a call of their own brought them.

    `leftover` (JSON text or None) are the items that no row can take, for the parent's `extra`; `items` is
    the list as it came.
    """

    parent_key: int
    rows: list[Values]
    leftover: str | None
    items: list[Json]


def record_key(record: JsonObject, path: str = "id") -> int | None:
    """The record's id, None when it has none that is a whole number within 64 bits."""
    value = fit_bigint(record.get(path))
    return value if isinstance(value, int) else None


def build(plan: EntityPlan, key: int, record: JsonObject) -> RecordRow:
    """Rows of one record that has already been made storable. Raises Unstorable."""
    try:
        rest = _freed(record)
        children = {child.child.table: _take_children(child, rest) for child in plan.children}
        tags = {link.table: _take_tags(link.items, rest) for link in plan.entity.tags}
        values = _fill(plan.shape, rest)
        return RecordRow(key, values, children, tags)
    except RecursionError as error:
        raise Unstorable("nested too deeply") from error


def _freed(record: JsonObject) -> JsonObject:
    """The record without its id, to be taken from; names with a slash are kept free (see `leftover_name`)."""
    if "/" in "".join(record):
        record = {f"/{name}" if name[:1] == "/" else name: value for name, value in record.items()}
    rest = dict(record)
    rest.pop("id", None)
    return rest


def build_called(child: ChildPlan, parent_key: int, items: list[Json]) -> ChildSet:
    """Rows of a list that came by a call of its own. Raises Unstorable."""
    try:
        rows, leftover = _child_rows(child, items)
        return ChildSet(parent_key, rows, dump(leftover) if leftover else None, items)
    except RecursionError as error:
        raise Unstorable("nested too deeply") from error


def _take_children(child: ChildPlan, rest: JsonObject) -> list[Values] | None:
    """Move a list out of the record; what is no list, or no item of it, stays for `extra`."""
    items = rest.get(child.child.items)
    if not isinstance(items, list):
        return None
    rows, leftover = _child_rows(child, items)
    rest[child.child.items] = leftover or None
    return rows


def _child_rows(child: ChildPlan, items: list[Json]) -> tuple[list[Values], list[Json]]:
    """Rows of the items, items of one id collapsed; and the items that have no row."""
    if child.child.key is None:
        return _ordinal_rows(child, items)
    key_path = child.child.key.path
    kept: dict[int, JsonObject] = {}
    nameless = 0
    rows: list[Values] = []
    leftover: list[Json] = []
    for place, item in enumerate(items):
        if not isinstance(item, dict):
            leftover.append(item)
            continue
        position: Values = [place] if child.child.position else []
        key = record_key(item, key_path)
        if key is not None:
            if key in kept:
                leftover.extend([] if item == kept[key] else [item])
                continue
            kept[key] = item
            prefix: Values = [key, None] if child.child.key_may_be_null else [key]
        elif child.child.key_may_be_null and item.get(key_path) is None:
            prefix = [None, nameless]
            nameless += 1
        else:
            leftover.append(item)
            continue
        rows.append([*prefix, *position, *_item_values(child, item, key_path, place)])
    return rows, leftover


def _ordinal_rows(child: ChildPlan, items: list[Json]) -> tuple[list[Values], list[Json]]:
    rows: list[Values] = []
    leftover: list[Json] = []
    for place, item in enumerate(items):
        if isinstance(item, dict):
            rows.append([place, *_item_values(child, item, None, place)])
        else:
            leftover.append(item)
    return rows, leftover


def _item_values(child: ChildPlan, item: JsonObject, key_path: str | None, place: int) -> Values:
    rest = dict(item)
    if key_path is not None:
        rest.pop(key_path, None)
    return _fill(child.shape, rest, place)


def _take_tags(name: str, rest: JsonObject) -> list[tuple[int, str | None]] | None:
    items = rest.get(name)
    if not isinstance(items, list):
        return None
    links: dict[int, str | None] = {}
    leftover: list[Json] = []
    for item in items:
        key = record_key(item) if isinstance(item, dict) else None
        if key is None or not isinstance(item, dict):
            leftover.append(item)
            continue
        others = {field: value for field, value in item.items() if field != "id" and value is not None}
        links.setdefault(key, dump(others) if others else None)
    rest[name] = leftover or None
    return list(links.items())


def _fill(shape: RowShape, record: JsonObject, place: int = 0) -> Values:
    """The values of a row's columns, and at the end what none of them takes, as JSON text."""
    values: Values = [None] * len(shape.columns)
    leftover = _place(shape.nodes, record, values)
    for index, derived in shape.derived:
        if values[index] is None:
            values[index] = _derive(derived, record, place)
    values.append(dump(leftover) if leftover else None)
    return values


def _place(nodes: dict[str, Node], record: JsonObject, values: Values) -> JsonObject:
    """Fill the columns; what none of them takes is returned. Runs for every value, so it calls as little as it can."""
    leftover: JsonObject = {}
    for name, node in nodes.items():
        value = record.get(name)
        if value is None:
            continue
        only = node.only
        if only is not None:
            fitted = only.fit(value)
            if fitted is not MISFIT and values[only.index] is None:
                values[only.index] = fitted
                continue
        if _fits_somewhere(node, value, values):
            continue
        if node.nested and isinstance(value, dict):
            rest = _place(node.nested, value, values)
            # An object without content is told from null only for names that are null when they are nothing.
            if rest or (name != "notes" and all(item is None for item in value.values())):
                leftover[name] = rest
        else:
            leftover[name] = value
    for name in record.keys() - nodes.keys():
        if record[name] is not None:
            leftover[name] = record[name]
    return leftover


def _fits_somewhere(node: Node, value: Json, values: Values) -> bool:
    for slot in node.slots:
        fitted = slot.fit(value)
        if fitted is MISFIT:
            continue
        if slot.is_money and isinstance(fitted, tuple):
            values[slot.index], values[slot.index + 1] = fitted
            return True
        if values[slot.index] is None:
            values[slot.index] = fitted
            return True
        if values[slot.index] == fitted:
            return True
    return False


def _derive(derived: Derived, record: JsonObject, place: int) -> object:
    match derived.rule:
        case DerivationRule.FULL_NAME:
            parts = (_as_text(record.get("first_name")), _as_text(record.get("last_name")))
            return " ".join(part for part in parts if part) or None
        case DerivationRule.FIRST_EMAIL:
            first = _first(record.get("emails"))
            return first if isinstance(first, str) else None
        case DerivationRule.FIRST_PHONE:
            first = _first(record.get("phone_numbers"))
            return _as_text(first.get("number") if isinstance(first, dict) else first)
        case DerivationRule.IS_FIRST:
            return place == 0


def _as_text(value: Json) -> str | None:
    """What a text column would hold of it."""
    fitted = fit_text(value)
    return fitted if isinstance(fitted, str) else None


def _first(value: Json) -> Json:
    return value[0] if isinstance(value, list) and value else None
