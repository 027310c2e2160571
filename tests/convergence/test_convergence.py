"""Fixed numbers, and new ones for some seconds: a failure prints its number, which then becomes a fixed one.

Many others: `python3 dev.py converge`.
"""

from __future__ import annotations

import pytest

from tests.convergence.ground import ground
from tests.convergence.machine import Convergence
from tests.convergence.seeds import play, play_new

FIXED = (1, 2, 3, 4, 5, 498930)
NEW_SECONDS = 5.0


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", FIXED)
def test_two_undisturbed_runs_make_the_mirror_the_truth_whatever_came_before(
    postgres: str, migrated: str, number: int
) -> None:
    with ground(postgres, migrated) as made:
        play(Convergence, made, number)


@pytest.mark.timeout(600)
def test_new_numbers_converge_as_well(postgres: str, migrated: str) -> None:
    with ground(postgres, migrated) as made:
        assert play_new(Convergence, made, NEW_SECONDS, FIXED) > 0
