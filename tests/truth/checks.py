"""What differs between one region's mirror and the truth: nothing, if all is well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.truth.compare import TAG_TYPE, Region, items_of
from tests.truth.contract import BY_NAME, TOP, Table
from tests.truth.expected import differences, expected
from tests.truth.mirror import Row


def column_differences(region: Region, table: Table) -> Iterator[str]:
    """Every record of one table, column by column, `extra` and links included."""
    rows = region.rows(table)
    for key, record in region.records(table):
        row = rows.get(key)
        if row is None:
            yield f"{region.code} {table.name} {key}: no row"
            continue
        wanted = expected(table, record) | links(region, table, record)
        if table.name == "tags":
            wanted["tag_type"] = key[0]
        yield from (f"{region.code} {key} {one}" for one in differences(wanted, row))
        if row["deleted_at"] is not None:
            yield f"{region.code} {key} is deleted"


def item_differences(region: Region, child: Table) -> Iterator[str]:
    """Every item of one kind of list, column by column."""
    for parent, place, item, row in items_of(region, child):
        wanted = expected(child, item) | {child.parent: parent["id"]} | places(child, place, item, row)
        yield from (f"{region.code} {item} {one}" for one in differences(wanted, row))


def rebuild_differences(region: Region, table: Table) -> Iterator[str]:
    """Every record with all its lists, put together again."""
    rows = region.rows(table)
    for key, record in region.records(table):
        yield from (f"{region.code} {key} {one}" for one in region.rebuilt(table, record, rows[key]))


def tag_links(region: Region, child: Table) -> set[tuple[int, int]]:
    """Which record's row must be linked to which tag's row."""
    table = next(one for one in TOP if child in one.lists)
    tags, parents = region.rows(BY_NAME["tags"]), region.rows(table)
    return {
        (parents[key]["id"], tags[TAG_TYPE[child.name], item["id"]]["id"])
        for key, record in region.records(table)
        for item in record[child.source]
    }


def links(region: Region, table: Table, record: Any) -> Row:
    """Where a record of this region must point to, by the ids it says."""
    properties, stays = region.known("properties"), region.known("reservations")
    if table.name == "reservations":
        return {"property_pk": properties.get(record["property_id"])}
    if table.name == "tasks":
        linked: int = (record.get("linked_reservation") or {}).get("id", 0)
        return {
            "property_pk": properties.get(record["home_id"]),
            "reservation_pk": stays.get(linked),
        }
    return {}


def places(child: Table, place: int, item: Any, row: Row) -> Row:
    """The columns that tell an item's place in its list."""
    if child.name == "property_photos":
        return {"display_order": place}
    if child.name == "reservation_guests":
        return {"ordinal": place, "is_primary": place == 0}
    if child.order == "place":
        return {"ordinal": place}
    if child.order == "id or place":  # which of the null ones it is was used for finding the row
        return {"ordinal": None if item["id"] is not None else row["ordinal"]}
    return {}
