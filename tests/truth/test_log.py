"""etl_sync_log tells what was read, written and called."""

from __future__ import annotations

from typing import Any

from tests.truth.api import Served
from tests.truth.conftest import Copy
from tests.truth.mirror import Row

#: The addresses that belong to an entity.
ADDRESSES = {
    "properties": ("/property",),
    "reservations": ("/reservation",),
    "tasks": ("/task", "/task/{id}", "/task/{id}/comments", "/task/{id}/requirements"),
    "people": ("/people",),
    "supplies": ("/supplies",),
    "tags": ("/task/tags", "/reservation/tags", "/property/tags"),
    "templates": ("/companies/templates",),
    "subdepartments": ("/companies/subdepartments",),
    "property_contacts": ("/property/{id}/contacts",),
}


def logged(copy: Copy, region: str) -> dict[str, list[Row]]:
    """The rows of one region, oldest first, by entity."""
    found: dict[str, list[Row]] = {}
    for row in copy.mirror.ask("SELECT * FROM etl_sync_log ORDER BY id"):
        if row["region_code"] == region:
            found.setdefault(row["entity_type"], []).append(row)
    return found


def read(truth: Served) -> dict[str, int]:
    """How many records each entity has."""
    counts = {name: len(records) for name, records in truth.records.items()}
    return counts | {"property_contacts": sum(len(items) for items in truth.contacts.values())}


def test_one_row_per_region_and_entity_tells_what_was_read_and_called(copy: Copy) -> None:
    for code, truth in copy.truth.items():
        rows, counts = logged(copy, code), read(truth)
        assert rows.keys() == ADDRESSES.keys()
        for entity, (row,) in rows.items():
            assert (row["sync_status"], row["error_message"]) == ("success", None)
            assert row["records_processed"] == counts[entity], entity
            assert row["api_calls_made"] == sum(copy.calls.get((code, one), 0) for one in ADDRESSES[entity]), entity


def test_a_first_run_creates_all_and_deletes_nothing(copy: Copy) -> None:
    for code, truth in copy.truth.items():
        counts = read(truth)
        for entity, (row,) in logged(copy, code).items():
            assert row["records_new"] == counts[entity], entity
            assert row["records_updated"] == row["records_deleted"] == 0


def test_a_success_is_its_own_last_success(copy: Copy) -> None:
    for row in copy.mirror.ask("SELECT * FROM etl_sync_log"):
        assert row["sync_started_at"] <= row["sync_completed_at"] == row["last_successful_sync_at"]


def test_the_report_says_what_the_log_says(copy: Copy) -> None:
    (report,) = copy.reports
    said = {
        (one.region, one.entity): (one.status, one.read, one.new, one.updated, one.deleted, one.calls)
        for one in report.outcomes
    }
    names = ("sync_status", "records_processed", "records_new", "records_updated", "records_deleted", "api_calls_made")
    kept: dict[Any, Any] = {
        (code, entity): tuple(row[name] for name in names)
        for code in copy.regions
        for entity, (row,) in logged(copy, code).items()
    }
    assert said == kept


def test_regions_are_those_of_the_configuration(copy: Copy) -> None:
    rows = copy.mirror.ask("SELECT region_code, region_name, company_id, is_active FROM regions ORDER BY 1")
    wanted = [(one.code, one.name, one.company_id, True) for one in copy.specs]
    assert [tuple(row.values()) for row in rows] == sorted(wanted)
