"""What a record says, and what rows say, in one normal form: leaves with the names they stand under.

Written from the rules of the schema alone: null is absent, a numeric text is the number, a time without
offset is UTC, an amount with its currency is one value, repeated items of one id are one.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal

from breezeway_sync.entities.decode import Json
from breezeway_sync.entities.model import Child, ColumnKind, Entity, Field
from breezeway_sync.entities.plan import ChildPlan, EntityPlan
from breezeway_sync.entities.rows import RecordRow

Leaf = tuple[tuple[str, ...], object]
Leaves = Counter[Leaf]
Aliases = list[tuple[tuple[str, ...], str]]

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,9})?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d([T ].*)?", re.ASCII)
_CLOCK = re.compile(r"\d\d:\d\d.*", re.ASCII)
_PLAIN_MONEY = re.compile(r"-?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?", re.ASCII)
_MONEY = re.compile(rf"(?:({_PLAIN_MONEY.pattern})\s+([A-Z]{{3}})|([A-Z]{{3}})\s+({_PLAIN_MONEY.pattern}))", re.ASCII)


def meaning(value: object) -> object:
    """A scalar's meaning: equal for what the schema calls equal."""
    if value is None or isinstance(value, bool):
        return ("flag", value)
    if isinstance(value, int | Decimal):
        return ("number", Decimal(value))
    if isinstance(value, datetime):
        return ("moment", value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC))
    if isinstance(value, date):
        return ("moment", datetime(value.year, value.month, value.day, tzinfo=UTC))
    if isinstance(value, time):
        return ("clock", value)
    assert isinstance(value, str)
    return _meaning_of_text(value)


def _meaning_of_text(text: str) -> object:
    if _NUMBER.fullmatch(text):
        return ("number", Decimal(text))
    if found := _MONEY.fullmatch(text):
        groups = found.groups()
        return ("money", _plain(groups[0] or groups[6]), groups[4] or groups[5])
    if _PLAIN_MONEY.fullmatch(text):
        return ("number", _plain(text))
    try:
        if _DAY.fullmatch(text) and not re.search(r"\.\d{6}\d*[1-9]", text):
            return meaning(datetime.fromisoformat(text))
        if _CLOCK.fullmatch(text) and not re.search(r"\.\d{6}\d*[1-9]", text):
            return meaning(time.fromisoformat(text))
    except (ValueError, OverflowError):
        pass
    return ("text", text)


def _plain(amount: str) -> Decimal:
    return Decimal(amount.replace(",", ""))


def leaves(value: Json, aliases: Aliases, path: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Every scalar, empty list and empty object below a value, under its column's name where it has one."""
    if isinstance(value, dict):
        found = [
            leaf for name, item in value.items() if item is not None for leaf in leaves(item, aliases, (*path, name))
        ]
        yield from found or ([(_named(path, aliases), "{}")] if path and path != ("notes",) else [])
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, aliases, (*path, "[]"))
        yield from [] if value else [(_named(path, aliases), "[]")]
    else:
        yield _named(path, aliases), meaning(value)


def _named(path: tuple[str, ...], aliases: Aliases) -> tuple[str, ...]:
    for address, column in aliases:
        if path[: len(address)] == address:
            return (column, *path[len(address) :])
    return path


def aliases_of(fields: Iterable[Field]) -> Aliases:
    """Addresses and their columns, longest first."""
    pairs = [(tuple(path.split(".")), field.name) for field in fields for path in (field.path, *field.also)]
    return sorted(pairs, key=lambda pair: -len(pair[0]))


def said_by_record(entity: Entity, record: dict[str, Json]) -> Leaves:
    """The leaves of a record without its id; an item of a list with a table is one leaf."""
    rest = {name: value for name, value in record.items() if name != "id"}
    found: Leaves = Counter()
    for child in entity.children:
        found.update(_items_of(rest, child.items, aliases_of(_with_key(child)), is_ordered=child.key is None))
    for tags in entity.tags:
        found.update(_items_of(rest, tags.items, [], is_ordered=False))
    found.update(set(leaves(rest, aliases_of(entity.fields))))
    return found


