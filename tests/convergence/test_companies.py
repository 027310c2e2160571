"""Fixed numbers, and new ones for some seconds: a failure prints its number, which then becomes a fixed one.

Many others: `python3 dev.py converge`.
"""

from __future__ import annotations

import pytest

from tests.convergence.companies import Owners
from tests.convergence.ground import ground
from tests.convergence.seeds import play, play_new

FIXED = (1, 2, 3, 151345, 485025)
NEW_SECONDS = 5.0


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", FIXED)
def test_each_company_has_its_own_records_and_what_is_fresh_is_exact(postgres: str, migrated: str, number: int) -> None:
    with ground(postgres, migrated) as made:
        play(Owners, made, number)


@pytest.mark.timeout(600)
def test_new_numbers_hold_as_well(postgres: str, migrated: str) -> None:
    with ground(postgres, migrated) as made:
        assert play_new(Owners, made, NEW_SECONDS, FIXED) > 0
