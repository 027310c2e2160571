"""What belongs to a property goes and comes with it, and stays distinguishable from what the API deleted."""

from __future__ import annotations

from typing import Any

import pytest

from breezeway_sync.sandbox.account import SandboxAccount
from breezeway_sync.sandbox.spec import resized
from tests.conftest import Rows
from tests.helpers import sandboxed, tiny

ACCOUNTS = [resized(tiny()[0], properties=4, reservations_per_property=4)]
Belongings = dict[str, list[dict[str, Any]]]


def belongings(account: SandboxAccount, home: int) -> Belongings:
    return {
        "tasks": [one for one in account.records("tasks") if one["home_id"] == home],
        "reservations": [one for one in account.records("reservations") if one["property_id"] == home],
    }


def live(rows: Rows, kind: str) -> set[int]:
    key = {"tasks": "task_id", "reservations": "reservation_id", "properties": "property_id"}[kind]
    return {row["key"] for row in rows(f"SELECT {key} AS key FROM {kind} WHERE deleted_at IS NULL")}


def reasons(rows: Rows) -> dict[tuple[str, int], str]:
    found = rows("SELECT entity_type, record_id, reason FROM deletions WHERE undone_at IS NULL")
    return {(row["entity_type"], row["record_id"]): row["reason"] for row in found}


def leave(account: SandboxAccount, home: int, theirs: Belongings) -> None:
    """The property leaves the account, and with it what belongs to it."""
    for kind, records in theirs.items():
        for record in records:
            account.delete(kind, record["id"])  # type: ignore[arg-type]
    account.delete("properties", home)


async def test_stays_and_tasks_go_with_their_property_and_come_back_with_it(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, ACCOUNTS) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        home = min(account.ids("properties"))
        theirs, body = belongings(account, home), account.get("properties", home)
        before = {kind: live(rows, kind) for kind in theirs}
        hidden = theirs["tasks"][0]["id"]
        account.hide("tasks", hidden)
        await setup.run(full=True)
        leave(account, home, theirs)
        for _ in range(3):
            await setup.run()
        for kind, records in theirs.items():
            assert not {one["id"] for one in records} & live(rows, kind), kind
        expected = {(kind, one["id"]): "property_left" for kind, records in theirs.items() for one in records}
        assert reasons(rows) == expected | {("properties", home): "not_found"}
        account.put("properties", body)
        for kind, records in theirs.items():
            for record in records:
                account.put(kind, record)  # type: ignore[arg-type]
        account.hide("tasks", hidden)
        for _ in range(2):
            await setup.run()
        assert {kind: live(rows, kind) for kind in theirs} == before
        assert reasons(rows) == {}


async def test_what_the_api_deleted_is_told_from_what_left_with_its_property(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, ACCOUNTS) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        home = min(account.ids("properties"))
        theirs = belongings(account, home)
        deleted, *others = theirs["tasks"]
        account.delete("tasks", deleted["id"])
        for _ in range(2):
            await setup.run(full=True)
        assert reasons(rows) == {("tasks", deleted["id"]): "not_found"}
        leave(account, home, {"tasks": others})
        for _ in range(3):
            await setup.run()
        assert reasons(rows) == {
            ("tasks", deleted["id"]): "not_found",
            ("properties", home): "not_found",
            **{("tasks", one["id"]): "property_left" for one in others},
        }
        payroll = (
            "SELECT count(*) AS n FROM tasks t WHERE t.deleted_at IS NULL OR EXISTS (SELECT FROM deletions d "
            "WHERE d.region_code = t.region_code AND d.entity_type = 'tasks' AND d.record_id = t.task_id "
            "AND d.undone_at IS NULL AND d.reason = 'property_left')"
        )
        assert rows(payroll)[0]["n"] == rows("SELECT count(*) AS n FROM tasks")[0]["n"] - 1


