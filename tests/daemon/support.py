"""The daemon as a process: started, read over HTTP and from its log, and compared with what the API serves."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from breezeway_sync.sandbox.account import SandboxAccount
from breezeway_sync.sandbox.spec import AccountSpec, Kind
from tests.cli.support import UNPACED, Running, Starter, until, without_a_listener, write_config
from tests.conftest import Rows

Line = dict[str, Any]
COMPARED: tuple[Kind, ...] = (
    "properties",
    "reservations",
    "tasks",
    "people",
    "supplies",
    "templates",
    "subdepartments",
)
KEYS = {
    "properties": "property_id",
    "reservations": "reservation_id",
    "tasks": "task_id",
    "people": "person_id",
    "supplies": "supply_id",
    "templates": "template_id",
    "subdepartments": "subdepartment_id",
}


def schedule(hourly: float, daily: float | None = None, weekly: float | None = None, spread: float = 0) -> str:
    """The table [schedule] without comparisons, which would be calls of their own; what is left out is as slow as
    usual."""
    lines = ["[schedule]", f"hourly_seconds = {hourly}", f"spread_seconds = {spread}", "verify_seconds = 0"]
    lines += [f"daily_seconds = {daily}"] if daily is not None else []
    lines += [f"weekly_seconds = {weekly}"] if weekly is not None else []
    return "\n".join(lines)


@dataclass(slots=True)
class Daemon:
    """A running `serve` and its HTTP side."""

    running: Running
    port: int

    @property
    def pid(self) -> int:
        return self.running.pid

    def lines(self, *events: str) -> list[Line]:
        """The log's lines so far, of these events or all; a last one that is not ended yet is left out."""
        whole = self.running.out.rpartition("\n")[0].splitlines()
        found: list[Line] = [json.loads(line) for line in whole]
        return [line for line in found if not events or line["event"] in events]

    def count(self, event: str) -> int:
        return self.running.out.count(f'"event": "{event}"')

    async def answer(self, path: str) -> tuple[int, str]:
        """Status and body; 0 where nobody listens."""

        def ask() -> tuple[int, str]:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.read().decode()
            except OSError:
                return 0, ""

        return await asyncio.to_thread(ask)

    async def is_ready(self) -> bool:
        return (await self.answer("/health/ready"))[0] == 200

    async def metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Values by name and labels."""
        _, text = await self.answer("/metrics")
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def resident_kilobytes(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


async def eventually(is_so: Callable[[], Any], within: float, failure: str) -> None:
    """`until` for questions that have to be awaited."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while not await is_so():
        assert loop.time() < deadline, f"{failure} within {within:g} s"
        await asyncio.sleep(0.05)


def configured(
    folder: Path,
    url: str,
    dsn: str,
    accounts: Iterable[AccountSpec],
    more: str,
    *,
    port: int | None = None,
    api: str = "",
) -> tuple[Path, int]:
    """A configuration of its own with a port of its own."""
    port = port or without_a_listener()
    folder.mkdir(exist_ok=True)
    api = f"{UNPACED}\n{api}"
    return write_config(folder, url, dsn, accounts, api=api, more=f"{more}\n[http]\nport = {port}"), port


def serve(start: Starter, config: Path, port: int, variables: dict[str, str] | None = None) -> Daemon:
    return Daemon(start("serve", "-c", config, variables=variables or {}), port)


async def ready(daemon: Daemon, within: float = 40) -> None:
    async def is_ready() -> bool:
        assert daemon.running.popen.poll() is None, daemon.running.err[-2000:]
        return await daemon.is_ready()

    await eventually(is_ready, within, "the daemon does not become ready")


async def logged(daemon: Daemon, event: str, times: int = 1, within: float = 40) -> None:
    """Wait until an event was logged so often."""
    await until(lambda: daemon.count(event) >= times, within, f"there are not {times} lines {event}")


def live_ids(rows: Rows, kind: str, region: str) -> set[int]:
    key = KEYS[kind]
    found = rows(f"SELECT {key} FROM {kind} WHERE region_code = %s AND deleted_at IS NULL", region)
    return {row[key] for row in found}


def ids_differ(rows: Rows, accounts: Iterable[SandboxAccount], kinds: Iterable[Kind] = COMPARED) -> list[str]:
    """Where the mirror's live rows are not the records that lists show; rows of those that lists no longer show
    stay."""
    found = []
    for account in accounts:
        for kind in kinds:
            truth, live = set(account.ids(kind)), live_ids(rows, kind, account.code)
            missing = truth - account._hidden[kind] - live
            unknown = live - truth - account._deleted[kind]
            if missing or unknown:
                found.append(f"{account.code} {kind}: missing {sorted(missing)[:5]}, unknown {sorted(unknown)[:5]}")
    return found


def overlaps(lines: Iterable[Line]) -> list[str]:
    """Accounts whose cycle began before the one before had finished."""
    under_way: dict[str, str] = {}
    found = []
    for line in lines:
        account = line.get("account", "")
        if line["event"] == "cycle_started":
            if account in under_way:
                found.append(account)
            under_way[account] = line["run_id"]
        elif line["event"] == "cycle_finished" and under_way.get(account) == line["run_id"]:
            del under_way[account]
    return found


def nothing_is_open(rows: Rows) -> None:
    """No row says that something runs, no account is held."""
    assert rows("SELECT region_code, entity_type FROM etl_sync_log WHERE sync_status = 'running'") == []
    assert rows("SELECT account FROM account_leases WHERE owner IS NOT NULL") == []


INLINE = ("assignments", "photos", "supplies", "costs")


def nothing_is_half_written(rows: Rows, account: SandboxAccount) -> None:
    """Each stored task that did not change since has all the lists that came with it."""
    counts = ", ".join(
        f"(SELECT count(*)::int FROM task_{name} c WHERE c.region_code = t.region_code AND c.task_pk = t.id) AS {name}"
        for name in INLINE
    )
    statement = f"SELECT task_id, updated_at, {counts} FROM tasks t WHERE region_code = %s AND deleted_at IS NULL"
    for row in rows(statement, account.code):
        record = account.find("tasks", row["task_id"])
        if record is not None and datetime.fromisoformat(record["updated_at"]) == row["updated_at"]:
            assert {name: row[name] for name in INLINE} == {name: len(record[name]) for name in INLINE}, row
