"""After a run, every field of every record of every table is what the API serves."""

from __future__ import annotations

import pytest

from tests.truth.checks import column_differences, item_differences, rebuild_differences, tag_links
from tests.truth.compare import embedded_tags, items_of, regions
from tests.truth.conftest import Copy
from tests.truth.contract import BY_NAME, CHILDREN, TOP, Table

ITEMS = [child for child in CHILDREN if child.order != "link"]
LINKS = [child for child in CHILDREN if child.order == "link"]


def named(table: Table) -> str:
    return table.name


@pytest.mark.parametrize("table", TOP, ids=named)
def test_every_field_of_every_record_is_in_its_column_or_in_extra(copy: Copy, table: Table) -> None:
    assert [one for region in regions(copy.truth, copy.mirror) for one in column_differences(region, table)] == []


@pytest.mark.parametrize("table", TOP, ids=named)
def test_there_is_a_row_for_every_record_and_no_other(copy: Copy, table: Table) -> None:
    for region in regions(copy.truth, copy.mirror):
        served = {key for key, _record in region.records(table)}
        assert served
        rows = region.rows(table)
        assert len(rows) == len(region.mirror.of(table.name, region.code))
        embedded = set(embedded_tags(region)) if table.name == "tags" else set()
        assert rows.keys() == served | embedded
    assert {row["region_code"] for row in copy.mirror.tables[table.name]} == set(copy.regions)


@pytest.mark.parametrize("child", ITEMS, ids=named)
def test_every_field_of_every_item_is_in_its_column_or_in_extra(copy: Copy, child: Table) -> None:
    found = regions(copy.truth, copy.mirror)
    assert [one for region in found for one in item_differences(region, child)] == []
    compared = sum(1 for region in found for _item in items_of(region, child))
    assert compared == len(copy.mirror.tables[child.name]) > 0


@pytest.mark.parametrize("child", LINKS, ids=named)
def test_tag_links_are_those_of_the_records(copy: Copy, child: Table) -> None:
    for region in regions(copy.truth, copy.mirror):
        wanted = tag_links(region, child)
        rows = [(row[child.parent], row["tag_pk"]) for row in copy.mirror.of(child.name, region.code)]
        assert wanted
        assert sorted(rows) == sorted(wanted)


def test_a_tag_that_only_records_mention_waits_for_its_list(copy: Copy) -> None:
    for region in regions(copy.truth, copy.mirror):
        rows = region.rows(BY_NAME["tags"])
        for key, item in embedded_tags(region).items():
            row = rows[key]
            assert (row["tag_name"], row["tag_description"], row["deleted_at"]) == (None, None, None)
            assert row["extra"] == {name: value for name, value in item.items() if name != "id"}


@pytest.mark.parametrize("table", TOP, ids=named)
def test_columns_and_extra_give_every_record_back(copy: Copy, table: Table) -> None:
    assert [one for region in regions(copy.truth, copy.mirror) for one in rebuild_differences(region, table)] == []


def test_nothing_was_rejected(copy: Copy) -> None:
    assert copy.mirror.tables["rejected_records"] == []


def test_every_link_to_a_reservation_that_exists_is_made(copy: Copy) -> None:
    for region in regions(copy.truth, copy.mirror):
        stays = region.rows(BY_NAME["reservations"])
        said = [(task["linked_reservation"] or {}).get("id") for task in region.truth.tasks]
        rows = region.rows(BY_NAME["tasks"]).values()
        assert 0 < sum(one in stays for one in said) == sum(row["reservation_pk"] is not None for row in rows)


def test_ids_are_unique_across_regions(copy: Copy) -> None:
    for name, rows in copy.mirror.tables.items():
        assert len({row["id"] for row in rows}) == len(rows), name
