"""A world whose time the test owns, and clients of it without a network."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from breezeway_sync.sandbox import AccountSpec, Options, Sandbox, SandboxAccount, World, create_app, demo_accounts

INVENTORY = "/public/inventory/v1"


def ids(records: list[Any]) -> list[Any]:
    return [record["id"] for record in records]


class Time:
    """The present of one test."""

    def __init__(self) -> None:
        self.present = datetime(2026, 3, 10, 12, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.present

    def pass_by(self, seconds: float) -> None:
        self.present += timedelta(seconds=seconds)


class Client:
    """Calls with a token, as any client would make them."""

    def __init__(self, app: Starlette, spec: AccountSpec) -> None:
        self.spec = spec
        self.sandbox: Sandbox = app.state.sandbox
        transport = httpx.ASGITransport(app=app)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://sandbox.example")

    async def obtain(self, **other: str) -> httpx.Response:
        pair = {"client_id": self.spec.client_id, "client_secret": self.spec.client_secret} | other
        return await self.http.post("/public/auth/v1/", json=pair)

    async def log_in(self) -> None:
        token = (await self.obtain()).json()["access_token"]
        self.http.headers["Authorization"] = f"JWT {token}"

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.http.get(INVENTORY + path, params=params)

    async def json(self, path: str, **params: Any) -> Any:
        response = await self.get(path, **params)
        assert response.status_code == 200, response.text
        return response.json()

    async def all_pages(self, path: str, **params: Any) -> list[Any]:
        records: list[Any] = []
        number = 1
        while True:
            page = await self.json(path, page=number, **params)
            if not page["results"]:
                return records
            records += page["results"]
            number += 1


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def world(time: Time) -> World:
    return World(demo_accounts(3, "small"), seed=7, now=time)


@pytest.fixture
def app(world: World) -> Starlette:
    return create_app(world, Options(data_calls=None))


@pytest.fixture
def sandbox(app: Starlette) -> Sandbox:
    made: Sandbox = app.state.sandbox
    return made


@pytest.fixture
def account(world: World) -> SandboxAccount:
    return world.account("nashville")


@pytest.fixture
async def stranger(app: Starlette, world: World) -> AsyncIterator[Client]:
    """A client of nashville that has no token yet."""
    client = Client(app, world.account("nashville").spec)
    async with client.http:
        yield client


@pytest.fixture
async def client(stranger: Client) -> Client:
    await stranger.log_in()
    return stranger
