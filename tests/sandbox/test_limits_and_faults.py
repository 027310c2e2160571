"""Limits (section 2 of the API page), faults, counters and the control addresses."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from starlette.applications import Starlette

from breezeway_sync.sandbox import Sandbox

from .conftest import Client, Time


async def test_two_hundred_calls_a_minute_and_pair(
    client: Client, sandbox: Sandbox, app: Starlette, time: Time
) -> None:
    sandbox.options.data_calls = 200
    answers = [(await client.get("/companies")).status_code for _ in range(205)]
    assert answers == [200] * 200 + [429] * 5
    refused = await client.get("/companies")
    assert set(refused.json()) == {"error", "description"}
    assert "retry-after" not in refused.headers
    other = Client(app, sandbox.world.account("austin").spec)
    async with other.http:
        await other.log_in()
        assert (await other.get("/companies")).status_code == 200
    time.pass_by(60)
    assert (await client.get("/companies")).status_code == 200
    assert sandbox.stats.as_dict()["rate_limited"] == 6


async def test_the_window_slides(client: Client, sandbox: Sandbox, time: Time) -> None:
    sandbox.options.data_calls = 2
    await client.get("/companies")
    time.pass_by(40)
    await client.get("/companies")
    time.pass_by(20)
    assert (await client.get("/companies")).status_code == 200
    assert (await client.get("/companies")).status_code == 429


async def test_too_many_at_once_are_blocked_by_the_edge(client: Client, sandbox: Sandbox) -> None:
    calls = await asyncio.gather(*(client.get("/companies") for _ in range(60)))
    blocked = [call for call in calls if call.status_code == 403]
    assert len(blocked) == 60 - 36
    assert blocked[0].headers["content-type"].startswith("text/html")
    assert sandbox.stats.max_in_flight == 37
    assert sandbox.stats.in_flight == 0
    sandbox.options.max_concurrency = None
    calls = await asyncio.gather(*(client.get("/companies") for _ in range(60)))
    assert {call.status_code for call in calls} == {200}


@pytest.mark.parametrize(
    ("kind", "settings", "status", "body"),
    [
        ("status", {"status": 502}, 502, b'{"error"'),
        ("401", {}, 401, b'{"error"'),
        ("403_html", {}, 403, b"<html>"),
        ("403_json", {}, 403, b'{"error"'),
        ("404", {}, 404, b'{"error"'),
        ("422", {}, 422, b'{"error"'),
        ("429", {}, 429, b'{"error"'),
        ("empty", {}, 200, b""),
        ("html", {}, 200, b"<html>"),
        ("error_object", {}, 200, b'{"error"'),
        ("null", {}, 200, b"null"),
        ("slow", {}, 200, b'{"limit"'),
    ],
)
async def test_faults_that_replace_the_answer(
    client: Client, sandbox: Sandbox, kind: Any, settings: dict[str, Any], status: int, body: bytes
) -> None:
    sandbox.faults.add(kind, "/property", times=1, **settings)
    response = await client.get("/property")
    assert response.status_code == status
    assert response.content.startswith(body)
    assert (await client.get("/property")).status_code == 200
    assert (await client.get("/property")).json()["results"]


async def test_faults_that_spoil_the_answer(client: Client, sandbox: Sandbox) -> None:
    right = await client.get("/property")
    sandbox.faults.add("cut", times=1)
    assert (await client.get("/property")).content == right.content[: len(right.content) // 2]
    sandbox.faults.add("garbage", times=1)
    with pytest.raises(ValueError, match=r".*"):
        json.loads((await client.get("/property")).content)
    sandbox.faults.add("blank", times=3)
    assert await client.json("/property") == {
        "limit": 100, "page": 1, "total_pages": 0, "total_results": 0, "results": [],
    }  # fmt: skip
    assert await client.json("/people") == []
    assert (await client.get("/task")).status_code == 422


async def test_hints_of_a_429(client: Client, sandbox: Sandbox) -> None:
    for hint, header, body in (("body", 0, 1), ("header", 1, 0), ("both", 1, 1), ("none", 0, 0)):
        sandbox.faults.add("429", hint=hint, retry_after=7, times=1)
        response = await client.get("/people")
        assert response.headers.get("retry-after") == ("7" if header else None)
        assert ("details" in response.json()) == bool(body)
        if body:
            assert response.json()["details"]["retry_after"] == "2026-03-10T12:00:07"


async def test_a_dropped_connection_without_a_network(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.add("drop", times=2)
    with pytest.raises(ConnectionResetError):
        await client.get("/people")
    sandbox.options.drop_error = TimeoutError
    with pytest.raises(TimeoutError):
        await client.get("/people")
    assert (await client.get("/people")).status_code == 200
    assert sandbox.stats.dropped == 2


async def test_where_and_how_often(client: Client, sandbox: Sandbox) -> None:
    async def statuses(path: str, count: int) -> list[int]:
        return [(await client.get(path)).status_code for _ in range(count)]

    sandbox.faults.add("status", r"/people$", every=3, skip=1)
    assert await statuses("/people", 8) == [200, 200, 200, 500, 200, 200, 500, 200]
    assert await statuses("/supplies", 3) == [200] * 3
    sandbox.faults.clear()
    rule = sandbox.faults.add("status", account="austin")
    assert await statuses("/people", 2) == [200] * 2
    sandbox.faults.remove(rule.id)
    sandbox.faults.add("status", probability=0.5)
    assert 20 < (await statuses("/people", 80)).count(500) < 60
    sandbox.faults.clear()
    sandbox.faults.add("status", method="POST")
    assert await statuses("/people", 1) == [200]


def test_unknown_faults_are_refused(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="kind is 'tea'"):
        sandbox.faults.add("tea")  # type: ignore[arg-type]


async def test_stats(client: Client, sandbox: Sandbox, world: Any) -> None:
    home = next(world.account("nashville").ids("properties"))
    await client.get("/task/", home_id=home)
    await client.get("/task", home_id=home)
    await client.get("/task/1")
    stats = sandbox.stats
    assert stats.of("nashville", "/task") == 2
    assert stats.of("nashville", "/task/{id}") == 1
    assert stats.of("nashville") == 3
    assert stats.token_calls == 1
    assert stats.statuses == {200: 3, 404: 1}
    shown = (await client.http.get("/_sandbox/stats")).json()
    assert shown == stats.as_dict()
    assert shown["calls"]["nashville"] == {"/task": 2, "/task/{id}": 1}
    assert (await client.http.delete("/_sandbox/stats")).json()["total"] == 0


async def test_control_over_http(stranger: Client, world: Any) -> None:
    http = stranger.http
    accounts = (await http.get("/_sandbox/accounts")).json()
    assert [one["code"] for one in accounts] == list(world.accounts)
    assert accounts[0]["client_id"] == stranger.spec.client_id
    assert accounts[0]["counts"]["properties"] == 20
    rules = (await http.post("/_sandbox/faults", json=[{"kind": "empty"}, {"kind": "slow", "delay": 1}])).json()
    assert [rule["kind"] for rule in rules] == ["empty", "slow"]
    assert len((await http.delete("/_sandbox/faults", params={"id": rules[0]["id"]})).json()) == 1
    assert (await http.delete("/_sandbox/faults")).json() == []
    bad = await http.post("/_sandbox/faults", json={"kind": "empty", "tea": 1})
    assert (bad.status_code, bad.json()["description"]) == (400, "unknown fault settings: tea")
    assert (await http.post("/_sandbox/options", json={"max_limit": 3})).json()["max_limit"] == 3
    assert (await http.post("/_sandbox/options", json={"tea": 3})).status_code == 400
    assert (await http.get("/_sandbox/options")).json()["data_calls"] is None


async def test_edits_over_http(stranger: Client, world: Any) -> None:
    http, account = stranger.http, world.account("austin")
    first = (await http.post("/_sandbox/drift", json={"edits": 4, "seed": 1})).json()
    assert {code: len(edits) for code, edits in first.items()} == dict.fromkeys(world.accounts, 4)
    one = (await http.post("/_sandbox/drift", json={"account": "austin"})).json()
    assert list(one) == ["austin"]
    supply = next(account.ids("supplies"))

    async def edit(**settings: Any) -> int:
        sent = {"account": "austin", "kind": "supplies", "id": supply} | settings
        return (await http.post("/_sandbox/edit", json=sent)).status_code

    assert await edit(action="patch", record={"name": "Tea"}) == 200
    assert account.get("supplies", supply)["name"] == "Tea"
    assert await edit(action="hide") == 200
    assert await edit(action="show") == 200
    assert await edit(action="delete") == 200
    assert await edit(action="delete") == 400
    assert await edit(action="put", record={"id": supply}) == 200
    assert await edit(action="tea") == 400
    assert await edit(kind="tea", action="delete") == 400
    lines = (await http.get("/_sandbox/records/austin/supplies")).text.splitlines()
    assert [json.loads(line) for line in lines] == list(account.records("supplies"))


async def test_edits_that_happen_by_themselves(client: Client, sandbox: Sandbox, time: Time) -> None:
    account = sandbox.world.account("nashville")
    sandbox.options.drift_per_hour = 60
    await client.get("/companies")
    before = account.version
    time.pass_by(90)
    await client.get("/companies")
    assert account.version > before
    drifted = account.version
    time.pass_by(20)
    await client.get("/companies")
    assert account.version == drifted
    time.pass_by(10)
    await client.get("/companies")
    assert account.version > drifted


async def test_a_late_answer_is_what_was_right_when_it_was_asked_for(client: Client, sandbox: Sandbox) -> None:
    account = sandbox.world.account(client.spec.code)
    number = next(iter(account.ids("tasks")))
    before = account.get("tasks", number)["name"]
    heard: list[str] = []
    sandbox.on_call = lambda call: heard.append(call.endpoint)

    def change(_call: object, _answer: object) -> None:
        account.patch("tasks", number, name="changed while it was on its way")

    sandbox.on_answer = change
    sandbox.faults.add("late", r"/task/\d+$", delay=0.01, times=1)
    assert (await client.json(f"/task/{number}"))["name"] == before
    assert (await client.json(f"/task/{number}"))["name"] == "changed while it was on its way"
    assert heard == ["/task/{id}"] * 2
    assert number not in account.hidden_ids("tasks") | account.deleted_ids("tasks")
