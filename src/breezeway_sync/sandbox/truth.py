"""The content of one account: computed records under a thin layer of written ones.

Memory grows with the edits, never with the records.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import msgspec

from breezeway_sync.sandbox import children, facts, lists, properties, reservations, tasks
from breezeway_sync.sandbox.blueprint import Blueprint
from breezeway_sync.sandbox.draw import Record
from breezeway_sync.sandbox.listing import IdListing
from breezeway_sync.sandbox.spec import KINDS, AccountSpec, ChildKind, Kind

#: The kind and, for tasks, the property that lists them.
ListingKey: TypeAlias = tuple[Kind, int | None]


@dataclass(frozen=True, slots=True)
class Written:
    """A record that was put: its body as it is served, and when."""

    body: bytes
    created: datetime
    updated: datetime


def encode(value: object) -> bytes:
    """JSON of any value: NaN and lone surrogates pass, which is what makes them testable."""
    return json.dumps(value, separators=(",", ":")).encode()


def decode(body: bytes) -> Record:
    """The record in a body; empty where the body is no object."""
    try:
        record = json.loads(body)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


class Truth:
    """Reads one account."""

    def __init__(self, blueprint: Blueprint, now: Callable[[], datetime]) -> None:
        self.blueprint = blueprint
        self.now = now
        self.version = 0
        self._written: dict[Kind, dict[int, Written]] = {kind: {} for kind in KINDS}
        self._deleted: dict[Kind, set[int]] = {kind: set() for kind in KINDS}
        self._hidden: dict[Kind, set[int]] = {kind: set() for kind in KINDS}
        self._children: dict[ChildKind, dict[int, bytes]] = {
            "comments": {},
            "requirements": {},
            "contacts": {},
        }
        self._listings: dict[ListingKey, IdListing] = {}
        self._homes: dict[int, int | None] = {}
        self._new_ids: dict[Kind, int] = {}
        self._nameless = 0

    @property
    def spec(self) -> AccountSpec:
        return self.blueprint.spec

    @property
    def code(self) -> str:
        return self.spec.code

    def records(self, kind: Kind) -> Iterator[Record]:
        """Every record that exists, hidden ones too. Bodies that are no JSON object are left out."""
        return (record for record_id in self.ids(kind) if (record := self.find(kind, record_id)))

    def ids(self, kind: Kind) -> Iterator[int]:
        """The ids of all records that exist, hidden ones too, in order of creation."""
        gone = self._deleted[kind]
        for record_id in self._first_ids(kind):
            if record_id not in gone:
                yield record_id
        yield from [record_id for record_id in self._written[kind] if self.place(kind, record_id) is None]

    def deleted_ids(self, kind: Kind) -> frozenset[int]:
        """Records that were deleted and have not been created again."""
        return frozenset(self._deleted[kind])

    def hidden_ids(self, kind: Kind) -> frozenset[int]:
        """Records that lists leave out while their own address answers."""
        return frozenset(self._hidden[kind])

    def count(self, kind: Kind) -> int:
        added = sum(self.place(kind, record_id) is None for record_id in self._written[kind])
        return (
            self._first_count(kind)
            - sum(self.place(kind, record_id) is not None for record_id in self._deleted[kind])
            + added
        )

    def get(self, kind: Kind, record_id: int) -> Record:
        """The record; KeyError when there is none (any more)."""
        record = self.find(kind, record_id)
        if record is None:
            raise KeyError(f"{self.code} has no {kind} {record_id}")
        return record

    def find(self, kind: Kind, record_id: int) -> Record | None:
        if record_id in self._written[kind]:
            return decode(self._written[kind][record_id].body)
        return self._computed(kind, record_id)

    def body(self, kind: Kind, record_id: int) -> bytes | None:
        """The record as it is served, None when there is none (any more)."""
        written = self._written[kind].get(record_id)
        if written is not None:
            return written.body
        record = self._computed(kind, record_id)
        return None if record is None else msgspec.json.encode(record)

    def exists(self, kind: Kind, record_id: int) -> bool:
        if record_id in self._written[kind]:
            return True
        return record_id not in self._deleted[kind] and self.place(kind, record_id) is not None

    def comments(self, task_id: int) -> list[Record]:
        return self._child_list("comments", task_id)

    def requirements(self, task_id: int) -> list[Record]:
        return self._child_list("requirements", task_id)

    def contacts(self, property_id: int) -> list[Record]:
        return self._child_list("contacts", property_id)

    def child_body(self, child: ChildKind, parent_id: int) -> bytes | None:
        """The list as it is served, None when the parent does not exist."""
        parent: Kind = "properties" if child == "contacts" else "tasks"
        if not self.exists(parent, parent_id):
            return None
        changed = self._children[child].get(parent_id)
        if changed is not None:
            return changed
        place = self.place(parent, parent_id)
        if place is None:
            return b"[]"
        return msgspec.json.encode(self._computed_children(child, place))

    def facts(self, kind: Kind, record_id: int) -> facts.Facts:
        """What a task or a reservation is filtered and sorted by."""
        written = self._written[kind].get(record_id)
        if written is not None:
            return facts.changed(kind, decode(written.body), written.created, written.updated)
        place = self.place(kind, record_id) or 0
        if kind == "tasks":
            nth, prop = divmod(place, self.spec.properties)
            return facts.computed_task(self.blueprint, prop, nth)
        return facts.computed_stay(self.blueprint, place)

    def person_status(self, person_id: int) -> str:
        """active, invited or inactive; an edit of `active` is obeyed."""
        person = self.find("people", person_id) or {}
        if person.get("active") is True:
            return "active"
        place = self.place("people", person_id)
        status = "inactive" if place is None else lists.person_status(place)
        return "inactive" if status == "active" else status

    def task_link(self, task_id: int) -> int | None:
        """The reservation that a computed task is linked to."""
        found = self.blueprint.task_place(task_id)
        link = None if found is None else tasks.task_link(self.blueprint, *found)
        return None if link is None or link < 0 else self.blueprint.ids["reservations"].id_of(link)

    def is_written(self, kind: Kind, record_id: int) -> bool:
        return record_id in self._written[kind]

    def written_ids(self, kind: Kind) -> list[int]:
        return list(self._written[kind])

    def listing(self, kind: Kind, home_id: int | None = None) -> IdListing:
        """What lists of this kind show; tasks have one per property."""
        listing = self._listings.get((kind, home_id))
        return self._first_listing(kind, home_id) if listing is None else listing

    def place(self, kind: Kind, record_id: int) -> int | None:
        """The index of a record of the beginning; of tasks `nth * properties + property`."""
        if kind == "tasks":
            found = self.blueprint.task_place(record_id)
            return None if found is None else found[1] * self.spec.properties + found[0]
        return self.blueprint.ids[kind].index_of(record_id)

    def _computed(self, kind: Kind, record_id: int) -> Record | None:
        place = self.place(kind, record_id)
        if place is None or record_id in self._deleted[kind]:
            return None
        bp = self.blueprint
        if kind == "tasks":
            return tasks.make_task(bp, place % self.spec.properties, place // self.spec.properties)
        if kind in ("task_tags", "reservation_tags", "property_tags"):
            return lists.make_tag(bp, kind, place)
        return _MAKERS[kind](bp, place)

    def _computed_children(self, child: ChildKind, place: int) -> list[Record]:
        if child == "contacts":
            return properties.make_contacts(self.blueprint, place)
        nth, prop = divmod(place, self.spec.properties)
        make = children.make_comments if child == "comments" else children.make_requirements
        return make(self.blueprint, prop, nth)

    def _child_list(self, child: ChildKind, parent_id: int) -> list[Record]:
        body = self.child_body(child, parent_id)
        if body is None:
            raise KeyError(f"{self.code} has no parent {parent_id} of {child}")
        made: list[Record] = json.loads(body)
        return made

    def _home(self, kind: Kind, record_id: int) -> int | None:
        """The property that lists this task."""
        if kind != "tasks":
            return None
        if record_id in self._homes:
            return self._homes[record_id]
        found = self.blueprint.task_place(record_id)
        return None if found is None else self.blueprint.ids["properties"].id_of(found[0])

    def _first_listing(self, kind: Kind, home: int | None) -> IdListing:
        bp = self.blueprint
        if kind != "tasks":
            ids = bp.ids[kind]
            return IdListing(ids.count, ids.id_of, ids.index_of)
        prop = None if home is None else bp.ids["properties"].index_of(home)
        if prop is None:
            return IdListing(0, lambda nth: nth, lambda _id: None)

        def place_of(record_id: int) -> int | None:
            found = bp.task_place(record_id)
            return found[1] if found is not None and found[0] == prop else None

        return IdListing(bp.task_count(prop), lambda nth: bp.task_id(prop, nth), place_of)

    def _first_count(self, kind: Kind) -> int:
        if kind == "tasks":
            return sum(self.blueprint.task_count(prop) for prop in range(self.spec.properties))
        return self.blueprint.ids[kind].count

    def _first_ids(self, kind: Kind) -> Iterator[int]:
        bp = self.blueprint
        if kind == "tasks":
            for prop in range(self.spec.properties):
                for nth in range(bp.task_count(prop)):
                    yield bp.task_id(prop, nth)
        else:
            yield from map(bp.ids[kind].id_of, range(bp.ids[kind].count))


_MAKERS: dict[str, Callable[[Blueprint, int], Record]] = {
    "properties": properties.make_property,
    "reservations": reservations.make_reservation,
    "people": lists.make_person,
    "supplies": lists.make_supply,
    "templates": lists.make_template,
    "subdepartments": lists.make_subdepartment,
}
