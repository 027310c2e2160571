"""On a real port."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from breezeway_sync.sandbox import Sandbox, World, running


async def test_serves_and_ends(app: Starlette, world: World) -> None:
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    async with running(app) as url, httpx.AsyncClient(base_url=url) as client:
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
        assert len((await client.get("/_sandbox/accounts")).json()) == 3
        response = await client.get("/public/inventory/v1/people")
        assert response.status_code == 401
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(url)


async def test_a_dropped_connection(app: Starlette, sandbox: Sandbox) -> None:
    async with running(app) as url, httpx.AsyncClient(base_url=url) as client:
        sandbox.faults.add("drop", "/people", times=1)
        with pytest.raises(httpx.TransportError):
            await client.get("/public/inventory/v1/people")
        assert (await client.get("/public/inventory/v1/people")).status_code == 401


async def test_ends_at_once_while_calls_wait(app: Starlette, sandbox: Sandbox) -> None:
    sandbox.faults.add("slow", delay=3600)
    async with httpx.AsyncClient(timeout=None) as client:
        async with running(app) as url:
            call = asyncio.create_task(client.get(f"{url}/public/inventory/v1/people"))
            while not sandbox.stats.in_flight:  # noqa: ASYNC110  # a counter, not an event
                await asyncio.sleep(0)
        with pytest.raises(httpx.TransportError):
            await call
    assert sandbox.stats.in_flight == 0


async def test_the_same_port_twice_in_a_row(app: Starlette) -> None:
    async with running(app) as url:
        port = int(url.rsplit(":", 1)[1])
    async with running(app, port=port) as again:
        assert again == url


def test_no_machine_of_anybody_is_named() -> None:
    """Bodies name reserved domains only."""
    for file in Path(__file__).parents[2].glob("src/breezeway_sync/sandbox/*.py"):
        text = file.read_text(encoding="utf-8")
        assert "breezeway.io" not in text, file
