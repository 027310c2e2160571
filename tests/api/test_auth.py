"""Tokens, in virtual time and against a simulated auth service."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from itertools import pairwise

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway_sync.api.auth import Authenticator
from breezeway_sync.api.auth_answers import ACCESS_LIFE, Effort, first_way, read_token, usable
from breezeway_sync.api.limits import GlobalLimiter
from breezeway_sync.api.transport import RawAnswer
from breezeway_sync.core import errors
from breezeway_sync.core.errors import ApiError
from breezeway_sync.core.events import Event, TokenFailed, TokenObtained
from breezeway_sync.core.tokens import Token

from .support import PAIR, Handler, MemoryVault, Service, account, script, token_answer
from .virtual_time import START, run

END = "/public/auth/v1/"
NO_DATA = script(httpx.Response(500))


def token(age: timedelta = timedelta(), life: timedelta = ACCESS_LIFE, name: str = "old") -> Token:
    return Token(f"{name}-access", f"{name}-refresh", START - age + life, START - age)


def obtain(
    auth: Handler, token_store: MemoryVault, calls: int = 1
) -> tuple[list[str | BaseException], Service, list[Event]]:
    service = Service(NO_DATA, auth)

    async def main() -> tuple[list[str | BaseException], Service, list[Event]]:
        async with account(service, token_store=token_store) as setup:
            asked = (setup.authenticator.token() for _ in range(calls))
            return await asyncio.gather(*asked, return_exceptions=True), service, setup.events

    return run(main())


def test_credentials_are_posted_as_documented_and_the_token_is_kept() -> None:
    token_store = MemoryVault()
    actual, service, events = obtain(lambda _: token_answer(1), token_store)
    assert actual == ["access-1"]
    request = service.auth_seen[0]
    assert (request.method, request.url.path) == ("POST", "/public/auth/v1/")
    assert json.loads(request.content) == {"client_id": PAIR.client_id, "client_secret": PAIR.client_secret}
    assert token_store.stored is not None
    assert token_store.stored.refresh_token == "refresh-1"
    assert timedelta(hours=23) < token_store.stored.expires_at - START <= timedelta(hours=24, minutes=1)
    assert events == [TokenObtained("NORTH", "credentials")]


def test_many_callers_ask_once() -> None:
    actual, service, _ = obtain(lambda _: token_answer(1), MemoryVault(), calls=20)
    assert actual == ["access-1"] * 20
    assert len(service.auth_seen) == 1


def test_a_stored_token_costs_no_call() -> None:
    token_store = MemoryVault(token())
    actual, service, events = obtain(NO_DATA, token_store)
    assert (actual, service.auth_seen, token_store.calls) == (["old-access"], [], [])
    assert events == [TokenObtained("NORTH", "stored")]


def test_an_expiring_token_is_refreshed_as_documented() -> None:
    token_store = MemoryVault(token(age=timedelta(hours=23, minutes=45)))
    actual, service, _ = obtain(lambda _: token_answer(7), token_store)
    assert actual == ["access-7"]
    request = service.auth_seen[0]
    assert (request.method, request.url.path) == ("POST", "/public/auth/v1/refresh")
    assert request.headers["authorization"] == "JWT old-refresh"
    assert request.content == b""
    assert token_store.stored is not None
    assert token_store.stored.refresh_token == "refresh-7"


def test_an_old_refresh_token_is_not_tried() -> None:
    _, service, _ = obtain(lambda _: token_answer(1), MemoryVault(token(age=timedelta(days=29, hours=1))))
    assert [request.url.path for request in service.auth_seen] == [END]


@pytest.mark.parametrize(
    "failure",
    [
        httpx.Response(401),
        httpx.Response(200, content=b"null"),
        httpx.Response(200, json={"error": "x"}),
        httpx.Response(503),
        httpx.Response(404, json={"error": "not_found"}),
        httpx.Response(200, content=b""),
        httpx.ReadTimeout("lost on the way"),
    ],
)
def test_a_refresh_that_fails_falls_back_to_the_credentials(failure: httpx.Response | Exception) -> None:
    token_store = MemoryVault(token(age=timedelta(days=2)))
    actual, service, _ = obtain(script(failure, token_answer(2)), token_store)
    assert actual == ["access-2"]
    assert [request.url.path for request in service.auth_seen] == [f"{END}refresh", END]
    assert token_store.calls[1] - token_store.calls[0] >= 60.0, "every attempt is spaced"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={"error": "inactive client"}),
        httpx.Response(200, content=b"null"),
        httpx.Response(400),
        httpx.Response(401, content=b"<html>"),
        httpx.Response(403, json={"error": "forbidden"}),
        httpx.Response(422, json={}),
    ],
)
def test_rejected_credentials_are_tried_once_and_told(answer: httpx.Response) -> None:
    token_store = MemoryVault()
    actual, service, events = obtain(script(answer), token_store, calls=5)
    assert {type(error) for error in actual} == {errors.CredentialsRejected}
    assert len(service.auth_seen) == 1
    assert len(token_store.failures) == 1
    assert "Compare client_id and client_secret" in token_store.failures[0]
    assert PAIR.client_secret not in str(actual) + token_store.failures[0]
    assert [type(event) for event in events] == [TokenFailed]


def test_a_rejection_stands_for_a_while_and_ends_when_somebody_has_a_token() -> None:
    service = Service(NO_DATA, script(httpx.Response(401), token_answer(3)))

    async def main() -> None:
        async with account(service) as setup:
            for _ in range(3):
                with pytest.raises(errors.CredentialsRejected):
                    await setup.authenticator.token()
                await asyncio.sleep(70)
            assert len(service.auth_seen) == 1
            assert len(setup.token_store.failures) == 1
            await asyncio.sleep(200)
            assert await setup.authenticator.token() == "access-3"

    run(main())


@pytest.mark.parametrize(
    "failure", [httpx.Response(500), httpx.Response(403, text="<html>"), httpx.ConnectError("refused")]
)
def test_no_answer_is_tried_twice_each_in_its_turn(failure: httpx.Response | Exception) -> None:
    token_store = MemoryVault()
    actual, service, _ = obtain(script(failure), token_store, calls=4)
    assert all(isinstance(error, ApiError) and error.retryable for error in actual)
    assert len(service.auth_seen) == 2
    assert all(later - earlier >= 60.0 for earlier, later in pairwise(token_store.calls))


def test_a_429_is_waited_out_and_not_asked_again_meanwhile() -> None:
    token_store = MemoryVault()
    limited = httpx.Response(429, json={"error": "x", "details": {"retry_after": "2026-07-30T21:03:20"}})
    actual, service, _ = obtain(script(limited, token_answer(1)), token_store)
    assert actual == ["access-1"]
    assert len(service.auth_seen) == 2
    assert token_store.calls[1] - token_store.calls[0] == pytest.approx(200.0, abs=0.1)


def test_a_failure_of_the_auth_service_that_names_a_time_is_waited_out() -> None:
    token_store = MemoryVault()
    actual, service, _ = obtain(
        script(httpx.Response(503, headers={"retry-after": "200"}), token_answer(1)), token_store
    )
    assert actual == ["access-1"]
    assert len(service.auth_seen) == 2
    assert token_store.calls[1] - token_store.calls[0] == pytest.approx(200.0, abs=0.1)


def test_a_service_that_always_says_429_is_given_up() -> None:
    actual, service, _ = obtain(script(httpx.Response(429)), MemoryVault())
    assert isinstance(actual[0], errors.RateLimited)
    assert len(service.auth_seen) == 3


def test_a_turn_is_not_waited_for_without_end() -> None:
    token_store = MemoryVault(next_call_at=1_000.0 + 601)
    actual, service, _ = obtain(lambda _: token_answer(1), token_store)
    assert isinstance(actual[0], errors.ApiUnreachable)
    assert "no turn" in actual[0].message
    assert not service.auth_seen


def test_a_token_that_another_process_got_meanwhile_is_taken() -> None:
    token_store = MemoryVault(next_call_at=1_060.0)
    service = Service(NO_DATA)

    async def main() -> str:
        async with account(service, token_store=token_store) as setup:
            asyncio.get_running_loop().call_later(30, setattr, token_store, "stored", token(name="theirs"))
            return await setup.authenticator.token()

    assert run(main()) == "theirs-access"
    assert not service.auth_seen


def test_a_rejected_token_is_renewed_once_for_all() -> None:
    service = Service(NO_DATA, lambda _: token_answer(2))

    async def main() -> tuple[list[str], str]:
        async with account(service, token_store=MemoryVault(token())) as setup:
            old = await setup.authenticator.token()
            new = await asyncio.gather(*(setup.authenticator.renew(old) for _ in range(9)))
            return new, await setup.authenticator.renew(old)

    assert run(main()) == (["access-2"] * 9, "access-2")
    assert len(service.auth_seen) == 1


def test_a_token_is_renewed_before_it_expires() -> None:
    service = Service(NO_DATA)

    async def main() -> list[str]:
        async with account(service) as setup:
            actual = [await setup.authenticator.token()]
            for hours in (23, 0.6):
                await asyncio.sleep(hours * 3600)
                actual.append(await setup.authenticator.token())
            return actual

    assert run(main()) == ["access-1", "access-1", "access-2"]


def test_token_calls_use_the_flight_but_not_the_budget() -> None:
    global_limiter = GlobalLimiter(1)

    async def main() -> float:
        loop = asyncio.get_running_loop()
        async with account(Service(NO_DATA), global_limiter=global_limiter) as setup:
            setup.budget.pause(10_000)
            async with global_limiter:
                asked = asyncio.create_task(setup.authenticator.token())
                await asyncio.sleep(50)
                assert not asked.done()
            assert await asked == "access-1"
            assert setup.api.calls == 0
            return loop.time()

    assert run(main()) < 1_100


def test_an_answer_without_refresh_token_leaves_the_old_one_with_its_age() -> None:
    old = token(age=timedelta(days=3))
    new = read_token(END, RawAnswer(200, {}, b'{"access_token": "a", "expires_in": "600"}'), START, old)
    assert new == Token("a", "old-refresh", START + timedelta(seconds=600), old.refreshed_at)


@pytest.mark.parametrize("expires_in", [None, True, 0, -1, "soon", 1e300, "1e999", [], "nan", 10**400])
def test_a_life_that_is_none_is_the_documented_one(expires_in: object) -> None:
    body = json.dumps({"access_token": "a", "expires_in": expires_in}).encode()
    new = read_token(END, RawAnswer(200, {}, body), START, None)
    assert isinstance(new, Token)
    assert new.expires_at == START + ACCESS_LIFE


def test_the_margin_is_never_more_than_a_tenth_of_a_life() -> None:
    short = token(life=timedelta(seconds=100))
    assert usable(short, START + timedelta(seconds=89), None)
    assert not usable(short, START + timedelta(seconds=91), None)
    assert not usable(short, START, "old-access")
    assert not usable(None, START, None)
    assert not usable(Token("two\nlines", None, START + ACCESS_LIFE, START), START, None)


def test_what_follows_a_failure() -> None:
    assert first_way(None, START) == "credentials"
    assert first_way(Token("a", None, START, START), START) == "credentials"
    assert first_way(token(), START) == "refresh"
    limited = errors.RateLimited("x", endpoint=END, retry_after_seconds=None)
    assert Effort().after("refresh", limited) == "refresh"
    assert Effort().after("credentials", errors.Refused("x", endpoint=END)) is None


@given(
    status=st.sampled_from([200, 201, 400, 401, 403, 404, 422, 429, 500]),
    body=st.binary(max_size=50)
    | st.dictionaries(
        st.sampled_from(["access_token", "refresh_token", "expires_in", "error", "details"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()),
    ).map(lambda value: json.dumps(value).encode())
    | st.sampled_from([b"[" * 100_000, b'"text"', b"[1]", b"3"]),
)
def test_no_auth_answer_brings_anything_unexpected(status: int, body: bytes) -> None:
    actual = read_token(END, RawAnswer(status, {}, body), START, None)
    assert isinstance(actual, Token | ApiError)


def test_nothing_secret_is_shown() -> None:
    assert "access" not in repr(token()).replace("access_token", "").replace("expires", "")
    assert PAIR.client_secret not in repr(PAIR)
    assert Authenticator.__repr__ is object.__repr__
