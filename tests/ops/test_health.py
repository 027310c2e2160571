"""Only what a restart could cure takes life away."""

from __future__ import annotations

import pytest

from breezeway_sync.ops.health import LOOP_STUCK_SECONDS, RUNNER_STUCK_SECONDS, judge
from tests.ops.support import facts

LOST = {"database_reachable": False, "database_error": "PostgreSQL went away"}


@pytest.mark.parametrize(
    ("changes", "live", "ready", "status", "subjects"),
    [
        ({}, True, True, "ok", []),
        ({"loop_age_seconds": LOOP_STUCK_SECONDS}, True, True, "ok", []),
        ({"loop_age_seconds": LOOP_STUCK_SECONDS + 0.1}, False, False, "failing", ["loop"]),
        ({"runner_age_seconds": RUNNER_STUCK_SECONDS}, True, True, "ok", []),
        ({"runner_age_seconds": RUNNER_STUCK_SECONDS + 0.1}, False, False, "failing", ["work"]),
        (LOST, True, False, "failing", ["database"]),
        ({"database_migrated": False}, True, False, "failing", ["database"]),
        ({**LOST, "database_migrated": False}, True, False, "failing", ["database"]),
        ({"is_draining": True}, True, False, "degraded", ["stopping"]),
        ({"late": ("austin tasks",)}, True, True, "degraded", ["late"]),
        ({"refused": ("austin",)}, True, True, "degraded", ["credentials"]),
        ({"config_error": "no"}, True, True, "degraded", ["configuration"]),
        (
            {**LOST, "late": ("austin tasks",), "is_draining": True},
            True,
            False,
            "failing",
            ["database", "late", "stopping"],
        ),
        ({**LOST, "loop_age_seconds": 99.0}, False, False, "failing", ["loop", "database"]),
    ],
)
def test_verdicts(changes: dict[str, object], live: bool, ready: bool, status: str, subjects: list[str]) -> None:
    judgement = judge(facts(**changes))
    assert (judgement.live, judgement.ready, judgement.status) == (live, ready, status)
    assert [one.subject for one in judgement.findings] == subjects
    assert len(judgement.reasons) == len(judgement.remedies) == len(subjects)
    assert all(judgement.reasons)
    assert all(judgement.remedies)


def test_the_reason_is_in_the_words() -> None:
    (reason,) = judge(facts(**LOST)).reasons
    assert reason == "the database is lost: PostgreSQL went away"


def test_many_late_ones_are_counted() -> None:
    (reason,) = judge(facts(late=tuple(f"r{n} tasks" for n in range(72)))).reasons
    assert reason == "72 late: r0 tasks, r1 tasks, r2 tasks, r3 tasks, r4 tasks and 67 more"
