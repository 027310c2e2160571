"""Plans of declarations, and whether the catalog's declarations agree with each other and with others."""

from __future__ import annotations

import ast
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest

from breezeway_sync.entities import catalog
from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.model import Child, ColumnKind, DerivationRule, Derived, Entity, Field, TagLinks
from breezeway_sync.entities.plan import plan_of
from breezeway_sync.entities.streams import NAMES
from breezeway_sync.service.settings.models import ENTITY_NAMES, PART_NAMES, READ_PER_PARENT

BY_NAME = {entity.name: entity for entity in ENTITIES}
TASKS, PROPERTIES, RESERVATIONS = BY_NAME["tasks"], BY_NAME["properties"], BY_NAME["reservations"]
MODULES = sorted(Path(catalog.__file__).parent.glob("*.py"))
LITERALS = (ast.Import, ast.ImportFrom, ast.Assign, ast.Expr)
LOGIC = (ast.FunctionDef, ast.Lambda, ast.If, ast.IfExp, ast.For, ast.While, ast.comprehension, ast.ClassDef, ast.Try)


def version(entity: Entity) -> int:
    return plan_of(entity).version


def with_child(change: Child) -> Entity:
    return replace(TASKS, children=(change, *TASKS.children[1:]))


FIRST_CHILD = TASKS.children[0]
ASSIGNEE = FIRST_CHILD.fields[0]


@pytest.mark.parametrize(
    "changed",
    [
        replace(TASKS, fields=(*TASKS.fields, Field("title", ColumnKind.TEXT))),
        replace(TASKS, fields=TASKS.fields[1:]),
        replace(TASKS, fields=(replace(TASKS.fields[0], kind=ColumnKind.TEXT), *TASKS.fields[1:])),
        replace(TASKS, fields=(replace(TASKS.fields[0], column="house_id"), *TASKS.fields[1:])),
        replace(TASKS, fields=(replace(TASKS.fields[0], also=("property_id",)), *TASKS.fields[1:])),
        replace(TASKS, fields=(replace(TASKS.fields[0], path="house_id", column="home_id"), *TASKS.fields[1:])),
        replace(TASKS, key=replace(TASKS.key, column="id")),
        replace(TASKS, derived=(Derived("created_by_name", ColumnKind.TEXT, DerivationRule.FULL_NAME),)),
        replace(TASKS, children=TASKS.children[1:]),
        with_child(replace(FIRST_CHILD, fields=FIRST_CHILD.fields[1:])),
        with_child(replace(FIRST_CHILD, fields=(replace(ASSIGNEE, kind=ColumnKind.TEXT), *FIRST_CHILD.fields[1:]))),
        with_child(replace(FIRST_CHILD, key=None)),
        with_child(replace(FIRST_CHILD, position="place")),
        with_child(replace(FIRST_CHILD, key_may_be_null=True)),
        with_child(replace(FIRST_CHILD, items="people")),
        replace(TASKS, tags=()),
        replace(TASKS, tags=(TagLinks("task_tags", "task_tags", "property", "tags"),)),
    ],
    ids=lambda entity: str(version(entity)),
)
def test_the_version_changes_with_what_decides_over_rows(changed: Entity) -> None:
    assert version(changed) != version(TASKS)


@pytest.mark.parametrize(
    "changed",
    [
        replace(TASKS, sources=()),
        replace(TASKS, sources=(replace(TASKS.sources[0], path="/tasks"),)),
        replace(TASKS, own_address="/tasks/{id}"),
    ],
    ids=["no sources", "another path", "another address"],
)
def test_the_version_does_not_change_with_where_records_come_from(changed: Entity) -> None:
    assert version(changed) == version(TASKS)


def test_versions_differ_between_entities_and_fit_a_bigint() -> None:
    versions = [version(entity) for entity in ENTITIES]
    assert len(set(versions)) == len(ENTITIES)
    assert all(0 <= one < 2**63 for one in versions)


def test_money_has_two_columns_and_a_derived_column_may_be_a_fields_own() -> None:
    names = [column.name for column in plan_of(TASKS).shape.columns]
    assert names[names.index("rate_paid") + 1] == "rate_paid_currency"
    people = [column.name for column in plan_of(BY_NAME["people"]).shape.columns]
    assert people.count("person_name") == 1


