"""The account's client in virtual time: retries, pauses, renewals, pages, counts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import aclosing

import httpx
import pytest

from breezeway_sync.api.answers import LONGEST_HINT_SECONDS
from breezeway_sync.api.client import FetchedPage, Tally
from breezeway_sync.api.retry import CALLS, CIRCUIT_CALLS, CIRCUIT_REST_SECONDS, Circuit, pause_seconds, wait_seconds
from breezeway_sync.core import errors
from breezeway_sync.core.errors import ApiError
from breezeway_sync.core.events import AccountPaused, CallFinished, CallRetried

from .support import Service, account, envelope, script, token_answer
from .virtual_time import START, run

OK = httpx.Response(200, json={"id": 1})
DOWN = httpx.Response(503)


def paged(count: int, **fields: object) -> Callable[[httpx.Request], httpx.Response]:
    def handle(request: httpx.Request) -> httpx.Response:
        query = request.url.params
        page, limit = int(query["page"]), int(query["limit"])
        ids = range((page - 1) * limit, min(page * limit, count))
        totals = {"total_pages": -(-count // limit), "total_results": count, "limit": limit, "page": page}
        return envelope([{"id": number} for number in ids], **{**totals, **fields})

    return handle


def test_a_record_with_the_time_of_its_request() -> None:
    service = Service(script(DOWN, OK))

    async def main() -> None:
        async with account(service) as setup:
            tally = Tally()
            record = await setup.api.record("/task/{id}", "/task/7", tally=tally)
            assert record.value == {"id": 1}
            assert record.requested_at == pytest.approx(service.at[1], abs=1e-3)
            assert (record.requested_wall - START).total_seconds() == pytest.approx(service.at[1] - 1000)
            assert (setup.api.calls, tally.calls) == (2, 2)
            assert service.seen[0].url.path == "/public/inventory/v1/task/7"
            assert service.seen[0].headers["authorization"] == "JWT access-1"
            first, second = setup.of(CallFinished)
            assert isinstance(first, CallFinished)
            assert isinstance(second, CallFinished)
            assert (first.status, first.outcome) == (503, "server_failed")
            assert (second.status, second.outcome, second.body_bytes) == (200, "ok", len(OK.content))
            assert setup.of(CallRetried) == [CallRetried("NORTH", "/task/{id}", 2, "server_failed")]

    run(main())


@pytest.mark.parametrize(
    ("answer", "kind", "calls"),
    [
        (DOWN, errors.ServerFailed, CALLS.attempts),
        (httpx.ReadTimeout("late"), errors.ApiUnreachable, CALLS.attempts),
        (httpx.Response(200, text="<html>"), errors.BadAnswer, CALLS.attempts),
        (httpx.Response(200, json={"error": "x"}), errors.BadAnswer, CALLS.attempts),
        (httpx.Response(200), errors.EmptyAnswer, 2),
        (httpx.Response(429), errors.RateLimited, CALLS.attempts),
        (httpx.Response(403, text="<html>"), errors.EdgeBlocked, CALLS.attempts),
        (httpx.Response(404, json={"error": "not_found"}), errors.NotFound, 1),
        (httpx.Response(403, json={"error": "forbidden"}), errors.Forbidden, 1),
        (httpx.Response(422, json={"error": "unprocessable"}), errors.Refused, 1),
    ],
)
def test_only_what_may_pass_is_tried_again(
    answer: httpx.Response | Exception, kind: type[ApiError], calls: int
) -> None:
    service = Service(script(answer))

    async def main() -> None:
        async with account(service) as setup:
            with pytest.raises(kind) as caught:
                await setup.api.listing("/people", "/people")
            assert type(caught.value) is kind
            assert setup.api.calls == len(service.seen) == calls

    run(main())


def test_a_429_stops_the_whole_account() -> None:
    service = Service(script(httpx.Response(429), OK))

    async def main() -> None:
        async with account(service) as setup:
            calls = [setup.api.record("/task/{id}", f"/task/{n}") for n in range(5)]
            await asyncio.gather(*calls)
            paused = setup.of(AccountPaused)
            assert paused
            assert all(isinstance(event, AccountPaused) and event.seconds >= 60.0 for event in paused)

    run(main())
    late = [at for at in service.at if at > 1_001.0]
    assert late
    assert min(late) >= 1_060.0


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_failure_that_names_a_time_stops_the_whole_account_until_then(status: int) -> None:
    service = Service(script(httpx.Response(status, headers={"retry-after": "90"}), OK))

    async def main() -> None:
        async with account(service) as setup:
            await asyncio.gather(*[setup.api.record("/task/{id}", f"/task/{n}") for n in range(5)])
            (paused,) = setup.of(AccountPaused)
            assert isinstance(paused, AccountPaused)
            assert (paused.reason, 90.0 <= paused.seconds <= 95.0) == ("server_failed", True)

    run(main())
    late = [at for at in service.at if at > 1_001.0]
    assert late
    assert min(late) >= 1_090.0


def test_a_failure_that_names_times_without_end_is_given_up() -> None:
    service = Service(script(httpx.Response(503, headers={"retry-after": "86400"})))

    async def main() -> None:
        async with account(service) as setup:
            with pytest.raises(errors.ServerFailed):
                await setup.api.record("/task/{id}", "/task/1")

    run(main())
    assert 2 <= len(service.seen) <= CALLS.attempts
    assert service.at[-1] - service.at[0] <= CALLS.within_seconds + LONGEST_HINT_SECONDS


def test_calls_that_are_not_made_while_the_api_is_given_up_say_so() -> None:
    """They say nothing of what they were to read."""
    service = Service(script(DOWN))

    async def main() -> None:
        async with account(service) as setup:
            for _ in range(CIRCUIT_CALLS):
                with pytest.raises(errors.ServerFailed):
                    await setup.api.record("/task/{id}", "/task/1")
            made = setup.api.calls
            with pytest.raises(errors.GivenUp) as caught:
                await setup.api.record("/task/{id}", "/task/1")
            assert (caught.value.code, caught.value.retryable, setup.api.calls) == ("api_given_up", True, made)

    run(main())


def test_a_401_renews_the_token_once_and_then_names_the_cure() -> None:
    ok = Service(script(httpx.Response(401), OK), lambda _: token_answer(len(ok.auth_seen)))
    bad = Service(script(httpx.Response(401)))

    async def main() -> None:
        async with account(ok) as setup:
            await setup.api.record("/task/{id}", "/task/1")
            assert [r.headers["authorization"] for r in ok.seen] == ["JWT access-1", "JWT access-2"]
        async with account(bad) as setup:
            with pytest.raises(errors.CredentialsRejected, match="Ask Breezeway") as caught:
                await setup.api.record("/task/{id}", "/task/1")
            assert isinstance(caught.value.__cause__, errors.Unauthorized)
            assert len(bad.seen) == 2
            assert len(bad.auth_seen) == 2

    run(main())


def test_failures_of_the_auth_service_are_not_multiplied() -> None:
    service = Service(script(OK), script(DOWN))

    async def main() -> None:
        async with account(service) as setup:
            for _ in range(3):
                with pytest.raises(errors.ServerFailed):
                    await setup.api.record("/task/{id}", "/task/1")
            assert len(service.auth_seen) == 2
            assert setup.api.calls == 0

    run(main())


def test_every_attempt_takes_its_turn() -> None:
    service = Service(script(DOWN))

    async def main() -> None:
        async with account(service, requests_per_minute=2) as setup:
            with pytest.raises(errors.ServerFailed):
                await setup.api.record("/task/{id}", "/task/1")

    run(main())
    assert all(b - a >= 30.0 for a, b in zip(service.at, service.at[1:], strict=False))


def test_a_dead_api_is_given_up_and_tried_again_later() -> None:
    answers: dict[str, httpx.Response] = {"now": DOWN}
    service = Service(lambda _: httpx.Response(answers["now"].status_code, content=answers["now"].content))

    async def main() -> None:
        async with account(service) as setup:
            for _ in range(CIRCUIT_CALLS):
                with pytest.raises(errors.ServerFailed):
                    await setup.api.record("/task/{id}", "/task/1")
            made = setup.api.calls
            for _ in range(50):
                with pytest.raises(errors.ApiUnreachable, match="given up after 6 calls"):
                    await setup.api.record("/task/{id}", "/task/1")
            assert setup.api.calls == made
            answers["now"] = OK
            await asyncio.sleep(CIRCUIT_REST_SECONDS)
            for _ in range(3):
                assert (await setup.api.record("/task/{id}", "/task/1")).value == {"id": 1}

    run(main())


def test_any_answer_closes_the_circuit() -> None:
    circuit = Circuit()
    down = errors.ServerFailed("x", endpoint="/x", status=500)
    for error in (down, down, down, down, down, errors.NotFound("x", endpoint="/x"), down):
        circuit.failed(error, 0.0)
        circuit.check("/x", 1.0)
    assert circuit.failed_calls == 1
    for _ in range(CIRCUIT_CALLS):
        circuit.failed(down, 10.0)
    with pytest.raises(errors.ApiUnreachable):
        circuit.check("/x", 11.0)
    circuit.check("/x", 10.0 + CIRCUIT_REST_SECONDS)
    with pytest.raises(errors.ApiUnreachable):
        circuit.check("/x", 11.0 + CIRCUIT_REST_SECONDS)


def test_when_to_try_again() -> None:
    def wait(error: ApiError, failed: int = 1, elapsed: float = 0.0, *, is_renewed: bool = False) -> float | None:
        return wait_seconds(error, failed, elapsed, is_renewed=is_renewed, chance=lambda: 0.5)

    down = errors.ServerFailed("x", endpoint="/x", status=500)
    assert [wait(down, failed) for failed in range(1, CALLS.attempts + 1)] == [1.5, 3.0, 6.0, 12.0, None]
    assert wait(down, elapsed=CALLS.within_seconds) is None
    assert wait(errors.NotFound("x", endpoint="/x")) is None
    empty = errors.EmptyAnswer("x", endpoint="/x")
    assert [wait(empty, failed) for failed in (1, 2)] == [1.5, None]
    hinted = errors.ServerFailed("x", endpoint="/x", status=503, retry_after_seconds=120.0)
    assert wait(hinted) == 0.0
    unauthorized = errors.Unauthorized("x", endpoint="/x", status=401)
    assert (wait(unauthorized), wait(unauthorized, is_renewed=True)) == (0.0, None)
    assert pause_seconds(down) is None
    assert 120.0 <= (pause_seconds(hinted) or 0) <= 125.0
    for hint, least in ((None, 60.0), (0.0, 1.0), (120.0, 120.0)):
        limited = errors.RateLimited("x", endpoint="/x", retry_after_seconds=hint)
        assert wait(limited) == 0.0
        assert least <= (pause_seconds(limited) or 0) <= least + 5.0
    blocked = errors.EdgeBlocked("x", endpoint="/x")
    assert wait(blocked) == 0.0
    assert (pause_seconds(blocked, lambda: 0.0), pause_seconds(blocked, lambda: 1.0)) == (5.0, 10.0)


@pytest.mark.parametrize("concurrency", [1, 2, 4, 50])
@pytest.mark.parametrize("count", [0, 1, 3, 10, 29])
def test_pages_come_in_order_with_the_least_calls(count: int, concurrency: int) -> None:
    service = Service(paged(count))

    async def main() -> None:
        async with account(service, page_size=3) as setup:
            tally = Tally()
            pages = [
                page
                async for page in setup.api.pages(
                    "/property", "/property", [("company_id", 4)], concurrency=concurrency, tally=tally
                )
            ]
            assert [item for page in pages for item in page.items] == [{"id": n} for n in range(count)]
            assert [page.number for page in pages] == list(range(1, len(pages) + 1))
            assert [page.is_last for page in pages] == [False] * (len(pages) - 1) + [True]
            assert pages[-1].is_complete
            assert tally.calls == len(service.seen) == -(-count // 3) + (count % 3 == 0)
            assert dict(service.seen[0].url.params) == {
                "company_id": "4",
                "limit": "3",
                "sort_by": "created_at",
                "sort_order": "asc",
                "page": "1",
            }

    run(main())


def test_a_million_announced_pages_are_not_asked_for() -> None:
    service = Service(paged(7, total_pages=10**6))

    async def main() -> list[FetchedPage]:
        async with account(service, page_size=3) as setup:
            return [page async for page in setup.api.pages("/property", "/property")]

    assert sum(len(page.items) for page in run(main())) == 7
    assert len(service.seen) <= 4 + 4


def test_a_reader_that_stops_early_leaves_nothing_under_way() -> None:
    cancelled: list[str] = []

    async def slow(request: httpx.Request) -> httpx.Response:
        try:
            if request.url.params["page"] != "1":
                await asyncio.sleep(100)
        except asyncio.CancelledError:
            cancelled.append(request.url.params["page"])
            raise
        return paged(100)(request)

    service = Service(slow)

    async def main() -> None:
        async with account(service, page_size=3) as setup:
            async with aclosing(setup.api.pages("/property", "/property")) as pages:
                async for _ in pages:
                    asyncio.get_running_loop().call_later(10, lambda: None)
                    break
            assert len(asyncio.all_tasks()) == 1
            reading = asyncio.create_task(anext(setup.api.pages("/property", "/property")))
            await reading
            task = asyncio.create_task(drain(setup.api.pages("/property", "/property")))
            await asyncio.sleep(5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert len(cancelled) == 4

    async def drain(pages: object) -> None:
        async for _ in pages:  # type: ignore[attr-defined]
            pass

    run(main())


def test_a_page_that_fails_fails_the_list_after_the_pages_before_it() -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(422) if request.url.params["page"] == "3" else paged(30)(request)

    service = Service(handle)

    async def main() -> list[int]:
        async with account(service, page_size=3) as setup:
            pages = setup.api.pages("/property", "/property")
            seen = [(await anext(pages)).number, (await anext(pages)).number]
            with pytest.raises(errors.Refused):
                await anext(pages)
        return seen

    assert run(main()) == [1, 2]


def test_a_list_that_is_not_paged_is_one_call() -> None:
    service = Service(lambda _: httpx.Response(200, content=json.dumps([{"id": 1}]).encode()))

    async def main() -> None:
        async with account(service) as setup:
            page = await setup.api.listing("/task/tags", "/task/tags", [("company_id", 4)])
            assert (page.items, page.is_last, page.is_complete) == (({"id": 1},), True, True)
            assert dict(service.seen[0].url.params) == {"company_id": "4"}
            assert (await anext(setup.api.pages("/people", "/people"))).is_last
            assert setup.api.calls == 2

    run(main())


def test_nothing_told_carries_an_id_or_a_secret() -> None:
    service = Service(script(DOWN))

    async def main() -> str:
        async with account(service) as setup:
            with pytest.raises(errors.ServerFailed) as caught:
                await setup.api.record("/task/{id}", "/task/4711", [("home_id", 4711)])
            return str(caught.value) + str(setup.events)

    told = run(main())
    assert "4711" not in told
    assert "access-1" not in told
    assert "made-up" not in told
