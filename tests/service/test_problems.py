"""What could not be read or stored costs itself, until a person lives with it, and for as long as it stays the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from breezeway_sync.api import retry as api_retry
from breezeway_sync.core.errors import UnknownRecord
from breezeway_sync.core.events import ignore
from breezeway_sync.core.outcome import PARTIAL, SUCCESS
from breezeway_sync.core.report import KnownProblem, ReadAgain
from breezeway_sync.core.retry import RetryPolicy
from breezeway_sync.sandbox.account import SandboxAccount
from breezeway_sync.sandbox.faults import FaultKind
from breezeway_sync.service import problems, status
from breezeway_sync.service.retries import RetryReport
from tests.conftest import Rows
from tests.helpers import Setup, outcome, sandboxed, tiny

FRESH = "SELECT require_fresh('all', %s, '2 hours') AS at"
STRICT = "SELECT require_fresh('all', %s, '2 hours', accepted => false) AS at"
BUT_FOR_ONE = "but for 1 accepted problems, see `breezeway-sync problems list`"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that fails is not made again within its run."""
    for name in ("CALLS", "EMPTY_ANSWERS", "AT_ONCE"):
        monkeypatch.setattr(api_retry, name, RetryPolicy(attempts=1))


@pytest.fixture
async def setup(dsn: str) -> AsyncIterator[Setup]:
    """One region, read once."""
    async with sandboxed(dsn) as found:
        await found.run()
        yield found


def account(setup: Setup) -> SandboxAccount:
    return setup.world.account("nashville")


async def listed(setup: Setup, *, resolved: bool = False) -> list[KnownProblem]:
    return await problems.listing(setup.settings, tuple(setup.settings.regions), resolved=resolved)


async def the_one(setup: Setup) -> KnownProblem:
    (found,) = await listed(setup)
    return found


async def accept(setup: Setup, *ids: str) -> int:
    return await problems.accept(setup.settings, ids, "Breezeway knows of it")


async def retry(setup: Setup, *ids: str) -> RetryReport[ReadAgain]:
    def tell(_sentence: str) -> None:
        """Nobody listens."""

    return await problems.retry(setup.settings, ids, emit=ignore, tell=tell)


def refused(rows: Rows, statement: str, entity: str) -> str:
    with pytest.raises(psycopg.Error) as caught:
        rows(statement, entity)
    assert caught.value.sqlstate == "BZ001"
    return str(caught.value)


async def accepted_and_green(setup: Setup, rows: Rows, entity: str) -> None:
    """What is open is accepted: it counts at once for readers, and in the next run for everybody."""
    assert refused(rows, FRESH, entity)
    one = await the_one(setup)
    assert await accept(setup, one.id) == 1
    rows(FRESH, entity)
    assert "1 problems that a person accepted" in refused(rows, STRICT, entity)
    found = outcome(await setup.run(entity=entity), entity)
    assert (found.status, found.accepted) == (SUCCESS, 1)
    assert BUT_FOR_ONE in (found.error or "")
    (row,) = rows("SELECT accepted_problems FROM v_freshness WHERE entity_type = %s", entity)
    assert row == {"accepted_problems": 1}
    rows(FRESH, entity)
    assert (await the_one(setup)).accepted_why == "Breezeway knows of it"
    (region,) = (await status.overview(setup.settings)).regions
    assert region.accepted == {entity: 1}


async def test_the_permanent_refusal_of_one_property_can_be_accepted(setup: Setup, rows: Rows) -> None:
    home = min(account(setup).ids("properties"))
    setup.faults.add("422", rf"/task/\?.*home_id={home}\b")
    found = outcome(await setup.run(entity="tasks"), "tasks")
    assert (found.status, found.error_code, found.is_passing) == (PARTIAL, "refused", False)
    one = await the_one(setup)
    assert (one.entity, one.what, one.code) == ("tasks", f"property {home}", "refused")
    await accepted_and_green(setup, rows, "tasks")


