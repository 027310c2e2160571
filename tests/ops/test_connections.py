"""Whoever holds connections open, drips or asks without listening: the status page answers the others."""

from __future__ import annotations

import asyncio
import contextlib
import re
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from breezeway_sync.ops import connections
from breezeway_sync.ops.connections import MOST_CONNECTIONS, MOST_HEADER_BYTES
from breezeway_sync.ops.hosts import AllowedHosts
from breezeway_sync.ops.http import create_app, serving
from tests.ops.support import Stub

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]
ASK = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def few_files() -> Iterator[None]:
    """A process that may open no more than the connections would take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 4096), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def slow(request: Request) -> Response:
    await asyncio.sleep(float(request.query_params["seconds"]))
    return PlainTextResponse("done")


async def much(_request: Request) -> Response:
    return Response(b"x" * 50_000_000)


@asynccontextmanager
async def port() -> AsyncIterator[int]:
    app = Starlette(routes=[Route("/slow", slow), Route("/much", much), *create_app(Stub()).routes])
    async with serving(app, "127.0.0.1", 0) as url:
        yield int(url.rsplit(":", 1)[1])


async def opened(number: int) -> Pair:
    return await asyncio.open_connection("127.0.0.1", number)


async def health(number: int) -> int:
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        return (await client.get(f"http://127.0.0.1:{number}/health")).status_code


def closed(pairs: list[Pair]) -> None:
    for _, writer in pairs:
        writer.close()


async def test_a_thousand_idle_connections_keep_nobody_out(few_files: None) -> None:
    async with port() as number:
        pairs = [await opened(number) for _ in range(1000)]
        try:
            assert await health(number) == 200
            ended = [reader.at_eof() or reader.exception() is not None for reader, _ in pairs]
            assert ended.count(False) <= MOST_CONNECTIONS
            assert not ended[-1], "those that have waited longest go first"
        finally:
            closed(pairs)


async def test_connections_that_are_all_busy_are_bounded_too() -> None:
    async with port() as number:
        pairs = [await opened(number) for _ in range(MOST_CONNECTIONS)]
        try:
            for _, writer in pairs:
                writer.write(b"GET /slow?seconds=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
                await writer.drain()
            while True:
                one = await opened(number)
                pairs.append(one)
                one[1].write(ASK)
                with contextlib.suppress(ConnectionError):
                    if await one[0].read(1) == b"":
                        break  # once all requests are under way there is no room
            assert (await pairs[0][0].readline()).startswith(b"HTTP/1.1 200")
            assert await health(number) == 200
        finally:
            closed(pairs)


@pytest.mark.parametrize("piece", [b"", b"G", b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"X-A: 1\r\n", ASK])
async def test_a_head_that_drips_is_cut(monkeypatch: pytest.MonkeyPatch, piece: bytes) -> None:
    monkeypatch.setattr(connections, "HEADERS_SECONDS", 0.3)
    async with port() as number:
        reader, writer = await opened(number)
        loop = asyncio.get_running_loop()
        began = loop.time()
        writer.write(ASK[:-2])
        dripping = asyncio.create_task(drip(writer, piece if piece != ASK else b"X-B: 2\r\n"))
        with contextlib.suppress(ConnectionError):
            assert await reader.read() in (b"", b"HTTP/1.1 400 \r\n")
        assert 0.2 < loop.time() - began < 3
        dripping.cancel()
        writer.close()


async def drip(writer: asyncio.StreamWriter, piece: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        while piece:
            writer.write(piece[:1])
            await writer.drain()
            await asyncio.sleep(0.05)


async def test_an_idle_connection_ends_after_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEADERS_SECONDS", 0.3)
    async with port() as number:
        reader, writer = await opened(number)
        for _ in range(3):
            writer.write(ASK)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            length = re.search(rb"content-length: (\d+)", head)
            assert length is not None
            await reader.readexactly(int(length[1]))
            await asyncio.sleep(0.15)
        async with asyncio.timeout(3):
            await reader.read()
        writer.close()


async def test_an_answer_that_takes_too_long_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.3)
    monkeypatch.setattr(connections, "HEADERS_SECONDS", 0.3)
    async with port() as number:
        for path in ("/slow?seconds=60", "/much"):  # nobody takes it
            reader, writer = await opened(number)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            await asyncio.sleep(0.6)
            async with asyncio.timeout(3):
                with contextlib.suppress(ConnectionError):
                    assert len(await reader.read()) < 50_000_000
            writer.close()
        assert await health(number) == 200


@pytest.mark.parametrize("head", [b"X-A: " + b"a" * MOST_HEADER_BYTES, b"X-A: 1\r\n" * MOST_HEADER_BYTES])
async def test_a_head_without_end_is_refused(head: bytes) -> None:
    async with port() as number:
        reader, writer = await opened(number)
        writer.write(ASK[:-2] + head)
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(3):
                assert (await reader.readline()).startswith(b"HTTP/1.1 400")
        writer.close()


ROUTES = ("/", "/api/status", "/health", "/health/live", "/health/ready", "/metrics", "/nothing")


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    ("host", "status"),
    [
        (b"localhost", 200),
        (b"LOCALHOST:9847", 200),
        (b"127.0.0.1:9847", 200),
        (b"127.9.9.9", 200),
        (b"[::1]:9847", 200),
        (b"sync.localhost.", 200),
        (b"evil.example", 421),
        (b"evil.example:9847", 421),
        (b"localhost.evil.example", 421),
        (b"127.0.0.1.evil.example", 421),
        (b"127.0.0.1@evil.example", 421),
        (b"10.0.0.5", 421),
        (b"[::1", 421),
        (b"", 421),
    ],
)
async def test_only_our_own_names_are_answered_for(route: str, host: bytes, status: int) -> None:
    async with serving(create_app(Stub()), "127.0.0.1", 0) as url:
        reader, writer = await opened(int(url.rsplit(":", 1)[1]))
        writer.write(b"GET " + route.encode() + b" HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
    expected = 404 if status == 200 and route == "/nothing" else status
    assert answer.startswith(f"HTTP/1.1 {expected} ".encode())
    assert status == 200 or (b"evil" not in answer and b"breezeway_sync_" not in answer)


async def test_a_request_without_a_host_comes_from_no_browser() -> None:
    async with serving(create_app(Stub()), "127.0.0.1", 0) as url:
        reader, writer = await opened(int(url.rsplit(":", 1)[1]))
        writer.write(b"GET /health HTTP/1.0\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()


@pytest.mark.parametrize(
    ("hosts", "answered", "refused"),
    [
        (AllowedHosts("0.0.0.0"), ["10.0.0.5:9847", "[fe80::1]", "localhost"], ["evil.example"]),
        (AllowedHosts("::"), ["10.0.0.5", "[2001:db8::1]:9847"], ["evil.example"]),
        (AllowedHosts("192.0.2.7"), ["192.0.2.7:9847", "localhost"], ["192.0.2.8", "evil.example"]),
        (AllowedHosts("sync.internal"), ["SYNC.internal.:9847"], ["other.internal"]),
        (
            AllowedHosts("127.0.0.1", ["sync.example.com", "::2"]),
            ["sync.example.com", "[::2]"],
            ["a.sync.example.com", "::2"],
        ),
        (AllowedHosts("127.0.0.1", ["*"]), ["evil.example", ""], []),
    ],
)
def test_names_that_were_configured(hosts: AllowedHosts, answered: list[str], refused: list[str]) -> None:
    assert all(hosts.answer_for(host) for host in answered)
    assert not any(hosts.answer_for(host) for host in refused)
