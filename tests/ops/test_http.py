"""The routes on a real port."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from breezeway_sync.core.errors import ConfigurationError
from breezeway_sync.ops.http import create_app, serving
from breezeway_sync.ops.metrics import CONTENT_TYPE
from tests.ops.support import NOW, Stub, facts, fresh, lost, mixed, worst

ROUTES = ("/", "/api/status", "/health", "/health/live", "/health/ready", "/metrics")


@asynccontextmanager
async def served(watch: Stub, patience_seconds: float = 2.0) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(watch, patience_seconds=patience_seconds)
    async with serving(app, "127.0.0.1", 0) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        yield client


async def test_every_route_answers_with_the_same_guard() -> None:
    async with served(Stub()) as client:
        for route in (*ROUTES, "/nothing"):
            answer = await client.get(route)
            assert answer.status_code == (404 if route == "/nothing" else 200)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["cache-control"] == "no-store"
            assert "server" not in answer.headers


async def test_head_has_no_body_and_other_methods_are_refused() -> None:
    async with served(Stub()) as client:
        for route in ROUTES:
            head = await client.head(route)
            assert (head.status_code, head.content) == (200, b"")
            assert int(head.headers["content-length"]) > 0
            for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
                refused = await client.request(method, route)
                assert refused.status_code == 405, (method, route)
                assert set(refused.headers["allow"].split(", ")) == {"GET", "HEAD"}
                assert refused.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("changes", "health", "ready"),
    [
        ({}, 200, 200),
        ({"loop_age_seconds": 99.0}, 503, 503),
        ({"runner_age_seconds": 9999.0}, 503, 503),
        ({"database_reachable": False}, 200, 503),
        ({"database_migrated": False}, 200, 503),
        ({"is_draining": True}, 200, 503),
        ({"late": ("austin tasks",), "refused": ("smoky",)}, 200, 200),
    ],
)
async def test_when_health_is_503(changes: dict[str, object], health: int, ready: int) -> None:
    async with served(Stub(knows=facts(**changes))) as client:
        answers = {route: await client.get(route) for route in ("/health", "/health/live", "/health/ready")}
    assert {route: answer.status_code for route, answer in answers.items()} == {
        "/health": health, "/health/live": health, "/health/ready": ready,
    }  # fmt: skip
    told = answers["/health"].json()
    assert told["live"] == (health == 200)
    assert told["ready"] == (ready == 200)
    assert len(told["reasons"]) == len(told["remedies"]) == len(changes)
    assert told["late"] == list(changes.get("late", ()))  # type: ignore[call-overload]
    assert told["started_at"] == "2025-05-31T10:30:05+00:00"


async def test_metrics() -> None:
    async with served(Stub()) as client:
        answer = await client.get("/metrics")
    assert answer.headers["content-type"] == CONTENT_TYPE
    assert "breezeway_sync_build_info{" in answer.text


async def test_the_status_for_programs() -> None:
    async with served(Stub(mixed())) as client:
        told = (await client.get("/api/status")).json()
    assert told["headline"] == "8 of 71 are late"
    assert told["status"] == "degraded"
    assert (told["read_at"], told["age_seconds"], told["error"]) == ("2025-06-03T14:30:02+00:00", 3.0, None)
    assert len(told["freshness"]) == 71
    assert sum(one["is_late"] for one in told["freshness"]) == 8
    assert {"credentials", "pending_reads", "rejected", "unreachable", "late"} == {
        one["kind"] for one in told["troubles"]
    }
    assert told["service"]["version"] == "1.2.3"
    assert {"runs", "leases", "tokens", "regions"} <= told.keys()


async def test_a_status_that_hangs_holds_nobody_up() -> None:
    watch = Stub(says=None)
    async with served(watch, patience_seconds=0.05) as client:
        async with asyncio.timeout(5):
            pages = await asyncio.gather(*(client.get("/") for _ in range(5)))
            told = await client.get("/api/status")
            assert (await client.get("/health")).status_code == 200
            assert (await client.get("/metrics")).status_code == 200
    assert all(page.status_code == 200 and "The status is not known yet" in page.text for page in pages)
    assert told.status_code == 503
    assert "did not come" in told.json()["error"]
    assert watch.asked == 1, "asked again while the answer was outstanding"


async def test_a_status_that_fails_leaves_the_report_before_it_and_says_so() -> None:
    watch = Stub()
    async with served(watch) as client:
        await client.get("/")
        watch.says = ValueError("secret-text")
        watch.knows = facts(now=NOW + timedelta(hours=3))
        page = await client.get("/")
        told = (await client.get("/api/status")).json()
    assert "The status could not be read: ValueError." in page.text
    assert "secret-text" not in page.text
    assert told["freshness"]
    assert told["age_seconds"] == 3 * 3600 + 3
    assert any(one["is_late"] for one in told["freshness"]), "ages grow while nothing is read"


async def test_an_old_report_is_called_old() -> None:
    old = replace(fresh(), read_at=NOW - timedelta(minutes=5))
    async with served(Stub(old)) as client:
        page = await client.get("/")
    assert "What is shown was read 5 min ago" in page.text


async def test_a_lost_database_is_shown() -> None:
    async with served(Stub(worst(), lost())) as client:
        page = await client.get("/")
        assert (await client.get("/api/status")).status_code == 200
    assert page.status_code == 200
    assert "The database is lost: PostgreSQL cannot be reached" in page.text


async def test_an_error_nobody_foresaw_is_answered_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(Stub):
        def facts(self) -> None:  # type: ignore[override]
            raise ValueError("secret-text")

    async with served(Broken()) as client:
        answer = await client.get("/health")
        assert (await client.get("/metrics")).status_code == 200
    assert (answer.status_code, answer.text) == (500, "internal error, see the log\n")
    assert answer.headers["x-content-type-options"] == "nosniff"
    logged = capsys.readouterr()
    assert "http_failed" in logged.out + logged.err
    assert "secret-text" not in logged.out + logged.err


async def test_the_style_is_the_one_that_is_allowed() -> None:
    import base64
    import hashlib

    async with served(Stub()) as client:
        page = await client.get("/")
    style = re.search(r"<style>(.*?)</style>", page.text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page.headers["content-security-policy"]
    assert 'style="' not in page.text
    assert "<script" not in page.text


async def test_refreshing_can_be_paused() -> None:
    async with served(Stub()) as client:
        assert 'http-equiv="refresh"' in (await client.get("/")).text
        assert 'http-equiv="refresh"' not in (await client.get("/?refresh=off")).text


async def test_a_busy_port_is_a_configuration_error_and_not_the_end() -> None:
    async with serving(create_app(Stub()), "127.0.0.1", 0) as url:
        port = int(url.rsplit(":", 1)[1])
        with pytest.raises(ConfigurationError, match=r"nothing can listen on .*already in use.*another http\.port"):
            async with serving(create_app(Stub()), "127.0.0.1", port):
                pass
    async with serving(create_app(Stub()), "127.0.0.1", port) as again:
        assert again == url


@pytest.mark.parametrize(
    ("host", "words"), [("192.0.2.1", "http.host"), ("no such host", "http.host"), ("x." * 80, "http.host")]
)
async def test_an_address_of_another_machine(host: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        async with serving(create_app(Stub()), host, 0):
            pass


async def test_the_process_keeps_its_signals() -> None:
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    async with serving(create_app(Stub()), "127.0.0.1", 0):
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers


async def test_ipv6() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        async with serving(create_app(Stub()), "::1", 0) as url:
            assert url.startswith("http://[::1]:")
            async with httpx.AsyncClient(trust_env=False) as client:
                assert (await client.get(f"{url}/health")).status_code == 200
    except ConfigurationError:
        pytest.skip("this machine has no IPv6")


async def test_ends_quickly_and_lets_answers_out() -> None:
    """An answer that takes a moment still comes; one that takes an hour is cut; idle connections hold up nothing."""

    async def wait(request: Request) -> PlainTextResponse:
        await asyncio.sleep(float(request.query_params["seconds"]))
        return PlainTextResponse("done")

    app = Starlette(routes=[Route("/", wait)])
    loop = asyncio.get_running_loop()
    async with httpx.AsyncClient(timeout=None, trust_env=False) as client:
        async with serving(app, "127.0.0.1", 0) as url:
            await client.get(url, params={"seconds": 0})
            short = asyncio.create_task(client.get(url, params={"seconds": 0.2}))
            long = asyncio.create_task(client.get(url, params={"seconds": 3600}))
            await asyncio.sleep(0.1)
            ending_at = loop.time()
        assert loop.time() - ending_at < 3
        assert (await short).text == "done"
        with pytest.raises(httpx.TransportError):
            await long
