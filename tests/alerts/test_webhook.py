"""A webhook on a port of this machine."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from breezeway_sync.ops.alerts import Message, NotDelivered
from breezeway_sync.ops.alerts.webhook import WebhookChannel, slack_text
from breezeway_sync.sandbox.server import running
from tests.alerts.support import Mailbox, desk, ended

SECRET = "T000/B000/made-up"
MESSAGE = Message("nashville tasks failed", "it <broke> & more\n", "ident")


@dataclass
class Hook:
    """What was posted, and which statuses come before 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    posts: list[tuple[str, object]] = field(default_factory=list)

    async def take(self, request: Request) -> Response:
        if self.statuses:
            return PlainTextResponse("no", self.statuses.pop(0))
        assert request.headers["content-type"] == "application/json"
        self.posts.append((f"{request.url.path}?{request.url.query}", json.loads(await request.body())))
        return PlainTextResponse("ok")


@asynccontextmanager
async def hooked(*statuses: int) -> AsyncIterator[Hook]:
    hook = Hook(statuses=list(statuses))
    app = Starlette(routes=[Route("/{path:path}", hook.take, methods=["POST"])])
    async with running(app) as url:
        hook.url = url
        yield hook


def test_what_slack_would_read_as_markup_is_escaped() -> None:
    assert slack_text(MESSAGE) == "*[breezeway-sync] nashville tasks failed*\nit &lt;broke&gt; &amp; more"
    assert len(slack_text(Message("long", "x" * 100_000, "ident"))) < 40_000


async def test_the_address_is_called_as_it_stands() -> None:
    async with hooked() as hook:
        assert await WebhookChannel(f"{hook.url}/services/{SECRET}?wait=true&a=%20b", 5.0).send(MESSAGE) is None
        assert await WebhookChannel(hook.url, 5.0).send(MESSAGE) is None
    assert hook.posts == [
        (f"/services/{SECRET}?wait=true&a=%20b", {"text": slack_text(MESSAGE)}),
        ("/?", {"text": slack_text(MESSAGE)}),
    ]


@pytest.mark.parametrize(("status", "again"), [(500, True), (503, True), (429, True), (404, False), (302, False)])
async def test_what_it_refuses(status: int, again: bool) -> None:
    async with hooked(status) as hook:
        channel = WebhookChannel(f"{hook.url}/services/{SECRET}", 5.0)
        with pytest.raises(NotDelivered, match=f"the webhook refused the message: got HTTP status {status}") as caught:
            await channel.send(MESSAGE)
    assert caught.value.again is again
    assert hook.posts == []
    assert SECRET not in f"{caught.value}{channel!r}"


async def test_an_error_and_then_it_works() -> None:
    async with hooked(500, 502) as hook:
        at = desk(mailbox=Mailbox(is_down=True), more=[WebhookChannel(f"{hook.url}/services/{SECRET}", 5.0)])
        await at.after(ended())
        await at.after(ended())
    assert len(hook.posts) == 1


async def test_nobody_there() -> None:
    async with hooked() as hook:
        url = hook.url
    with pytest.raises(NotDelivered, match="the webhook is unreachable: got the connection was refused") as caught:
        await WebhookChannel(f"{url}/{SECRET}", 5.0).send(MESSAGE)
    assert caught.value.again
    assert SECRET not in str(caught.value)


async def test_a_proxy_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://proxy.example:1080")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(NotDelivered, match="proxy") as caught:
        await WebhookChannel(f"https://hooks.example.com/{SECRET}", 5.0).send(MESSAGE)
    assert not caught.value.again
