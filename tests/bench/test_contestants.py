"""One whole sync as the bench makes it: what it counts is what happened, and a sync that is none is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from bench.contestants import check_complete, ours
from bench.processes import Failed
from bench.scenarios.sync import CHANGED, UNCHANGED, check_step
from bench.server import Api, serving
from bench.shapes import Shape, least_calls, world

pytestmark = pytest.mark.process

SHAPE = Shape(2, 3, 8, 2)


@pytest.fixture
def api() -> Iterator[Api]:
    with serving(SHAPE) as running:
        yield running


def test_counts_of_three_syncs(api: Api, dsn: str) -> None:
    ours_alone = b"x" * (300 * 2**20)  # memory of the bench itself is no process's that it measures
    first = ours(api, dsn)
    check_complete(first, api)
    # People's three lists carry no totals: only a second reading that agrees shows that they were whole.
    assert first.numbers["api_calls"] == sum(least_calls(one) + 3 for one in world(SHAPE).accounts.values())
    assert first.numbers["entity_rows_written"] > sum(one.count("tasks") for one in world(SHAPE).accounts.values())
    assert first.numbers["wal_mb"] > 0
    assert first.numbers["lag_max_ms"] >= first.numbers["lag_p50_ms"]
    assert 20 < first.numbers["peak_rss_mb"] < len(ours_alone) / 2**20

    second = ours(api, dsn)
    check_step(UNCHANGED, second, 0)
    assert second.numbers["entity_rows_written"] == second.numbers["api_child_calls"] == 0
    assert second.numbers["other_rows_written"] > 0, "its own log, at least"

    changed = api.change_tasks(0.1, seed=1)
    third = ours(api, dsn)
    check_step(CHANGED, third, changed)
    assert third.numbers["api_child_calls"] == 2 * changed
    with pytest.raises(Failed, match="wanted"):
        check_step(CHANGED, third, changed + 1)
    with pytest.raises(Failed, match="this sync is no sync"):
        check_complete(replace(third, rows={**third.rows, "tasks": third.rows["tasks"] - 1}), api)


def test_a_run_that_is_no_success_makes_no_figure(api: Api, dsn: str, capfd: pytest.CaptureFixture[str]) -> None:
    nobody = replace(api, accounts=[replace(one, client_secret="another") for one in api.accounts])
    with pytest.raises(Failed, match="ended with code 1"):
        ours(nobody, dsn)
    assert "tasks: failed" in capfd.readouterr().err
