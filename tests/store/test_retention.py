"""No table grows for ever: each has a bound or a retention, and both hold."""

from __future__ import annotations

from typing import Any

import pytest

from breezeway_sync.store.migrate import LEDGER
from breezeway_sync.store.retention import RULES, prune
from tests.conftest import Rows
from tests.store.conftest import Store

DAYS = 90
OLD, YOUNG = "now() - interval '91 days'", "now() - interval '89 days'"


async def test_every_table_has_a_rule(store: Store, rows: Rows) -> None:
    """A new table must say why it does not grow for ever: in store/retention.py."""
    found = {one["tablename"] for one in rows("SELECT tablename FROM pg_tables WHERE schemaname LIKE 'breezeway%%'")}
    assert LEDGER in found
    assert set(RULES) == found


@pytest.mark.parametrize(
    ("table", "columns", "gone", "kept"),
    [
        (
            "etl_sync_log (region_code, entity_type, sync_status, sync_started_at, sync_completed_at)",
            "entity_type",
            [f"'nashville', 'gone', 'success', {OLD}, {OLD}", f"'nashville', 'gone', 'failed', {OLD}, {OLD}"],
            [
                f"'nashville', 'gone', 'success', {YOUNG}, {YOUNG}",
                f"'austin', 'latest', 'success', {OLD}, {OLD}",
                f"'nashville', 'running', 'running', {OLD}, NULL",
            ],
        ),
        (
            "rejected_records (region_code, entity_type, record_id, reason, resolved_at)",
            "record_id",
            [
                f"'nashville', 'tasks', '1', 'x', {OLD}",
                "'nashville', 'tasks', 'payload 1', 'x', now() - interval '2 d'",
            ],
            [
                f"'nashville', 'tasks', '2', 'x', {YOUNG}",
                "'nashville', 'tasks', '3', 'x', NULL",
                "'nashville', 'tasks', 'payload 2', 'x', NULL",
                "'nashville', 'tasks', 'payload 3', 'x', now()",
            ],
        ),
        (
            "problems (region_code, entity_type, kind, source, record_id, code, message, resolved_at)",
            "record_id",
            [f"'nashville', 'tasks', 'list', 'tasks', 1, 'x', 'x', {OLD}"],
            [
                f"'nashville', 'tasks', 'list', 'tasks', 2, 'x', 'x', {YOUNG}",
                "'nashville', 'tasks', 'list', 'tasks', 3, 'x', 'x', NULL",
            ],
        ),
        (
            "deletions (region_code, entity_type, kind, record_id, deleted_at, reason, evidence)",
            "reason",
            [f"'nashville', 'tasks', '', 1, {OLD}, 'status', '{{}}'"],
            [
                f"'nashville', 'tasks', '', 1, {OLD}, 'not_found', '{{}}'",
                f"'nashville', 'tags', 'task', 1, {OLD}, 'not_listed', '{{}}'",
                f"'austin', 'tasks', '', 1, {YOUNG}, 'property_left', '{{}}'",
            ],
        ),
        (
            "verification_results (region_code, entity_type, run_id, started_at, result, sample_seed, "
            "api_calls_made, compared,"
            " late_differences, missing_differences, surplus_differences, wrong_differences, unexplained_differences,"
            " differences)",
            "entity_type",
            [f"'nashville', 'tasks', gen_random_uuid(), {OLD}, 'proved', 1, 1, '{{}}', 0, 0, 0, 0, 0, '[]'"],
            [
                f"'nashville', 'tasks', gen_random_uuid(), {YOUNG}, 'proved', 1, 1, '{{}}', 0, 0, 0, 0, 0, '[]'",
                f"'nashville', 'tags', gen_random_uuid(), {OLD}, 'proved', 1, 1, '{{}}', 0, 0, 0, 0, 0, '[]'",
            ],
        ),
        (
            "field_profiles (region_code, entity_type, path, types, first_seen_at, last_seen_at, seen_count,"
            " present_count, filled_count)",
            "path",
            [f"'nashville', 'tasks', 'old', '{{}}', {OLD}, {OLD}, 1, 1, 1"],
            [
                f"'nashville', 'tasks', 'young', '{{}}', {OLD}, now(), 1, 1, 1",
                # Not read for long: what it looked like is known all the same.
                f"'austin', 'tasks', 'all are old', '{{}}', {OLD}, {OLD}, 1, 1, 1",
            ],
        ),
        (
            "backfills (region_code, source, parent_id, since, until, read_at)",
            "parent_id",
            ["'nashville', 'tasks', 1, now(), now(), now() - interval '8 days'"],
            ["'nashville', 'tasks', 2, now(), now(), now() - interval '6 days'"],
        ),
        (
            "alert_states (region_code, subject, failing_since, notified_at, version)",
            "subject",
            [f"'nashville', 'well', NULL, {OLD}, 1"],
            [f"'nashville', 'fails', {OLD}, {OLD}, 1", f"'nashville', 'lately', NULL, {YOUNG}, 1"],
        ),
        (
            "account_leases (account, fence, claimed_at)",
            "account",
            [f"'gone', 1, {OLD}"],
            [f"'lately', 2, {YOUNG}", "'never claimed', 0, NULL"],
        ),
        (
            "record_history (region_code, entity_type, record_id, seen_at, what)",
            "record_id",
            ["'nashville', 'tasks', 1, now() - interval '401 days', 'created'"],
            [f"'nashville', 'tasks', 2, {OLD}, 'created'"],
        ),
    ],
    ids=lambda value: value.partition(" ")[0] if isinstance(value, str) else "",
)
async def test_what_is_old_goes_and_nothing_else(
    store: Store, rows: Rows, table: str, columns: str, gone: list[str], kept: list[str]
) -> None:
    name = table.partition(" ")[0]
    before = rows(f"SELECT {columns} AS told FROM {name}")
    rows(f"INSERT INTO {table} VALUES ({'), ('.join(gone)})")
    rows(f"INSERT INTO {table} VALUES ({'), ('.join(kept)})")
    whole = rows(f"SELECT {columns} AS told FROM {name}")
    assert await prune(store.database, DAYS, 400) == len(gone)
    left = rows(f"SELECT {columns} AS told FROM {name}")
    assert len(left) == len(before) + len(kept)
    assert all(one in whole for one in left)
    assert await prune(store.database, DAYS, 400) == 0


