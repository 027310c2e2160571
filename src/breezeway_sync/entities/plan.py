"""Compiles the declaration of an entity once into what `rows` needs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache

from breezeway_sync.entities.model import Child, ColumnKind, Derived, Entity, Field
from breezeway_sync.entities.values import FIT

# Raised by one when the way from values to columns changes for declarations that stay the same.
MAPPING_CODE = 1


@dataclass(frozen=True, slots=True)
class Column:
    """A column that the API's values fill; `sql_type` as PostgreSQL prints it."""

    name: str
    sql_type: str


@dataclass(frozen=True, slots=True)
class ColumnPosition:
    """Where a value goes: its place among the columns, and the test whether it fits there."""

    index: int
    fit: Callable[[object], object]
    is_money: bool


@dataclass(slots=True)
class Node:
    """One name of the API: the columns its plain value may fill, and the names nested under it.

    `only` is the one column there is for it, of most names.
    """

    slots: list[ColumnPosition] = field(default_factory=list)
    nested: dict[str, Node] = field(default_factory=dict)
    only: ColumnPosition | None = None


@dataclass(frozen=True, slots=True)
class RowShape:
    """How one object (a record, or an item of a list) becomes the values of a row."""

    columns: tuple[Column, ...]
    nodes: dict[str, Node]
    derived: tuple[tuple[int, Derived], ...]


@dataclass(frozen=True, slots=True)
class ChildPlan:
    child: Child
    shape: RowShape

    @property
    def key_columns(self) -> tuple[Column, ...]:
        """The columns that tell siblings apart, in the order in which rows carry them."""
        if self.child.key is None:
            return (Column("ordinal", "bigint"),)
        key = Column(self.child.key.name, self.child.key.kind.value)
        return (key, Column("ordinal", "bigint")) if self.child.key_may_be_null else (key,)

    @property
    def columns(self) -> tuple[Column, ...]:
        """Every column of a row after the parent's key: keys, position, values, extra."""
        position = (Column(self.child.position, "bigint"),) if self.child.position else ()
        return (*self.key_columns, *position, *self.shape.columns, Column("extra", "jsonb"))


@dataclass(frozen=True, slots=True)
class EntityPlan:
    entity: Entity
    shape: RowShape
    children: tuple[ChildPlan, ...]
    called: tuple[ChildPlan, ...]
    version: int
    """Changes whenever the declaration does; stored beside each row's hash."""
    lists: tuple[str, ...]
    """The names of all lists that are embedded in a record, tags last."""
    unordered: tuple[str, ...]
    """Those in which the order of the items is no data."""


def _columns_of(fields: Iterable[Field], derived: Iterable[Derived]) -> tuple[Column, ...]:
    columns: dict[str, Column] = {}
    for item in fields:
        if item.kind is ColumnKind.MONEY:
            columns[item.name] = Column(item.name, "numeric")
            columns[f"{item.name}_currency"] = Column(f"{item.name}_currency", "text")
        else:
            columns[item.name] = Column(item.name, item.kind.value)
    for extra in derived:
        columns.setdefault(extra.column, Column(extra.column, extra.kind.value))
    return tuple(columns.values())


def _node_at(nodes: dict[str, Node], path: str) -> Node:
    first, _, rest = path.partition(".")
    node = nodes.setdefault(first, Node())
    return _node_at(node.nested, rest) if rest else node


def _shape(fields: tuple[Field, ...], derived: tuple[Derived, ...]) -> RowShape:
    columns = _columns_of(fields, derived)
    index_of = {column.name: index for index, column in enumerate(columns)}
    nodes: dict[str, Node] = {}
    # All first addresses before all further ones: which of two values wins must not depend on their order.
    for paths in ([(f.path, f) for f in fields], [(path, f) for f in fields for path in f.also]):
        for path, item in paths:
            slot = ColumnPosition(index_of[item.name], FIT[item.kind], item.kind is ColumnKind.MONEY)
            node = _node_at(nodes, path)
            node.slots.append(slot)
            node.only = slot if len(node.slots) == 1 and not slot.is_money else None
    return RowShape(columns, nodes, tuple((index_of[rule.column], rule) for rule in derived))


def _child(child: Child) -> ChildPlan:
    return ChildPlan(child, _shape(child.fields, child.derived))


@cache
def plan_of(entity: Entity) -> EntityPlan:
    """The compiled plan of a catalog literal."""
    declared = repr((MAPPING_CODE, entity.key, entity.fields, entity.derived, entity.children, entity.tags))
    digest = hashlib.blake2b(declared.encode(), digest_size=7).digest()
    tags = tuple(link.items for link in entity.tags)
    return EntityPlan(
        entity=entity,
        shape=_shape(entity.fields, entity.derived),
        children=tuple(map(_child, entity.children)),
        lists=(*(child.items for child in entity.children), *tags),
        unordered=(*(child.items for child in entity.children if child.key and not child.position), *tags),
        called=tuple(_child(called.child) for called in entity.called),
        version=int.from_bytes(digest, "big"),
    )
