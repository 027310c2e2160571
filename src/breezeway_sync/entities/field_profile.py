"""Counts the fields of records by JSON path: their names, their types, and how often they are filled.

It runs over every record that is read, so it must be cheap. Bodies may be hostile, so depth, items and names are
limited. It stores names, never values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from breezeway_sync.entities.decode import Item, Json

MOST_PATHS = 1_000
MOST_MEMBERS = 150
"""An object with more names than that has keys that are data (ids, dates): its members are not looked at."""
DEEPEST = 6
MOST_ITEMS = 200
"""How many items of one list are looked at."""

# What is not a person's name, an id or a date that somebody uses as a key.
_PLAIN = re.compile(r"(?!.*[0-9]{4})[A-Za-z_][A-Za-z0-9_-]{0,59}", re.ASCII)

_TEXT, _NUMBER, _BOOLEAN, _OBJECT, _ARRAY = 1, 2, 4, 8, 16
_TYPES = ((_TEXT, "string"), (_NUMBER, "number"), (_BOOLEAN, "boolean"), (_OBJECT, "object"), (_ARRAY, "array"))

ROOT = ""


@dataclass(frozen=True, slots=True)
class ProfiledPath:
    """One path of a survey.

    `seen` is how often the object or list was there that it belongs to, `present` how often the path itself was,
    `filled` how often neither null nor empty.
    """

    path: str
    types: tuple[str, ...]
    seen: int
    present: int
    filled: int


class _Node:
    __slots__ = ("filled", "is_dynamic", "items", "listed", "members", "objects", "present", "types")

    def __init__(self) -> None:
        self.types = self.present = self.filled = self.objects = self.listed = 0
        self.members: dict[str, _Node] = {}
        self.items: _Node | None = None
        self.is_dynamic = False


class FieldProfile:
    """What was seen so far. `is_cut`: there were more paths than are counted."""

    def __init__(self) -> None:
        self._root = _Node()
        self._nodes = 0
        self.is_cut = False

    def add(self, records: Iterable[Item]) -> None:
        """Count some records; what is no object is passed over. Never raises, whatever they are."""
        for record in records:
            if isinstance(record, dict):
                self._object(self._root, record, 1)

    def sightings(self) -> list[ProfiledPath]:
        """Every path, parents first."""
        return list(_sightings(self._root, ROOT))

    def scopes(self) -> dict[str, int]:
        """How often each object was there, and how many items each list had, whose members were counted."""
        return dict(_scopes(self._root, ROOT))

    def _object(self, node: _Node, value: dict[str, Json], depth: int) -> None:
        node.objects += 1
        members = node.members
        for name, item in value.items():
            member = members.get(name)
            if member is None:
                member = self._new_member(node, name)
                if member is None:
                    continue
            if type(item) is str:
                # Most values are texts; the call of `_value` costs more than all of this.
                member.present += 1
                member.types |= _TEXT
                if item:
                    member.filled += 1
            else:
                self._value(member, item, depth)

    def _value(self, node: _Node, item: Json, depth: int) -> None:
        node.present += 1
        kind = type(item)
        if kind is str:
            node.types |= _TEXT
            if item:
                node.filled += 1
        elif item is None:
            return
        elif isinstance(item, dict):
            node.types |= _OBJECT
            if item:
                node.filled += 1
                if depth < DEEPEST:
                    self._object(node, item, depth + 1)
        elif isinstance(item, list):
            node.types |= _ARRAY
            if item:
                node.filled += 1
                if depth < DEEPEST:
                    self._list(node, item, depth + 1)
        else:
            node.types |= _BOOLEAN if kind is bool else _NUMBER
            node.filled += 1

    def _list(self, node: _Node, value: list[Json], depth: int) -> None:
        items = node.items
        if items is None:
            items = node.items = self._new_node()
            if items is None:
                return
        for item in value[:MOST_ITEMS]:
            node.listed += 1
            self._value(items, item, depth)

    def _new_member(self, node: _Node, name: str) -> _Node | None:
        if node.is_dynamic or not _PLAIN.fullmatch(name):
            return None
        if len(node.members) >= MOST_MEMBERS:
            node.is_dynamic = True
            return None
        member = self._new_node()
        if member is not None:
            node.members[name] = member
        return member

    def _new_node(self) -> _Node | None:
        if self._nodes >= MOST_PATHS:
            self.is_cut = True
            return None
        self._nodes += 1
        return _Node()


def scope_of(path: str) -> str:
    """What a path is counted against: the record (""), an object (`a.`) or a list (`a[`)."""
    if path.endswith("[]"):
        return path[:-1]
    head = path.rpartition(".")[0]
    return f"{head}." if head else ROOT


def _sightings(node: _Node, path: str) -> Iterator[ProfiledPath]:
    if not node.is_dynamic:
        for name, member in node.members.items():
            own = f"{path}.{name}" if path else name
            yield _sighting(member, own, node.objects)
            yield from _sightings(member, own)
    if node.items is not None:
        yield _sighting(node.items, f"{path}[]", node.listed)
        yield from _sightings(node.items, f"{path}[]")


def _sighting(node: _Node, path: str, seen: int) -> ProfiledPath:
    types = tuple(name for bit, name in _TYPES if node.types & bit)
    return ProfiledPath(path, types, seen, node.present, node.filled)


def _scopes(node: _Node, path: str) -> Iterator[tuple[str, int]]:
    if node.objects and not node.is_dynamic:
        yield f"{path}." if path else ROOT, node.objects
        for name, member in node.members.items():
            yield from _scopes(member, f"{path}.{name}" if path else name)
    if node.items is not None:
        yield f"{path}[", node.listed
        yield from _scopes(node.items, f"{path}[]")
