"""One account and the ways to change it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from breezeway_sync.sandbox import facts, stamps
from breezeway_sync.sandbox.draw import Record
from breezeway_sync.sandbox.listing import IdListing
from breezeway_sync.sandbox.spec import ChildKind, Kind
from breezeway_sync.sandbox.truth import Truth, Written, decode, encode


class SandboxAccount(Truth):
    """The truth about one account; every change counts `version` up."""

    def put(self, kind: Kind, record: Record) -> int:
        """Create or replace; the record is served as it is, whatever is in it. Returns its id.

        A record without an integer id is in lists only.
        """
        record_id = record.get("id")
        if not isinstance(record_id, int) or isinstance(record_id, bool):
            self._nameless -= 1
            record_id = self._nameless
        home = record.get("home_id")
        self._write(kind, record_id, encode(record), home if isinstance(home, int) else None)
        return record_id

    def put_raw(self, kind: Kind, record_id: int, body: bytes, *, home_id: int | None = None) -> None:
        """Serve these bytes as the record, in lists and at its address.

        A task's property is `home_id`, else what the bytes say, else the one it had.
        """
        home = home_id if home_id is not None else decode(body).get("home_id")
        self._write(kind, record_id, body, home if isinstance(home, int) else self._home(kind, record_id))

    def patch(self, kind: Kind, record_id: int, *, touch: bool = True, **changes: Any) -> Record:
        """Change fields. `updated_at`, where the kind has it, becomes now unless given or `touch` is off."""
        record = self.get(kind, record_id)
        if touch and "updated_at" in record:
            record["updated_at"] = stamps.like(self.now(), kind)
        record |= changes
        updated = self.facts(kind, record_id)["updated_at"] if kind in facts.MOMENTS and not touch else None
        home = record.get("home_id")
        self._write(kind, record_id, encode(record), home if isinstance(home, int) else None, updated)
        return record

    def delete(self, kind: Kind, record_id: int) -> None:
        """Gone for good: lists leave it out and its address answers 404."""
        if not self.exists(kind, record_id):
            raise KeyError(f"{self.code} has no {kind} {record_id}")
        self._unlist(kind, record_id)
        self._written[kind].pop(record_id, None)
        self._hidden[kind].discard(record_id)
        self._deleted[kind].add(record_id)
        self.version += 1

    def hide(self, kind: Kind, record_id: int) -> None:
        """Lists leave it out, its own address still answers."""
        if not self.exists(kind, record_id):
            raise KeyError(f"{self.code} has no {kind} {record_id}")
        self._unlist(kind, record_id)
        self._hidden[kind].add(record_id)
        self.version += 1

    def show(self, kind: Kind, record_id: int) -> None:
        """The opposite of hide."""
        if record_id in self._hidden[kind]:
            self._hidden[kind].discard(record_id)
            self._own_listing(kind, self._home(kind, record_id)).add(record_id)
            self.version += 1

    def set_comments(self, task_id: int, comments: list[Any]) -> None:
        """The task's `updated_at` stays as it is: whether the service moves it is unknown (section 8)."""
        self.set_children_raw("comments", task_id, encode(comments))

    def set_requirements(self, task_id: int, requirements: list[Any]) -> None:
        self.set_children_raw("requirements", task_id, encode(requirements))

    def set_contacts(self, property_id: int, contacts: list[Any]) -> None:
        self.set_children_raw("contacts", property_id, encode(contacts))

    def set_children_raw(self, child: ChildKind, parent_id: int, body: bytes) -> None:
        self._children[child][parent_id] = body
        self.version += 1

    def new_id(self, kind: Kind) -> int:
        """An id that no record of this kind has had."""
        self._new_ids[kind] = self._new_ids.get(kind, self.blueprint.ids[kind].end + 10_000) + 1
        return self._new_ids[kind]

    def _write(
        self, kind: Kind, record_id: int, body: bytes, home: int | None, updated: datetime | None = None
    ) -> None:
        old = self._written[kind].get(record_id)
        now = self.now()
        created = old.created if old else self._born(kind, record_id)
        if kind == "tasks":
            if home != self._home(kind, record_id):
                self._unlist(kind, record_id)
            self._homes[record_id] = home
        self._written[kind][record_id] = Written(body, created, updated or now)
        self._deleted[kind].discard(record_id)
        if record_id not in self._hidden[kind]:
            self._own_listing(kind, home if kind == "tasks" else None).add(record_id)
        self.version += 1

    def _born(self, kind: Kind, record_id: int) -> datetime:
        """When it was created, which reservations do not show; now, where it is new."""
        place = self.place(kind, record_id)
        if place is None or kind != "reservations":
            return self.now()
        return cast("datetime", facts.computed_stay(self.blueprint, place)["created_at"])

    def _unlist(self, kind: Kind, record_id: int) -> None:
        self._own_listing(kind, self._home(kind, record_id)).remove(record_id)

    def _own_listing(self, kind: Kind, home: int | None) -> IdListing:
        """The listing to change; it is kept from now on."""
        listing = self._listings.get((kind, home))
        if listing is None:
            listing = self._listings[(kind, home)] = self._first_listing(kind, home)
        return listing
