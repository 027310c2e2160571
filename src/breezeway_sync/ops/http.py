"""The HTTP side of the daemon: health, metrics and the status page. It only reads; GET and HEAD only.

`/` is the status page, `/api/status` the same as JSON, `/metrics` is for Prometheus. Three addresses are for tools that
start and stop the daemon: `/health` and `/health/live` are 503 only where a restart could help. `/health/ready` is 503
while there is no database to work with or the daemon is stopping.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from breezeway_sync.ops import as_json, page
from breezeway_sync.ops.health import HealthReport, judge
from breezeway_sync.ops.hosts import AllowedHosts
from breezeway_sync.ops.metrics import CONTENT_TYPE
from breezeway_sync.ops.serving import serving
from breezeway_sync.ops.view import View
from breezeway_sync.ops.watch import StatusReport, Watch

__all__ = ["create_app", "serving"]

PATIENCE_SECONDS = 2.0
HEADERS = (
    (
        "content-security-policy",
        f"default-src 'none'; style-src '{page.STYLE_HASH}'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
)
_MISDIRECTED = (
    "The status page does not answer for the name in this request's Host. Open it by its address, "
    "or put the name into http.allowed_hosts.\n"
)
_RAW_HEADERS = tuple((name.encode(), value.encode()) for name, value in HEADERS)


def create_app(
    watch: Watch, *, patience_seconds: float = PATIENCE_SECONDS, hosts: AllowedHosts | None = None
) -> Starlette:
    """The application, for requests to these `hosts`; it waits for a report no longer than `patience_seconds`."""
    reader = _Reader(watch, patience_seconds)

    async def view() -> View:
        failure = await reader.refresh()
        return View(watch.facts(), reader.report, failure)

    async def health(_request: Request) -> Response:
        return _health(watch, lambda judgement: judgement.live)

    async def ready(_request: Request) -> Response:
        return _health(watch, lambda judgement: judgement.ready)

    async def metrics(_request: Request) -> Response:
        return Response(watch.metrics.render(), headers={"content-type": CONTENT_TYPE})

    async def status(_request: Request) -> Response:
        seen = await view()
        return _json(as_json.status(seen), 200 if seen.report else 503)

    async def index(request: Request) -> Response:
        is_refreshing = request.query_params.get("refresh") != "off"
        text = page.render(await view(), is_refreshing=is_refreshing)
        return Response(text.encode(errors="replace"), media_type="text/html")

    routes = [
        Route("/", index),
        Route("/api/status", status),
        Route("/health", health),
        Route("/health/live", health),
        Route("/health/ready", ready),
        Route("/metrics", metrics),
    ]
    return Starlette(routes=routes, middleware=[Middleware(_Guard, hosts=hosts or AllowedHosts())])


def _health(watch: Watch, is_well: Callable[[HealthReport], bool]) -> Response:
    facts = watch.facts()
    judgement = judge(facts)
    return _json(as_json.health(facts, judgement), 200 if is_well(judgement) else 503)


def _json(value: object, status: int) -> Response:
    text = json.dumps(value, ensure_ascii=False, default=_plain)
    return Response(text.encode(errors="replace"), status, media_type="application/json")


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")


class _Reader:
    """Keeps the latest report, and asks for one at a time, so that a source that hangs is asked only once."""

    def __init__(self, watch: Watch, patience_seconds: float) -> None:
        self.report: StatusReport | None = None
        self._watch = watch
        self._patience_seconds = patience_seconds
        self._asking: asyncio.Task[StatusReport] | None = None

    async def refresh(self) -> str | None:
        """Take the newest report if it comes in time; else tell why not."""
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._watch.status())
        asking = self._asking
        await asyncio.wait({asking}, timeout=self._patience_seconds)
        if not asking.done():
            return f"the status did not come within {self._patience_seconds:.0f} s"
        if self._asking is asking:
            self._asking = None
        if asking.cancelled():
            return "reading the status was interrupted"
        error = asking.exception()
        if error is not None:
            # Only the name: the text of an error that nobody foresaw may quote data.
            return f"the status could not be read: {type(error).__name__}"
        self.report = asking.result()
        return None


class _Guard:
    """Puts the security headers on every answer, refuses foreign hosts, and answers what failed without its text."""

    def __init__(self, app: ASGIApp, hosts: AllowedHosts) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def send_guarded(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                message["headers"] = [*message["headers"], *_RAW_HEADERS]
            await send(message)

        if not self._hosts.answer_for(Headers(scope=scope).get("host")):
            await PlainTextResponse(_MISDIRECTED, 421)(scope, receive, send_guarded)
            return
        try:
            await self._app(scope, receive, send_guarded)
        except Exception as error:
            structlog.get_logger().error("http_failed", path=scope["path"], error=type(error).__name__)
            if has_begun:
                raise
            await PlainTextResponse("internal error, see the log\n", 500)(scope, receive, send_guarded)
