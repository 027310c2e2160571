"""The simulated API in a process of its own: `serving` starts it, the rest of this module runs in it.

What it has answered it remembers, so that making bodies costs nobody's wall time; latency holds for remembered answers
too. With limits on nothing is remembered: every call passes the sandbox's own counting.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.request import Request, urlopen

import httpx
from aiohttp import web

from bench.processes import HERE, python
from bench.shapes import SEED, Shape, accounts, world
from breezeway_sync.sandbox import AccountSpec, Options, Sandbox, World, create_app
from breezeway_sync.sandbox.answers import Answer

#: Addresses that a change of tasks leaves as they are.
_CHILDREN = ("/comments", "/requirements", "/contacts")
_OF_TASKS = ("/comments", "/requirements")
_COUNTED = ("calls", "child_calls", "bytes", "refused")
_KEPT_HEADERS = ("authorization", "content-type")


@dataclass(frozen=True, slots=True)
class Api:
    """The running service, seen from the bench."""

    url: str
    shape: Shape
    accounts: list[AccountSpec]

    def set_latency(self, seconds: float) -> None:
        self._control("POST", "/_sandbox/options", {"latency_seconds": seconds})

    def change_tasks(self, share: float, seed: int) -> int:
        """Change this share of all tasks, at least one of each account; returns how many."""
        return int(self._control("POST", "/_bench/change", {"share": share, "seed": seed})["changed"])

    def reset(self) -> None:
        """Count calls anew."""
        self._control("DELETE", "/_bench/stats")

    def stats(self) -> dict[str, int]:
        """Since `reset`: `calls`, `child_calls` (comments, requirements), `bytes`, `refused` (neither 200 nor 404)."""
        return {name: int(value) for name, value in self._control("GET", "/_bench/stats").items()}

    def _control(self, method: str, path: str, sent: Mapping[str, Any] | None = None) -> dict[str, Any]:
        body = None if sent is None else json.dumps(sent).encode()
        with urlopen(Request(self.url + path, body, method=method), timeout=600) as answer:
            actual: dict[str, Any] = json.load(answer)
        return actual


@contextmanager
def serving(shape: Shape, *, calls_per_minute: int | None = None, remember: bool = True) -> Iterator[Api]:
    """Start it; with `calls_per_minute` an account that calls more often gets 429."""
    command = python("bench.server", shape, calls_per_minute or 0, int(remember and not calls_per_minute))
    process = subprocess.Popen(command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        url = process.stdout.readline().strip() if process.stdout else ""
        yield Api(url, shape, accounts(shape))
    finally:
        process.communicate()  # closes its stdin, which ends it


class Service:
    """Answers out of memory where it can, and as the sandbox does where it cannot."""

    def __init__(self, made: World, options: Options, *, remember: bool) -> None:
        app = create_app(made, options)
        self._sandbox: Sandbox = app.state.sandbox
        self._app = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sandbox", timeout=None)
        self._remember = remember
        self._remembered: dict[tuple[str, str], Answer] = {}
        self._stats = dict.fromkeys(_COUNTED, 0)

    async def answer(self, request: web.BaseRequest) -> web.Response:
        if request.path.startswith("/_"):
            return await self._control(request)
        caller = self._caller(request)
        answer = self._remembered.get((caller, request.raw_path))
        if answer is None:
            answer = await self._made(request)
            if self._remember and caller and answer.status == 200:
                self._remembered[(caller, request.raw_path)] = answer
        else:
            await asyncio.sleep(self._sandbox.options.latency_seconds)
        self._count(request.path, answer)
        return _response(answer)

    def _caller(self, request: web.BaseRequest) -> str:
        """The account whose valid token was sent; empty where none was."""
        token = request.headers.get("authorization", "").removeprefix("JWT ")
        account = self._sandbox.tokens.valid(token, "access")
        return account.code if account else ""

    async def _made(self, request: web.BaseRequest) -> Answer:
        headers = {name: request.headers[name] for name in _KEPT_HEADERS if name in request.headers}
        body = await request.read()
        made = await self._app.request(request.method, request.raw_path, headers=headers, content=body)
        return Answer(made.status_code, made.content, made.headers["content-type"])

    def _count(self, path: str, answer: Answer) -> None:
        self._stats["calls"] += 1
        self._stats["child_calls"] += path.endswith(_OF_TASKS)
        self._stats["bytes"] += len(answer.body)
        self._stats["refused"] += answer.status not in (200, 404)

    async def _control(self, request: web.BaseRequest) -> web.Response:
        if request.path == "/_bench/change":
            return web.json_response({"changed": self._change(**await request.json())})
        if request.path == "/_bench/stats":
            if request.method == "DELETE":
                self._stats = dict.fromkeys(_COUNTED, 0)
            return web.json_response(self._stats)
        return _response(await self._made(request))

    def _change(self, share: float, seed: int) -> int:
        changed = 0
        for account in self._sandbox.world.accounts.values():
            ids = list(account.ids("tasks"))
            chosen = Random(f"{SEED}/{seed}/{account.code}").sample(ids, max(1, round(len(ids) * share)))
            for task_id in chosen:
                account.patch("tasks", task_id, name=f"Changed {seed}")
            changed += len(chosen)
        self._remembered = {key: kept for key, kept in self._remembered.items() if key[1].endswith(_CHILDREN)}
        return changed


def _response(answer: Answer) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, headers={"content-type": answer.content_type})


async def main(shape: str, calls_per_minute: str, remember: str) -> None:
    """Print the address, serve until stdin ends."""
    limit = int(calls_per_minute) or None
    made = world(Shape.of(shape))
    options = Options(data_calls=limit, auth_interval_seconds=None, max_concurrency=None)
    service = Service(made, options, remember=remember == "1")
    runner = web.ServerRunner(web.Server(service.answer, access_log=None), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"http://127.0.0.1:{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
