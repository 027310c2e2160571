"""First syncs under the budget, with time scaled: both sides allow so many times their calls a minute."""

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
#: Eight regions in time twenty times as fast are 480 calls a second: more than this service answers on 2 cores, as it
#: makes each answer anew.
SCALES = {"small": 20, "medium": 20, "large": 10}
_SERVICE_CALLS_PER_MINUTE, _OUR_CALLS_PER_MINUTE = 200, 180


def run(ground: Ground, sizes: Sequence[str], runs: int) -> list[Figure]:
    """Adds `budget_seconds`, what the calls of the busiest account take within its budget, and `least_calls`."""
    collected = Collected(SCENARIO)
    for size in sizes:
        scale = SCALES[size]
        with serving(SHAPES[size], calls_per_minute=_SERVICE_CALLS_PER_MINUTE * scale) as api:
            for number in range(runs):
                with ground.database() as dsn:
                    collected.add(CASE, size, OURS, _first(api, dsn, scale))
                say(f"budget: {size}, round {number + 1} of {runs} done")
        collected.note(CASE, size, OURS, f"time scaled by {scale}")
    return collected.figures()


def _first(api: Api, dsn: str, scale: int) -> Sample:
    ours_per_minute = _OUR_CALLS_PER_MINUTE * scale
    settings = {"requests_per_minute": ours_per_minute, "auth_interval_seconds": 60 / scale}
    sample = ours(api, dsn, settings=settings)
    check_complete(sample, api)
    if sample.numbers["api_refused"]:
        raise Failed(f"{sample.numbers['api_refused']:.0f} calls were refused: this run did not keep the limit")
    added = {
        "budget_seconds": sample.numbers["busiest_region_calls"] * 60 / ours_per_minute,
        "least_calls": sum(least_calls(one) for one in world(api.shape).accounts.values()),
    }
    return replace(sample, numbers={**sample.numbers, **added})
