"""Machines by number: the same number plays the same again, as long as what machines draw stays the same."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

STEPS = 8
EXAMPLES = 2
"""Of each number: the first example of hypothesis is always the smallest one."""

Machines = Callable[[], RuleBasedStateMachine]


def play(machine: Machines, number: int, *, examples: int = EXAMPLES, is_shrunk: bool = False) -> None:
    """Try the examples of a number. Raises what the first failure raises; shrunk, that of the shortest steps."""
    phases = (Phase.generate, Phase.shrink) if is_shrunk else (Phase.generate,)
    wanted = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        derandomize=False,
        database=None,
        phases=phases,
        print_blob=False,
        report_multiple_bugs=False,
    )
    run_state_machine_as_test(seed(number)(machine), settings=wanted)  # type: ignore[arg-type]  # it takes a class
