"""Stand-ins for what `api` only knows as a protocol, and short ways to make its parts."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from breezeway_sync.api.auth import Authenticator
from breezeway_sync.api.client import AccountApi
from breezeway_sync.api.limits import CallBudget, GlobalLimiter
from breezeway_sync.api.semaphore import OnResize, tell_nobody
from breezeway_sync.api.transport import LARGEST_BODY_BYTES, Transport
from breezeway_sync.core.clock import Clock
from breezeway_sync.core.events import Event
from breezeway_sync.core.tokens import Credentials, Token

from .virtual_time import LoopClock

BASE_URL = "http://api.test"
PAIR = Credentials("made-up-id", "made-up-secret")
Handler = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]


@dataclass
class MemoryVault:
    """A TokenVault in memory, with the same rules; `calls` are the loop's times of granted turns."""

    stored: Token | None = None
    next_call_at: float = 0.0
    calls: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    async def load(self) -> Token | None:
        return self.stored

    async def reserve_call(self, interval_seconds: float) -> float:
        now = asyncio.get_running_loop().time()
        if now < self.next_call_at:
            return self.next_call_at - now
        self.next_call_at = now + interval_seconds
        self.calls.append(now)
        return 0.0

    async def postpone(self, seconds: float) -> None:
        self.next_call_at = max(self.next_call_at, asyncio.get_running_loop().time() + seconds)

    async def save(self, token: Token) -> None:
        self.stored = token

    async def record_failure(self, reason: str) -> None:
        self.failures.append(reason)


@dataclass
class Service:
    """A simulated service: `data` answers data calls, `auth` those for tokens; by default all is well."""

    data: Handler
    auth: Handler | None = None
    seen: list[httpx.Request] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    auth_seen: list[httpx.Request] = field(default_factory=list)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/public/auth/"):
            self.auth_seen.append(request)
            if self.auth is None:
                return token_answer(len(self.auth_seen))
            return await _answer(self.auth, request)
        self.seen.append(request)
        self.at.append(asyncio.get_running_loop().time())
        return await _answer(self.data, request)


async def _answer(handler: Handler, request: httpx.Request) -> httpx.Response:
    answer = handler(request)
    return answer if isinstance(answer, httpx.Response) else await answer


def token_answer(number: int, **more: object) -> httpx.Response:
    return httpx.Response(200, json={"access_token": f"access-{number}", "refresh_token": f"refresh-{number}", **more})


def script(*answers: httpx.Response | Exception) -> Handler:
    """Answers one after the other, the last one again and again."""
    left = list(answers)

    def handle(_request: httpx.Request) -> httpx.Response:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    return handle


def envelope(items: list[object], **fields: object) -> httpx.Response:
    return httpx.Response(200, content=json.dumps({"results": items, **fields}).encode())


@dataclass
class Setup:
    api: AccountApi
    authenticator: Authenticator
    budget: CallBudget
    token_store: MemoryVault
    events: list[Event]
    transport: Transport

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if type(event) is kind]


@asynccontextmanager
async def account(
    service: Service | None = None,
    *,
    requests_per_minute: int = 6000,
    max_in_flight: int = 8,
    global_limiter: GlobalLimiter | None = None,
    token_store: MemoryVault | None = None,
    base_url: str = BASE_URL,
    timeout_seconds: float = 30.0,
    page_size: int = 100,
    clock: Clock | None = None,
    pair: Credentials = PAIR,
    on_resize: OnResize = tell_nobody,
    largest_body_bytes: int = LARGEST_BODY_BYTES,
) -> AsyncIterator[Setup]:
    """Everything an account needs, on a simulated service or, without one, on the network."""
    events: list[Event] = []
    global_limiter = global_limiter or GlobalLimiter(16)
    token_store = token_store or MemoryVault()
    clock = clock or LoopClock()
    http = httpx.MockTransport(service) if service is not None else None
    async with Transport(base_url, timeout_seconds, http=http, largest_body_bytes=largest_body_bytes) as transport:
        authenticator = Authenticator(
            "NORTH",
            pair,
            token_store,
            transport,
            clock,
            interval_seconds=60.0,
            emit=events.append,
            global_limiter=global_limiter,
        )
        budget = CallBudget(requests_per_minute, max_in_flight, global_limiter, on_resize=on_resize)
        api = AccountApi(
            "NORTH",
            transport,
            authenticator,
            budget,
            clock,
            emit=events.append,
            memory=global_limiter.memory,
            page_size=page_size,
            rng=random.Random(7),
        )
        yield Setup(api, authenticator, budget, token_store, events, transport)
