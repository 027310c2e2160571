"""Fixed numbers. New ones: `python3 dev.py converge`; one that fails becomes a fixed one."""

from __future__ import annotations

import pytest

from tests.convergence.companies import Owners
from tests.convergence.ground import ground
from tests.convergence.seeds import play

FIXED = (1, 2, 3)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", FIXED)
def test_each_company_has_its_own_records_and_what_is_fresh_is_exact(postgres: str, migrated: str, number: int) -> None:
    with ground(postgres, migrated) as made:
        play(Owners, made, number)
