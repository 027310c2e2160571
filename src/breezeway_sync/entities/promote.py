"""Giving a field that stands in `extra` a column of its own: which one, of which type. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from breezeway_sync.core.errors import NotPromotable
from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.decode import Item, Unreadable
from breezeway_sync.entities.model import Child, Entity, Field, Kind
from breezeway_sync.entities.values import FIT, MISFIT

# The types that a promoted column may have, as people write them.
KINDS = {
    "bigint": Kind.BIGINT,
    "numeric": Kind.NUMERIC,
    "boolean": Kind.BOOLEAN,
    "date": Kind.DATE,
    "timestamptz": Kind.TIMESTAMP,
    "time": Kind.TIME,
    "text": Kind.TEXT,
    "jsonb": Kind.JSON,
}
_NUMBERS = (Kind.BIGINT, Kind.NUMERIC)
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
    kind: Kind

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
        raise NotPromotable(f'unknown table "{table}"', wanted="TABLE.FIELD", cure=f"known are: {', '.join(known)}")
    if not _PATH.fullmatch(path):
        raise NotPromotable(
            f'"{path}" of {table} cannot become a column',
            wanted="the name of a field, or of one within an object (details.color)",
            cure="`breezeway-sync gaps` shows what there is",
        )
    declared = known[table]
    if path in _paths(declared.fields):
        raise NotPromotable(f"{table} has a column for {path} already", cure="what stands in `extra` does not fit it")
    if isinstance(declared, Entity) and path in _lists(declared):
        raise NotPromotable(f"{path} of {table} is a list with a table of its own")
    return Target(table, path)


def _lists(entity: Entity) -> set[str]:
    return {child.items for child in entity.children} | {tags.items for tags in entity.tags}


def _paths(fields: Iterable[Field]) -> set[str]:
    return {path for one in fields for path in (one.path, *one.also)}


def plan_promotion(
    target: Target, kind: Kind, column: str | None, *, columns: Collection[str], reserved: Collection[str]
) -> Promotion:
    """The promotion, once it is known to be possible. Raises NotPromotable.

    `columns` are those that the table has, `reserved` the words that SQL keeps for itself.
    """
    name = target.path.replace(".", "_").replace("-", "_").lower() if column is None else column
    cure = "name another one with --column"
    if not _COLUMN.fullmatch(name):
        raise NotPromotable("not the name of a column", got=name[:80], wanted="a-z, 0-9 and _", cure=cure)
    if name in columns:
        raise NotPromotable(f"{target.table} has a column {name} already", cure=cure)
    if name in reserved:
        raise NotPromotable(f"{name} is a reserved word of SQL", cure=cure)
    return Promotion(target, name, kind)


def infer(values: Iterable[Item]) -> Kind | None:
    """The narrowest type that takes all values; empty texts and null say nothing. None when nothing does.

    A text of digits stays text: it may be an id with zeros in front.
    """
    found = [value for value in values if value is not None and not isinstance(value, Unreadable)]
    telling = [value for value in found if value != ""]
    if not telling:
        return Kind.TEXT if found else None
    narrow = (kind for kind in KINDS.values() if all(_takes(kind, value) for value in telling))
    return next(narrow, Kind.JSON)


def _takes(kind: Kind, value: Item) -> bool:
    return not (kind in _NUMBERS and isinstance(value, str)) and FIT[kind](value) is not MISFIT
