"""`verify --all` compares everything, a sample says that it is one, and nothing that was not compared is proved."""

from __future__ import annotations

from random import Random

import pytest

from breezeway_sync.cli import exits
from breezeway_sync.core.error_codes import ExitCode
from breezeway_sync.core.errors import SchemaRefused
from breezeway_sync.entities.streams import NAMES
from breezeway_sync.sandbox.drift import _new_property
from breezeway_sync.service.runner import open_database, save_regions
from breezeway_sync.service.verification import NEVER_READ, VerificationReport, VerificationRequest, verify
from breezeway_sync.store import migrate
from tests.conftest import Rows
from tests.helpers import Setup, sandboxed, tiny
from tests.verify.test_verify import compared, told

FRESH = (
    "SELECT result, is_whole, fully_verified_at IS NOT NULL AS is_proved FROM v_latest_verifications "
    "WHERE entity_type = %s"
)


def results(report: VerificationReport) -> dict[str, str]:
    return {one.entity: one.result for one in report.verifications}


async def test_all_compares_the_comments_of_every_task_and_the_contacts_of_every_property(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        for of in ("min", "max"):
            rows(f"UPDATE task_comments SET comment = 'x' WHERE task_pk = (SELECT {of}(task_pk) FROM task_comments)")
        rows("UPDATE property_contacts SET phone = 'x'")
        # The smallest sample: a comparison of everything has nothing to do with it.
        report = await compared(setup, sample_records=1, whole=True)
    damaged = {one["task_id"] for one in rows("SELECT t.task_id FROM tasks t JOIN task_comments c ON c.task_pk = t.id "
        "WHERE c.comment = 'x'")}  # fmt: skip
    tasks, contacts = (next(one for one in report.verifications if one.entity == name) for name in ("tasks", NAMES[-1]))
    assert {int(one.key) for one in tasks.differences} == damaged
    assert (
        tasks.compared["task_comments"]
        == tasks.compared["task_requirements"]
        == tasks.records
        == len(rows("SELECT id FROM tasks"))
    )
    assert contacts.compared["property_contacts"] == contacts.records == len(rows("SELECT id FROM properties"))
    assert contacts.equal < contacts.records
    assert exits.of_verification(report.verifications, []) == ExitCode.INCOMPLETE


async def test_on_an_empty_mirror_everything_is_missing_and_nothing_is_proved(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await known(setup)
        whole, sample = await compared(setup, whole=True), await compared(setup, sample_records=5)
        account = setup.world.account("nashville")
        tasks = next(one for one in whole.verifications if one.entity == "tasks")
    for report in (whole, sample):
        assert not {"proved", "late"} & set(results(report).values())
        assert exits.of_verification(report.verifications, []) == ExitCode.INCOMPLETE
    assert (tasks.records, tasks.equal) == (account.count("tasks"), 0)
    assert {kind for entity, _, kind in told(whole)} == {"missing"}
    assert rows("SELECT result FROM v_latest_verifications WHERE result IN ('proved', 'late')") == []


async def test_a_mirror_that_was_never_read_proves_nothing_of_an_account_that_is_empty(dsn: str) -> None:
    async with sandboxed(dsn) as setup:
        await known(setup)
        account = setup.world.account("nashville")
        for key in list(account.ids("supplies")):
            account.delete("supplies", key)
        never = await compared(setup, "supplies", whole=True)
        await setup.run(entity="supplies")
        read = await compared(setup, "supplies", whole=True)
    assert results(never) == {"supplies": "incomplete"}
    assert "never read" in (never.verifications[0].error or "")
    assert results(read) == {"supplies": "proved"}


async def known(setup: Setup) -> None:
    """A schema with the configured regions, into which nothing was read."""
    async with open_database(setup.settings) as database:
        await migrate.apply(database)
        await save_regions(setup.settings, database)


async def test_a_region_that_the_mirror_does_not_know_is_told_by_name(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        async with open_database(setup.settings) as database:
            await migrate.apply(database)
        report = await compared(setup, "tasks")
    assert [one.error for one in report.verifications] == [NEVER_READ]
    assert rows("SELECT region_code FROM regions") == []


async def test_a_schema_that_is_not_up_to_date_is_refused_and_not_migrated(empty_dsn: str) -> None:
    async with sandboxed(empty_dsn) as setup:
        with pytest.raises(SchemaRefused):
            await compared(setup, "tasks")
        async with open_database(setup.settings) as database:
            assert await migrate.check(database)


async def test_comparing_claims_nothing(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        rows("UPDATE claims SET claimed_at = claimed_at - interval '9 days'")
        await compared(setup, whole=True)
    assert rows("SELECT name FROM claims WHERE claimed_at > now() - interval '1 day'") == []


@pytest.mark.parametrize("whole", [True, False])
async def test_the_tasks_of_a_property_that_was_deleted_from_the_mirror_are_missed(
    dsn: str, rows: Rows, whole: bool
) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        gone = rows("SELECT min(property_pk) AS id FROM property_contacts")[0]["id"]
        keys = {str(one["task_id"]) for one in rows(f"SELECT task_id FROM tasks WHERE property_pk = {gone}")}
        rows(f"DELETE FROM tasks WHERE property_pk = {gone}")
        rows(f"UPDATE reservations SET property_pk = NULL WHERE property_pk = {gone}")
        rows(f"DELETE FROM properties WHERE id = {gone}")
        report = await compared(setup, sample_records=5, whole=whole)
    missing = {one.key for one in next(c for c in report.verifications if c.entity == "tasks").differences}
    assert keys
    assert keys <= missing
    assert results(report)["property_contacts"] == "failed"


async def test_a_property_that_is_newer_than_the_last_reading_is_late_with_all_its_tasks(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        home = _new_property(account, Random(1))
        assert home is not None
        task = account.get("tasks", next(iter(account.ids("tasks"))))
        # A task that is older than all that the mirror knows, and that it could not have read.
        key = account.put("tasks", {**task, "id": 7, "home_id": home[2], "created_at": "2020-01-01T00:00:00"})
        report = await compared(setup, "tasks", whole=True)
    assert {int(one.key) for one in report.verifications[0].differences} == {key}
    assert {kind for _, _, kind in told(report)} == {"late"}


async def test_a_record_that_says_of_itself_that_it_is_deleted_is_not_missed(dsn: str) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        home, task = next(iter(account.ids("properties"))), next(iter(account.ids("tasks")))
        account.patch("properties", home, status="deleted")
        account.patch("tasks", task, type_task_status={"code": "deleted", "name": "Deleted", "stage": "deleted"})
        await setup.run(full=True)
        await setup.run(full=True)
        report = await compared(setup, whole=True)
    assert "missing" not in {kind for entity, _, kind in told(report) if entity == "properties"}
    assert (str(task), "missing") not in {
        (at.key, at.kind.value) for one in report.verifications for at in one.differences
    }


async def test_a_sample_says_that_it_is_one(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        await compared(setup, "tasks", sample_records=5)
        sample = rows(FRESH, "tasks")
        await compared(setup, "tasks", sample_records=5, whole=True)
        whole = rows(FRESH, "tasks")
        await compared(setup, "tasks", sample_records=5)
        again = rows(FRESH, "tasks")
    assert sample == [{"result": "proved", "is_whole": False, "is_proved": False}]
    assert whole == [{"result": "proved", "is_whole": True, "is_proved": True}]
    assert again == [{"result": "proved", "is_whole": False, "is_proved": True}]


async def test_what_was_found_stays_found_until_it_was_seen_right(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        tasks = rows("SELECT task_id, task_name FROM tasks ORDER BY task_id")
        rows("UPDATE tasks SET task_name = 'x'")
        rows("UPDATE task_comments SET comment = 'y' WHERE id = (SELECT min(id) FROM task_comments)")
        whole = await compared(setup, "tasks", whole=True)
        for one in tasks[:-1]:  # all but one are put right, and a sample of one need not come to that one
            rows("UPDATE tasks SET task_name = %s WHERE task_id = %s", one["task_name"], one["task_id"])
        samples = [await compared(setup, "tasks", sample_records=1, seed=seed) for seed in range(3)]
        rows("UPDATE tasks SET task_name = %s WHERE task_id = %s", tasks[-1]["task_name"], tasks[-1]["task_id"])
        await setup.run(entity="tasks", rewrite=True)
        at_last = await compared(setup, "tasks", sample_records=100)
    assert results(whole) == {"tasks": "failed"}
    assert [results(one) for one in samples] == [{"tasks": "failed"}] * 3
    assert results(at_last) == {"tasks": "proved"}


@pytest.mark.parametrize("whole", [True, False])
async def test_the_estimate_is_right_within_a_fifth(dsn: str, whole: bool) -> None:
    said: list[str] = []
    async with sandboxed(dsn, tiny(1)) as setup:
        await setup.run()
        setup.stats.reset()
        request = VerificationRequest(("nashville",), NAMES, 25, 1, whole)
        report = await verify(setup.settings, request, emit=setup.events.append, tell=said.append)
        made = sum(count for (_, path), count in setup.stats.calls.items() if not path.startswith("/auth"))
    estimate = int(said[0].split("about ")[1].split(" calls")[0])
    assert set(results(report).values()) == {"proved"}
    assert abs(estimate - made) <= made / 5, said


async def test_what_cannot_be_compared_of_one_task_leaves_the_others_and_is_incomplete(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        key = rows("SELECT min(task_id) AS key FROM tasks")[0]["key"]
        setup.faults.add("403_json", path=rf"/task/{key}/comments")
        report = await compared(setup, "tasks", whole=True)
        rows("INSERT INTO problems (region_code, entity_type, kind, source, record_id, code, message, accepted_at)"
             " VALUES ('nashville', 'tasks', 'children', 'task_comments', %s, 'x', 'x', now())", key)  # fmt: skip
        accepted = await compared(setup, "tasks", whole=True)
    (one,), (other,) = report.verifications, accepted.verifications
    assert (one.result, one.compared["task_comments"]) == ("incomplete", one.records - 1)
    assert (other.result, other.compared["accepted by a person"]) == ("proved", 1)


async def test_a_region_whose_source_is_in_doubt_is_not_compared(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        rows("INSERT INTO region_sources (region_code, api_address, account, blocked_at, blocked_why) "
             "VALUES ('nashville', 'a', 'b', now(), 'another company') ON CONFLICT (region_code) DO UPDATE SET "
             "blocked_at = now(), blocked_why = EXCLUDED.blocked_why")  # fmt: skip
        report = await compared(setup, "tasks", whole=True)
    (one,) = report.verifications
    assert (one.result, one.calls) == ("incomplete", 0)
    assert "another company" in (one.error or "")


async def test_records_that_the_region_leaves_out_are_no_difference(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        left = rows("SELECT min(property_id) AS key FROM properties")[0]["key"]
        rows("INSERT INTO region_sources (region_code, api_address, account, all_companies) "
             "VALUES ('nashville', 'a', 'b', true) ON CONFLICT DO NOTHING")  # fmt: skip
        rows("INSERT INTO excluded_properties (region_code, property_id, seen_at) "
             "VALUES ('nashville', %s, now())", left)  # fmt: skip
        rows("DELETE FROM tasks WHERE home_id = %s", left)
        report = await compared(setup, "tasks", whole=True)
    assert told(report) == set()
