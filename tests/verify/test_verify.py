"""Damage done to a mirror behind its back is found and named; what only came later is called late."""

from __future__ import annotations

import re
from random import Random
from typing import Any

from breezeway_sync.cli import exits
from breezeway_sync.core.error_codes import ExitCode
from breezeway_sync.entities.streams import NAMES
from breezeway_sync.sandbox.drift import drift
from breezeway_sync.service.verification import VerificationReport, VerificationRequest, verify
from tests.conftest import Rows
from tests.helpers import Setup, sandboxed, tiny
from tests.verify.damage import DAMAGE


async def compared(setup: Setup, entity: str = "all", **request: Any) -> VerificationReport:
    entities = NAMES if entity == "all" else (entity,)
    expected = VerificationRequest(tuple(setup.settings.regions), entities, **{"sample_records": 1000, **request})
    return await verify(setup.settings, expected, emit=setup.events.append, tell=lambda _sentence: None)


def told(report: VerificationReport) -> set[tuple[str, str, str]]:
    return {(at.entity, at.path, at.kind.value) for one in report.verifications for at in one.differences}


async def test_a_clean_mirror_is_proved_and_sql_can_ask(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, tiny(2)) as setup:
        await setup.run()
        report = await compared(setup)
    assert told(report) == set()
    assert {one.result for one in report.verifications} == {"proved"}
    assert exits.of_verification(report.verifications, []) == ExitCode.OK
    stored = rows("SELECT region_code, entity_type, result, compared FROM v_latest_verifications")
    assert len(stored) == 2 * len(NAMES)
    assert {one["result"] for one in stored} == {"proved"}
    of_contacts = sum(one["compared"]["records"] for one in stored if one["entity_type"] == "property_contacts")
    assert of_contacts == rows("SELECT count(*) AS n FROM properties")[0]["n"]
    assert sum(one["compared"]["records"] for one in stored) - of_contacts == sum(
        rows(f"SELECT count(*) n FROM {table} WHERE payload_hash IS NOT NULL")[0]["n"]
        for table in (
            "properties",
            "reservations",
            "tasks",
            "people",
            "supplies",
            "tags",
            "templates",
            "subdepartments",
        )
    )


async def test_whatever_way_of_writing_values_the_database_is_set_to(dsn: str, rows: Rows) -> None:
    (name,) = {row["name"] for row in rows("SELECT current_database() AS name")}
    for setting in (
        "timezone = 'Pacific/Auckland'",
        "datestyle = 'SQL, DMY'",
        "intervalstyle = 'iso_8601'",
        "bytea_output = 'escape'",
        "extra_float_digits = -15",
        "standard_conforming_strings = off",
    ):
        rows(f"ALTER DATABASE {name} SET {setting}")
    async with sandboxed(dsn) as setup:
        await setup.run()
        again = await setup.run(full=True)
        clean = await compared(setup)
        damage = ("people", "person_name", "wrong"), ("properties", "notes.wifi", "wrong"), ("tags", "name", "wrong")
        for one in damage:
            rows(DAMAGE[one])
        damaged = await compared(setup, sample_records=100_000)
    assert sum(one.new + one.updated + one.deleted for one in again.outcomes) == 0
    assert {one.result for one in clean.verifications} == {"proved"}
    # Of these records the API gives no time of change: what was loaded tells a damaged row from a late one.
    assert told(damaged) == set(damage)


async def test_every_damage_is_found_and_nothing_else(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        for damage in DAMAGE.values():
            rows(damage)
        report = await compared(setup, sample_records=100_000)
        again = await compared(setup, "tasks", sample_records=5, whole=True)
    assert {(entity, re.sub(r"\[\d+\]", "[]", path), kind) for entity, path, kind in told(report)} == set(DAMAGE)
    assert exits.of_verification(report.verifications, []) == ExitCode.INCOMPLETE
    assert {("tasks", "", "missing"), ("tasks", "", "surplus"), ("tasks", "total_cost", "wrong")} <= told(again)
    assert rows("SELECT DISTINCT result FROM v_latest_verifications WHERE entity_type = 'tasks'") == [
        {"result": "failed"}
    ]
    kept = rows("SELECT differences FROM v_latest_verifications WHERE entity_type = 'people'")[0]["differences"]
    assert {"key": "5", "path": "", "class": "surplus"} in kept
    assert "other" not in str(kept)


async def test_what_the_account_changed_after_the_last_read_is_late(dsn: str) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        drift(account, 40, Random(3))
        report = await compared(setup, sample_records=100_000)
    # An answer that changes without a sign on its task is one that no run would read again.
    kinds = {kind for _, path, kind in told(report) if not path.startswith("requirements[")}
    assert "late" in kinds
    assert kinds <= {"late", "surplus"}  # the account also deletes


async def test_what_lists_leave_out_and_what_is_being_deleted_is_explained(dsn: str) -> None:
    async with sandboxed(dsn) as setup:
        account = setup.world.account("nashville")

        async def found() -> tuple[set[str], set[tuple[str, str, str]]]:
            report = await compared(setup, sample_records=100_000)
            return {one.result for one in report.verifications}, told(report)

        await setup.run()
        hidden, gone = list(account.ids("tasks"))[:2]
        account.hide("tasks", hidden)
        unseen = await found()
        await setup.run(full=True)
        unlisted = await found()
        account.delete("tasks", gone)
        account.delete("people", next(iter(account.ids("people"))))
        deleted = await found()
        await setup.run(full=True)
        once = await found()
        await setup.run(full=True)
        twice = await found()
    late = {"proved", "late"}, {("tasks", "", "late"), ("people", "", "late")}
    assert (unseen, unlisted, twice) == (({"proved"}, set()),) * 3
    assert (deleted, once) == (late, late)


async def test_a_row_that_walks_should_have_noted_is_surplus_when_it_is_found_again(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        account.delete("tasks", next(iter(account.ids("tasks"))))
        first = await compared(setup, "tasks", sample_records=100_000)
        await setup.run(full=True)
        rows("DELETE FROM missing_records")
        second = await compared(setup, "tasks", sample_records=1)
        rows("UPDATE tasks SET deleted_at = now()")
        third = await compared(setup, "tasks", sample_records=1)
    assert (told(first), told(second)) == ({("tasks", "", "late")}, {("tasks", "", "surplus")})
    assert "surplus" not in {kind for _, _, kind in told(third)}


async def test_an_api_that_fails_midway_proves_nothing(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        setup.faults.add("403_json", path=r"/task/\d+/comments")
        report = await compared(setup, "tasks")
    (one,) = report.verifications
    assert one.result == "incomplete"
    assert one.records > 0
    assert exits.of_verification(report.verifications, []) == ExitCode.INCOMPLETE
    assert rows("SELECT result, error_message IS NOT NULL AS said FROM verification_results") == [
        {"result": "incomplete", "said": True}
    ]


async def test_a_tag_that_its_list_lacks_and_a_live_task_has_is_no_difference(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        key = next(tag["id"] for task in account.records("tasks") for tag in task["task_tags"])
        account.delete("task_tags", key)
        await compared(setup, "tags")
        await setup.run(entity="tags", full=True)
        report = await compared(setup, "tags")
    assert {one.result for one in report.verifications} == {"proved"}, told(report)