async def test_while_nobody_knows_whether_its_property_is_there_a_task_stays(dsn: str, rows: Rows) -> None:
    """The properties' list was last read before the first 404, and the property's own address does not answer."""
    async with sandboxed(dsn, ACCOUNTS) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        key = min(account.ids("tasks"))
        home = account.get("tasks", key)["home_id"]
        account.delete("tasks", key)
        setup.faults.add("status", status=500, path=rf"/property/{home}$")
        for _ in range(3):
            await setup.run(entity="tasks", full=True)
            assert key in live(rows, "tasks")
        setup.faults.clear()
        await setup.run(entity="tasks", full=True)
        assert reasons(rows) == {("tasks", key): "not_found"}


async def test_a_property_that_moves_to_another_company_takes_everything_along(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, ACCOUNTS) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        home = min(account.ids("properties"))
        theirs = belongings(account, home)
        account.patch("properties", home, company_id=999_999)
        for kind, records in theirs.items():
            for record in records:
                account.hide(kind, record["id"])  # type: ignore[arg-type]
        for _ in range(2):
            await setup.run()
        expected = {(kind, one["id"]): "property_left" for kind, records in theirs.items() for one in records}
        assert reasons(rows) == expected | {("properties", home): "property_left"}


async def test_a_task_that_names_a_property_of_another_company_has_left(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, ACCOUNTS) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        body = account.get("properties", min(account.ids("properties")))
        account.put("properties", {**body, "id": 777, "company_id": 999_999})
        left, ours, *_ = sorted(account.ids("tasks"))
        account.patch("tasks", left, home_id=777)
        account.hide("tasks", ours)
        account.hide("tasks", left)
        for _ in range(2):
            await setup.run(full=True)
        assert reasons(rows) == {("tasks", left): "property_left"}
        assert ours in live(rows, "tasks")


@pytest.mark.parametrize("kind", ["tasks", "reservations"])
async def test_the_only_record_of_a_region_goes_when_its_property_answers_in_two_runs(
    dsn: str, rows: Rows, kind: Any
) -> None:
    accounts = [resized(tiny()[0], properties=1, tasks_per_property=1, reservations_per_property=1)]
    async with sandboxed(dsn, accounts) as setup:
        account = setup.world.account("nashville")
        key, *others = sorted(account.ids(kind))
        for other in others:
            account.delete(kind, other)
        await setup.run(full=True)
        account.delete(kind, key)
        setup.faults.add("404", path=r"/property/\d+$")
        for _ in range(2):
            await setup.run(full=True)
            assert key in live(rows, kind)
        setup.faults.clear()
        await setup.run(full=True)
        assert key in live(rows, kind)
        await setup.run(full=True)
        assert reasons(rows) == {(kind, key): "not_found"}


async def test_a_propertys_only_task_goes_without_a_persons_word(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, ACCOUNTS) as setup:
        account = setup.world.account("nashville")
        home = min(account.ids("properties"))
        only, *others = [one["id"] for one in belongings(account, home)["tasks"]]
        for key in others:
            account.delete("tasks", key)
        await setup.run()
        account.delete("tasks", only)
        for _ in range(2):
            await setup.run(full=True)
        assert reasons(rows) == {("tasks", only): "not_found"}


async def test_what_belongs_to_a_property_that_was_left_out_goes_when_it_says_so_itself(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, ACCOUNTS) as setup:
        await setup.run()
        account = setup.world.account("nashville")
        home = min(account.ids("properties"))
        theirs = belongings(account, home)
        account.hide("properties", home)
        for kind, records in theirs.items():
            for record in records:
                account.hide(kind, record["id"])  # type: ignore[arg-type]
        rows("INSERT INTO excluded_properties VALUES ('nashville', %s, 999, now())", home)
        await setup.run()
        expected = {(kind, one["id"]): "property_left" for kind, records in theirs.items() for one in records}
        assert {key: reason for key, reason in reasons(rows).items() if key[0] != "properties"} == expected
