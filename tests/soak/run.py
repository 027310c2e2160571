"""The service as a process, hour after hour in seconds, against accounts that change and sometimes fail."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
from prometheus_client.parser import text_string_to_metric_families

from breezeway_sync.service.settings.history import HISTORY_NAMES
from breezeway_sync.store.database import Database
from breezeway_sync.store.retention import MIRROR, RULES, prune
from tests.cli.support import UNPACED, without_a_listener
from tests.soak.judge import RECORDS, Reading

SUPPORT = sorted(name for name, rule in RULES.items() if rule.words != MIRROR)
MIRRORED = sorted(RULES.keys() - set(SUPPORT))
# The latest deletion of each record stays, and each live task owes its calls until a cycle has time for them, which
# cycles twice a second have not: what is beyond that is counted.
SURPLUS = {
    "deletions": "SELECT count(*) - count(DISTINCT (region_code, entity_type, kind, record_id)) "
    "FROM breezeway.deletions",
    "pending_child_reads": "SELECT count(*) FROM breezeway_internal.pending_child_reads o WHERE NOT EXISTS ("
    "SELECT FROM breezeway.tasks t "
    "WHERE t.region_code = o.region_code AND t.task_id = o.parent_id AND t.deleted_at IS NULL)",
}
UNJUDGED = frozenset(SURPLUS)
# A table without a retention may have more rows where there are more records: the accounts grow a little.
WITH_RECORDS = frozenset(name for name in SUPPORT if not RULES[name].queries) - UNJUDGED

# Retention keeps what so many cycles have written, or fewer: a twentieth of all. Kept for a time, rows would go
# with the machine's speed.
KEPT_CYCLES = 300
STANDSTILL_SECONDS = 120.0
ANSWER_SECONDS = 30.0
POLL_SECONDS = 0.2
SCHEDULE = """
[schedule]
hourly_seconds = 0.5
daily_seconds = 2
weekly_seconds = 5
spread_seconds = 0
verify_seconds = 60
[log]
level = "error"
"""


class Stopped(Exception):
    """The service ended by itself, or does nothing any more."""


@dataclass
class Soak:
    """A service that runs, and how it is looked at."""

    dsn: str
    api: str
    service: subprocess.Popen[bytes]
    port: int
    counts: Path
    kept_cycles: int = 0
    """Retention keeps what so many have written; 0: nothing goes yet."""
    began: float = field(default_factory=time.monotonic)
    readings: list[Reading] = field(default_factory=list)
    _person: int = 0

    def read(self, *, with_blocks: bool) -> Reading:
        """What is now, after retention has had its turn."""
        numbers, seconds = self._metrics(), time.monotonic() - self.began
        cycles = numbers["cycles", ""]
        resident = _resident_megabytes(self.service.pid)
        blocks = self._blocks() if with_blocks else 0
        self._tidy(cycles, seconds)
        runs = {status: runs for (name, status), runs in numbers.items() if name == "runs" and status}
        calls, crashes = numbers["run_calls", ""], numbers["crashes", ""]
        self.readings.append(Reading(seconds, cycles, calls, runs, crashes, resident, blocks, self._rows()))
        return self.readings[-1]

    def cycles(self) -> int:
        """How many cycles of an account have ended; 0 while nobody answers."""
        if self.service.poll() is not None:
            raise Stopped(f"the service ended with exit code {self.service.returncode}")
        try:
            return self._metrics()["cycles", ""]
        except OSError:
            return 0

    def trouble(self) -> None:
        """People at work in every account; in the first one a person's id comes and goes."""
        self._post("drift", {"edits": 5})
        account = self._get("accounts")[0]["code"]
        self._person = self._person or min(self._people(account))
        record = {"id": None if len(self.readings) % 2 else self._person}
        self._post(
            "edit", {"account": account, "kind": "people", "action": "patch", "id": self._person, "record": record}
        )

    def _people(self, account: str) -> list[int]:
        return [json.loads(line)["id"] for line in self._text(f"records/{account}/people").splitlines()]

    def _metrics(self) -> Counter[tuple[str, str]]:
        """The counters of the service, whole and by status."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=ANSWER_SECONDS) as answer:
            text = answer.read().decode()
        found: Counter[tuple[str, str]] = Counter()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                name = sample.name.removeprefix("breezeway_sync_").removesuffix("_total")
                for status in {"", sample.labels.get("status", "")} if family.type == "counter" else ():
                    found[name, status] += int(sample.value)
        return found

    def _blocks(self) -> int:
        self.counts.unlink(missing_ok=True)
        self.service.send_signal(signal.SIGUSR1)
        _wait(self.counts.exists, "the service does not count its blocks")
        return int(self.counts.read_text(encoding="utf-8"))

    def _tidy(self, cycles: int, seconds: float) -> None:
        """What `retention.sync_log_days` and `history.retention_days` are here; the service's turn comes every six
        hours."""
        known = [(0, 0.0), *((one.cycles, one.seconds) for one in self.readings), (cycles, seconds)]
        then = when(cycles - self.kept_cycles, known)
        if not self.kept_cycles or then is None:
            return
        days = (seconds - then) / 86_400

        async def tidy() -> None:
            async with Database(self.dsn, "breezeway") as database:
                await prune(database, days, days)

        asyncio.run(tidy())

    def _rows(self) -> dict[str, int]:
        counted = {name: f"SELECT count(*) FROM {name}" for name in SUPPORT}
        counted |= {f"{name}, surplus": statement for name, statement in SURPLUS.items()}
        counted[RECORDS] = "SELECT " + " + ".join(f"(SELECT count(*) FROM breezeway.{name})" for name in MIRRORED)
        found = {}
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute("SET search_path TO breezeway, breezeway_internal")
            for name, statement in counted.items():
                row = connection.execute(statement.encode()).fetchone()
                found[name] = row[0] if row else 0
        return found

    def _text(self, path: str) -> str:
        with urllib.request.urlopen(f"{self.api}/_sandbox/{path}", timeout=ANSWER_SECONDS) as answer:
            return str(answer.read().decode())

    def _get(self, path: str) -> Any:
        return json.loads(self._text(path))

    def _post(self, path: str, what: object) -> None:
        request = urllib.request.Request(f"{self.api}/_sandbox/{path}", json.dumps(what).encode(), method="POST")
        urllib.request.urlopen(request, timeout=ANSWER_SECONDS).close()


@contextmanager
def soaking(folder: Path, dsn: str, regions: int) -> Iterator[Soak]:
    """The service and the API that it reads, each a process; both have ended afterwards."""
    shape = ["--regions", str(regions), "--properties", "4", "--tasks", "5", "--no-limits"]
    sandbox = [sys.executable, "-m", "breezeway_sync", "sandbox", "--port", "0", *shape]
    with _process(subprocess.Popen(sandbox, stdout=subprocess.PIPE)) as api:
        url, text = _configuration(api, regions)
        port, counts = without_a_listener(), folder / "blocks"
        config = folder / "config.toml"
        history = f"[history]\nentities = {json.dumps(HISTORY_NAMES)}"
        more = f'[database]\ndsn = "{dsn}"\n{SCHEDULE}\n[http]\nport = {port}\n{history}'
        config.write_text(f"{text}\n{more}\n", encoding="utf-8")
        serve = [sys.executable, "-m", "tests.soak.counted", str(counts), "serve", "-c", str(config)]
        with _process(subprocess.Popen(serve, stdout=subprocess.DEVNULL)) as service:
            yield Soak(dsn, url, service, port, counts)


def soak(
    opened: Soak, cycles: int | None, minutes: float | None, count: int, tell: Callable[[Reading], object]
) -> list[Reading]:
    """Let it work for so many cycles and so long, and read as often as `count` says. Raises Stopped."""
    _wait(opened.cycles, "no cycle has ended")
    opened.began = moved = time.monotonic()
    done, tenth = 0, count // 10
    while (number := len(opened.readings)) < count:
        before, done, now = done, opened.cycles(), time.monotonic()
        moved = now if done > before else moved
        if now - moved > STANDSTILL_SECONDS:
            raise Stopped(f"no cycle has ended for {STANDSTILL_SECONDS:g} s")
        shares = (done / cycles if cycles else 1.0, (now - opened.began) / 60 / minutes if minutes else 1.0)
        if min(shares) >= 0.05 and not opened.kept_cycles:
            opened.kept_cycles = min(KEPT_CYCLES, done)
        if min(shares) < (number + 1) / count:
            time.sleep(POLL_SECONDS)
            continue
        tell(opened.read(with_blocks=number < 2 * tenth or number >= count - tenth))
        opened.trouble()
    return opened.readings


def _configuration(api: subprocess.Popen[bytes], regions: int) -> tuple[str, str]:
    """Where the sandbox listens, and what it prints for a configuration, unpaced."""
    assert api.stdout
    lines: list[str] = []
    while sum("client_secret" in line for line in lines) < regions:
        line = api.stdout.readline().decode()
        if not line:
            raise Stopped("the sandbox does not begin")
        lines.append(line)
    text = "".join(lines)
    url = re.search(r'base_url = "(.*)"', text)
    assert url
    return url[1], text.replace("[api]", f"[api]\n{UNPACED}", 1)


@contextmanager
def _process(started: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        yield started
    finally:
        if started.poll() is None:
            started.send_signal(signal.SIGTERM)
        try:
            started.wait(ANSWER_SECONDS)
        finally:
            started.kill()
            if started.stdout:
                started.stdout.close()


def _resident_megabytes(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024


def when(cycles: int, known: list[tuple[int, float]]) -> float | None:
    """How many seconds after the beginning so many had ended, between two readings in proportion."""
    for (before, since), (after, until) in pairwise(known):
        if before <= cycles < after:
            return since + (until - since) * (cycles - before) / (after - before)
    return None


def _wait(is_so: Callable[[], object], failure: str) -> None:
    deadline = time.monotonic() + STANDSTILL_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise Stopped(f"{failure} within {STANDSTILL_SECONDS:g} s")
        time.sleep(POLL_SECONDS)
