"""How a soak is steered: how long, and what retention keeps."""

from __future__ import annotations

import pytest

from breezeway_sync.store.retention import RULES
from tests.soak.run import MIRRORED, SUPPORT, SURPLUS, WITH_RECORDS, when


def test_every_table_is_counted_and_those_with_a_retention_are_held_to_it() -> None:
    assert {*MIRRORED, *SUPPORT} == RULES.keys()
    with_retention = {name for name, rule in RULES.items() if rule.queries}
    assert with_retention - SURPLUS.keys() == {*SUPPORT} - WITH_RECORDS - SURPLUS.keys()


@pytest.mark.parametrize(
    ("cycles", "seconds"), [(-1, None), (0, 0.0), (50, 5.0), (100, 20.0), (150, 30.0), (200, None), (900, None)]
)
def test_the_time_of_a_cycle_is_found_between_two_readings(cycles: int, seconds: float | None) -> None:
    assert when(cycles, [(0, 0.0), (100, 10.0), (100, 20.0), (200, 40.0)]) == pytest.approx(seconds)
