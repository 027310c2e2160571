"""Gives a field in `extra` a column of its own: decides the column and its type. Pure.

The migration follows `entities.values` in SQL, and a test compares the two. Where they differ, the next reading
corrects the row: the mapping has changed, so every row is written again, without new pending child reads.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from breezeway_sync.core.errors import NotPromotable
from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.decode import Item, Unreadable
from breezeway_sync.entities.model import Child, ColumnKind, Entity, Field
from breezeway_sync.entities.values import FIT, MISFIT

# The types that a promoted column may have, as people write them.
KINDS = {
    "bigint": ColumnKind.BIGINT,
    "numeric": ColumnKind.NUMERIC,
    "boolean": ColumnKind.BOOLEAN,
    "date": ColumnKind.DATE,
    "timestamptz": ColumnKind.TIMESTAMP,
    "time": ColumnKind.TIME,
    "text": ColumnKind.TEXT,
    "jsonb": ColumnKind.JSON,
}
_NUMBERS = (ColumnKind.BIGINT, ColumnKind.NUMERIC)
_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*)?", re.ASCII)
_COLUMN = re.compile(r"[a-z_][a-z0-9_]{0,62}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Target:
    """A field of a table's `extra`: `path` is a name, or two with a dot between them."""

    table: str
    path: str

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self.path.split("."))


@dataclass(frozen=True, slots=True)
class Promotion:
    """A field and the column that it gets."""

    target: Target
    column: str
    kind: ColumnKind

    @property
    def literal(self) -> str:
        """The line for the catalog."""
        column = "" if self.column == self.target.path else f', "{self.column}"'
        return f'Field("{self.target.path}", Kind.{self.kind.name}{column})'


def tables() -> dict[str, Entity | Child]:
    """Every table that has an `extra`, with its declaration."""
    return dict(_tables())


def _tables() -> Iterator[tuple[str, Entity | Child]]:
    for entity in ENTITIES:
        yield entity.table, entity
        for child in (*entity.children, *(one.child for one in entity.called)):
            yield child.table, child


def parse(text: str) -> Target:
    """`tasks.new_field`, `tasks.details.color`. Raises NotPromotable."""
    table, _, path = text.partition(".")
    known = tables()
    if table not in known:
        raise NotPromotable(f'unknown table "{table}"', expected="TABLE.FIELD", hint=f"known are: {', '.join(known)}")
    if not _PATH.fullmatch(path):
        raise NotPromotable(
            f'"{path}" of {table} cannot become a column',
            expected="the name of a field, or of one within an object (details.color)",
            hint="`breezeway-sync gaps` shows what there is",
        )
    declared = known[table]
    if path in _paths(declared.fields):
        raise NotPromotable(f"{table} has a column for {path} already", hint="the values in `extra` do not fit it")
    if isinstance(declared, Entity) and path in _lists(declared):
        raise NotPromotable(f"{path} of {table} is a list with a table of its own")
    return Target(table, path)


def _lists(entity: Entity) -> set[str]:
    return {child.items for child in entity.children} | {tags.items for tags in entity.tags}


def _paths(fields: Iterable[Field]) -> set[str]:
    return {path for one in fields for path in (one.path, *one.also)}


def plan_promotion(
    target: Target, kind: ColumnKind, column: str | None, *, columns: Collection[str], reserved: Collection[str]
) -> Promotion:
    """The promotion, once it is known to be possible. Raises NotPromotable.

    `columns` are those that the table has, `reserved` the words that SQL keeps for itself.
    """
    name = target.path.replace(".", "_").replace("-", "_").lower() if column is None else column
    hint = "name another one with --column"
    if not _COLUMN.fullmatch(name):
        raise NotPromotable("not the name of a column", actual=name[:80], expected="a-z, 0-9 and _", hint=hint)
    if name in columns:
        raise NotPromotable(f"{target.table} has a column {name} already", hint=hint)
    if name in reserved:
        raise NotPromotable(f"{name} is a reserved word of SQL", hint=hint)
    return Promotion(target, name, kind)


def infer(values: Iterable[Item]) -> ColumnKind | None:
    """The narrowest type that takes all values; empty texts and null say nothing. None when nothing does.

    A text of digits stays text: it may be an id with zeros in front.
    """
    found = [value for value in values if value is not None and not isinstance(value, Unreadable)]
    telling = [value for value in found if value != ""]
    if not telling:
        return ColumnKind.TEXT if found else None
    narrow = (kind for kind in KINDS.values() if all(_takes(kind, value) for value in telling))
    return next(narrow, ColumnKind.JSON)


def _takes(kind: ColumnKind, value: Item) -> bool:
    return not (kind in _NUMBERS and isinstance(value, str)) and FIT[kind](value) is not MISFIT
