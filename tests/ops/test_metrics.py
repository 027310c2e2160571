"""What is counted agrees with what happened, and says nothing it should not."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from breezeway_sync.core import events as e
from breezeway_sync.core.record_events import RecordsLeft, RowsLost
from breezeway_sync.core.report import LeaseState, RegionState, TokenState, VerificationState
from breezeway_sync.ops.metrics import CONTENT_TYPE, Metrics
from tests.ops.measured import filled, promtool
from tests.ops.support import ACCOUNTS, NOW, mirror, token, unread

MOST_SERIES = 5_000


def finished(**changes: object) -> e.EntityFinished:
    made = e.EntityFinished("r", "austin", "tasks", "success", 1000, 5, 7, 980, 3, 2, 12, 4, 9.5, None)
    return replace(made, **changes)  # type: ignore[arg-type]


def call(status: int | None, outcome: str = "ok", endpoint: str = "/task/{id}") -> e.CallFinished:
    return e.CallFinished(ACCOUNTS[0], endpoint, status, outcome, 0.3, 1.5, 1000)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry(), now=lambda: 1000.0)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"breezeway_sync_{name}", labels)


def test_rows_and_runs(metrics: Metrics) -> None:
    for status in ("success", "success", "partial"):
        metrics.observe(finished(status=status))
    place = {"region": "austin", "entity": "tasks"}
    rows = {
        o: value(metrics, "rows_total", **place, outcome=o)
        for o in ("new", "updated", "unchanged", "deleted", "rejected")
    }
    assert rows == {"new": 15, "updated": 21, "unchanged": 2940, "deleted": 9, "rejected": 6}
    assert value(metrics, "runs_total", **place, status="success") == 2
    assert value(metrics, "runs_total", **place, status="partial") == 1
    assert value(metrics, "run_calls_total", **place) == 36
    assert value(metrics, "run_duration_seconds_count", **place) == 3
    assert value(metrics, "run_duration_seconds_sum", **place) == 28.5


def test_changes_of_fields_and_when_the_last_was(metrics: Metrics) -> None:
    for what in ("appeared", "appeared", "emptied"):
        metrics.observe(e.FieldChanged("austin", "tasks", "a[].b", what, "string"))
    place = {"region": "austin", "entity": "tasks"}
    assert value(metrics, "field_changes_total", **place, what="appeared") == 2
    assert value(metrics, "field_changes_total", **place, what="emptied") == 1
    assert value(metrics, "field_change_timestamp_seconds", **place, what="emptied") == 1000.0


def test_records_that_left_the_lists_and_rows_deleted_by_hand(metrics: Metrics) -> None:
    metrics.observe(RecordsLeft("austin", "tasks", 240))
    metrics.observe(RowsLost("austin", "tasks", "task_costs", None))
    place = {"region": "austin", "entity": "tasks"}
    assert value(metrics, "records_left_total", **place) == 240
    assert value(metrics, "lost_rows_total", **place, table="task_costs") == 1


def test_calls(metrics: Metrics) -> None:
    for event in (
        call(200),
        call(200),
        call(200, "bad_answer"),
        call(429, "rate_limited"),
        call(503),
        call(None, "api_unreachable"),
    ):
        metrics.observe(event)
    statuses = {
        s: value(metrics, "calls_total", endpoint="/task/{id}", status=s) for s in ("2xx", "3xx", "4xx", "5xx", "none")
    }
    assert statuses == {"2xx": 3, "3xx": None, "4xx": 1, "5xx": 1, "none": 1}
    assert value(metrics, "call_duration_seconds_count", endpoint="/task/{id}") == 6
    assert value(metrics, "rate_limit_wait_seconds_total") == 9.0
    assert value(metrics, "received_bytes_total") == 6000
    assert value(metrics, "call_errors_total", error="bad_answer") == 1
    assert value(metrics, "call_errors_total", error="ok") is None


def test_everything_else_that_happens(metrics: Metrics) -> None:
    account = ACCOUNTS[0]
    for event in (
        e.CallRetried(account, "/task/{id}", 2, "server_failed"),
        e.AccountPaused(account, "/task/{id}", 62.0, "rate_limited"),
        e.TokenObtained(account, "refresh"),
        e.TokenFailed(account, "the credentials are wrong"),
        e.LeaseClaimed(account, 3, 0.0, taken_over=False),
        e.LeaseClaimed(account, 4, 0.0, taken_over=True),
        e.BatchLoaded("austin", "tasks", 100, 20, 0.2),
        e.CycleFinished(account, "r", ("austin",), "failed", 33.0),
        e.CycleSkipped("austin", "hourly", "running"),
        e.Crashed("austin", "tasks", "KeyError", "…"),
        e.OperatorNotice("something"),
        e.EntityAdvanced("austin", "tasks", "pages", 1, 2),
    ):
        metrics.observe(event)
    expected = {
        ("retries_total", "reason", "server_failed"): 1,
        ("account_pauses_total", "reason", "rate_limited"): 1,
        ("account_pauses_total", "reason", "edge_blocked"): 0,
        ("account_pause_seconds_total", "reason", "rate_limited"): 62,
        ("tokens_obtained_total", "how", "refresh"): 1,
        ("cycles_total", "status", "failed"): 1,
    }
    assert {key: value(metrics, key[0], **{key[1]: key[2]}) for key in expected} == expected
    plain = {
        "token_failures_total": 1,
        "leases_claimed_total": 2,
        "leases_taken_over_total": 1,
        "batch_duration_seconds_count": 1,
        "cycle_duration_seconds_sum": 33,
        "crashes_total": 1,
    }
    assert {name: value(metrics, name) for name in plain} == plain
    assert value(metrics, "cycles_skipped_total", interval="hourly", reason="running") == 1


def test_what_the_service_reports_by_itself(metrics: Metrics) -> None:
    metrics.observe(e.AlertDelivered("slack", None))
    metrics.observe(e.AlertDelivered("email", "it is down"))
    metrics.set_budget(180, 3)
    metrics.observe_lag(0.3)
    assert value(metrics, "alerts_sent_total", channel="slack") == 1
    assert value(metrics, "alerts_failed_total", channel="email") == 1
    assert (value(metrics, "budget_calls_per_minute"), value(metrics, "accounts")) == (180, 3)
    assert value(metrics, "loop_lag_seconds_sum") == 0.3


def test_how_many_calls_may_be_under_way(metrics: Metrics) -> None:
    for account, calls in ((None, 12), (ACCOUNTS[0], 4), (ACCOUNTS[1], 8), (ACCOUNTS[0], 5)):
        metrics.observe(e.ConcurrencyChanged(account, calls, "recovered"))
    assert value(metrics, "concurrency") == 12
    assert [value(metrics, "account_concurrency", account=one) for one in ACCOUNTS[:2]] == [5, 8]
    metrics.update([], [LeaseState(ACCOUNTS[1], 1, None, 0.0, 0.0, 0.0)], [], [])
    assert [value(metrics, "account_concurrency", account=one) for one in ACCOUNTS[:2]] == [None, 8]


def test_database_and_configuration() -> None:
    time = 1000.0
    metrics = Metrics(CollectorRegistry(), now=lambda: time)
    assert value(metrics, "database_up") == 0
    metrics.update([], [], [], [])
    assert value(metrics, "database_up") == 1
    metrics.observe(e.DatabaseLost("gone"))
    assert (value(metrics, "database_up"), value(metrics, "database_losses_total")) == (0, 1)
    metrics.observe(e.DatabaseBack(3.0))
    assert value(metrics, "database_up") == 1
    assert value(metrics, "database_replacements_total") == 0  # there from the start: increase() sees the first one
    for account in ACCOUNTS[:2]:
        metrics.observe(e.DatabaseReplaced(account, "the database went back"))
    assert value(metrics, "database_replacements_total") == 2
    time = 2000.0
    metrics.observe(e.ConfigurationReloaded((), "wrong"))
    assert value(metrics, "configuration_last_reload_successful") == 0
    assert value(metrics, "configuration_last_reload_success_timestamp_seconds") == 1000
    metrics.observe(e.ConfigurationReloaded(("a region",), None))
    assert value(metrics, "configuration_last_reload_successful") == 1
    assert value(metrics, "configuration_last_reload_success_timestamp_seconds") == 2000
    assert value(metrics, "configuration_reloads_total", result="refused") == 1


def test_the_report(metrics: Metrics) -> None:
    late = mirror("austin", "tasks", 1.5)
    never = unread("smoky", "people")
    metrics.update(
        [late, never],
        [LeaseState(ACCOUNTS[0], 1, "sync-01", 30.0, 0.0, 0.0), LeaseState(ACCOUNTS[1], 1, None, 0.0, 0.0, 0.0)],
        [token("austin", 20), TokenState("smoky", None, None, 0, "the credentials are wrong")],
        [RegionState("austin", {"task_comments": 12}, 3, {"tasks": 24}, 5, {"tasks": 2})],
    )
    tasks = {"region": "austin", "entity": "tasks"}
    assert late.last_success is not None
    assert value(metrics, "last_success_timestamp_seconds", **tasks) == late.last_success.timestamp()
    assert value(metrics, "freshness_target_seconds", **tasks) == 7200
    assert value(metrics, "late", **tasks) == 1
    assert value(metrics, "late", region="smoky", entity="people") == 1
    assert value(metrics, "last_success_timestamp_seconds", region="smoky", entity="people") is None
    assert value(metrics, "pending_child_reads", region="austin", source="task_comments") == 12
    assert value(metrics, "rejected_records_open", region="austin") == 3
    assert value(metrics, "records_in_review", **tasks) == 24
    assert value(metrics, "problems_open", region="austin") == 5
    assert value(metrics, "accepted_problems", **tasks) == 2
    assert value(metrics, "token_expiry_timestamp_seconds", region="austin") == NOW.timestamp() + 20 * 3600
    assert value(metrics, "token_expiry_timestamp_seconds", region="smoky") is None
    assert [value(metrics, "token_refused", region=code) for code in ("austin", "smoky")] == [0, 1]
    assert [value(metrics, "lease_held", account=key) for key in ACCOUNTS] == [1, 0]
    assert value(metrics, "report_timestamp_seconds") == 1000


def test_the_latest_comparisons(metrics: Metrics) -> None:
    states = [
        VerificationState("austin", "tasks", NOW, NOW, "failed", 7, {"late": 1, "wrong": 2, "missing": 0}),
        VerificationState("smoky", "tasks", NOW),
    ]
    metrics.update([], [], [], [], states)
    tasks = {"region": "austin", "entity": "tasks"}
    found = [value(metrics, "verify_differences", **tasks, **{"class": kind}) for kind in ("late", "wrong", "missing")]
    assert found == [1, 2, 0]
    assert value(metrics, "last_verification_timestamp_seconds", **tasks) == NOW.timestamp()
    assert b"smoky" not in metrics.render()
    metrics.update([], [], [], [], [])
    assert b"austin" not in metrics.render()


def test_what_is_gone_from_the_report_is_gone(metrics: Metrics) -> None:
    metrics.update(
        [mirror("austin", "tasks", 0.5)],
        [],
        [token("austin")],
        [RegionState("austin", {"task_comments": 1}, 0, {"tasks": 1}, 1, {"tasks": 1})],
    )
    metrics.update([mirror("smoky", "tasks", 0.5)], [], [], [])
    assert b"austin" not in metrics.render()
    assert b"smoky" in metrics.render()


def test_a_run_under_way_leaves_the_failure_before_it_standing(metrics: Metrics) -> None:
    place = {"region": "austin", "entity": "tasks"}
    seen = []
    for status in ("running", "failed", "running", "running", "success", "running"):
        metrics.update([mirror("austin", "tasks", 0.5, status=status)], [], [], [])
        seen.append(value(metrics, "last_run_failed", **place))
    assert seen == [0, 1, 1, 1, 0, 0]


def test_promtool_has_nothing_to_object() -> None:
    assert promtool("check", "metrics", stdin=filled().render()) == ""


def test_the_process_is_told_of() -> None:
    text = filled().render().decode()
    assert "process_resident_memory_bytes" in text
    assert "python_gc_collections_total" in text
    assert "_created" not in text
    assert CONTENT_TYPE.startswith("text/plain; version=")


def test_labels_hold_no_ids_and_are_bounded() -> None:
    """No number but a status class, no address, no message; and no more series than a small Prometheus minds."""
    samples = [one for family in text_string_to_metric_families(filled().render().decode()) for one in family.samples]
    for sample in samples:
        if not sample.name.startswith("breezeway_sync_"):
            continue
        for name, text in sample.labels.items():
            if name in ("le", "version"):
                continue
            pattern = {"account": r"[0-9a-f]{16}", "status": r"[1-5]xx|[a-z]+", "endpoint": r"(/(v1|[a-z_-]+|{id}))+/?"}
            assert re.fullmatch(pattern.get(name, r"[A-Za-z_]+"), text), f"{sample.name} {name}={text}"
    assert {name for one in samples for name in one.labels} <= {
        "region", "entity", "outcome", "status", "endpoint", "le", "error", "reason", "how", "interval", "version",
        "result", "channel", "source", "account", "generation", "implementation", "major", "minor", "patchlevel",
        "what", "class",
    }  # fmt: skip
    assert len(samples) < MOST_SERIES
