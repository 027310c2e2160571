"""The task list of one property and its filters (section 4 of the API page)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from breezeway_sync.sandbox import Sandbox
from breezeway_sync.sandbox.account import SandboxAccount
from breezeway_sync.sandbox.drift import drift

from .conftest import Client, Time, ids


async def test_tasks_want_one_property(client: Client, account: SandboxAccount) -> None:
    home = next(account.ids("properties"))
    assert (await client.get("/task")).status_code == 422
    assert (await client.get("/task/", home_id="x")).status_code == 422
    assert (await client.get("/task/", property_id=home)).status_code == 422
    assert (await client.get("/task/", reference_property_id=home)).status_code == 422
    assert (await client.json("/task/", reference_property_id="unknown"))["results"] == []
    assert (await client.json("/task/", home_id=1))["results"] == []
    both = [
        (await client.get("/task", home_id=one, reference_property_id="")).status_code
        for one in account.ids("properties")
    ]
    assert set(both) == {200, 422}


async def test_both_spellings_and_the_reference_list_the_same(client: Client, account: SandboxAccount) -> None:
    one = next(one for one in account.records("properties") if one["reference_property_id"])
    by_id = await client.json("/task/", home_id=one["id"])
    assert by_id == await client.json("/task", home_id=one["id"])
    assert by_id == await client.json("/task", reference_property_id=one["reference_property_id"])
    assert by_id == await client.json("/task", property_id=one["reference_property_id"])


async def test_the_reference_misses_some_properties(client: Client, account: SandboxAccount, sandbox: Sandbox) -> None:
    sandbox.options.reference_misses_every = 1
    one = next(one for one in account.records("properties") if one["reference_property_id"])
    assert (await client.json("/task", reference_property_id=one["reference_property_id"]))["results"] == []


@pytest.mark.parametrize("field", ["scheduled_date", "created_at", "finished_at", "updated_at"])
async def test_day_pairs(client: Client, account: SandboxAccount, field: str, time: Time) -> None:
    drift(account, 300)
    home = list(account.ids("properties"))[3]
    every = await client.all_pages("/task/", home_id=home)
    first, last = "2026-01-20", "2026-03-10"
    shown = await client.all_pages("/task/", home_id=home, limit=10, **{field: f"{first},{last}"})
    expected = [one["id"] for one in every if one[field] and first <= one[field][:10] <= last]
    assert ids(shown) == expected
    assert expected
    response = await client.get("/task/", home_id=home, **{field: first})
    assert response.status_code == 422
    assert response.json()["description"] == {field: ["Length must be 2."]}
    assert (await client.get("/task/", home_id=home, **{field: "x,y"})).status_code == 422


async def test_every_window_of_updates_is_complete(client: Client, account: SandboxAccount, time: Time) -> None:
    drift(account, 200)
    home = list(account.ids("properties"))[3]
    every = await client.all_pages("/task/", home_id=home, sort_order="asc")
    for days in range(0, 200, 9):
        first = str(time.present.date() - timedelta(days=days))
        shown = await client.all_pages("/task/", home_id=home, sort_order="asc", updated_at=f"{first},2030-01-01")
        assert ids(shown) == [one["id"] for one in every if one["updated_at"][:10] >= first]


async def test_department_and_assignees(client: Client, account: SandboxAccount) -> None:
    home = list(account.ids("properties"))[3]
    every = await client.all_pages("/task/", home_id=home)
    shown = await client.all_pages("/task/", home_id=home, type_department="maintenance")
    codes = [one["type_department"] for one in every]
    plain = [code["code"] if isinstance(code, dict) else code for code in codes]
    assert len(shown) == plain.count("maintenance") > 0
    person = next(one["assignments"][0]["assignee_id"] for one in every if one["assignments"])
    shown = await client.all_pages("/task/", home_id=home, assignee_ids=f"{person},1")
    assert ids(shown) == [one["id"] for one in every if person in [item["assignee_id"] for item in one["assignments"]]]


async def test_edits_show_in_lists(client: Client, account: SandboxAccount) -> None:
    home = next(account.ids("properties"))
    listed = ids(await client.all_pages("/task/", home_id=home))
    account.hide("tasks", listed[0])
    account.delete("tasks", listed[1])
    account.put("tasks", {"id": 5, "home_id": home})
    account.put_raw("tasks", listed[2], b'{"id":%d, "x":1e999}' % listed[2])
    response = await client.get("/task/", home_id=home)
    assert ids(response.json()["results"]) == [5, *listed[2:]]
    assert b'"x":1e999' in response.content
    assert (await client.get(f"/task/{listed[0]}")).status_code == 200
    gone = await client.get(f"/task/{listed[1]}")
    assert (gone.status_code, gone.json()) == (404, {"error": "not_found", "description": "Task not found"})
    assert (await client.get(f"/task/{listed[1]}/comments")).status_code == 404
