"""The command as a process of its own: started, watched while it runs, ended whatever happens."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from breezeway_sync.sandbox.spec import AccountSpec
from tests.conftest import Rows
from tests.helpers import Setup, sandboxed

COMMAND = Path(sys.executable).with_name("breezeway-sync")
POLL_SECONDS = 0.02
Variables = Mapping[str, str]
NOTHING: Variables = {}
UNPACED = "requests_per_minute = 1000000\nauth_interval_seconds = 0"

# What of our own environment would reach into the processes under test.
_OURS = ("BREEZEWAY_SYNC_", "PG")
_KEPT = {"BREEZEWAY_SYNC_TEST_PG_BIN"}  # where a PostgreSQL is, not what to do
_OTHERS = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}

_SESSIONS = (
    "SELECT count(*) AS n FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name = 'breezeway-sync'"
)


@dataclass(frozen=True, slots=True)
class Finished:
    """A process that has ended."""

    code: int
    out: str
    err: str
    seconds: float


@dataclass(slots=True)
class Running:
    """A process, whose streams are files, so that it never waits for its reader."""

    popen: subprocess.Popen[bytes]
    streams: Path
    began: float = field(default_factory=time.monotonic)

    @property
    def out(self) -> str:
        return self.streams.with_suffix(".out").read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        return self.streams.with_suffix(".err").read_text(encoding="utf-8")

    @property
    def pid(self) -> int:
        return self.popen.pid

    def send(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    async def end(self, within: float = 40.0) -> Finished:
        """Wait for the end; fails, and kills, when it does not come in time."""
        try:
            await until(lambda: self.popen.poll() is not None, within, "the process does not end")
        except AssertionError as error:
            self.kill()
            raise AssertionError(f"{error}\nstdout: {self.out}\nstderr: {self.err[-2000:]}") from None
        return Finished(self.popen.wait(), self.out, self.err, time.monotonic() - self.began)

    def kill(self) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()


@dataclass(slots=True)
class Starter:
    """Starts processes in a folder of their own, without the configuration and colours of whoever tests."""

    folder: Path
    started: list[Running] = field(default_factory=list)

    def __call__(self, *arguments: str | Path, stderr: int | None = None, variables: Variables = NOTHING) -> Running:
        return self.program(COMMAND, *arguments, stderr=stderr, variables=variables)

    def program(self, *command: str | Path, stderr: int | None = None, variables: Variables = NOTHING) -> Running:
        streams = self.folder / f"process-{len(self.started)}"
        with streams.with_suffix(".out").open("wb") as out, streams.with_suffix(".err").open("wb") as err:
            popen = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err if stderr is None else stderr,
                cwd=self.folder,
                env={**environment(), "HOME": str(self.folder), **variables},
                start_new_session=True,
            )
        running = Running(popen, streams)
        self.started.append(running)
        return running

    async def done(self, *arguments: str | Path, within: float = 40.0, variables: Variables = NOTHING) -> Finished:
        return await self(*arguments, variables=variables).end(within)


@contextmanager
def starter(folder: Path) -> Iterator[Starter]:
    """A starter whose processes are gone at the end."""
    start = Starter(folder)
    try:
        yield start
    finally:
        for running in start.started:
            running.kill()


def environment() -> dict[str, str]:
    """Ours, without what steers the command."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or (not name.startswith(_OURS) and name.upper() not in _OTHERS)
    }


async def until(is_so: Callable[[], Any], within: float, failure: str) -> None:
    """Poll with a deadline; the loop goes on meanwhile."""
    deadline = time.monotonic() + within
    while not is_so():
        assert time.monotonic() < deadline, f"{failure} within {within:g} s"
        await asyncio.sleep(POLL_SECONDS)


async def killed(running: Running, setup: Setup, rows: Rows) -> None:
    """Kill it, and wait for what it had under way: calls on the wire are counted, statements on the server end."""
    running.kill()
    for _turn in range(100):  # the simulated API shares this loop: each turn accepts and reads what the sockets hold
        await asyncio.sleep(0)
    await until(lambda: setup.stats.in_flight == 0, 30, "a call of the killed process is not answered")
    await until(lambda: rows(_SESSIONS) == [{"n": 0}], 30, "a session of the killed process does not end")


def write_config(
    folder: Path, url: str, dsn: str, accounts: Iterable[AccountSpec], *, api: str = UNPACED, more: str = ""
) -> Path:
    """A configuration file as people write it."""
    lines = ["[api]", f'base_url = "{url}"', api, "[database]", f'dsn = "{dsn}"', more]
    for one in accounts:
        lines += [
            f"[regions.{one.code}]",
            f'name = "{one.name}"',
            f"company_id = {one.company_id}",
            f'client_id = "{one.client_id}"',
            f'client_secret = "{one.client_secret}"',
        ]
    path = folder / "settings.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@dataclass(slots=True)
class Stage:
    """A simulated API in this loop, a configuration that points at it, and the command."""

    setup: Setup
    config: Path
    start: Starter

    def run(self, *arguments: str, stderr: int | None = None, variables: Variables = NOTHING) -> Running:
        return self.start("run", "--config", self.config, *arguments, stderr=stderr, variables=variables)

    async def ran(self, *arguments: str, within: float = 40.0, variables: Variables = NOTHING) -> Finished:
        return await self.run(*arguments, variables=variables).end(within)


@asynccontextmanager
async def staged(
    start: Starter, dsn: str, accounts: list[AccountSpec], *, limits: bool = False, more: str = ""
) -> AsyncIterator[Stage]:
    """Everything that a run needs; without `limits` neither side paces."""
    async with sandboxed(dsn, accounts, limits=limits) as setup:
        api = "" if limits else UNPACED
        yield Stage(setup, write_config(start.folder, setup.url, dsn, accounts, api=api, more=more), start)


async def fetched(url: str) -> Any:
    """The JSON behind a local address."""

    def fetch() -> Any:
        with urllib.request.urlopen(url) as answer:
            return json.load(answer)

    return await asyncio.to_thread(fetch)


def without_a_listener() -> int:
    """A port of this machine that refuses connections."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
