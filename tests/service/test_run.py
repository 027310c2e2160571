"""A whole run against the simulated API: calls, failures, resumption, budgets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import SecretStr

from breezeway_sync.core.errors import SchemaRefused
from breezeway_sync.core.outcome import FAILED, PARTIAL, SUCCESS
from breezeway_sync.sandbox.spec import resized
from tests.conftest import Rows
from tests.helpers import Setup, outcome, sandboxed, tiny


def least_calls(setup: Setup, code: str) -> int:
    """What a first load cannot do without: a page per hundred rows, a list per property, two calls a task."""
    account = setup.world.account(code)
    pages = 0
    for kind in ("properties", "reservations", "supplies"):
        pages += max(1, -(-account.count(kind) // 100))
    per_property: dict[int, int] = {}
    for task in account.records("tasks"):
        per_property[task["home_id"]] = per_property.get(task["home_id"], 0) + 1
    lists = sum(max(1, -(-per_property.get(one, 0) // 100)) for one in account.ids("properties"))
    people, tags, small = 6, 3, 2  # people twice: somebody may change to a state that was asked for
    return pages + lists + people + tags + small + account.count("properties") + 2 * account.count("tasks")


async def test_a_first_load_makes_the_least_calls_and_a_second_none_for_children(dsn: str, rows: Rows) -> None:
    accounts = [resized(one, reservations_per_property=60) for one in tiny(2)]
    async with sandboxed(dsn, accounts) as setup:
        first = await setup.run()
        assert {one.status for one in first.outcomes} == {SUCCESS}
        for code in ("nashville", "austin"):
            made, least = setup.stats.of(code) - setup.stats.of(code, "/auth/v1/"), least_calls(setup, code)
            assert least <= made <= 1.05 * least
        assert sum(one.calls for one in first.outcomes) == setup.stats.total - setup.stats.token_calls
        setup.stats.reset()
        second = await setup.run()
        assert setup.stats.of(None, "/task/{id}/comments") == setup.stats.of(None, "/task/{id}/requirements") == 0
        assert setup.stats.token_calls == 0
    assert {one.status for one in second.outcomes} == {SUCCESS}
    assert sum(one.new + one.updated + one.deleted for one in second.outcomes) == 0
    logged = rows("SELECT sync_status, count(*) n FROM etl_sync_log GROUP BY 1")
    assert logged == [{"sync_status": "success", "n": 36}]


async def test_a_second_run_writes_no_entity_row_and_little_wal(dsn: str, rows: Rows) -> None:
    tables = (
        "properties", "property_photos", "property_contacts", "reservations", "reservation_guests", "reservation_tags",
        "tasks", "task_assignments", "task_photos", "task_supplies", "task_costs", "task_comments", "task_requirements",
        "task_tags", "people", "supplies", "tags", "templates", "subdepartments",
    )  # fmt: skip
    everything = " UNION ALL ".join(f"SELECT '{one}' AS t, xmin::text, ctid::text, id FROM {one}" for one in tables)
    async with sandboxed(dsn, tiny(2)) as setup:
        await setup.run()
        before = rows(f"{everything} ORDER BY 1, 4")
        start = rows("SELECT pg_current_wal_insert_lsn()::text AS lsn")[0]["lsn"]
        await setup.run()
        written = rows("SELECT pg_current_wal_insert_lsn() - %s::pg_lsn AS bytes", start)[0]["bytes"]
        assert rows(f"{everything} ORDER BY 1, 4") == before
    assert written < 1_000_000


async def test_full_asks_for_all_comments_again(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        task_id = next(iter(account.ids("tasks")))
        account.set_comments(task_id, [{"id": 1, "comment": "late", "created_at": "2026-11-01T10:00:00"}])
        await setup.run(entity="tasks")
        late = (
            "SELECT count(*) n FROM task_comments c JOIN tasks t ON t.id = c.task_pk "
            "WHERE t.task_id = %s AND comment = 'late'"
        )
        assert rows(late, task_id) == [{"n": 0}]
        await setup.run(entity="tasks", full=True)
        assert rows(late, task_id) == [{"n": 1}]


async def test_a_property_that_always_answers_422_costs_only_itself(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        account = setup.world.account("nashville")
        bad, *others = sorted({task["home_id"] for task in account.records("tasks")})
        setup.faults.add("422", path=rf"/task/\?.*home_id={bad}\b")
        report = await setup.run()
    tasks = outcome(report, "tasks")
    assert tasks.status == PARTIAL
    assert f"property {bad}" in (tasks.error or "")
    assert {one["home_id"] for one in rows("SELECT DISTINCT home_id FROM tasks")} == set(others)


async def test_one_region_with_bad_credentials_costs_that_region_only(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, tiny(2)) as setup:
        regions = dict(setup.settings.regions)
        regions["austin"] = regions["austin"].model_copy(update={"client_secret": SecretStr("mistyped-1")})
        setup.settings = setup.settings.model_copy(update={"regions": regions})
        report = await setup.run()
        assert setup.stats.token_calls == 2
    by_region = {
        code: {one.status for one in report.outcomes if one.region == code} for code in ("nashville", "austin")
    }
    assert by_region == {"nashville": {SUCCESS}, "austin": {FAILED}}
    assert "mistyped-1" not in " ".join(one.error or "" for one in report.outcomes)
    error = rows("SELECT last_error FROM api_tokens WHERE region_code = 'austin'")[0]["last_error"]
    assert error
    assert "mistyped-1" not in error


async def test_credentials_may_come_from_the_table(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        regions = dict(setup.settings.regions)
        region = regions["nashville"]
        regions["nashville"] = region.model_copy(update={"client_id": None, "client_secret": None})
        assert region.client_id
        assert region.client_secret
        pair = region.client_id.get_secret_value(), region.client_secret.get_secret_value()
        setup.settings = setup.settings.model_copy(update={"regions": regions})
        missing = await setup.run(entity="people")
        rows(
            "INSERT INTO api_tokens (region_code, client_id, client_secret) VALUES ('nashville', %s, %s)",
            *pair,
        )
        found = await setup.run(entity="people")
    assert [outcome(one, "people").status for one in (missing, found)] == [FAILED, SUCCESS]
    stored = rows("SELECT client_id, access_token IS NOT NULL AS t, token_generation_count n FROM api_tokens")
    assert stored == [{"client_id": pair[0], "t": True, "n": 1}]


async def test_a_token_set_to_null_by_hand_is_fetched_anew(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run(entity="people")
        await setup.run(entity="people")
        assert setup.stats.token_calls == 1
        rows("UPDATE api_tokens SET access_token = NULL, refresh_token = NULL")
        await setup.run(entity="people")
        assert setup.stats.token_calls == 2


@pytest.mark.parametrize("kind", ["404", "403_json", "empty"])
async def test_what_an_account_does_not_have_is_told_once_and_is_no_failure(dsn: str, rows: Rows, kind: Any) -> None:
    async with sandboxed(dsn) as setup:
        setup.faults.add(kind, path="/companies/templates")
        first = await setup.run()
        asked = setup.stats.of(None, "/companies/templates")
        second = await setup.run(entity="templates")
        assert 1 <= setup.stats.of(None, "/companies/templates") == asked <= 2
        setup.faults.clear()
        await setup.run(entity="templates", full=True)
    assert {one.status for one in (*first.outcomes, *second.outcomes)} == {SUCCESS}
    assert [type(one).__name__ for one in setup.events].count("EntityUnavailable") == 1
    assert "not available" in (outcome(first, "templates").error or "")
    assert rows("SELECT count(*) > 0 AS some FROM templates") == [{"some": True}]
    assert rows("SELECT * FROM unavailable_sources") == []


@pytest.mark.parametrize("kind", ["404", "403_json"])
async def test_a_new_region_whose_every_list_is_refused_is_no_success_and_asked_again(
    dsn: str, rows: Rows, kind: Any
) -> None:
    async with sandboxed(dsn) as setup:
        setup.faults.add(kind, path="/public/inventory/")
        for _ in range(2):
            report = await setup.run()
            assert {one.status for one in report.outcomes} == {FAILED}
        assert rows("SELECT * FROM unavailable_sources") == []
        assert rows("SELECT as_of('all', entity_type) FROM freshness_targets") == [{"as_of": None}] * 9
        setup.faults.clear()
        assert {one.status for one in (await setup.run()).outcomes} == {SUCCESS}


@pytest.mark.parametrize("kind", ["404", "403_json"])
async def test_the_first_eight_properties_whose_tasks_are_refused_are_problems(dsn: str, rows: Rows, kind: Any) -> None:
    async with sandboxed(dsn, [resized(tiny()[0], properties=12)]) as setup:
        await setup.run(entity="properties")
        first = await _order(rows, 8)
        setup.faults.add(kind, path=rf"/task/\?.*home_id=({'|'.join(map(str, first))})\b")
        for _ in range(2):
            found = outcome(await setup.run(entity="tasks"), "tasks")
            assert found.status == PARTIAL
        assert rows("SELECT * FROM unavailable_sources") == []
        assert len(rows("SELECT * FROM checkpoints WHERE source = 'tasks' AND watermark IS NOT NULL")) == 4


async def _order(rows: Rows, count: int) -> list[int]:
    return [row["property_id"] for row in rows("SELECT property_id FROM properties ORDER BY 1 LIMIT %s", count)]


@pytest.mark.parametrize("kind", ["404", "403_json"])
@pytest.mark.parametrize(("path", "entity"), [(r"/reservation\?", "reservations"), (r"/task/\?", "tasks")])
async def test_a_list_that_was_read_before_is_not_unavailable_when_it_is_refused(
    dsn: str, rows: Rows, kind: Any, path: str, entity: str
) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        setup.faults.add(kind, path=path)
        assert outcome(await setup.run(entity=entity), entity).status == FAILED
        setup.faults.clear()
        calls = setup.stats.total
        assert outcome(await setup.run(entity=entity), entity).status == SUCCESS
        assert setup.stats.total > calls
    assert [one for one in setup.events if type(one).__name__ == "EntityUnavailable"] == []


async def test_what_answers_when_its_day_is_over_is_not_called_unavailable_any_more(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        setup.faults.add("403_json", path="/companies/templates|/contacts|/comments")
        for status in (PARTIAL, SUCCESS):  # a sample is believed when another run finds the same
            assert outcome(await setup.run(), "tasks").status == status
        closed = "SELECT source FROM unavailable_sources ORDER BY 1"
        assert [one["source"] for one in rows(closed)] == ["property_contacts", "task_comments", "templates"]
        debts = "SELECT pending_child_reads > 0 AS are_seen FROM v_freshness WHERE entity_type = 'tasks'"
        assert rows(debts) == [{"are_seen": False}]
        setup.faults.clear()
        rows("UPDATE unavailable_sources SET try_again_at = now()")
        assert {one.status for one in (await setup.run()).outcomes} == {SUCCESS}
        assert rows(closed) == []
        assert rows("SELECT as_of('all', 'templates') IS NOT NULL AS is_known") == [{"is_known": True}]
        # What is owed of it from now on is no secret.
        rows("INSERT INTO pending_child_reads SELECT 'nashville', 'task_comments', max(task_id), 0 FROM tasks")
        assert rows(debts) == [{"are_seen": True}]


async def test_contacts_that_nobody_has_are_not_asked_for_each_property(dsn: str) -> None:
    async with sandboxed(dsn, [resized(tiny()[0], properties=30)]) as setup:
        setup.faults.add("404", path="/contacts")
        first = await setup.run(entity="property_contacts")
        assert setup.stats.of(None, "/property/{id}/contacts") == setup.settings.api.max_in_flight
        await setup.run(entity="tags")
        second = await setup.run(entity="property_contacts")
        assert setup.stats.of(None, "/property/{id}/contacts") == 2 * setup.settings.api.max_in_flight
    assert outcome(first, "property_contacts").status in (FAILED, PARTIAL)
    assert outcome(first, "properties").status == SUCCESS  # read first, though nobody asked for them
    assert outcome(second, "property_contacts").status == SUCCESS


async def test_a_contact_list_that_is_missing_keeps_what_is_stored(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, [resized(tiny()[0], properties=12)]) as setup:
        await setup.run()
        count = rows("SELECT count(*) n FROM property_contacts")
        bad = next(iter(setup.world.account("nashville").ids("properties")))
        setup.faults.add("404", path=f"/property/{bad}/contacts")
        report = await setup.run(entity="property_contacts")
    assert outcome(report, "property_contacts").status == PARTIAL
    assert f"property_contacts of property {bad}" in (outcome(report, "property_contacts").error or "")
    assert rows("SELECT count(*) n FROM property_contacts") == count


async def test_tasks_that_an_account_may_not_read_are_a_failure_and_asked_for_again(dsn: str) -> None:
    async with sandboxed(dsn) as setup:
        setup.faults.add("403_json", path=r"/task/\?")
        report = await setup.run()
        asked = setup.stats.of(None, "/task")
        again = await setup.run()
        assert setup.stats.of(None, "/task") == 2 * asked
    assert [outcome(one, "tasks").status for one in (report, again)] == [FAILED, FAILED]


async def test_children_not_found_keep_what_is_stored_stay_owed_and_look_at_the_task(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        count = rows("SELECT count(*) n FROM task_comments")
        setup.faults.add("404", path="/comments")
        report = await setup.run(entity="tasks", full=True)
        assert setup.stats.of(None, "/task/{id}") == setup.world.account("nashville").count("tasks")
        tasks = setup.world.account("nashville").count("tasks")
    assert (outcome(report, "tasks").status, outcome(report, "tasks").pending_reads) == (PARTIAL, tasks)
    assert rows("SELECT count(*) n FROM task_comments") == count
    assert rows("SELECT source, count(*) AS n FROM pending_child_reads GROUP BY 1") == [
        {"source": "task_comments", "n": tasks}
    ]


async def test_owed_calls_survive_and_are_told(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        setup.faults.add("422", path="/requirements")
        first = await setup.run()
        tasks = outcome(first, "tasks")
        assert tasks.status == PARTIAL
        assert tasks.pending_reads == setup.world.account("nashville").count("tasks")
        assert "child reads (comments and requirements) are pending" in (tasks.error or "")
        setup.faults.clear()
        second = await setup.run()
        assert outcome(second, "tasks").status == SUCCESS
    assert rows("SELECT count(*) > 0 AS some FROM task_requirements") == [{"some": True}]


async def test_a_time_limit_leaves_calls_for_the_next_run_newest_first(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        sync = setup.settings.sync.model_copy(update={"max_minutes": 0.0000001})
        setup.settings = setup.settings.model_copy(update={"sync": sync})
        report = await setup.run()
        assert setup.stats.of(None, "/task/{id}/comments") == 0
    assert outcome(report, "tasks").status == PARTIAL
    assert outcome(report, "tasks").pending_reads == 2 * outcome(report, "tasks").read


async def test_a_failed_list_stops_what_needs_it_and_nothing_else(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        rows("DELETE FROM etl_sync_log")
        setup.faults.add("422", path=r"/property(\?|$)")
        report = await setup.run()
    failed = {one.entity for one in report.outcomes if one.status == FAILED}
    assert failed == {"properties", "reservations", "tasks", "property_contacts"}
    assert "properties failed" in (outcome(report, "reservations").error or "")
    assert rows("SELECT count(*) n FROM etl_sync_log WHERE sync_status = 'running'") == [{"n": 0}]
    assert rows("SELECT count(*) n FROM etl_sync_log") == [{"n": 9}]


async def test_a_list_that_ends_early_is_not_green(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, [resized(tiny()[0], reservations_per_property=100)]) as setup:
        setup.faults.add("blank", path=r"/reservation\?.*page=2")
        report = await setup.run()
    assert outcome(report, "reservations").status == PARTIAL
    assert "announced" in (outcome(report, "reservations").error or "")
    assert outcome(report, "tasks").status == SUCCESS


async def test_rows_left_running_are_closed_by_the_next_holder(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run(entity="people")
        rows(
            "INSERT INTO etl_sync_log (region_code, entity_type, sync_status) VALUES ('nashville', 'tasks', 'running')"
        )
        await setup.run(entity="people")
    left = rows("SELECT sync_status, error_message FROM etl_sync_log WHERE entity_type = 'tasks'")
    assert left == [{"sync_status": "failed", "error_message": "process ended"}]


async def test_a_cancelled_run_closes_its_rows(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        setup.faults.add("slow", path=r"/task/\?", delay=60)
        running = asyncio.create_task(setup.run())
        while setup.stats.of(None, "/task") == 0:  # noqa: ASYNC110 - the sandbox sets no event
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    ended = rows("SELECT sync_status, error_message FROM etl_sync_log WHERE entity_type = 'tasks'")
    assert ended == [{"sync_status": "failed", "error_message": "interrupted"}]
    assert rows("SELECT owner FROM account_leases") == [{"owner": None}]


async def test_regions_of_one_account_share_its_token(dsn: str, rows: Rows) -> None:
    account = resized(tiny()[0], properties=10, sister_company_id=7)
    async with sandboxed(dsn, [account]) as setup:
        regions = dict(setup.settings.regions)
        regions["second"] = regions["nashville"].model_copy(update={"name": "Second", "company_id": 7})
        setup.settings = setup.settings.model_copy(update={"regions": regions})
        report = await setup.run()
        assert setup.stats.token_calls == 1
    assert {one.region for one in report.outcomes} == {"nashville", "second"}
    assert {one.status for one in report.outcomes} == {SUCCESS}
    assert rows("SELECT count(*) n FROM account_leases") == [{"n": 1}]
    assert rows("SELECT count(DISTINCT access_token) n, count(*) m FROM api_tokens") == [{"n": 1, "m": 2}]


async def test_regions_follow_the_configuration_and_one_that_is_gone_from_it_stays_as_it_is(
    dsn: str, rows: Rows
) -> None:
    async with sandboxed(dsn, tiny(2)) as setup:
        await setup.run(entity="people")
        before = rows("SELECT region_code, xmin::text FROM regions ORDER BY 1")
        await setup.run(entity="people")
        assert rows("SELECT region_code, xmin::text FROM regions ORDER BY 1") == before
        regions = {"nashville": setup.settings.regions["nashville"].model_copy(update={"name": "New"})}
        setup.settings = setup.settings.model_copy(update={"regions": regions})
        await setup.run(entity="people")
    found = rows("SELECT region_code, region_name, is_active FROM regions ORDER BY 1")
    assert [tuple(one.values()) for one in found] == [("austin", "Austin", True), ("nashville", "New", True)]
    assert rows("SELECT count(*) > 0 AS kept FROM people WHERE region_code = 'austin'") == [{"kept": True}]


async def test_without_auto_migrate_an_old_schema_is_refused(empty_dsn: str) -> None:
    async with sandboxed(empty_dsn) as setup:
        database = setup.settings.database.model_copy(update={"auto_migrate": False})
        setup.settings = setup.settings.model_copy(update={"database": database})
        with pytest.raises(SchemaRefused, match="breezeway-sync migrate"):
            await setup.run()


async def test_paths_come_from_the_configuration(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        entities = dict(setup.settings.entities)
        entities["people"] = entities["people"].model_copy(update={"path": "/person"})
        entities["task_comments"] = entities["task_comments"].model_copy(update={"enabled": False})
        setup.settings = setup.settings.model_copy(update={"entities": entities})
        report = await setup.run()
        assert setup.stats.of(None, "/task/{id}/comments") == 0
    assert "people: no such record or address" in (outcome(report, "people").error or "")
    assert outcome(report, "tasks").status == SUCCESS
    assert rows("SELECT DISTINCT source FROM pending_child_reads") == []


@pytest.mark.parametrize("name", ["comments", "requirements", "contacts"])
async def test_children_of_a_call_that_announces_more_than_it_shows_are_not_taken_for_all(
    dsn: str, rows: Rows, name: Any
) -> None:
    entity, table = ("property_contacts", f"property_{name}") if name == "contacts" else ("tasks", f"task_{name}")
    async with sandboxed(dsn, [resized(tiny()[0], properties=4)]) as setup:
        account = setup.world.account("nashville")
        parent = next(iter(account.ids("properties" if name == "contacts" else "tasks")))
        await setup.run()
        before = rows(f"SELECT * FROM {table} ORDER BY id")
        body = b'{"results": [{"id": 424242, "note": "first"}], "total_pages": 2, "total_results": 2}'
        account.set_children_raw(name, parent, body)
        cut = outcome(await setup.run(entity=entity, full=True), entity)
        assert cut.status == PARTIAL
        assert str(parent) in (cut.error or "")
        assert rows(f"SELECT * FROM {table} ORDER BY id") == before