async def test_paths_are_bounded_however_many_names_there_are(store: Store, rows: Rows) -> None:
    rows(
        "INSERT INTO field_profiles (region_code, entity_type, path, types, first_seen_at, last_seen_at, seen_count, "
        "present_count, filled_count) SELECT 'nashville', 'tasks', 'p' || n, '{}', now(), now() - n * interval '1 s', "
        "1, 1, 1 FROM generate_series(1, 5007) n"
    )
    assert await prune(store.database, DAYS, 400) == 7
    assert rows("SELECT path FROM field_profiles WHERE path = 'p5000'") == [{"path": "p5000"}]


def nameless(number: int) -> dict[str, Any]:
    return {"name": f"without an id, {number}"}


async def test_records_without_an_id_that_change_with_each_reading_do_not_pile_up(
    store: Store, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("breezeway_sync.store.rejects.MOST_NAMELESS", 30)
    for reading in range(20):
        loaded = await store.load("people", *(nameless(reading * 9 + n) for n in range(9)))
        assert loaded.rejected == 9, "each is counted, whether it is kept or not"
    found = rows("SELECT payload ->> 'name' AS name FROM rejected_records ORDER BY id")
    assert [one["name"] for one in found] == [nameless(n)["name"] for n in range(150, 180)], "the newest stay"
    assert rows("SELECT DISTINCT resolved_at FROM rejected_records") == [{"resolved_at": None}]


async def test_what_is_resolved_is_kept_without_its_payload(store: Store, rows: Rows) -> None:
    await store.load("people", {"id": 7, "name": "x"}, {"id": 8, "first_name": "\u0000"}, nameless(1))
    rows("INSERT INTO rejected_records (region_code, entity_type, record_id, reason, payload) "
         "VALUES ('nashville', 'people', '7', 'x', '{\"id\": 7}')")  # fmt: skip
    await store.load("people", {"id": 7, "name": "y"})
    found = rows(
        "SELECT record_id, resolved_at IS NOT NULL AS over, payload FROM rejected_records WHERE record_id = '7'"
    )
    assert found == [{"record_id": "7", "over": True, "payload": None}]
