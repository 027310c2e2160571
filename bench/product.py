"""Process: one run of the product, as `breezeway-sync run` does it, with a probe of the event loop beside it.

Reads from stdin `{"base_url", "dsn", "accounts": [{code, name, company_id, client_id, client_secret}], "api": {…},
"entities": [names to read], "disabled": [entities and parts], "full": bool}` and prints the one line of a measured
process.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.measured import quantile
from breezeway_sync.cli.loop import run
from breezeway_sync.core.events import EntityFinished, Event
from breezeway_sync.core.outcome import SUCCESS, Outcome
from breezeway_sync.service import runner
from breezeway_sync.service.settings import Settings

_PROBE_SECONDS = 0.005


def main() -> None:
    """Measure one run. Exit code 1, with the outcomes, unless every one is a success."""
    told = json.load(sys.stdin)
    settings = _settings(told)
    expected = tuple(name for name in told["entities"] if name not in told["disabled"])
    request = runner.RunRequest(tuple(settings.regions), expected, full=told["full"])
    wall, cpu = time.perf_counter(), time.process_time()
    outcomes, lags, ends = run(_run(settings, request))
    spent = {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    wrong = [f"{one.region} {one.entity}: {one.status}, {one.error}" for one in outcomes if one.status != SUCCESS]
    if wrong or not outcomes:
        sys.exit("\n".join(wrong) or "no outcome at all")
    numbers = {
        **spent,
        **_counts(outcomes),
        "busiest_region_calls": max(_calls(outcomes).values()),
        **_lag(lags),
        "slowest_region_seconds": max(ends.values(), default=0.0),
        "median_region_seconds": quantile(list(ends.values()), 0.5),
        "peak_rss_mb": _peak_rss_mb(),
    }
    sys.stdout.write(json.dumps(numbers) + "\n")


def _settings(told: Mapping[str, Any]) -> Settings:
    """The defaults, but for what the bench says."""
    return Settings.model_validate(
        {
            "api": {"base_url": told["base_url"], **told["api"]},
            "database": {"dsn": told["dsn"]},
            "regions": {one.pop("code"): one for one in told["accounts"]},
            "entities": {name: {"enabled": False} for name in told["disabled"]},
        }
    )


async def _run(
    settings: Settings, request: runner.RunRequest
) -> tuple[tuple[Outcome, ...], list[float], dict[str, float]]:
    """The outcomes, the lags of the loop, and after how many seconds each region was done."""
    lags: list[float] = []
    ends: dict[str, float] = {}
    began = time.perf_counter()

    def hear(event: Event) -> None:
        if isinstance(event, EntityFinished):
            ends[event.region] = time.perf_counter() - began

    probe = asyncio.create_task(_probe(lags))
    report = await runner.run(settings, request, emit=hear)
    probe.cancel()
    return report.outcomes, lags, ends


async def _probe(lags: list[float]) -> None:
    """How late a sleep ends, in seconds, again and again."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(_PROBE_SECONDS)
        lags.append(time.perf_counter() - began - _PROBE_SECONDS)


def _counts(outcomes: tuple[Outcome, ...]) -> dict[str, float]:
    names = ("calls", "read", "new", "updated", "unchanged", "deleted", "pending_reads")
    return {name: sum(getattr(one, name) for one in outcomes) for name in names}


def _calls(outcomes: tuple[Outcome, ...]) -> Counter[str]:
    """Calls of each region, without the one for its token."""
    calls: Counter[str] = Counter()
    for one in outcomes:
        calls[one.region] += one.calls
    return calls


def _lag(lags: list[float]) -> dict[str, float]:
    return {
        "lag_p50_ms": quantile(lags, 0.5) * 1000,
        "lag_p99_ms": quantile(lags, 0.99) * 1000,
        "lag_max_ms": max(lags, default=0.0) * 1000,
    }


def _peak_rss_mb() -> float:
    """The most memory that this process ever had, by Linux, since it became this program."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()
