"""What the bench makes of its numbers, without measuring anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.measured import COPY, DLT, OURS, SCRIPT, Figure, Sample, growth_exponent, quantile
from bench.report import BEGIN, END, Results, measured, page
from bench.shapes import SHAPES, Shape, accounts, least_calls, pages, world
from bench.targets import TARGETS, judge


def figure(scenario: str, case: str, size: str, contestant: str, **numbers: float | Sequence[float]) -> Figure:
    """Numbers of one run, or of several."""
    lists = {name: [value] if isinstance(value, int | float) else list(value) for name, value in numbers.items()}
    runs = max(map(len, lists.values()), default=0)
    samples = tuple(Sample({name: values[nth] for name, values in lists.items()}) for nth in range(runs))
    return Figure(scenario, case, size, contestant, samples)


def word(name: str, *figures: Figure) -> str:
    """How the only target whose name begins so is judged."""
    [target] = [one for one in TARGETS if one.name.startswith(name)]
    [judgement] = judge(figures, [target])
    return judgement.word


def test_median_and_spread() -> None:
    made = figure("sync", "first, 0 ms", "small", OURS, wall_seconds=[3.0, 1.0, 2.5])
    assert made.median("wall_seconds") == 2.5
    assert made.spread("wall_seconds") == (1.0, 3.0)
    with pytest.raises(KeyError, match="has no wal_mb"):
        made.median("wal_mb")


def test_growth_exponent() -> None:
    sizes = [10, 100, 1000]
    assert growth_exponent(sizes, [7 * n for n in sizes]) == pytest.approx(1)
    assert growth_exponent(sizes, [0.1 * n**1.5 for n in sizes]) == pytest.approx(1.5)
    assert growth_exponent(sizes, [5, 5, 5]) == pytest.approx(0)


def test_quantile() -> None:
    assert quantile(range(100), 0.99) == 99
    assert quantile([3, 1, 2], 0.5) == 2
    assert quantile([], 0.5) == 0


@pytest.mark.parametrize(
    ("name", "met", "missed"),
    [
        (
            "load: rate of new rows",
            (
                figure("load", "new", "small", OURS, wall_seconds=10),
                figure("load", "new", "small", COPY, wall_seconds=6.1),
            ),
            (
                figure("load", "new", "small", OURS, wall_seconds=10),
                figure("load", "new", "small", COPY, wall_seconds=5.9),
            ),
        ),
        (
            "load: rate of unchanged rows",
            (
                figure("load", "unchanged", "small", OURS, wall_seconds=2),
                figure("load", "new", "small", COPY, records_seconds=6.1),
            ),
            (
                figure("load", "unchanged", "small", OURS, wall_seconds=2),
                figure("load", "new", "small", COPY, records_seconds=5.9),
            ),
        ),
        (
            "unchanged sync: times faster",
            (
                figure("sync", "unchanged, 0 ms", "small", OURS, wall_seconds=1),
                figure("sync", "unchanged, 0 ms", "small", SCRIPT, wall_seconds=21),
            ),
            (
                figure("sync", "unchanged, 0 ms", "small", OURS, wall_seconds=1),
                figure("sync", "unchanged, 0 ms", "small", SCRIPT, wall_seconds=19),
            ),
        ),
        (
            "first sync: wall time, dlt",
            (
                figure("sync", "first, 0 ms", "large", OURS, wall_seconds=1),
                figure("sync", "first, 0 ms", "large", DLT, wall_seconds=3.1),
            ),
            (
                figure("sync", "first, 0 ms", "large", OURS, wall_seconds=1),
                figure("sync", "first, 0 ms", "large", DLT, wall_seconds=2.9),
            ),
        ),
        (
            "first sync at 100 ms",
            (figure("sync", "first, 100 ms", "medium", OURS, wall_seconds=11.4, api_calls=2400),),
            (figure("sync", "first, 100 ms", "medium", OURS, wall_seconds=11.6, api_calls=2400),),
        ),
        (
            "peak RSS, 10k to 1M",
            tuple(figure("memory", "x", size, OURS, peak_rss_mb=n) for size, n in (("small", 100), ("large", 109))),
            tuple(figure("memory", "x", size, OURS, peak_rss_mb=n) for size, n in (("small", 100), ("large", 111))),
        ),
        (
            "growth of wall time",
            tuple(figure("memory", "x", str(n), OURS, read=n, wall_seconds=n**1.04) for n in (10, 100, 1000)),
            tuple(figure("memory", "x", str(n), OURS, read=n, wall_seconds=n**1.06) for n in (10, 100, 1000)),
        ),
        (
            "hourly run: wall time",
            tuple(
                figure("hourly", f"{n} x old tasks", "small", OURS, wall_seconds=w) for n, w in ((1, 1), (100, 1.09))
            ),
            tuple(figure("hourly", f"{n} x old tasks", "small", OURS, wall_seconds=w) for n, w in ((1, 1), (100, 1.2))),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_target_is_judged(name: str, met: tuple[Figure, ...], missed: tuple[Figure, ...]) -> None:
    assert word(name, *met) == "met"
    assert word(name, *missed) == "missed"
    assert word(name) == "not measured"


def test_the_worst_reading_is_judged_and_named() -> None:
    figures = [figure("sync", "first, 0 ms", size, OURS, peak_rss_mb=n) for size, n in (("small", 60), ("large", 130))]
    [judgement] = judge(figures, [one for one in TARGETS if one.name == "first sync: peak RSS"])
    assert judgement.word == "missed"
    assert judgement.worst is not None
    assert (judgement.worst.value, judgement.worst.where) == (130, "first, 0 ms, large")


def test_names_of_targets_are_unique() -> None:
    assert len({one.name for one in TARGETS}) == len(TARGETS)


def test_results_come_back_as_they_were_written(tmp_path: Path) -> None:
    sample = Sample({"wall_seconds": 1.5}, {"tasks": 7})
    figures = (
        Figure("sync", "1 % changed, 0 ms", "small", OURS, (sample, Sample({"wall_seconds": 2.5}))),
        Figure("sync", "first, 0 ms", "small", SCRIPT, (), "not run: too long"),
    )
    results = Results("python3 dev.py bench", {"date": "2026-01-02", "Python": "3.11"}, figures)
    results.write(tmp_path / "r.json")
    assert Results.read(tmp_path / "r.json") == results
    shown = page(f"before\n{BEGIN}\nof last year\n{END}\nafter\n", results)
    assert shown.startswith("before\n")
    assert shown.endswith(f"{END}\nafter\n")
    assert "of last year" not in shown
    assert "2.00 (1.50 to 2.50)" in shown
    assert "| not run: too long |" in shown
    assert page(shown, results) == shown, "made twice, it is the same"


def test_a_missed_target_is_shown_as_missed() -> None:
    figures = (figure("sync", "first, 20 ms", "small", OURS, peak_rss_mb=130),)
    shown = measured(Results("", {}, figures))
    assert "| first sync: peak RSS | ≤ 100 MB | 130 | first, 20 ms, small | **missed** |" in shown


def test_shapes() -> None:
    assert [str(SHAPES[size]) for size in SHAPES] == ["1x25x20x10", "4x100x10x5", "8x250x8x5"]
    assert all(Shape.of(str(one)) == one for one in SHAPES.values())
    many = accounts(Shape(200, 1, 1, 1))
    assert len({one.code for one in many}) == len({one.client_id for one in many}) == 200


def test_least_calls_are_counted_by_hand() -> None:
    [account] = world(Shape(1, 10, 120, 25)).accounts.values()
    # Per ten properties one has no task, one half of the mean, one two and a half times as many (AccountSpec).
    lists_of_tasks = sum(pages(len(account.listing("tasks", home))) for home in account.ids("properties"))
    assert lists_of_tasks == 1 + 1 + 3 + 7 * 2
    small_lists = 1 + 3 + 2 + 3  # token, tags of three kinds, templates and subdepartments, people of three statuses
    assert least_calls(account) == small_lists + 1 + 3 + 1 + lists_of_tasks + 10 + 2 * 1200


def test_pages() -> None:
    assert [pages(n) for n in (0, 1, 100, 101)] == [1, 1, 1, 2]
