"""In CI: few examples, always the same ones. Many others: `python3 dev.py converge`."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.convergence.ground import ground
from tests.convergence.machine import Convergence

EXAMPLES = 10
STEPS = 8


@pytest.mark.timeout(900)
def test_two_undisturbed_runs_make_the_mirror_the_truth_whatever_came_before(postgres: str, migrated: str) -> None:
    with ground(postgres, migrated) as made:

        class Machine(Convergence):
            ground = made

        run_state_machine_as_test(Machine, settings=settings(max_examples=EXAMPLES, stateful_step_count=STEPS))
