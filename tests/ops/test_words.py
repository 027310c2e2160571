"""Numbers as people read them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from breezeway_sync.ops.words import ago, brief, clock, count, duration, listing
from tests.ops.support import NOW

HOUR, DAY = 3600.0, 86_400.0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"), (0.04, "0 s"), (0.26, "0.3 s"), (0.94, "0.9 s"), (0.96, "1 s"), (59.6, "60 s"), (99.4, "99 s"),
        (99.6, "2 min"), (2040, "34 min"), (3569, "59 min"), (3571, "1 h"), (2 * HOUR, "2 h"), (7500, "2 h 5 min"),
        (DAY - 31, "23 h 59 min"), (DAY - 29, "1 d"), (76 * HOUR, "3 d 4 h"), (9.99 * DAY, "10 d"), (12 * DAY, "12 d"),
        (4000 * DAY, "4,000 d"),
    ],
)  # fmt: skip
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (12, "12 s"), (2040, "34 min"), (3569, "59 min"), (3571, "1.0 h"), (HOUR, "1 h"), (2.8 * HOUR, "2.8 h"),
        (9.94 * HOUR, "9.9 h"), (9.96 * HOUR, "10 h"), (25 * HOUR, "25 h"), (48 * HOUR, "48 h"), (2.5 * DAY, "2.5 d"),
        (8 * DAY, "8 d"), (240 * DAY, "240 d"), (1e6 * DAY, "1,000,000 d"),
    ],
)  # fmt: skip
def test_brief_durations(seconds: float, words: str) -> None:
    assert brief(seconds) == words


def test_moments() -> None:
    assert ago(NOW - timedelta(minutes=3), NOW) == "3 min ago"
    assert ago(NOW + timedelta(hours=20), NOW) == "in 20 h"
    assert clock(NOW - timedelta(minutes=3), NOW) == "14:27:05"
    assert clock(NOW - timedelta(days=1), NOW) == "2025-06-02 14:30"


def test_counts_and_lists() -> None:
    assert (count(1, "region"), count(0, "region"), count(1200, "call")) == ("1 region", "0 regions", "1,200 calls")
    assert listing([]) == ""
    assert listing(["a"]) == "a"
    assert listing(["a", "b", "c"]) == "a, b and c"
