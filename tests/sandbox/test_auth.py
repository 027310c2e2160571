"""The auth service as section 1 of the API page describes it."""

from __future__ import annotations

from datetime import datetime, timedelta

from breezeway_sync.sandbox import Sandbox

from .conftest import Client, Time
from .test_samples import sample


async def refresh(client: Client, token: str, scheme: str = "JWT") -> tuple[int, dict[str, str]]:
    response = await client.http.post("/public/auth/v1/refresh", headers={"Authorization": f"{scheme} {token}"})
    return response.status_code, response.json()


async def test_a_pair_brings_two_tokens(stranger: Client) -> None:
    response = await stranger.obtain()
    assert response.status_code == 200
    assert set(response.json()) == set(sample("auth"))


async def test_the_slash_is_part_of_the_address(stranger: Client) -> None:
    response = await stranger.http.post("/public/auth/v1", json={})
    assert response.status_code == 404
    assert (await stranger.http.get("/public/auth/v1/")).status_code == 405


async def test_wrong_pairs_are_answered_with_200(stranger: Client) -> None:
    unknown = await stranger.obtain(client_id="nobody")
    assert (unknown.status_code, unknown.json()) == (200, sample("auth_inactive_with_status_200"))
    wrong = await stranger.obtain(client_secret="wrong")
    assert (wrong.status_code, wrong.text) == (200, "null")


async def test_malformed_requests(stranger: Client) -> None:
    assert (await stranger.http.post("/public/auth/v1/", content=b"{")).status_code == 400
    assert (await stranger.http.post("/public/auth/v1/", json={"client_id": 1})).status_code == 422


async def test_only_jwt_is_a_scheme(stranger: Client) -> None:
    token = (await stranger.obtain()).json()["access_token"]
    for header in (None, f"Bearer {token}", f"jwt {token}", "JWT wrong"):
        headers = {} if header is None else {"Authorization": header}
        response = await stranger.http.get("/public/inventory/v1/companies", headers=headers)
        assert response.status_code == 401
        assert set(response.json()) == {"error", "description"}


async def test_access_tokens_end_after_a_day(client: Client, time: Time) -> None:
    time.pass_by(86_399)
    assert (await client.get("/companies")).status_code == 200
    time.pass_by(1)
    assert (await client.get("/companies")).status_code == 401


async def test_refresh_rotates_the_pair(stranger: Client, time: Time) -> None:
    first = (await stranger.obtain()).json()
    status, second = await refresh(stranger, first["refresh_token"])
    assert status == 200
    assert not set(first.values()) & set(second.values())
    assert (await refresh(stranger, first["access_token"]))[0] == 401
    assert (await refresh(stranger, first["refresh_token"], "Bearer"))[0] == 401
    time.pass_by(30 * 86_400)
    assert (await refresh(stranger, second["refresh_token"]))[0] == 401


async def test_a_refresh_token_can_be_made_to_work_once(stranger: Client, sandbox: Sandbox, time: Time) -> None:
    sandbox.options.refresh_once = True
    token = (await stranger.obtain()).json()["refresh_token"]
    assert (await refresh(stranger, token))[0] == 200
    time.pass_by(61)
    assert (await refresh(stranger, token))[0] == 401


async def test_one_call_a_minute_and_refused_calls_prolong_it(stranger: Client, time: Time) -> None:
    token = (await stranger.obtain()).json()["refresh_token"]
    time.pass_by(59.5)
    refused = await stranger.obtain()
    assert refused.status_code == 429
    assert {key: type(value) for key, value in refused.json().items()} == {"error": str, "details": dict}
    assert set(refused.json()["details"]) == set(sample("auth_429")["details"])
    assert "retry-after" not in refused.headers
    retry_after = datetime.fromisoformat(refused.json()["details"]["retry_after"])
    assert retry_after.tzinfo is None
    wait = retry_after - time.present.replace(tzinfo=None)
    assert timedelta(seconds=60) <= wait <= timedelta(seconds=61)
    assert (await refresh(stranger, token))[0] == 200, "refresh has a minute of its own"
    time.pass_by(59)
    assert (await stranger.obtain()).status_code == 429
    time.pass_by(60)
    assert (await stranger.obtain()).status_code == 200


async def test_hints_of_the_auth_limit(stranger: Client, sandbox: Sandbox) -> None:
    await stranger.obtain()
    for hint, header, body in (("header", True, False), ("both", True, True), ("none", False, False)):
        sandbox.options.auth_hint = hint  # type: ignore[assignment]
        refused = await stranger.obtain()
        assert ("retry-after" in refused.headers, "details" in refused.json()) == (header, body)
    sandbox.options.auth_interval_seconds = None
    assert (await stranger.obtain()).status_code == 200


async def test_tokens_can_be_revoked(client: Client, sandbox: Sandbox, time: Time) -> None:
    account = sandbox.world.account("nashville")
    sandbox.tokens.revoke(sandbox.world.account("austin"))
    assert (await client.get("/companies")).status_code == 200
    sandbox.tokens.revoke(account, "refresh")
    assert (await client.get("/companies")).status_code == 200
    sandbox.tokens.revoke()
    assert (await client.get("/companies")).status_code == 401
