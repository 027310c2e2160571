"""How many calls may be under way, as pure decisions."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from breezeway_sync.api.window import GROUP_CALLS, LEAST_SLOW_SECONDS, ConcurrencyWindow, Latency

MOST = st.integers(1, 64)
# What happened to a call: how long ago it began, whether it met trouble, how many were under way.
CALLS = st.lists(st.tuples(st.floats(0, 5), st.booleans(), st.integers(1, 64)), max_size=200)


def lived(most: int, calls: list[tuple[float, bool, int]]) -> ConcurrencyWindow:
    window = ConcurrencyWindow(most)
    for now, (age, is_trouble, under_way) in enumerate(calls):
        before = window.size
        changed = window.shrink(now - age, now, under_way) if is_trouble else window.grow(now - age)
        assert changed == (window.size != before)
        assert 1 <= window.size <= most
        assert window.size <= before + 1
        assert not is_trouble or window.size <= before
    return window


@given(MOST, CALLS)
def test_bounds_are_kept_and_enough_good_calls_bring_all_back(most: int, calls: list[tuple[float, bool, int]]) -> None:
    window = lived(most, calls)
    good = 0
    while window.size < most:
        window.grow(1_000.0)
        good += 1
        assert good <= most * (most + 1) // 2, "more than a round for each step"
    assert not window.grow(1_000.0)


@given(most=MOST, ages=st.lists(st.floats(0, 50), min_size=1, max_size=64), good=st.integers(0, 300))
def test_one_decrease_for_all_calls_of_a_round(most: int, ages: list[float], good: int) -> None:
    """Whatever was under way when it was decided says nothing more, neither in trouble nor when answered."""
    window = ConcurrencyWindow(most)
    window.shrink(10.0, 100.0, most)
    halved = max(1, most // 2)
    assert window.size == halved
    for age in ages:
        assert not window.shrink(100.0 - age, 101.0, most)
        assert not window.grow(100.0 - age)
    assert window.size == halved
    for _ in range(good):
        window.grow(101.0)
    before = window.size
    window.shrink(101.0, 102.0, most)
    assert window.size == max(1, before // 2)


def test_it_halves_what_is_under_way_where_that_is_less() -> None:
    window = ConcurrencyWindow(24)
    assert window.shrink(1.0, 2.0, 9)
    assert window.size == 4
    assert not ConcurrencyWindow(1).shrink(1.0, 2.0, 1)


def test_it_grows_by_one_a_round() -> None:
    window = ConcurrencyWindow(8)
    window.shrink(1.0, 2.0, 8)
    sizes = []
    for _ in range(4 + 5 + 6 + 7):
        window.grow(3.0)
        sizes.append(window.size)
    assert [sizes.index(size) + 1 for size in (5, 6, 7, 8)] == [4, 4 + 5, 4 + 5 + 6, 4 + 5 + 6 + 7]


def overloads(latency: Latency, seconds: list[float], endpoint: str = "/task/", body_bytes: int = 1000) -> int:
    return sum(latency.is_overloaded(endpoint, body_bytes, one) for one in seconds)


def noisy(rng: random.Random, middle: float, count: int, spread: float = 0.5) -> list[float]:
    """Times as services have them: most near the middle, one in a hundred three times as long."""
    return [middle * rng.lognormvariate(0, spread) for _ in range(count)]


def test_noise_and_slow_single_calls_are_no_overload() -> None:
    rng = random.Random(5)
    for middle in (0.02, 0.3, 1.5, 14.0):
        assert overloads(Latency(), noisy(rng, middle, 30_000)) == 0
    stuck = [30.0 if number % 3 == 0 else 0.4 for number in range(3_000)]
    assert overloads(Latency(), stuck) == 0


@given(st.lists(st.floats(0, LEAST_SLOW_SECONDS), min_size=GROUP_CALLS, max_size=10 * GROUP_CALLS))
def test_a_fast_service_is_never_called_overloaded(seconds: list[float]) -> None:
    assert overloads(Latency(), seconds) == 0


def test_a_service_that_slows_down_is_told_once_a_level() -> None:
    """A level that stays is the service's own; where fewer calls helped, the next slowdown is told again."""
    rng, latency = random.Random(6), Latency()
    assert overloads(latency, noisy(rng, 0.5, 300)) == 0
    assert overloads(latency, noisy(rng, 4.0, 60)) == 1
    assert overloads(latency, noisy(rng, 4.0, 6_000)) == 0
    assert overloads(latency, noisy(rng, 0.5, 300)) == 0
    assert overloads(latency, noisy(rng, 4.0, 60)) == 1


def test_calls_are_compared_with_their_like() -> None:
    rng, latency = random.Random(7), Latency()
    for _ in range(10):
        assert overloads(latency, noisy(rng, 0.1, 100), "/task/{id}/comments", 300) == 0
        assert overloads(latency, noisy(rng, 3.0, 100), "/task/", 200_000) == 0
        assert overloads(latency, noisy(rng, 0.3, 100), "/task/", 400) == 0


def test_calls_before_a_decrease_are_forgotten() -> None:
    latency = Latency()
    overloads(latency, [0.5] * GROUP_CALLS)
    assert overloads(latency, [9.0] * (GROUP_CALLS - 1)) == 0
    latency.begin_anew()
    assert overloads(latency, [0.5] * GROUP_CALLS) == 0
