"""First syncs under the budget, with time scaled: both sides allow SCALE times their calls a minute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench.contestants import Collected, check_complete, ours
from bench.ground import Ground, say
from bench.measured import OURS, Figure, Sample
from bench.processes import Failed
from bench.server import Api, serving
from bench.shapes import SHAPES, least_calls, world

SCENARIO = "budget"
CASE = "first, under the budget"
SCALE = 20
SERVICE_CALLS_PER_MINUTE = 200 * SCALE
OUR_CALLS_PER_MINUTE = 180 * SCALE
_SETTINGS = {"requests_per_minute": OUR_CALLS_PER_MINUTE, "auth_interval_seconds": 60 / SCALE}


def run(ground: Ground, sizes: Sequence[str], runs: int) -> list[Figure]:
    """Adds `budget_seconds`, what the calls of the busiest account take within its budget, and `least_calls`."""
    collected = Collected(SCENARIO)
    for size in sizes:
        with serving(SHAPES[size], calls_per_minute=SERVICE_CALLS_PER_MINUTE) as api:
            for number in range(runs):
                with ground.database() as dsn:
                    collected.add(CASE, size, OURS, _first(api, dsn))
                say(f"budget: {size}, round {number + 1} of {runs} done")
        collected.note(CASE, size, OURS, f"time scaled by {SCALE}")
    return collected.figures()


def _first(api: Api, dsn: str) -> Sample:
    sample = ours(api, dsn, settings=_SETTINGS)
    check_complete(sample, api)
    if sample.numbers["api_refused"]:
        raise Failed(f"{sample.numbers['api_refused']:.0f} calls were refused: this run did not keep the limit")
    added = {
        "budget_seconds": sample.numbers["busiest_region_calls"] * 60 / OUR_CALLS_PER_MINUTE,
        "least_calls": sum(least_calls(one) for one in world(api.shape).accounts.values()),
    }
    return replace(sample, numbers={**sample.numbers, **added})
