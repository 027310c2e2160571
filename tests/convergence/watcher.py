"""Looks at the whole mirror from another connection, at any moment, and knows what may be seen.

A row of the mirror with its embedded children must be, as a whole, one version of that record. It never goes back to
an answer that was asked for before the one it has. No live row disappears. Links point to what the row says.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import psycopg
from psycopg.rows import dict_row, tuple_row
from psycopg.types.json import set_json_loads

from tests.convergence.claims import READ as CLAIMED
from tests.convergence.claims import Claims
from tests.convergence.history import History, Span
from tests.convergence.lists import Key
from tests.convergence.rules import may_disappear, row_says_deleted
from tests.truth.contract import BY_NAME, TOP, Table
from tests.truth.mirror import Mirror, Row, _loads
from tests.truth.rebuild import unlike, unlike_list

Live: TypeAlias = dict[tuple[str, str, Any], int]
"""The mirror's own id of each live row: table, region, key."""

FULL = tuple(table for table in TOP if table.name not in ("tags", "templates", "subdepartments"))
"""What is compared version by version; the others have no embedded lists, and are looked at in the end."""
CALLED = {"property_contacts": "contacts", "task_comments": "comments", "task_requirements": "requirements"}
TAG_TYPES = {"reservation_tags": "reservation", "task_tags": "task"}
SAME_MOMENT_SECONDS = 0.003
"""Requests that start closer together than this have no order."""

READ = (*BY_NAME, "pending_child_reads", *CLAIMED)
_FINGERPRINT = " UNION ALL ".join(
    f"SELECT '{name}', count(*), max(xmin::text::bigint), sum(hashtext(ctid::text)::bigint) FROM {name}"
    for name in READ
)


@dataclass(slots=True)
class Seen:
    """One row as it was last found to be right."""

    row: Row
    children: dict[str, list[Row]]
    pending_reads: frozenset[str]
    span: Span
    called: dict[str, Span]
    """Of each list that has a call of its own; not of an empty one."""


