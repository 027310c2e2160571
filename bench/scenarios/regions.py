"""Many regions in one process: the first sync of 8 small ones and of 200, each region of the same size."""

from __future__ import annotations

from collections.abc import Sequence

from bench.contestants import Collected, check_complete, ours
from bench.ground import Ground, say
from bench.measured import OURS, Figure
from bench.server import serving
from bench.shapes import Shape

SCENARIO = "regions"
FEW, MANY = "8 regions", "200 regions"
SHAPES = {FEW: Shape(8, 4, 5, 3), MANY: Shape(200, 4, 5, 3)}
SIZE = "small"


def run(ground: Ground, sizes: Sequence[str], runs: int) -> list[Figure]:
    """One size, whichever are asked for."""
    del sizes
    collected = Collected(SCENARIO)
    for number in range(runs):
        for case, shape in SHAPES.items():
            with serving(shape) as api, ground.database() as dsn:
                sample = ours(api, dsn)
                check_complete(sample, api)
                collected.add(case, SIZE, OURS, sample)
        say(f"regions: round {number + 1} of {runs} done")
    return collected.figures()