async def test_the_permanent_failure_of_one_tasks_comments_can_be_accepted(setup: Setup, rows: Rows) -> None:
    task = min(account(setup).ids("tasks"))
    account(setup).patch("tasks", task, name="new")
    setup.faults.add("status", f"/task/{task}/comments")
    found = outcome(await setup.run(entity="tasks"), "tasks")
    assert (found.status, found.error_code, found.pending_reads) == (PARTIAL, "server_failed", 1)
    await accepted_and_green(setup, rows, "tasks")
    # It is asked for once a day, and stays owed.
    calls = setup.faults.rules[0].hits
    assert outcome(await setup.run(entity="tasks"), "tasks").pending_reads == 0
    assert setup.faults.rules[0].hits == calls
    assert rows("SELECT parent_id FROM pending_child_reads") == [{"parent_id": task}]
    rows("UPDATE problems SET last_seen_at = last_seen_at - interval '1 day'")
    assert outcome(await setup.run(entity="tasks"), "tasks").status == SUCCESS
    assert setup.faults.rules[0].hits == calls + 1
    setup.faults.clear()
    rows("UPDATE problems SET last_seen_at = last_seen_at - interval '1 day'")
    assert outcome(await setup.run(entity="tasks"), "tasks").error is None
    assert await listed(setup) == []
    assert rows("SELECT parent_id FROM pending_child_reads") == []


