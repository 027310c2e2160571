"""On what it was measured."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psycopg

LIBRARIES = ("aiohttp", "asyncpg", "httpx", "httpx-aiohttp", "msgspec", "psycopg", "pydantic")


def describe(dsn: str) -> dict[str, str]:
    """Names and versions, in the order in which they are shown. `dsn` is the server's."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "CPU": f"{_cpu()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "PostgreSQL": str(row[0]) if row else "unknown",
        **{name: version(name) for name in LIBRARIES},
    }


def _cpu() -> str:
    """The first processor's name, where Linux tells it."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
