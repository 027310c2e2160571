"""The state of the simulated service, and the path of a call through its edge, its limits and its faults."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from starlette.datastructures import URL
from starlette.requests import Request
from starlette.types import Send

from breezeway_sync.sandbox import answers, faults
from breezeway_sync.sandbox.account import SandboxAccount
from breezeway_sync.sandbox.answers import Answer, SandboxRefusal
from breezeway_sync.sandbox.drift import drift
from breezeway_sync.sandbox.faults import Faults
from breezeway_sync.sandbox.options import Options
from breezeway_sync.sandbox.select import Selector
from breezeway_sync.sandbox.stats import Stats
from breezeway_sync.sandbox.tokens import Tokens, zoneless
from breezeway_sync.sandbox.world import World

#: Where the application keeps the server's own `send` in the scope, for dropping connections.
SEND_KEY = "breezeway_sync.sandbox.send"


@dataclass(slots=True)
class Call:
    """One request on its way."""

    sandbox: Sandbox
    request: Request
    endpoint: str
    account: SandboxAccount | None = None
    body: bytes = b""

    @property
    def owner(self) -> SandboxAccount:
        """The account that calls; only where a token was required."""
        if self.account is None:
            raise SandboxRefusal(answers.unauthorized())
        return self.account

    def number(self, name: str) -> int:
        """An id in the path; what is no number is no record."""
        text: str = self.request.path_params[name]
        if not text.isdecimal():
            raise SandboxRefusal(answers.not_found("Record"))
        return int(text)


Handler = Callable[[Call], Answer]


class Dropped(Exception):  # a decision, not an error
    """This call gets no answer."""


@dataclass(slots=True)
class Sandbox:
    """World, switches and counters of one simulated service: `app.state.sandbox`."""

    world: World
    options: Options = field(default_factory=Options)
    stats: Stats = field(default_factory=Stats)
    selector: Selector = field(default_factory=Selector)
    faults: Faults = field(init=False)
    tokens: Tokens = field(init=False)
    on_call: Callable[[Call], None] | None = None
    """Hears of each call before it is answered; may change the accounts."""
    on_answer: Callable[[Call, Answer], None] | None = None
    """Hears of each right answer at the moment it is made, before faults spoil or delay it."""
    _recent: dict[str, deque[float]] = field(default_factory=dict)
    _drifted: float | None = None

    def __post_init__(self) -> None:
        self.faults = Faults(self.world.seed)
        self.tokens = Tokens(self.world)

    async def serve(self, call: Call, handler: Handler, *, needs_token: bool) -> Answer:
        """One call from its arrival to its answer. Raises Dropped."""
        self.stats.enter()
        try:
            call.body = await call.request.body()
            call.account = self._caller(call)
            code = None if call.account is None else call.account.code
            self.stats.called(code, call.endpoint)
            if self.on_call is not None:
                self.on_call(call)
            answer = await self._answer(call, code, handler, needs_token=needs_token)
            self.stats.answered(code, answer.status, len(answer.body))
            return answer
        finally:
            self.stats.leave()

    async def _answer(self, call: Call, code: str | None, handler: Handler, *, needs_token: bool) -> Answer:
        most = self.options.max_concurrency
        if most is not None and self.stats.in_flight > most:
            return answers.blocked()
        delay, rule = self.faults.choose(code, call.request.method, _address(call.request.url))
        # Also without latency: calls that arrived together must meet here.
        await asyncio.sleep(self.options.latency_seconds + delay)
        if rule is None:
            return self._right(call, handler, needs_token=needs_token)
        self.stats.faults[rule.kind] += 1
        if rule.kind == "drop":
            self.stats.dropped += 1
            raise Dropped
        retry_at = zoneless(self.world.now().timestamp() + rule.retry_after)
        wrong = faults.instead(rule, retry_at)
        if wrong is not None:
            return wrong
        right = self._right(call, handler, needs_token=needs_token)
        if rule.kind == "late":
            await asyncio.sleep(rule.delay)
        return faults.spoiled(rule, right)

    def _right(self, call: Call, handler: Handler, *, needs_token: bool) -> Answer:
        try:
            if needs_token:
                self._validate(call)
            self._drift()
            answer = handler(call)
        except SandboxRefusal as refusal:
            answer = refusal.answer
        if self.on_answer is not None:
            self.on_answer(call, answer)
        return answer

    def _caller(self, call: Call) -> SandboxAccount | None:
        """Whose token was sent, valid or not."""
        scheme, _, token = call.request.headers.get("authorization", "").partition(" ")
        return self.tokens.owner(token) if scheme == "JWT" else None

    def _validate(self, call: Call) -> None:
        scheme, _, token = call.request.headers.get("authorization", "").partition(" ")
        account = self.tokens.valid(token, "access") if scheme == "JWT" else None
        if account is None:
            raise SandboxRefusal(answers.unauthorized())
        if not self._within_limit(account.spec.client_id):
            raise SandboxRefusal(answers.rate_limited())

    def _within_limit(self, client_id: str) -> bool:
        """A sliding window; refused calls do not fill it."""
        most = self.options.data_calls
        if most is None:
            return True
        now = self.world.now().timestamp()
        recent = self._recent.setdefault(client_id, deque())
        while recent and recent[0] <= now - self.options.data_window_seconds:
            recent.popleft()
        if len(recent) >= most:
            return False
        recent.append(now)
        return True

    def _drift(self) -> None:
        """Edits that happen by themselves, as many as the time since the last call brings."""
        if self.options.drift_per_hour <= 0:
            return
        now = self.world.now().timestamp()
        if self._drifted is None:
            self._drifted = now
        edits = int((now - self._drifted) * self.options.drift_per_hour / 3600)
        if edits > 0:
            self._drifted += timedelta(hours=edits / self.options.drift_per_hour).total_seconds()
            for account in self.world.accounts.values():
                drift(account, min(edits, 1000))


def drop_connection(send: Send | None) -> bool:
    """End the connection under a call; False where there is none (in-process transports)."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        return False
    transport.abort()
    return True


def _address(url: URL) -> str:
    """What faults are matched against: the path, and the query where there is one."""
    return f"{url.path}?{url.query}" if url.query else url.path
