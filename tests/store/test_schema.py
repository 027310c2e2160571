"""The migrated database and the catalog say the same; keys, links and indexes keep the schema's rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.model import Entity
from breezeway_sync.entities.plan import plan_of
from tests.conftest import Rows

OWN = {
    "id": "bigint",
    "region_code": "text",
    "synced_at": "timestamp with time zone",
}
TOP = {
    "extra": "jsonb",
    "deleted_at": "timestamp with time zone",
    "payload_hash": "bytea",
    "mapping_version": "bigint",
    "read_order": "bigint",
}
TIMES = {"system_created_at": "timestamp with time zone", "system_updated_at": "timestamp with time zone"}


@dataclass(frozen=True)
class Declared:
    table: str
    columns: dict[str, str]
    key: tuple[str, ...]
    """The natural key, after the region."""


def declared(entity: Entity) -> Iterator[Declared]:
    plan = plan_of(entity)
    kind = {entity.discriminator: "text"} if entity.discriminator else {}
    key = (*kind, entity.key.name)
    columns = {column.name: column.sql_type for column in plan.shape.columns}
    links = {link.column: "bigint" for link in entity.links}
    times = TIMES if entity.keeps_own_times else {}
    yield Declared(entity.table, {**OWN, **TOP, **kind, entity.key.name: "bigint", **links, **columns, **times}, key)
    for child in (*plan.children, *plan.called):
        columns = {column.name: column.sql_type for column in child.columns}
        keys = tuple(column.name for column in child.key_columns)
        yield Declared(child.child.table, {**OWN, entity.pk: "bigint", **columns}, (entity.pk, *keys))
    for tags in entity.tags:
        columns = {"id": "bigint", "region_code": "text", entity.pk: "bigint", "tag_pk": "bigint"}
        yield Declared(tags.table, columns, (entity.pk, "tag_pk"))


TABLES = [one for entity in ENTITIES for one in declared(entity)]


@pytest.mark.parametrize("expected", TABLES, ids=lambda one: one.table)
def test_columns_are_those_of_the_catalog(rows: Rows, expected: Declared) -> None:
    found = rows(
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = 'breezeway' AND table_name = %s",
        expected.table,
    )
    assert {one["column_name"]: one["data_type"] for one in found} == expected.columns


@pytest.mark.parametrize("expected", TABLES, ids=lambda one: one.table)
def test_keys_begin_with_the_region(rows: Rows, expected: Declared) -> None:
    found = rows(
        "SELECT c.contype, c.confdeltype, c.confrelid::regclass::text AS target, pg_get_constraintdef(c.oid) AS text, "
        "ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k (n, o) "
        "JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n ORDER BY k.o) AS columns "
        "FROM pg_constraint c WHERE c.conrelid = %s::regclass AND c.contype IN ('p', 'u', 'f')",
        expected.table,
    )
    assert all(one["columns"][0] == "region_code" for one in found)
    assert [one["columns"] for one in found if one["contype"] == "p"] == [["region_code", "id"]]
    assert [one["columns"] for one in found if one["contype"] == "u"] == [["region_code", *expected.key]]
    is_top = "deleted_at" in expected.columns
    assert any(one["target"] == "regions" for one in found) == is_top
    for one in found:
        if one["contype"] == "f" and one["target"] != "regions":
            wanted_rule = f"ON DELETE SET NULL ({one['columns'][1]})" if is_top else "ON DELETE CASCADE"
            assert one["text"].removesuffix(" DEFERRABLE").endswith(wanted_rule)


def test_no_plain_btree_index_on_api_text(rows: Rows) -> None:
    found = rows(
        "SELECT i.indexrelid::regclass::text AS name FROM pg_index i "
        "JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam AND m.amname = 'btree' "
        "JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) "
        "JOIN pg_class t ON t.oid = i.indrelid "
        "WHERE t.relnamespace = 'breezeway'::regnamespace AND a.atttypid = 'text'::regtype AND t.relname = ANY (%s) "
        "AND a.attname NOT IN ('region_code', 'tag_type')",
        [one.table for one in TABLES],
    )
    assert found == []


def test_every_table_is_known(rows: Rows) -> None:
    support = {
        "regions", "api_tokens", "etl_sync_log", "rejected_records", "freshness_targets", "deletions", "record_history",
        "field_profiles", "breezeway_sync_migrations",
    }  # fmt: skip
    bookkeeping = {
        "account_fences", "account_leases", "alert_budget", "alert_states", "backfills", "checkpoints", "claims",
        "excluded_properties", "lease_commits", "lost_rows", "missing_records", "pending_child_reads", "problems",
        "region_sources", "rolling_refreshes", "unavailable_sources", "unfinished_runs", "verification_results",
    }  # fmt: skip
    assert tables(rows, "breezeway") == support | {one.table for one in TABLES}
    assert tables(rows, "breezeway_internal") == bookkeeping


def tables(rows: Rows, schema: str) -> set[str]:
    return {one["tablename"] for one in rows("SELECT tablename FROM pg_tables WHERE schemaname = %s", schema)}
