"""A long soak on demand: `python3 dev.py soak [--cycles N]`.

Runs `breezeway-sync serve` with a tempo of half a second against the simulated API, whose accounts change all the
while, and reports the process's memory and the rows of what is only kept for a while over thousands of cycles. Ends
with exit code 1 when the last tenth is more than 10 % above the second tenth (the first one is start-up).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

import psycopg

from breezeway_sync.sandbox.postgres import throwaway_postgres
from breezeway_sync.store.database import Database
from breezeway_sync.store.retention import RULES, prune

# What `retention.sync_log_days` and `history.retention_days` are here; the service's own turn comes every six hours.
RETENTION_SECONDS = 60.0
# Deletions are bounded by the records that there ever were: the accounts gain and lose some all the while.
KEPT_A_WHILE = sorted(name for name, rule in RULES.items() if rule.queries and name != "deletions")
FEW_ROWS = 200
COMMAND = [sys.executable, "-m", "breezeway_sync"]
SCHEDULE = """
[schedule]
hourly_seconds = 0.5
daily_seconds = 2
weekly_seconds = 5
spread_seconds = 0
[http]
port = 0
[log]
level = "error"
"""


class Reading(NamedTuple):
    """After so many cycles: memory, and rows by table."""

    cycles: int
    megabytes: float
    rows: dict[str, int]


def resident_megabytes(pid: int) -> float:
    """What the process holds in memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def cycles(connection: psycopg.Connection[tuple[int]]) -> int:
    """Runs of properties that have ended: one per region and hourly cycle."""
    row = connection.execute(
        "SELECT count(*) FROM breezeway.etl_sync_log WHERE entity_type = 'properties' AND sync_completed_at IS NOT NULL"
    ).fetchone()
    return row[0] if row else 0


def drift(url: str) -> None:
    """Let every account change a little."""
    request = urllib.request.Request(f"{url}/_sandbox/drift", data=b'{"edits": 5}', method="POST")
    urllib.request.urlopen(request, timeout=10).close()


def rows_kept(dsn: str, connection: psycopg.Connection[tuple[int]]) -> dict[str, int]:
    """Rows of what is kept for a while, after retention has had its turn."""

    async def tidy() -> None:
        async with Database(dsn, "breezeway") as database:
            await prune(database, RETENTION_SECONDS / 86_400, RETENTION_SECONDS / 86_400)

    asyncio.run(tidy())
    found = {}
    for name in KEPT_A_WHILE:
        row = connection.execute(f"SELECT count(*) FROM breezeway.{name}").fetchone()
        found[name] = row[0] if row else 0
    return found


def measure(wanted: int, dsn: str, url: str, pid: int) -> list[Reading]:
    """One every fiftieth of the way."""
    readings: list[Reading] = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        while not readings or readings[-1][0] < wanted:
            time.sleep(1)
            try:
                done = cycles(connection)
            except psycopg.errors.UndefinedTable:
                continue
            if not readings or done >= readings[-1][0] + wanted // 50:
                readings.append(Reading(done, resident_megabytes(pid), rows_kept(dsn, connection)))
                kept = sum(readings[-1].rows.values())
                print(f"{done:6d} cycles  {readings[-1].megabytes:6.1f} MB  {kept:6d} rows", flush=True)  # noqa: T201
                drift(url)
    return readings


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=3000)
    wanted: int = parser.parse_args().cycles
    with tempfile.TemporaryDirectory() as folder, throwaway_postgres() as dsn:
        sandbox = subprocess.Popen(
            [*COMMAND, "sandbox", "--port", "0", "--regions", "8", "--properties", "4", "--tasks", "5", "--no-limits"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert sandbox.stdout
        lines: list[str] = []
        while not lines or "hill_country" not in "".join(lines) or "client_secret" not in lines[-1]:
            lines.append(sandbox.stdout.readline())
        url = re.search(r'base_url = "(.*)"', "".join(lines))
        assert url
        text = "".join(lines).replace("[api]", "[api]\nrequests_per_minute = 1000000\nauth_interval_seconds = 0")
        config = Path(folder) / "config.toml"
        config.write_text(f'{text}\n[database]\ndsn = "{dsn}"\n{SCHEDULE}')
        serve = subprocess.Popen([*COMMAND, "serve", "-c", str(config)], stdout=subprocess.DEVNULL, env=os.environ)
        try:
            readings = measure(wanted, dsn, url[1], serve.pid)
        finally:
            for process in (serve, sandbox):
                process.send_signal(signal.SIGTERM)
                process.wait(30)
    return judge(readings)


def judge(readings: list[Reading]) -> int:
    """Say what has grown; 1 when something has."""
    tenth = max(1, len(readings) // 10)
    first, last = readings[tenth : 2 * tenth + 1], readings[-tenth:]
    early, late = (max(one.megabytes for one in part) for part in (first, last))
    grown = [] if late <= 1.10 * early else ["memory"]
    print(f"{last[-1].cycles} cycles: {early:.1f} MB early, {late:.1f} MB late ({late / early - 1:+.1%})")  # noqa: T201
    for name in KEPT_A_WHILE:
        before, after = (max(one.rows[name] for one in part) for part in (first, last))
        print(f"  {name}: {before} rows early, {after} late")  # noqa: T201
        grown += [name] if after > 1.10 * before + FEW_ROWS else []
    print(f"grown: {', '.join(grown) or 'nothing'}")  # noqa: T201
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
