"""Children that came by a call of their own: whatever an item is, it costs only itself."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway_sync.entities.decode import Item, Json, Unreadable
from breezeway_sync.entities.plan import ChildPlan
from breezeway_sync.entities.validate import validate_children
from tests.entities.builders import PLANS
from tests.entities.strategies import dirty_values

CALLED: list[ChildPlan] = [child for plan in PLANS.values() for child in plan.called]
COMMENTS = next(child for child in CALLED if child.child.table == "task_comments")


def nested(levels: int) -> Json:
    value: Json = "bottom"
    for _ in range(levels):
        value = [value]
    return value


def test_items_are_cleaned_and_their_changes_counted() -> None:
    found, changed = validate_children(COMMENTS, 7, [{"id": 1, "comment": "a\x00"}, {"id": 2, "comment\ud800": "b"}])
    assert found.rows == [[1, "a", None, None, None, None], [2, None, None, None, None, '{"comment\ufffd":"b"}']]
    assert found.parent_key == 7
    assert changed == 2


def test_an_item_that_nothing_reads_is_kept_as_its_text_for_the_parent() -> None:
    found, changed = validate_children(COMMENTS, 7, [Unreadable("{a\x00", "cut"), {"id": 1, "comment": "a"}])
    assert found.leftover == '["{a"]'
    assert len(found.rows) == 1
    assert changed == 1


@pytest.mark.parametrize("text", ["a", "a\x00\ud800"], ids=ascii)
@pytest.mark.parametrize("levels", [100, 600, 900, *range(940, 995, 9), 3_000])
def test_an_item_nested_deeply_costs_at_most_itself(levels: int, text: str) -> None:
    items: list[Item] = [{"id": 1, "a": text, "x": nested(levels)}, {"id": 2, "comment": "b"}]
    found, _ = validate_children(COMMENTS, 7, items)
    assert [2, "b", None, None, None, None] in found.rows
    assert "bottom" in f"{found.rows[0][-1]}{found.leftover}"
    if found.leftover is not None:
        json.loads(found.leftover)


@given(st.lists(dirty_values, max_size=5), st.sampled_from(CALLED))
def test_nothing_raises_for_any_items(items: list[Json], child: ChildPlan) -> None:
    found, _ = validate_children(child, 7, items)
    width = len(child.columns)
    assert all(len(row) == width for row in found.rows)
    assert len(found.rows) <= len(items)
