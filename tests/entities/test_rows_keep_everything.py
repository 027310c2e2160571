"""Columns, `extra` and children together give back every value of any record."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.decode import Json
from breezeway_sync.entities.model import DerivationRule, Entity
from breezeway_sync.entities.plan import ChildPlan, plan_of
from breezeway_sync.entities.rows import build, build_called
from breezeway_sync.entities.validate import ValidRecord, validate
from tests.entities.conservation import (
    Leaves,
    aliases_of,
    said_by_children,
    said_by_items,
    said_by_record,
    said_by_row,
)
from tests.entities.strategies import child_lists, dirty_values, json_values, records

CALLED = [child for entity in ENTITIES for child in plan_of(entity).called]


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_value_of_a_record_is_lost_or_invented(entity: Entity, data: st.DataObject) -> None:
    record: dict[str, Json] = {**data.draw(records(entity)), "id": 7}
    plan = plan_of(entity)
    said = said_by_row(plan, build(plan, 7, record))
    expected = said_by_record(entity, record)
    assert _without_derived(entity, said - expected) == Counter()
    assert expected - said == Counter()


@pytest.mark.parametrize("plan", CALLED, ids=lambda plan: plan.child.table)
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_value_of_children_read_by_a_call_is_lost_or_invented(plan: ChildPlan, data: st.DataObject) -> None:
    items = data.draw(child_lists(plan.child))
    found = build_called(plan, 7, items)
    leftover = _list(found.leftover)
    child = plan.child
    aliases = aliases_of((child.key, *child.fields) if child.key else child.fields)
    expected = said_by_items(child.items, items, aliases, is_ordered=child.key is None)
    assert said_by_children(plan, found.rows, leftover) == expected


@given(st.dictionaries(st.text(max_size=5), dirty_values, max_size=5), st.sampled_from(ENTITIES))
def test_whatever_is_admitted_is_built(record: dict[str, Json], entity: Entity) -> None:
    plan = plan_of(entity)
    found = validate(plan, {**record, "id": 7})
    assert isinstance(found, ValidRecord)
    row = build(plan, found.key, found.record)
    assert len(row.values) == len(plan.shape.columns) + 1


@given(json_values, st.sampled_from(ENTITIES))
def test_any_value_may_stand_under_any_name(value: Json, entity: Entity) -> None:
    names = {path.partition(".")[0] for field in entity.fields for path in (field.path, *field.also)}
    names |= {child.items for child in entity.children} | {tags.items for tags in entity.tags}
    build(plan_of(entity), 7, {"id": 7, **dict.fromkeys(names, value)})


def _without_derived(entity: Entity, leaves: Leaves) -> Leaves:
    """Names put together from others are no value of the API."""
    derived = {(one.column,) for one in entity.derived if one.rule is DerivationRule.FULL_NAME}
    return Counter({leaf: count for leaf, count in leaves.items() if leaf[0] not in derived})


def _list(text: str | None) -> list[Json]:
    items: list[Json] = json.loads(text, parse_float=Decimal) if text else []
    return items
