"""What a soak says of services that hold too much, with made-up readings."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.soak.judge import MEMORY_CYCLES, RECORDS, Reading, block, judge

COUNT = 50
Change = Callable[[Reading, float], Reading]
"""A reading in which something is other than it should be; the share of the way that lies behind it."""


def reading(share: float) -> Reading:
    """A good one: memory grows in the first tenth, the log is as long as its retention, records grow by a tenth."""
    cycles = int(2 * MEMORY_CYCLES * share)
    megabytes = 70 + 30 * min(1.0, share * 10)
    rows = {"etl_sync_log": 900, "walks": int(400 * (1 + share / 10)), RECORDS: int(4000 * (1 + share / 10))}
    rows |= {"problems": 3, "pending_child_reads": int(5000 * share)}
    return Reading(
        3600 * share, cycles, cycles * 10, {"success": cycles * 4, "partial": 5}, 0, megabytes, 420_000, rows
    )


def of(change: Change = lambda one, _share: one) -> list[Reading]:
    return [change(reading(number / COUNT), number / COUNT) for number in range(1, COUNT + 1)]


def judged(readings: list[Reading]) -> tuple[str, ...]:
    return judge(readings, 2, with_records={"walks"}, unjudged={"pending_child_reads"}).faults


def test_what_keeps_its_size_is_good() -> None:
    judgement = judge(of(), 2, with_records={"walks"}, unjudged={"pending_child_reads"})
    assert judgement.is_good
    text = block(judgement)
    assert text.startswith("60.0 minutes, 6,000 cycles, 60,000 calls, runs: 5 partial, 24,000 success; 0 crashes\n")
    assert "| resident memory, MB | 100.0 | 100.0 | 100.0 | 110.0 |" in text
    assert "| etl_sync_log | 900 | 900 | 900 | 1,040 |" in text
    assert "| pending_child_reads | 500 | 1,000 | 5,000 | not judged |" in text
    assert text.endswith("Verdict: good, nothing grew.")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda one, share: one._replace(megabytes=one.megabytes + 13 * share), "resident memory"),
        (lambda one, share: one._replace(blocks=int(one.blocks * (1 + share / 20))), "Python blocks in use"),
        (lambda one, share: one._replace(rows={**one.rows, "etl_sync_log": int(9000 * share)}), "etl_sync_log"),
        (lambda one, share: one._replace(rows={**one.rows, "problems": int(100 * share)}), "problems"),
        (lambda one, share: one._replace(rows={**one.rows, "walks": int(400 * (1 + share))}), "walks"),
        (lambda one, share: one._replace(crashes=int(share)), "1 crashes"),
        (
            lambda one, share: one._replace(runs={"success": min(one.runs["success"], 9000), "failed": one.cycles * 4}),
            "most runs of the second half did not succeed",
        ),
    ],
)
def test_what_grows_or_fails_is_bad(change: Change, fault: str) -> None:
    assert judged(of(change)) == (fault,)
    assert f"Verdict: bad: {fault}." in block(
        judge(of(change), 2, with_records={"walks"}, unjudged={"pending_child_reads"})
    )


def test_the_first_tenth_is_no_measure() -> None:
    def warms_up(one: Reading, share: float) -> Reading:
        return one._replace(megabytes=50.0, blocks=10, rows=dict.fromkeys(one.rows, 0)) if share <= 0.1 else one

    assert judged(of(warms_up)) == ()


def test_few_cycles_say_nothing_of_memory() -> None:
    def short(one: Reading, share: float) -> Reading:
        return one._replace(cycles=one.cycles // 3, megabytes=70 + 27 * share)

    judgement = judge(of(short), 2, with_records={"walks"}, unjudged={"pending_child_reads"})
    assert judgement.is_good
    assert "Memory is judged from 3,000 cycles on" in block(judgement)


def test_too_few_readings_are_refused() -> None:
    with pytest.raises(ValueError, match="wanted 20 or more"):
        judge(of()[:19], 2)
