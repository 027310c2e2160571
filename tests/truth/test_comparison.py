"""The comparison itself: it notices every single change of a mirror, or it proves nothing."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tests.truth.checks import column_differences, item_differences, rebuild_differences
from tests.truth.compare import Region, items_of
from tests.truth.conftest import Copy
from tests.truth.contract import CHILDREN, TOP, Table, fields_of
from tests.truth.mirror import OWN, Mirror, Row
from tests.truth.values import same

ITEMS = [child for child in CHILDREN if child.order != "link"]


def named(table: Table) -> str:
    return table.name


def changed(value: Any) -> Any:
    """Another value than this one."""
    if value is None:
        return "something"
    return None if not isinstance(value, bool) else not value


def some_row(region: Region, table: Table) -> Row:
    """The row of a record that is served."""
    if table in TOP:
        return region.rows(table)[next(region.records(table))[0]]
    return next(items_of(region, table))[-1]


@pytest.mark.parametrize("table", [*TOP, *ITEMS], ids=named)
def test_no_changed_column_goes_unnoticed(drifted: Copy, table: Table) -> None:
    code = drifted.regions[0]
    check: Any = column_differences if table in TOP else item_differences
    rows, truth = drifted.mirror.of(table.name, code), drifted.truth[code]
    place = rows.index(some_row(Region(code, truth, drifted.mirror), table))
    columns = rows[place].keys() - OWN - {table.key, table.parent, "ordinal", "tag_type"}
    for column in columns:
        tables = drifted.mirror.tables | {table.name: deepcopy(rows)}
        row = tables[table.name][place]
        row[column] = changed(row[column])
        assert list(check(Region(code, truth, Mirror("", tables)), table)), column


@pytest.mark.parametrize("table", TOP, ids=named)
def test_no_record_is_given_back_by_changed_columns(drifted: Copy, table: Table) -> None:
    code = drifted.regions[0]
    rows, truth = drifted.mirror.of(table.name, code), drifted.truth[code]
    whole = Region(code, truth, drifted.mirror)
    key, record = next(whole.records(table))
    place = rows.index(whole.rows(table)[key])
    for column in {one.column for one in fields_of(table, record)} - {table.key} | {"extra"}:
        tables = drifted.mirror.tables | {table.name: deepcopy(rows)}
        row = tables[table.name][place]
        row[column] = changed(row[column]) if column != "extra" else {"odd": 1}
        assert list(rebuild_differences(Region(code, truth, Mirror("", tables)), table)), column


@pytest.mark.parametrize(
    ("kind", "api", "mirror", "equal"),
    [
        ("int", "12", 12, True),
        ("int", True, 1, False),
        ("number", "1e2", 100, True),
        ("number", " 1", 1, False),
        ("text", 4711, "4711", True),
        ("text", "04711", "4711", False),
        ("text", "a\0b\ud800", "ab\ufffd", True),
        ("text", "", None, False),
        ("flag", 1, True, False),
        ("json", [], None, False),
        ("json", {"a": None}, {}, True),
        ("json", [None], [], False),
        ("json", [1, 2], [2, 1], False),
    ],
)
def test_what_is_equal(kind: Any, api: Any, mirror: Any, equal: bool) -> None:
    assert same(kind, api, mirror) is equal