@pytest.mark.parametrize(
    ("entity", "table", "first"),
    [
        (PROPERTIES, "property_photos", ["photo_id", "display_order"]),
        (RESERVATIONS, "reservation_guests", ["ordinal"]),
        (TASKS, "task_costs", ["cost_id", "ordinal"]),
        (TASKS, "task_photos", ["photo_id"]),
    ],
)
def test_child_rows_begin_with_their_keys_and_end_with_extra(entity: Entity, table: str, first: list[str]) -> None:
    (plan,) = [plan for plan in plan_of(entity).children if plan.child.table == table]
    names = [column.name for column in plan.columns]
    assert names[: len(first)] == first
    assert names[-1] == "extra"


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)
def test_every_table_has_each_column_once(entity: Entity) -> None:
    plan = plan_of(entity)
    own = {"id", "region_code", "extra", "synced_at", "deleted_at", entity.key.name}
    names = [column.name for column in plan.shape.columns]
    assert len(names) == len(set(names))
    assert len(names) == len({*_columns(entity.fields), *(one.column for one in entity.derived)})
    assert not own & set(names)
    for child in (*plan.children, *plan.called):
        names = [column.name for column in child.columns]
        assert len(names) == len(set(names))
        assert not {"id", "region_code", "synced_at", entity.pk} & set(names)


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)
def test_every_address_is_declared_once(entity: Entity) -> None:
    for fields in (entity.fields, *(child.fields for child in _children(entity))):
        addresses = [path for field in fields for path in (field.path, *field.also)]
        assert len(addresses) == len(set(addresses))
        assert entity.key.path not in addresses
    names = {path.partition(".")[0] for field in entity.fields for path in (field.path, *field.also)}
    assert not names & {child.items for child in entity.children}
    assert not names & {tags.items for tags in entity.tags}


def test_every_table_is_declared_once() -> None:
    tables = [entity.table for entity in ENTITIES]
    tables += [child.table for entity in ENTITIES for child in _children(entity)]
    tables += [tags.table for entity in ENTITIES for tags in entity.tags]
    assert len(tables) == len(set(tables))


def test_every_link_leads_from_an_id_to_a_table_that_is_filled_before() -> None:
    for place, entity in enumerate(ENTITIES):
        before = {one.table for one in ENTITIES[:place]}
        for link in entity.links:
            assert link.target in before
            assert ColumnKind.BIGINT in {field.kind for field in entity.fields if field.name == link.by}
        for tags in entity.tags:
            assert tags.tag_type in {source.discriminator for source in BY_NAME["tags"].sources}


def test_sources_have_names_of_their_own_and_addresses_that_fit_how_they_are_read() -> None:
    sources = [source for entity in ENTITIES for source in entity.sources]
    called = [one.source for entity in ENTITIES for one in entity.called]
    names = [source.name for source in (*sources, *called)]
    assert len(names) == len(set(names))
    assert all("{" not in source.path for source in sources)
    assert all(source.path.count("{id}") == 1 for source in called)
    assert all(entity.own_address for entity in ENTITIES if entity.called)
    assert all(source.discriminator for entity in ENTITIES if entity.discriminator for source in entity.sources)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_the_catalog_is_literals_only(module: Path) -> None:
    tree = ast.parse(module.read_text())
    assert all(isinstance(node, LITERALS) for node in tree.body)
    assert not [node for node in ast.walk(tree) if isinstance(node, LOGIC)]


def test_the_configuration_names_what_is_read() -> None:
    sources = {source.name for entity in ENTITIES for source in entity.sources}
    called = {one.source.name for entity in ENTITIES for one in entity.called}
    assert sorted(ENTITY_NAMES) == sorted(NAMES)
    assert {entity.name for entity in ENTITIES} | {"property_contacts"} == set(NAMES)
    assert set(PART_NAMES) == (sources | called) - set(NAMES)
    assert called == READ_PER_PARENT


def _children(entity: Entity) -> tuple[Child, ...]:
    return (*entity.children, *(one.child for one in entity.called))


def _columns(fields: tuple[Field, ...]) -> set[str]:
    pairs = (
        (field.name, f"{field.name}_currency") if field.kind is ColumnKind.MONEY else (field.name,) for field in fields
    )
    return set(chain.from_iterable(pairs))
