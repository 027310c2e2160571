"""The measured process of a peer, in the peer's own environment: `main.py PROGRAM JOB`.

PROGRAM is a module beside this one with `sync(job)`, which returns how many calls it made and the schema that it wrote
to. JOB is JSON: `{"base_url", "dsn", "accounts": [{code, client_id, client_secret}], "runs": 1}`.

Prints the one line of a measured process. `wall_seconds` and `cpu_seconds` are those of the last of the runs, without
what is imported, with the processes that the program started; `wall_seconds_first` are those of the first;
`peak_rss_mb` is of this process alone.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql

ROWS_OF = (
    "tags",
    "people",
    "supplies",
    "templates",
    "subdepartments",
    "properties",
    "property_contacts",
    "reservations",
    "tasks",
    "task_comments",
    "task_requirements",
)
"""Tables that every peer has, by the names that they have in the product."""


def main() -> None:
    program = importlib.import_module(sys.argv[1])
    job: dict[str, Any] = json.loads(sys.argv[2])
    told: dict[str, Any] = {}
    for _number in range(job.get("runs", 1)):
        wall, cpu = time.perf_counter(), _cpu_seconds()
        calls, schema = program.sync(job)
        seconds = time.perf_counter() - wall
        told = {
            "wall_seconds": seconds,
            "cpu_seconds": _cpu_seconds() - cpu,
            "wall_seconds_first": told.get("wall_seconds_first", seconds),
            "calls": calls,
        }
    told["peak_rss_mb"] = _peak_rss_mb()
    told["rows"] = _rows(job["dsn"], schema)
    sys.stdout.write(json.dumps(told) + "\n")


def _cpu_seconds() -> float:
    """Of this process with its threads, and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _peak_rss_mb() -> float:
    """The most memory that this process ever had, by Linux, since it became this program."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024


def _rows(dsn: str, schema: str) -> dict[str, int]:
    counts = {}
    connection = psycopg2.connect(dsn)
    with connection, connection.cursor() as cursor:
        for table in ROWS_OF:
            cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table)))
            counts[table] = cursor.fetchone()[0]
    connection.close()
    return counts


if __name__ == "__main__":  # also of processes that a program starts
    main()
