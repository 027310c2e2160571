"""What a measured process has to tell."""

from __future__ import annotations

import sys

import pytest

from bench.processes import Failed, measure


def test_its_numbers_are_those_that_it_tells() -> None:
    told = """{"peak_rss_mb": 1.5, "calls": 2, "rows": {"tasks": 3}}"""
    sample = measure([sys.executable, "-c", f"print('first'); print('{told}')"])
    assert (sample.numbers, sample.rows) == ({"peak_rss_mb": 1.5, "calls": 2.0}, {"tasks": 3})


@pytest.mark.parametrize(
    ("program", "wrong"),
    [
        ("print('{}')", "did not tell its peak_rss_mb"),
        ("pass", "ended with code 0 and 0 lines"),
        ("print('{}'); exit(3)", "ended with code 3"),
    ],
)
def test_a_process_that_does_not_tell_makes_no_figure(program: str, wrong: str) -> None:
    with pytest.raises(Failed, match=wrong):
        measure([sys.executable, "-c", program])
