"""The views give what anybody computes from the API's own answers."""

from __future__ import annotations

from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.truth.compare import Region, embedded_tags, items_of, regions
from tests.truth.conftest import Copy
from tests.truth.contract import BY_NAME, CHILDREN, TOP
from tests.truth.expected import expected
from tests.truth.mirror import Row

JSON_TYPES: dict[type, str] = {
    dict: "object", list: "array", str: "string", bool: "boolean", int: "number", Decimal: "number",
}  # fmt: skip


def known_properties(region: Region) -> set[int]:
    return {one["id"] for one in region.truth.properties}


def ordered(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=str)


def percent(part: int, whole: int) -> Decimal:
    return (Decimal(100 * part) / whole).quantize(Decimal("0.01"), ROUND_HALF_UP)


def test_orphaned_reservations(copy: Copy) -> None:
    wanted = [
        {"region_code": one.code, "reservation_id": stay["id"], "property_id": stay["property_id"]}
        | {"id": one.rows(BY_NAME["reservations"])[stay["id"]]["id"]}
        for one in regions(copy.truth, copy.mirror)
        for stay in one.truth.reservations
        if stay["property_id"] not in known_properties(one)
    ]
    assert wanted
    rows = copy.mirror.ask("SELECT region_code, reservation_id, property_id, id FROM v_orphaned_reservations")
    assert ordered(rows) == ordered(wanted)


def test_orphaned_tasks(copy: Copy) -> None:
    wanted = [
        {"region_code": one.code, "task_id": task["id"], "home_id": task["home_id"]}
        | {"id": one.rows(BY_NAME["tasks"])[task["id"]]["id"]}
        for one in regions(copy.truth, copy.mirror)
        for task in one.truth.tasks
        if task["home_id"] not in known_properties(one)
    ]
    assert len(wanted) == len(copy.regions)
    rows = copy.mirror.ask("SELECT region_code, task_id, home_id, id FROM v_orphaned_tasks")
    assert ordered(rows) == ordered(wanted)


def test_properties_without_photos(copy: Copy) -> None:
    wanted = [
        {"region_code": one.code, "property_id": home["id"], "property_name": home["name"]}
        | {"id": one.rows(BY_NAME["properties"])[home["id"]]["id"]}
        for one in regions(copy.truth, copy.mirror)
        for home in one.truth.properties
        if not home["photos"]
    ]
    assert wanted
    rows = copy.mirror.ask("SELECT region_code, property_id, property_name, id FROM v_properties_without_photos")
    assert ordered(rows) == ordered(wanted)


def test_region_stats(copy: Copy) -> None:
    wanted = [
        {
            "region_code": spec.code,
            "region_name": spec.name,
            "property_count": len(copy.truth[spec.code].properties),
            "reservation_count": len(copy.truth[spec.code].reservations),
            "task_count": len(copy.truth[spec.code].tasks),
        }
        for spec in copy.specs
    ]
    assert copy.mirror.ask("SELECT * FROM v_region_stats ORDER BY region_code") == ordered(wanted)


def test_task_reservation_linkage(copy: Copy) -> None:
    wanted: list[Row] = []
    for code, truth in copy.truth.items():
        stays = {stay["id"] for stay in truth.reservations}
        said = [task["linked_reservation"]["id"] for task in truth.tasks if task["linked_reservation"]]
        found = sum(one in stays for one in said)
        wanted.append(
            {
                "region_code": code,
                "total_tasks": len(truth.tasks),
                "has_linked_id": len(said),
                "has_reservation_fk": found,
                "linked_pct": percent(len(said), len(truth.tasks)),
                "resolution_pct": percent(found, len(said)),
            }
        )
    assert ordered(copy.mirror.ask("SELECT * FROM v_task_reservation_linkage")) == ordered(wanted)


def extras(region: Region) -> list[tuple[str, Any]]:
    """What must stand in `extra`, by table."""
    found = [(table.name, expected(table, record)["extra"]) for table in TOP for _key, record in region.records(table)]
    for child in CHILDREN:
        if child.order != "link":
            found += [(child.name, expected(child, item)["extra"]) for _p, _n, item, _row in items_of(region, child)]
    found += [
        ("tags", {name: value for name, value in item.items() if name != "id"})
        for item in embedded_tags(region).values()
    ]
    return [(name, extra) for name, extra in found if extra and extra != {"notes": {}}]


def gaps(extra: dict[str, Any]) -> list[tuple[str, str]]:
    """The fields of one `extra` and their types; objects are looked into, one level deep."""
    found: list[tuple[str, str]] = []
    for name, value in extra.items():
        inner = value if isinstance(value, dict) else None
        found += [(f"{name}.{one}", JSON_TYPES[type(held)]) for one, held in (inner or {}).items() if held is not None]
        if not inner and not (name == "notes" and inner == {}):
            found.append((name, JSON_TYPES[type(value)]))
    return found


def test_field_gaps(copy: Copy) -> None:
    wanted: Counter[tuple[str, str, str]] = Counter()
    for region in regions(copy.truth, copy.mirror):
        for table, extra in extras(region):
            wanted.update((table, *gap) for gap in gaps(extra))
    assert wanted
    rows = copy.mirror.ask("SELECT * FROM v_field_gaps")
    assert {(row["entity_type"], row["field"], row["json_type"]): row["row_count"] for row in rows} == wanted
    synced = [row["synced_at"] for name in BY_NAME for row in copy.mirror.tables[name] if "synced_at" in row]
    assert all(min(synced) <= row["since"] <= max(synced) for row in rows)


def test_sync_status_says_all_is_well(copy: Copy) -> None:
    rows = copy.mirror.ask("SELECT * FROM v_sync_status")
    assert len(rows) == len({(row["region_code"], row["entity_type"]) for row in rows}) == 9 * len(copy.regions)
    assert {(row["sync_status"], row["is_late"], row["error_message"]) for row in rows} == {("success", False, None)}
    assert all(row["age"] < row["freshness_target"] and row["duration_seconds"] >= 0 for row in rows)
