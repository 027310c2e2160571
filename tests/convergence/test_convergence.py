"""Fixed numbers. New ones: `python3 dev.py converge`; one that fails becomes a fixed one."""

from __future__ import annotations

import pytest

from tests.convergence.ground import ground
from tests.convergence.machine import Convergence
from tests.convergence.seeds import play

FIXED = (1, 2, 3, 4, 5)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", FIXED)
def test_two_undisturbed_runs_make_the_mirror_the_truth_whatever_came_before(
    postgres: str, migrated: str, number: int
) -> None:
    with ground(postgres, migrated) as made:
        play(Convergence, made, number)