async def test_contacts_that_one_property_never_shows_can_be_accepted(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        home = min(account(setup).ids("properties"))
        setup.faults.add("422", f"/property/{home}/contacts")
        await setup.run()
        await accepted_and_green(setup, rows, "property_contacts")


async def test_comments_that_cannot_be_stored_can_be_accepted(setup: Setup, rows: Rows) -> None:
    task = min(account(setup).ids("tasks"))
    account(setup).set_comments(task, [{"id": 1, "comment": "odd", "created_at": "2026-11-01T10:00:00"}])
    rows("ALTER TABLE task_comments ADD CONSTRAINT made_up CHECK (comment <> 'odd')")
    account(setup).patch("tasks", task, name="new")
    await setup.run(entity="tasks")
    one = await the_one(setup)
    assert "the last run was partial" in refused(rows, FRESH, "tasks")
    await accept(setup, one.id)
    rows(FRESH, "tasks")
    found = outcome(await setup.run(entity="tasks"), "tasks")
    assert (found.status, found.accepted) == (SUCCESS, 1)
    assert refused(rows, STRICT, "tasks")


async def test_an_outage_does_not_end_what_was_accepted(setup: Setup, rows: Rows) -> None:
    home = min(account(setup).ids("properties"))
    refusal = setup.faults.add("422", rf"/task/\?.*home_id={home}\b")
    await setup.run(entity="tasks")
    await accept(setup, (await the_one(setup)).id)
    setup.faults.clear()
    setup.faults.add("drop", rf"/task/\?.*home_id={home}\b")
    assert outcome(await setup.run(entity="tasks"), "tasks").status == PARTIAL
    setup.faults.clear()
    setup.faults.add_rule(refusal)
    assert outcome(await setup.run(entity="tasks"), "tasks").status == SUCCESS


async def test_a_record_without_an_id_can_be_accepted_until_its_payload_changes(setup: Setup, rows: Rows) -> None:
    number = account(setup).new_id("people")
    account(setup).put_raw("people", number, b'{"first_name": "Nobody"}', home_id=0)
    assert outcome(await setup.run(entity="people"), "people").status == PARTIAL
    await accepted_and_green(setup, rows, "people")
    account(setup).put_raw("people", number, b'{"first_name": "Somebody"}', home_id=0)
    found = outcome(await setup.run(entity="people"), "people")
    assert (found.status, found.accepted) == (PARTIAL, 0)
    assert refused(rows, FRESH, "people")


async def test_a_record_that_is_rejected_with_another_payload_is_accepted_no_more(setup: Setup, rows: Rows) -> None:
    person = min(account(setup).ids("people"))
    rows("ALTER TABLE people ADD CONSTRAINT made_up CHECK (first_name NOT LIKE 'Odd%%')")
    account(setup).patch("people", person, first_name="Odd")
    await setup.run(entity="people")
    await accepted_and_green(setup, rows, "people")
    account(setup).patch("people", person, first_name="Odder")
    assert outcome(await setup.run(entity="people"), "people").status == PARTIAL
    assert (await the_one(setup)).accepted_at is None


async def test_a_list_that_the_account_does_not_have_can_be_accepted(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        setup.faults.add("empty", "/companies/templates")
        assert outcome(await setup.run(), "templates").status == SUCCESS
        assert "that this account does not have" in refused(rows, FRESH, "templates")
        one = await the_one(setup)
        assert (one.entity, one.what, one.code) == ("templates", "templates", "not_available")
        await accept(setup, one.id)
        rows(FRESH, "templates")
        assert outcome(await setup.run(entity="templates"), "templates").status == SUCCESS
        rows(FRESH, "templates")
        assert refused(rows, STRICT, "templates")
        setup.faults.clear()
        assert outcome(await setup.run(entity="templates", full=True), "templates").new > 0
        assert await listed(setup) == []
        assert rows(STRICT, "templates")


async def test_another_code_and_an_outcome_in_between_end_what_was_accepted(setup: Setup, rows: Rows) -> None:
    home = min(account(setup).ids("properties"))

    async def failing(kind: FaultKind) -> Any:
        setup.faults.clear()
        setup.faults.add(kind, rf"/task/\?.*home_id={home}\b")
        return outcome(await setup.run(entity="tasks"), "tasks").status

    assert await failing("422") == PARTIAL
    first = await the_one(setup)
    await accept(setup, first.id)
    assert await failing("422") == SUCCESS
    assert await failing("status") == PARTIAL  # another code
    other = await the_one(setup)
    assert (other.id, other.code, other.accepted_at) == (first.id, "server_failed", None)
    assert other.first_seen_at == first.first_seen_at
    await accept(setup, other.id)
    assert await failing("status") == SUCCESS
    setup.faults.clear()
    await setup.run(entity="tasks")
    assert await listed(setup) == []
    assert [one.id for one in await listed(setup, resolved=True)] == [first.id]
    assert await failing("status") == PARTIAL  # back again, after it was read well
    again = await the_one(setup)
    assert (again.accepted_at, again.first_seen_at > other.first_seen_at) == (None, True)


async def test_what_was_not_asked_for_again_stays_open(setup: Setup) -> None:
    homes = sorted(account(setup).ids("properties"))[:2]
    setup.faults.add("422", rf"/task/\?.*home_id=({homes[0]}|{homes[1]})\b")
    await setup.run(entity="tasks")
    assert len(await listed(setup)) == 2
    await setup.run(entity="people")
    assert len(await listed(setup)) == 2
    setup.faults.clear()
    setup.faults.add("422", rf"/task/\?.*home_id={homes[0]}\b")
    await setup.run(entity="tasks")
    assert [one.what for one in await listed(setup)] == [f"property {homes[0]}"]


async def test_what_a_property_that_is_gone_could_not_show_is_resolved(setup: Setup, rows: Rows) -> None:
    home = min(account(setup).ids("properties"))
    setup.faults.add("422", rf"/task/\?.*home_id={home}\b")
    await setup.run(entity="tasks")
    assert await listed(setup)
    rows("UPDATE properties SET deleted_at = now() WHERE property_id = %s", home)
    await setup.run(entity="tasks")
    assert await listed(setup) == []


async def test_every_problem_of_a_run_is_listed_by_name(setup: Setup) -> None:
    """Not only the five whose messages stand in the log."""
    setup.faults.add("422", r"/task/\?")
    await setup.run(entity="tasks")
    assert {one.what for one in await listed(setup)} == {
        f"property {home}" for home in account(setup).ids("properties")
    }


async def test_an_unknown_id_changes_nothing_and_is_told_with_those_that_there_are(setup: Setup, rows: Rows) -> None:
    with pytest.raises(UnknownRecord, match="none is"):
        await accept(setup, "p1")
    home = min(account(setup).ids("properties"))
    setup.faults.add("422", rf"/task/\?.*home_id={home}\b")
    await setup.run(entity="tasks")
    one = await the_one(setup)
    for wrong in ("p999999", "r1", "17", "P1", "p0", "p" + "9" * 30, ""):
        with pytest.raises(UnknownRecord, match=f"of {one.id}"):
            await accept(setup, one.id, wrong)
        with pytest.raises(UnknownRecord, match=f"of {one.id}"):
            await retry(setup, one.id, wrong)
    assert (await the_one(setup)).accepted_at is None


@pytest.mark.parametrize("what", ["list", "children", "contacts", "tags"])
async def test_one_thing_is_read_again_now(setup: Setup, rows: Rows, what: str) -> None:
    home, task = min(account(setup).ids("properties")), min(account(setup).ids("tasks"))
    if what == "children":
        account(setup).patch("tasks", task, name="new")
    entity, path = {
        "list": ("tasks", rf"/task/\?.*home_id={home}\b"),
        "children": ("tasks", f"/task/{task}/comments"),
        "contacts": ("property_contacts", f"/property/{home}/contacts"),
        "tags": ("tags", "/task/tags"),
    }[what]
    setup.faults.add("422", path)
    await setup.run(entity=entity)
    one = await the_one(setup)
    runs = rows("SELECT count(*) AS n FROM etl_sync_log")
    (still,) = (await retry(setup, one.id)).records
    assert (still.id, still.is_open) == (one.id, True)
    assert still.came.startswith("refused: ")
    setup.faults.clear()
    before = setup.stats.total
    (done,) = (await retry(setup, one.id)).records
    assert (done.is_open, done.came) == (False, "read")
    assert setup.stats.total - before <= 3
    assert await listed(setup) == []
    rows(FRESH, entity)  # what kept the last run from being a success is settled
    assert rows("SELECT count(*) AS n FROM etl_sync_log") == runs


async def test_an_account_that_still_does_not_have_a_list_is_told_again(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        setup.faults.add("403_json", "/companies/templates")
        await setup.run()
        one = await the_one(setup)
        (still,) = (await retry(setup, one.id)).records
        assert (still.is_open, still.came.split(":")[0]) == (True, "not_available")
        setup.faults.clear()
        (done,) = (await retry(setup, one.id)).records
        assert not done.is_open
        assert rows("SELECT count(*) > 0 AS x FROM templates") == [{"x": True}]


async def test_a_record_whose_own_address_fails_is_read_again_now(setup: Setup, rows: Rows) -> None:
    task = min(account(setup).ids("tasks"))
    account(setup).hide("tasks", task)
    setup.faults.add("422", rf"/task/{task}$")
    assert outcome(await setup.run(entity="tasks", full=True), "tasks").status == PARTIAL
    one = await the_one(setup)
    assert (one.what, one.code) == (f"task {task}", "refused")
    account(setup).patch("tasks", task, name="finished")
    setup.faults.clear()
    (done,) = (await retry(setup, one.id)).records
    assert not done.is_open
    assert rows("SELECT task_name FROM tasks WHERE task_id = %s", task) == [{"task_name": "finished"}]


async def test_a_rejected_record_is_brought_again_by_its_id_and_no_other(setup: Setup, rows: Rows) -> None:
    people = sorted(account(setup).ids("people"))[:2]
    rows("ALTER TABLE people ADD CONSTRAINT made_up CHECK (first_name <> 'Odd')")
    for person in people:
        account(setup).patch("people", person, first_name="Odd")
    await setup.run(entity="people")
    first, second = await listed(setup)
    rows("ALTER TABLE people DROP CONSTRAINT made_up")
    (done,) = (await retry(setup, second.id)).records
    assert (done.id, done.is_open) == (second.id, False)
    assert (await the_one(setup)).id == first.id


async def test_a_region_without_credentials_is_named(setup: Setup, rows: Rows) -> None:
    home = min(account(setup).ids("properties"))
    setup.faults.add("422", rf"/task/\?.*home_id={home}\b")
    await setup.run(entity="tasks")
    one = await the_one(setup)
    changed = setup.settings.model_dump()
    changed["regions"]["nashville"] |= {"client_id": None, "client_secret": None}
    setup.settings = type(setup.settings)(**changed)
    report = await retry(setup, one.id)
    assert report.problems["nashville"].code == "credentials_rejected"


async def test_two_regions_do_not_share_what_was_accepted(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, tiny(2)) as setup:
        await setup.run()
        setup.faults.add("422", "/task/tags")
        await setup.run(entity="tags")
        one, other = await listed(setup)
        assert {one.region, other.region} == {"austin", "nashville"}
        await accept(setup, one.id)
        report = await setup.run(entity="tags")
        assert outcome(report, "tags", one.region).status == SUCCESS
        assert outcome(report, "tags", other.region).status == PARTIAL
        assert refused(rows, FRESH, "tags")
