"""Hundreds of cycles of eight regions that change meanwhile: the mirror follows, and every count agrees."""

from __future__ import annotations

import asyncio
import re
import signal
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from breezeway_sync.sandbox.account import SandboxAccount
from breezeway_sync.sandbox.drift import drift
from tests.cli.support import Starter
from tests.conftest import Rows
from tests.daemon.support import (
    Daemon,
    Line,
    configured,
    eventually,
    ids_differ,
    logged,
    nothing_is_open,
    overlaps,
    ready,
    schedule,
    serve,
)
from tests.helpers import Setup, sandboxed, tiny

pytestmark = [pytest.mark.process, pytest.mark.timeout(240)]

CYCLES = 220
WARM_CYCLES = 50
GROWTH = 1.15
SECRET = "planted-secret-never-to-be-seen-"
OUTCOMES = ("new", "updated", "unchanged", "deleted", "rejected")


def personal(value: Any, key: str = "") -> Iterator[str]:
    """What records say of guests and doors: values long enough to be told from other text."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from personal(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from personal(inner, key)
    elif isinstance(value, str) and len(value) >= 6:
        telling = ("first_name", "last_name", "emails", "email", "number", "phone_numbers", "access_code", "wifi")
        if any(part in key for part in (*telling, "door", "guest", "password", "note", "comment")):
            yield value


def told(values: Iterable[str], text: str) -> list[str]:
    """Those of the values that a text tells. A code of seven digits is told as a number, not as a part of a longer one:
    among the fractions of so many seconds some are the same."""
    numbers = set(re.findall(r"(?<![\d.])\d+", text))
    return [one for one in values if (one in numbers if one.isdigit() else one in text)]


def test_what_is_told_is_seen() -> None:
    values = ["1040055", "Ada Example"]
    assert told(values, '{"code": 1040055, "seconds": 1.5, "who": "Ada Example"}') == values
    assert told(values, "door 1040055#") == values[:1]
    assert told(values, '{"seconds": 0.1040055, "bytes": 10400551}') == []


def values_differ(rows: Rows, account: SandboxAccount) -> list[str]:
    """Live rows whose fields are not those that the account has now."""
    expected: dict[tuple[str, int], tuple[Any, ...]] = {}
    for one in account.records("tasks"):
        expected["tasks", one["id"]] = (one["name"], (one.get("type_task_status") or {}).get("code"))
    for one in account.records("reservations"):
        expected["reservations", one["id"]] = (one["checkin_date"], one["checkout_date"])
    for one in account.records("properties"):
        expected["properties", one["id"]] = (one["name"], one["status"])
    found: dict[tuple[str, int], tuple[Any, ...]] = {}
    code = account.code
    live = "WHERE region_code = %s AND deleted_at IS NULL"
    for row in rows(f"SELECT task_id, task_name, task_status_code FROM tasks {live}", code):
        found["tasks", row["task_id"]] = (row["task_name"], row["task_status_code"])
    for row in rows(f"SELECT reservation_id, checkin_date, checkout_date FROM reservations {live}", code):
        dates = (row["checkin_date"], row["checkout_date"])
        found["reservations", row["reservation_id"]] = tuple(day and str(day) for day in dates)
    for row in rows(f"SELECT property_id, property_name, property_status FROM properties {live}", code):
        found["properties", row["property_id"]] = (row["property_name"], row["property_status"])
    hidden = {("tasks", one) for one in account._hidden["tasks"]}
    return [
        f"{code} {key}: {found.get(key)} instead of {values}"
        for key, values in expected.items()
        if key not in hidden and found.get(key) != values
    ]


async def drifting(setup: Setup) -> None:
    """People at work in every account, until cancelled."""
    while True:
        for account in setup.world.accounts.values():
            drift(account, 1)
            await asyncio.sleep(0.05)


async def metrics_agree(daemon: Daemon, lines: list[Line], rows: Rows, setup: Setup) -> None:
    """What is counted, what was logged, what the table of runs says, what the API has seen."""
    metrics = await daemon.metrics()

    def total(name: str, **labels: str) -> float:
        chosen = set(labels.items())
        return sum(
            value for (found, has), value in metrics.items() if found == f"breezeway_sync_{name}" and chosen <= has
        )

    finished = [line for line in lines if line["event"] == "entity_finished"]
    cycles = Counter(line["status"] for line in lines if line["event"] == "cycle_finished")
    skipped = Counter(line["reason"] for line in lines if line["event"] == "cycle_skipped")
    assert {status: total("cycles_total", status=status) for status in cycles} == cycles
    assert {reason: total("cycles_skipped_total", reason=reason) for reason in skipped} == skipped
    assert total("cycles_total") == cycles.total()
    sums = ", ".join(f"sum(records_{one})::int AS {one}" for one in OUTCOMES)
    (logged_rows,) = rows(f"SELECT {sums}, sum(api_calls_made)::int AS calls, count(*)::int AS n FROM etl_sync_log")
    for one in OUTCOMES:
        counted = total("rows_total", outcome=one)
        assert counted == logged_rows[one] == sum(line[f"{one}_records"] for line in finished), one
    data_calls = setup.stats.total - setup.stats.token_calls
    assert total("run_calls_total") == logged_rows["calls"] == data_calls
    assert total("calls_total") == data_calls
    assert total("runs_total") == logged_rows["n"] == len(finished)
    assert total("crashes_total") == 0


async def test_hundreds_of_cycles(start: Starter, dsn: str, rows: Rows) -> None:
    specs = [replace(one, client_secret=f"{SECRET}{one.code}") for one in tiny(8)]
    async with sandboxed(dsn, specs) as setup:
        guests = {text for one in setup.world.accounts.values() for text in everything_personal(one)}
        config, port = configured(start.folder, setup.url, dsn, specs, schedule(1.5, 2, 2))
        daemon = serve(start, config, port)
        await ready(daemon)
        people = asyncio.create_task(drifting(setup))
        await logged(daemon, "cycle_finished", WARM_CYCLES, 60)
        before = daemon.resident_kilobytes()
        await logged(daemon, "cycle_finished", CYCLES, 120)
        after = daemon.resident_kilobytes()
        people.cancel()
        accounts = list(setup.world.accounts.values())

        async def follows() -> bool:
            return not ids_differ(rows, accounts) and not any(values_differ(rows, one) for one in accounts)

        try:
            await eventually(follows, 30, "the mirror does not follow")
        except AssertionError as error:
            differ = [*ids_differ(rows, accounts), *(text for one in accounts for text in values_differ(rows, one))]
            raise AssertionError(f"{error}: {differ[:8]}") from None
        configured(start.folder, setup.url, dsn, specs, schedule(3600), port=port)
        daemon.running.send(signal.SIGHUP)
        await calm(daemon, rows, setup)
        daemon.running.send(signal.SIGTERM)
        finished = await daemon.running.end(25)
    assert finished.code == 0, finished.err[-2000:]
    nothing_is_open(rows)
    lines = daemon.lines()
    assert overlaps(lines) == []
    assert after <= before * GROWTH, (before, after)
    text = finished.out + finished.err
    assert SECRET not in text
    assert told(guests, text) == []
    assert [line for line in lines if line.get("status") == "failed"] == []
    print(f"{daemon.count('cycle_finished')} cycles, {before} kB after {WARM_CYCLES}, {after} kB after {CYCLES}")  # noqa: T201


async def calm(daemon: Daemon, rows: Rows, setup: Setup) -> None:
    """After the last cycle, all counts agree."""

    async def agree() -> bool:
        lines = daemon.lines()
        begun = sum(line["event"] == "cycle_started" for line in lines)
        if begun != sum(line["event"] == "cycle_finished" for line in lines):
            return False
        calls = setup.stats.total
        try:
            await metrics_agree(daemon, lines, rows, setup)
        except AssertionError:
            if calls == setup.stats.total and daemon.count("cycle_started") == begun:
                raise  # nothing went on meanwhile
            return False
        return True

    await logged(daemon, "configuration_reloaded")
    await eventually(agree, 60, "the counts do not agree")


def everything_personal(account: SandboxAccount) -> Iterator[str]:
    for kind in ("reservations", "properties", "people"):
        for record in account.records(kind):
            yield from personal(record)