class Watcher:
    """`look` reads one snapshot and checks it; the first fault is raised as AssertionError."""

    def __init__(self, dsn: str, history: History) -> None:
        self._history = history
        self._dsn = dsn
        self.connect()
        self._at: bytes | None = None
        self._prints: dict[str, tuple[Any, ...]] = {}
        self._tables: dict[str, list[Row]] = {name: [] for name in READ}
        self._seen: dict[Key, Seen] = {}
        self._live: Live = {}
        self._lost: set[tuple[Key, str]] = set()
        """Records and child tables of which somebody has deleted rows, until they are one of their versions again."""
        self._told: set[tuple[str, str]] = set()
        """Lists with a call of their own of which the product says that it forgets none, by region."""
        self.claims = Claims(history.lists, history.evidence)
        self.snapshots = 0
        self.rows_checked = 0
        self.deletions = 0

    def connect(self) -> None:
        self._connection = psycopg.connect(self._dsn, autocommit=True)
        set_json_loads(_loads, self._connection)
        self._connection.execute("SET search_path TO breezeway, breezeway_internal")
        self._connection.execute("SET default_transaction_isolation TO 'repeatable read'")

    def close(self) -> None:
        self._connection.close()

    def remember(self) -> None:
        """What is known of the mirror as it is now, for `forget`."""
        self.look()
        known = self._seen, self._live, self._lost, self.claims.known()
        self._remembered = copy.deepcopy(known)

    def forget(self) -> None:
        """The mirror is again as it was at `remember`."""
        self._seen, self._live, self._lost, claims = self._remembered
        self.claims.forget(claims)
        self._prints, self._at = {}, None

    @property
    def live(self) -> Live:
        """What is live as of the last look."""
        return self._live

    def is_current(self, key: Key) -> bool:
        """Whether the mirror has a record, and as it is now."""
        seen, versions = self._seen.get(key), self._history.versions(key)
        table = BY_NAME[key[1]]
        if seen is None or unlike(table, versions[-1], seen.row, seen.children):
            return False
        return (seen.row["deleted_at"] is None) != row_says_deleted(table.name, seen.row)

    @property
    def mirror(self) -> Mirror:
        """The last snapshot, as the comparison with the truth takes it."""
        with self._connection.cursor(row_factory=dict_row) as cursor:
            rejected = cursor.execute("SELECT * FROM rejected_records").fetchall()
        return Mirror("", {**self._tables, "rejected_records": rejected})

    def look(self) -> None:
        """Read what has changed since the last look, in one snapshot, and judge it."""
        if not self._read():
            return
        self.snapshots += 1
        self._no_row_disappeared()
        parts = self._parts()
        tags = {(row["region_code"], row["id"]): row for row in self._tables["tags"]}
        targets = {
            name: {(row["region_code"], row["id"]): row[f"{one}_id"] for row in self._tables[name]}
            for name, one in (("properties", "property"), ("reservations", "reservation"))
        }
        self._told = {
            (row["region_code"], row["source"])
            for row in self._tables["checkpoints"]
            if row["parent_id"] == 0 and row["last_full_scan_at"] is not None
        }
        pending_reads: dict[tuple[str, int], set[str]] = defaultdict(set)
        for row in self._tables["pending_child_reads"]:
            pending_reads[row["region_code"], row["parent_id"]].add(row["source"])
        for table in FULL:
            for row in self._tables[table.name]:
                children = {
                    child.name: _children(child, parts[child.name].get((row["region_code"], row["id"]), []), tags)
                    for child in (*table.lists, *table.calls)
                }
                still = pending_reads[row["region_code"], row["task_id"]] if table.name == "tasks" else set[str]()
                self._judge(table, row, children, frozenset(still))
                _links(table, row, targets)
        self.claims.judge(self._tables, self.is_current)

    def lose(self, statement: str) -> int:
        """Somebody deletes rows of the mirror by hand; how many are gone."""
        self.look()
        before = {name: {row["id"]: row for row in self._tables[name]} for name in BY_NAME}
        self._connection.execute(statement.encode())
        self._read()
        gone = 0
        for name, table in BY_NAME.items():
            left = {row["id"] for row in self._tables[name]}
            lost = [row for key, row in before[name].items() if key not in left]
            gone += len(lost)
            for row in lost:
                self._forget(table, row, before)
        return gone

    def _forget(self, table: Table, row: Row, before: dict[str, dict[Any, Row]]) -> None:
        if not table.parent:
            number: Any = (row["tag_type"], row["tag_id"]) if table.name == "tags" else row[table.key or ""]
            self._live.pop((table.name, row["region_code"], number), None)
            self._seen.pop((row["region_code"], table.name, number), None)
            return
        of = next(one for one in TOP if table in (*one.lists, *one.calls))
        parent = before[of.name].get(row[table.parent])
        if parent is not None:
            key: Key = (row["region_code"], of.name, parent[of.key or ""])
            self._lost.add((key, table.name))
            self._seen.pop(key, None)

    # --- reading --------------------------------------------------------------------------------------

    def _read(self) -> bool:
        """False when nobody has committed anything."""
        at = self._connection.pgconn.exec_(b"SELECT pg_current_snapshot()").get_value(0, 0)
        if at == self._at:
            return False
        self._at = at
        with self._connection.transaction(), self._connection.cursor(row_factory=tuple_row) as cursor:
            found = {name: tuple(rest) for name, *rest in cursor.execute(_FINGERPRINT.encode()).fetchall()}
            changed = [name for name, one in found.items() if self._prints.get(name) != one]
            with self._connection.cursor(row_factory=dict_row) as reading:
                for name in changed:
                    self._tables[name] = reading.execute(f"SELECT * FROM {name}".encode()).fetchall()
        self._prints = found
        return bool(changed)

    def _parts(self) -> dict[str, dict[tuple[str, int], list[Row]]]:
        """Rows of child tables by region and parent."""
        found: dict[str, dict[tuple[str, int], list[Row]]] = {}
        for name, table in BY_NAME.items():
            if table.parent:
                by_parent = found[name] = defaultdict(list)
                for row in self._tables[name]:
                    by_parent[row["region_code"], row[table.parent]].append(row)
        return found

    # --- judging --------------------------------------------------------------------------------------

    def _no_row_disappeared(self) -> None:
        rows: dict[tuple[str, str, Any], Row] = {}
        for table in TOP:
            for row in self._tables[table.name]:
                key = (row["tag_type"], row["tag_id"]) if table.name == "tags" else row[table.key or ""]
                rows[table.name, row["region_code"], key] = row
        live: Live = {place: row["id"] for place, row in rows.items() if row["deleted_at"] is None}
        evidence = self._history.evidence
        for place, number in self._live.items():
            if place not in live:
                is_proven = may_disappear(evidence, *place, rows.get(place))
                assert is_proven, f"{place} is not live any more, without proof"
                self.deletions += 1
            else:
                assert live[place] == number, f"{place} is another row than before"
        for place in live.keys() - self._live.keys():
            evidence.returned(*place)
        self._live = live

    def _judge(self, table: Table, row: Row, children: dict[str, list[Row]], pending_reads: frozenset[str]) -> None:
        key: Key = (row["region_code"], table.name, row[table.key or ""])
        before = self._seen.get(key)
        lost = {(key, child.name) for child in table.lists} & self._lost
        if lost and all(unlike(table, one, row, children) for one in self._history.versions(key)):
            return
        self._lost -= lost
        if before is not None and (before.row, before.children, before.pending_reads) == (row, children, pending_reads):
            return
        self.rows_checked += 1
        span = self._record_span(table, key, row, children, before)
        called = {}
        for child in table.calls:
            found = self._called_span(child, key, row, children[child.name], pending_reads, before)
            if found is not None:
                called[child.name] = found
        self._seen[key] = Seen(row, children, pending_reads, span, called)

    def _record_span(
        self, table: Table, key: Key, row: Row, children: dict[str, list[Row]], before: Seen | None
    ) -> Span:
        names = [child.name for child in table.lists]
        if before is not None and before.row == row and all(before.children[one] == children[one] for one in names):
            return before.span
        span = self._span(key, lambda record: unlike(table, record, row, children))
        if before is not None:
            _later(key, before.span, span)
        return span

    def _called_span(
        self, child: Table, key: Key, row: Row, rows: list[Row], pending_reads: frozenset[str], before: Seen | None
    ) -> Span | None:
        """Lists with a call of their own are one version as a whole, or empty: owed still, or said to be so."""
        name, kept = child.name, _kept(row, child)
        place: Key = (key[0], CALLED[name], key[2])
        # What is deleted owes nothing, and may never have been asked for; nor what the product says it forgets to ask.
        is_due = name in pending_reads or (key[0], name) not in self._told or row["deleted_at"] is not None
        if not rows and not kept and (is_due or self._history.was_hushed(place)):
            return None
        if (key, name) in self._lost:
            if all(unlike_list(child, items, rows, kept) for items in self._history.versions(place)):
                return None
            self._lost.discard((key, name))
        had = None if before is None else before.called.get(name)
        if (
            before is not None
            and had is not None
            and before.children[name] == rows
            and _kept(before.row, child) == kept
        ):
            return had
        span = self._span(place, lambda items: unlike_list(child, items, rows, kept))
        if had is not None:
            _later(place, had, span)
        return span

    def _span(self, key: Key, unlikes: Callable[[Any], list[str]]) -> Span:
        """Between which requests the versions were answered that this is, as a whole."""
        versions = self._history.versions(key)
        spans = [self._history.span(key, number) for number in range(len(versions))]
        found = [
            span for version, span in zip(versions, spans, strict=True) if span is not None and not unlikes(version)
        ]
        newest = unlikes(versions[-1])[:5] if versions else []
        assert found, f"{key} is none of its {len(versions)} versions; from the newest it differs in {newest}"
        return min(first for first, _last in found), max(last for _first, last in found)


