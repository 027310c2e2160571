"""A whole copy against the truth: every record to its row, every row to a record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.truth.api import Served
from tests.truth.contract import BY_NAME, TOP, Table
from tests.truth.mirror import Mirror, Row
from tests.truth.rebuild import Children, unlike, unlike_list

TAG_TYPE = {"reservation_tags": "reservation", "task_tags": "task"}


class Region:
    """One region of a mirror beside what its account served."""

    def __init__(self, code: str, truth: Served, mirror: Mirror) -> None:
        self.code = code
        self.truth = truth
        self.mirror = mirror
        self.children = {
            child.name: mirror.children(child.name, code)
            for table in TOP
            for child in (*table.lists, *table.calls)
            if child.name in mirror.tables
        }
        tags = mirror.of("tags", code) if "tags" in mirror.tables else []
        self.tags: dict[int, Row] = {row["id"]: row for row in tags}
        self._known: dict[str, dict[int, int]] = {}

    def rows(self, table: Table) -> dict[Any, Row]:
        """By the API's id; tags by their type as well."""
        rows = self.mirror.of(table.name, self.code)
        if table.name == "tags":
            return {(row["tag_type"], row["tag_id"]): row for row in rows}
        return {row[table.key or ""]: row for row in rows}

    def known(self, name: str) -> dict[int, int]:
        """The row of each id of the API in one table."""
        if name not in self._known:
            self._known[name] = {key: row["id"] for key, row in self.rows(BY_NAME[name]).items()}
        return self._known[name]

    def records(self, table: Table) -> Iterator[tuple[Any, Any]]:
        """Every record as it was served, by its id."""
        if table.name == "tags":
            for kind, items in self.truth.tags.items():
                yield from (((kind, item["id"]), item) for item in items)
        else:
            yield from ((item["id"], item) for item in self.truth.records[table.name])

    def called(self, child: Table) -> dict[int, list[Any]]:
        """The lists that have a call of their own, by parent."""
        return {
            "property_contacts": self.truth.contacts,
            "task_comments": self.truth.comments,
            "task_requirements": self.truth.requirements,
        }[child.name]

    def children_of(self, table: Table, row: Row) -> Children:
        return {child.name: self._of(child, row["id"]) for child in table.lists}

    def _of(self, child: Table, parent: int) -> list[Row]:
        rows = self.children[child.name].get(parent, [])
        if child.order != "link":
            return rows
        tags = [self.tags[row["tag_pk"]] for row in rows]
        assert {tag["tag_type"] for tag in tags} <= {TAG_TYPE[child.name]}
        return [{"id": tag["tag_id"]} for tag in tags]

    def rebuilt(self, table: Table, record: Any, row: Row) -> list[str]:
        """What cannot be put together again of one record and all its lists."""
        found = unlike(table, record, row, self.children_of(table, row))
        for child in table.calls:
            kept = (row["extra"] or {}).get(child.source, [])
            items = self.called(child).get(row[table.key or ""], [])
            found += unlike_list(child, items, self._of(child, row["id"]), kept)
        return found


def regions(truth: dict[str, Served], mirror: Mirror) -> list[Region]:
    return [Region(code, served, mirror) for code, served in truth.items()]


def embedded_tags(region: Region) -> dict[tuple[str, int], Any]:
    """Tags that only records mention."""
    listed = {key for key, _record in region.records(BY_NAME["tags"])}
    found: dict[tuple[str, int], Any] = {}
    for kind, records, name in (
        ("task", region.truth.tasks, "task_tags"),
        ("reservation", region.truth.reservations, "tags"),
    ):
        found |= {(kind, item["id"]): item for record in records for item in record[name]}
    return {key: item for key, item in found.items() if key not in listed}


def items_of(region: Region, child: Table) -> Iterator[tuple[Row, int, Any, Row]]:
    """Every item that has a row: the parent's row, the item's place among its like, the item, its row.

    Only for lists as the API documents them; odd ones are looked at by rebuilding their parent.
    """
    table = next(one for one in TOP if child in (*one.lists, *one.calls))
    parents = region.rows(table)
    for key, record in region.records(table):
        parent = parents[key]
        items = region.called(child).get(key, []) if child in table.calls else record.get(child.source) or []
        rows = region.children[child.name].get(parent["id"], [])
        yield from ((parent, place, item, row) for place, item, row in _paired(child, items, rows))


def _paired(child: Table, items: list[Any], rows: list[Row]) -> Iterator[tuple[int, Any, Row]]:
    if child.order == "place":
        wanted: list[tuple[Any, int, Any]] = [(place, place, item) for place, item in enumerate(items)]
        found = {row["ordinal"]: row for row in rows}
    else:
        wanted = _keyed(items)
        found = {_row_key(child, row): row for row in rows}
    assert len(found) == len(rows)
    assert list(found.keys() - {key for key, _place, _item in wanted}) == []
    yield from ((place, item, found[key]) for key, place, item in wanted)


def _keyed(items: list[Any]) -> list[tuple[Any, int, Any]]:
    """Items by id, those without one by their place among these; of repeated ones the first."""
    made: dict[Any, tuple[Any, int, Any]] = {}
    nameless = 0
    for place, item in enumerate(items):
        key = item.get("id")
        if key is None:
            key, nameless = ("null", nameless), nameless + 1
        made.setdefault(key, (key, place, item))
    return list(made.values())


def _row_key(child: Table, row: Row) -> Any:
    key = row[BY_NAME[child.name].key or ""]
    return ("null", row["ordinal"]) if key is None else key
