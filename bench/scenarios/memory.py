"""Memory and growth: first syncs of 10 thousand, 100 thousand and a million records, lists only."""

from __future__ import annotations

from collections.abc import Sequence

from bench.contestants import CALLED, Collected, check_complete, ours
from bench.ground import Ground, say
from bench.measured import OURS, Figure
from bench.server import serving
from bench.shapes import Shape

SCENARIO = "memory"
CASE = "first, lists only"
#: Pages are full in all of them, so that a record costs the same share of a call.
SHAPES = {
    "small": Shape(4, 25, 100, 1),
    "medium": Shape(4, 250, 100, 1),
    "large": Shape(4, 2500, 100, 1),
}
#: A million records take minutes, and what they take varies little.
_LARGE_RUNS = 2


def run(ground: Ground, sizes: Sequence[str], runs: int) -> list[Figure]:
    """Sizes in alternation. The service makes every body anew: remembering a million would be its memory's test."""
    collected = Collected(SCENARIO)
    for number in range(runs):
        for size in sizes:
            if size == "large" and number >= _LARGE_RUNS:
                continue
            with serving(SHAPES[size], remember=False) as api, ground.database() as dsn:
                sample = ours(api, dsn, disabled=CALLED)
                check_complete(sample, api)
                collected.add(CASE, size, OURS, sample)
            say(f"memory: {size}, round {number + 1} of {runs} done")
    return collected.figures()