def _items_of(rest: dict[str, Json], name: str, aliases: Aliases, *, is_ordered: bool) -> Leaves:
    items = rest.get(name)
    if not isinstance(items, list):
        return Counter()
    del rest[name]
    return said_by_items(name, items, aliases, is_ordered=is_ordered)


def said_by_items(name: str, items: list[Json], aliases: Aliases, *, is_ordered: bool) -> Leaves:
    """One leaf per item; copies of an item with an id are one."""
    found: Leaves = Counter()
    for place, item in enumerate(items):
        content = _content(item, aliases)
        if is_ordered and isinstance(item, dict):
            content |= {(("ordinal",), meaning(place))}
        found[((name,), content)] += 1
        if isinstance(item, dict) and item.get("id") is not None:
            found[((name,), content)] = 1
    return found


def _content(item: Json, aliases: Aliases) -> frozenset[Leaf]:
    return frozenset([*leaves(item, aliases, () if isinstance(item, dict) else ("",))])


def said_by_row(plan: EntityPlan, row: RecordRow) -> Leaves:
    """The leaves of a row, its children and its tags."""
    entity = plan.entity
    found: Leaves = Counter()
    # Names of the API that begin with a slash stand there with another one.
    extra = {name[1:] if name.startswith("//") else name: value for name, value in parsed(row.values[-1]).items()}
    for child in plan.children:
        items = _left(extra, child.child.items) if row.children[child.child.table] is not None else []
        found.update(said_by_children(child, row.children[child.child.table] or [], items))
    for tags in entity.tags:
        links = row.tags[tags.table]
        items = _left(extra, tags.items) if links is not None else []
        linked: list[Json] = [{"id": key, **parsed(others)} for key, others in links or []]
        found.update(said_by_items(tags.items, [*linked, *items], [], is_ordered=False))
    names = [column.name for column in plan.shape.columns]
    columns = _said_by_columns(entity.fields, dict(zip(names, row.values, strict=False)))
    found.update({*columns, *leaves(extra, aliases_of(entity.fields))})
    return found


def said_by_children(plan: ChildPlan, rows: list[list[object]], leftover: list[Json]) -> Leaves:
    """The leaves of child rows, and of the items that are kept with the parent."""
    child = plan.child
    aliases = aliases_of(_with_key(child))
    found = said_by_items(child.items, leftover, aliases, is_ordered=False)
    for row in rows:
        values = dict(zip([column.name for column in plan.columns], row, strict=True))
        content = {*_said_by_columns(_with_key(child), values), *leaves(parsed(values["extra"]), aliases)}
        if child.key is None:
            content |= {(("ordinal",), meaning(values["ordinal"]))}
        found[((child.items,), frozenset(content))] += 1
    return found


def _said_by_columns(fields: Iterable[Field], values: dict[str, object]) -> Iterator[Leaf]:
    for field in fields:
        value = values[field.name]
        if value is None:
            continue
        currency = values.get(f"{field.name}_currency") if field.kind is ColumnKind.MONEY else None
        if currency is not None:
            yield (field.name,), ("money", value, currency)
        elif field.kind is ColumnKind.JSON:
            yield from leaves(_json(value), [], (field.name,))
        else:
            yield (field.name,), meaning(value)


def _with_key(child: Child) -> tuple[Field, ...]:
    return (child.key, *child.fields) if child.key else child.fields


def _left(extra: dict[str, Json], name: str) -> list[Json]:
    items = extra.pop(name, [])
    assert isinstance(items, list)
    return items


def parsed(extra: object) -> dict[str, Json]:
    """`extra` as an object."""
    value = _json(extra) if extra is not None else {}
    assert isinstance(value, dict)
    return value


def _json(text: object) -> Json:
    assert isinstance(text, str)
    value: Json = json.loads(text, parse_float=Decimal)
    return value
