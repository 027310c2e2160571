"""Several daemons on one database: one is killed, one is frozen, and nothing is worked by two at once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from breezeway_sync.sandbox.drift import drift
from tests.cli.support import Starter, until
from tests.conftest import Rows
from tests.daemon.support import (
    Daemon,
    Line,
    configured,
    ids_differ,
    nothing_is_open,
    ready,
    schedule,
    serve,
)
from tests.helpers import Setup, sandboxed, tiny

pytestmark = [pytest.mark.process, pytest.mark.timeout(200)]

LEASE_SECONDS = 45
CYCLE_SECONDS = 15


async def three(start: Starter, setup: Setup, dsn: str, folder: Path) -> list[Daemon]:
    daemons = []
    for number in range(3):
        more = schedule(2, 1000, 1000)
        config, port = configured(folder / str(number), setup.url, dsn, tiny(8), more)
        daemons.append(serve(start, config, port))
    for daemon in daemons:
        await ready(daemon)
    return daemons


def held_by(rows: Rows, daemon: Daemon) -> list[str]:
    found = rows("SELECT account FROM account_leases WHERE owner LIKE %s", f"%process {daemon.pid}")
    return [row["account"] for row in found]


def has_just_begun(daemon: Daemon) -> bool:
    """The latest thing that it did is to begin a cycle."""
    cycles = daemon.lines("cycle_started", "cycle_finished")
    return bool(cycles) and cycles[-1]["event"] == "cycle_started"


class Span(NamedTuple):
    """From when to when an account was worked, under which fence."""

    began: str
    ended: str
    fence: int


def spans(lines: Sequence[Line]) -> dict[str, list[Span]]:
    """When each account was worked by one process, cycle by cycle; what has no end is left out."""
    fences: dict[str, int] = {}
    begun: dict[str, tuple[str, int]] = {}
    found: dict[str, list[Span]] = {}
    for line in lines:
        if line["event"] == "lease_claimed":
            fences[line["account"]] = line["fence"]
        elif line["event"] == "cycle_started":
            begun[line["run_id"]] = (line["timestamp"], fences[line["account"]])
        elif line["event"] == "cycle_finished" and line["run_id"] in begun:
            began, fence = begun.pop(line["run_id"])
            found.setdefault(line["account"], []).append(Span(began, line["timestamp"], fence))
    return found


async def one_at_work(daemons: Sequence[Daemon]) -> Daemon:
    """Whichever is in the middle of a cycle: what one has read the others leave alone, so one may do most of it."""
    await until(lambda: any(map(has_just_begun, daemons)), 40, "no daemon works")
    return next(filter(has_just_begun, daemons), daemons[0])


def worked_by_two(daemons: Sequence[Daemon], sleeper: Daemon, newest: int, woken: str) -> list[str]:
    """Cycles of different processes that overlap. What slept is ended by the fence, not by the clock: that is what the
    sleeper ended after it woke under a fence that is no newer than the newest until then."""
    every: dict[str, list[Span]] = {}
    for daemon in daemons:
        for account, times in spans(daemon.lines()).items():
            awake = [one for one in times if daemon is not sleeper or one.ended < woken or one.fence > newest]
            every.setdefault(account, []).extend(awake)
    return [
        f"{account}: {one} and {other}"
        for account, times in every.items()
        for one, other in zip(sorted(times), sorted(times)[1:], strict=False)
        if other.began < one.ended
    ]


def refusals(daemon: Daemon) -> list[Line]:
    """What it was told in the place of another that has taken over."""
    return [line for line in daemon.lines("entity_finished", "operator_notice") if "taken over" in str(line)]


async def test_one_killed_and_one_frozen(start: Starter, dsn: str, rows: Rows, tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with sandboxed(dsn, tiny(8)) as setup:
        daemons = await three(start, setup, dsn, tmp_path)
        await until(lambda: len(rows("SELECT DISTINCT region_code FROM tasks")) == 8, 40, "not all is read")
        setup.options.latency_seconds = 2  # so that what has begun is under way for longer than it takes to see that
        dies = await one_at_work(daemons)
        dies.running.kill()
        left = [daemon for daemon in daemons if daemon is not dies]
        sleeps = await one_at_work(left)
        sleeps.running.send(signal.SIGSTOP)
        (stays,) = [daemon for daemon in left if daemon is not sleeps]
        frozen = held_by(rows, sleeps)
        assert frozen
        since, began = rows("SELECT clock_timestamp() AS now")[0]["now"], loop.time()
        setup.options.latency_seconds = 0
        for account in setup.world.accounts.values():
            drift(account, 5)
        served = "SELECT DISTINCT region_code FROM etl_sync_log WHERE entity_type = 'tasks' "
        served += "AND sync_status = 'success' AND sync_started_at > %s"
        await until(lambda: len(rows(served, since)) == 8, LEASE_SECONDS + CYCLE_SECONDS, "not all are served again")
        taken_over = loop.time() - began
        newest = rows("SELECT max(fence) AS fence FROM account_leases")[0]["fence"]
        woken = rows("SELECT clock_timestamp()::text AS now")[0]["now"]
        sleeps.running.send(signal.SIGCONT)
        await until(
            lambda: any(line["fence"] > newest for line in sleeps.lines("lease_claimed")), 60, "it does not go on"
        )
        done = sum(daemon.count("cycle_finished") for daemon in (stays, sleeps))
        await until(
            lambda: sum(daemon.count("cycle_finished") for daemon in (stays, sleeps)) >= done + 4, 40, "nobody goes on"
        )
        await until(lambda: refusals(sleeps), 40, "what it had under way is not refused")
        accounts = list(setup.world.accounts.values())
        await until(lambda: not ids_differ(rows, accounts, ("tasks", "reservations")), 40, "the mirror does not follow")
        for daemon in (stays, sleeps):
            daemon.running.send(signal.SIGTERM)
        for daemon in (stays, sleeps):
            assert (await daemon.running.end(25)).code == 0
    nothing_is_open(rows)
    claims = [line for daemon in daemons for line in daemon.lines("lease_claimed")]
    assert len({line["fence"] for line in claims}) == len(claims)
    for account in {line["account"] for line in claims}:
        # The sleeper may have claimed just before it froze, and said so only after it woke.
        awake = [line for daemon in daemons if daemon is not sleeps for line in daemon.lines("lease_claimed")]
        own = sorted((line for line in awake if line["account"] == account), key=lambda line: line["fence"])
        times = [line["timestamp"] for line in own]
        assert times == sorted(times)
    assert worked_by_two(daemons, sleeps, newest, woken.replace(" ", "T")) == []
    print(f"{len(frozen)} frozen, all served again after {taken_over:.1f} s, {len(refusals(sleeps))} refusals")  # noqa: T201