def _kept(row: Row, child: Table) -> Any:
    """What stands in `extra` of a list that has a call of its own."""
    return (row["extra"] or {}).get(child.source, [])


def _later(key: Key, had: Span, has: Span) -> None:
    """Not to an answer that was asked for earlier than any that brought what was there."""
    text = (
        f"{key} went back from an answer asked for at {had[0]:.3f} or later to one asked for at {has[1]:.3f} or before"
    )
    assert has[1] > had[0] - SAME_MOMENT_SECONDS, text


def _children(child: Table, rows: list[Row], tags: dict[tuple[str, int], Row]) -> list[Row]:
    if child.order != "link":
        return rows
    found = [tags[row["region_code"], row["tag_pk"]] for row in rows]
    assert {tag["tag_type"] for tag in found} <= {TAG_TYPES[child.name]}
    return [{"id": tag["tag_id"]} for tag in found]


def _links(table: Table, row: Row, targets: dict[str, dict[tuple[str, int], int]]) -> None:
    """A link is empty or points to what the row names."""
    for column, target, said in _said(table, row):
        if row[column] is not None:
            found = targets[target].get((row["region_code"], row[column]))
            assert found == said, f"{table.name} {row[table.key or '']}: {column} is {found}, the row says {said}"


def _said(table: Table, row: Row) -> Iterator[tuple[str, str, Any]]:
    if table.name == "reservations":
        yield "property_pk", "properties", row["property_id"]
    if table.name == "tasks":
        yield "property_pk", "properties", row["home_id"]
        yield "reservation_pk", "reservations", row["linked_reservation_id"]
