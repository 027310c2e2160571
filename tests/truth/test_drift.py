"""After edits and a second run the mirror is again what the API serves."""

from __future__ import annotations

from typing import Any

import pytest

from tests.truth.checks import column_differences, item_differences, rebuild_differences, tag_links
from tests.truth.compare import regions
from tests.truth.conftest import Copy
from tests.truth.contract import CHILDREN, TOP, Table

SETS = [child for child in CHILDREN if child.order != "link"]
LINKS = [child for child in CHILDREN if child.order == "link"]


def named(table: Table) -> str:
    return table.name


def test_the_second_run_found_the_edits(drifted: Copy) -> None:
    first, second = drifted.reports
    assert {one.status for one in first.outcomes} == {"success"}
    # A property whose few tasks are all gone is an empty list: a person decides.
    partial = [(one.entity, one.error or "") for one in second.outcomes if one.status != "success"]
    assert all(entity == "tasks" and "deletions need review" in error for entity, error in partial)
    changed = {one.entity: one.new + one.updated for one in second.outcomes}
    assert changed["tasks"] > 40
    assert changed["reservations"] > 5
    assert changed["templates"] == changed["subdepartments"] == 0


@pytest.mark.parametrize("table", TOP, ids=named)
def test_every_record_is_again_as_it_is_served(drifted: Copy, table: Table) -> None:
    for region in regions(drifted.truth, drifted.mirror):
        assert list(column_differences(region, table)) == []
        assert list(rebuild_differences(region, table)) == []


@pytest.mark.parametrize("child", SETS, ids=named)
def test_every_item_is_again_as_it_is_served(drifted: Copy, child: Table) -> None:
    for region in regions(drifted.truth, drifted.mirror):
        assert list(item_differences(region, child)) == []


@pytest.mark.parametrize("child", LINKS, ids=named)
def test_tag_links_are_again_those_of_the_records(drifted: Copy, child: Table) -> None:
    for region in regions(drifted.truth, drifted.mirror):
        live = {parent for parent, _tag in tag_links(region, child)}
        rows = [(row[child.parent], row["tag_pk"]) for row in drifted.mirror.of(child.name, region.code)]
        assert sorted(row for row in rows if row[0] in live) == sorted(tag_links(region, child))


@pytest.mark.parametrize("table", [one for one in TOP if one.name != "tags"], ids=named)
def test_only_deleted_records_have_rows_besides(drifted: Copy, table: Table) -> None:
    for region in regions(drifted.truth, drifted.mirror):
        served: set[Any] = {key for key, _record in region.records(table)}
        gone = drifted.deleted[region.code].get(table.name, set())
        assert region.rows(table).keys() - served <= gone
