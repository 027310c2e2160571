"""Machines by number: the same number plays the same again, as long as what machines draw stays the same."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from hypothesis import Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.convergence.companies import Owners
from tests.convergence.ground import Ground
from tests.convergence.machine import Convergence

STEPS = 8
EXAMPLES = 2
"""Of each number: the first example of hypothesis is always the smallest one."""

Machine = type[Convergence] | type[Owners]


def play(machine: Machine, made: Ground, number: int, *, examples: int = EXAMPLES, is_shrunk: bool = False) -> None:
    """Try the examples of a number on this ground. Raises the first failure; shrunk, that of the shortest steps."""
    phases = (Phase.generate, Phase.shrink) if is_shrunk else (Phase.generate,)
    expected = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        derandomize=False,
        database=None,
        phases=phases,
        print_blob=False,
        report_multiple_bugs=False,
    )
    known_state = type(machine.__name__, (machine,), {"ground": made})
    run_state_machine_as_test(seed(number)(known_state), settings=expected)


def play_new(machine: Machine, made: Ground, seconds: float, known: Sequence[int]) -> int:
    """Try new numbers until the time is over; how many. A failure says its number, which then is a known one."""
    ends, tried = time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        number = random.randrange(1_000_000)
        try:
            play(machine, made, number)
        except BaseException as error:
            error.add_note(f"This was number {number}: write it beside {[*known]}.")
            raise
        tried += 1
    return tried
