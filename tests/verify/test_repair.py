"""`verify --repair` puts right what it has found, and the certificate afterwards proves it."""

from __future__ import annotations

from breezeway_sync.cli import exits
from breezeway_sync.core.error_codes import ExitCode
from tests.conftest import Rows
from tests.helpers import sandboxed, tiny
from tests.verify.damage import DAMAGE
from tests.verify.test_everything import known, results
from tests.verify.test_verify import compared, told


async def test_every_damage_is_repaired_and_the_certificate_afterwards_proves_it(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        for damage in DAMAGE.values():
            rows(damage)
        repaired = await compared(setup, sample_records=5, whole=True, repair=True)
        again = await compared(setup, whole=True)
        await setup.run(full=True)
        gone = await setup.run(full=True)
        at_last = await compared(setup, whole=True)
    surplus = {("tasks", "", "late"), ("people", "", "late")}
    assert {len(one.differences) for one in repaired.repaired} != {0}
    assert told(repaired) == told(again) == surplus
    assert exits.of_verification(repaired.verifications, []) == ExitCode.OK
    # What the API does not have goes by proof, as ever.
    assert told(at_last) == set(), [one.details for one in gone.outcomes]
    assert {row["result"] for row in rows("SELECT result FROM v_latest_verifications")} == {"proved"}


async def test_the_first_certificate_keeps_what_was_found(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        rows("UPDATE tasks SET rate_paid = 999")
        await compared(setup, "tasks", whole=True, repair=True)
    kept = rows("SELECT result, wrong_differences AS wrong FROM verification_results ORDER BY started_at, id")
    assert kept == [{"result": "failed", "wrong": len(rows("SELECT id FROM tasks"))}, {"result": "proved", "wrong": 0}]
    assert [row["result"] for row in rows("SELECT result FROM v_latest_verifications")] == ["proved"]


async def test_what_could_not_be_compared_is_not_proved_by_repairing_the_rest(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        key = rows("SELECT min(task_id) AS key FROM tasks")[0]["key"]
        rows("UPDATE tasks SET rate_paid = 999")
        setup.faults.add("403_json", path=rf"/task/{key}/comments")
        report = await compared(setup, "tasks", whole=True, repair=True)
    assert results(report) == {"tasks": "incomplete"}
    assert rows("SELECT task_id FROM tasks WHERE rate_paid = 999") == []


async def test_a_sample_repairs_what_it_has_found_and_says_nothing_of_the_rest(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        rows("UPDATE tasks SET rate_paid = 999")
        report = await compared(setup, "tasks", sample_records=1, repair=True)
        left = rows("SELECT count(*) AS n FROM tasks WHERE rate_paid = 999")[0]["n"]
    assert results(report) == {"tasks": "proved"}
    assert 0 < left < len(rows("SELECT id FROM tasks"))
    assert not report.verifications[0].is_full


async def test_a_mirror_without_a_property_and_its_tasks_gets_them_back_with_their_children(
    dsn: str, rows: Rows
) -> None:
    tables = (
        "properties",
        "property_contacts",
        "tasks",
        "task_comments",
        "task_requirements",
        "task_costs",
    )
    count = {name: f"SELECT count(*) AS n FROM {name}" for name in tables}
    async with sandboxed(dsn) as setup:
        await setup.run()
        before = {name: rows(statement) for name, statement in count.items()}
        rows("TRUNCATE properties, tasks CASCADE")
        report = await compared(setup, whole=True, repair=True)
        again = await compared(setup, whole=True)
    assert {name: rows(statement) for name, statement in count.items()} == before
    assert set(results(report).values()) | set(results(again).values()) == {"proved"}
    assert rows("SELECT task_id FROM tasks WHERE property_pk IS NULL") == []


async def test_a_mirror_that_was_never_read_is_filled_by_a_repair(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, tiny(1)) as setup:
        await known(setup)
        await compared(setup, whole=True, repair=True)
        report = await compared(setup, whole=True)
    assert "failed" not in results(report).values()
    assert len(rows("SELECT id FROM tasks")) == sum(1 for _ in setup.world.account("nashville").ids("tasks"))


async def test_an_account_that_has_none_of_the_mirrors_properties_proves_and_repairs_nothing(
    dsn: str, rows: Rows
) -> None:
    async with sandboxed(dsn, tiny(2)) as setup:
        await setup.run()
        first, second = setup.settings.regions
        wrong = setup.settings.regions[second].model_copy(update={"name": first})
        regions = {**setup.settings.regions, first: wrong}
        del regions[second]
        setup.settings = setup.settings.model_copy(update={"regions": regions})
        rows("DELETE FROM api_tokens")
        before = rows("SELECT property_id FROM properties WHERE region_code = %s ORDER BY 1", first)
        report = await compared(setup, whole=True, repair=True)
    assert rows("SELECT property_id FROM properties WHERE region_code = %s ORDER BY 1", first) == before
    assert rows("SELECT record_id FROM missing_records WHERE region_code = %s", first) == []
    assert set(results(report).values()) == {"incomplete"}
    assert {"the source of this region has changed" in (one.error or "") for one in report.verifications} == {True}


async def test_a_repair_is_no_change_of_the_api_and_owes_no_call(dsn: str, rows: Rows) -> None:
    times = "SELECT task_id, system_updated_at FROM tasks ORDER BY 1"
    async with sandboxed(dsn) as setup:
        await setup.run()
        before = rows(times)
        rows("UPDATE tasks SET total_cost = 1, extra = NULL")
        await compared(setup, "tasks", whole=True, repair=True)
    assert rows(times) == before
    assert rows("SELECT source FROM pending_child_reads") == []
