"""Rows as dictionaries, for tests that name columns."""

from __future__ import annotations

import json
from decimal import Decimal

from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.decode import Json
from breezeway_sync.entities.plan import EntityPlan, plan_of
from breezeway_sync.entities.rows import RecordRow, build, build_called

PLANS: dict[str, EntityPlan] = {entity.name: plan_of(entity) for entity in ENTITIES}


def built(entity: str, **record: Json) -> RecordRow:
    """The row of a record with id 7."""
    return build(PLANS[entity], 7, {"id": 7, **record})


def columns(entity: str, **record: Json) -> dict[str, object]:
    """The columns of a record that are not NULL, `extra` decoded."""
    names = [*(column.name for column in PLANS[entity].shape.columns), "extra"]
    return _filled(names, built(entity, **record).values)


def children(entity: str, table: str, **record: Json) -> list[dict[str, object]]:
    """The child rows of a record, columns that are NULL left out."""
    rows = built(entity, **record).children[table]
    assert rows is not None
    (plan,) = [plan for plan in PLANS[entity].children if plan.child.table == table]
    return [_filled([column.name for column in plan.columns], row) for row in rows]


def called(entity: str, table: str, items: list[Json]) -> tuple[list[dict[str, object]], Json]:
    """The rows of a list that came by a call of its own, and what none of them takes."""
    (plan,) = [plan for plan in PLANS[entity].called if plan.child.table == table]
    found = build_called(plan, 7, items)
    assert found.parent_key == 7
    rows = [_filled([column.name for column in plan.columns], row) for row in found.rows]
    return rows, json.loads(found.leftover) if found.leftover else None


def _filled(names: list[str], values: list[object]) -> dict[str, object]:
    pairs = zip(names, values, strict=True)
    found = {name: value for name, value in pairs if value is not None}
    extra = found.get("extra")
    if isinstance(extra, str):
        found["extra"] = json.loads(extra, parse_float=Decimal)
    return found
