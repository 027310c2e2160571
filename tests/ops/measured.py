"""Metrics in which everything has happened, and who judges them."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from breezeway_sync.core import events as e
from breezeway_sync.core.report import VerificationState
from breezeway_sync.ops.metrics import Metrics
from tests.ops.support import ACCOUNTS, NOW, PROMISES, REGIONS, REJECTED_CREDENTIALS, mixed

DIFFERENCES = {"late": 2, "missing": 0, "surplus": 0, "wrong": 0, "unexplained": 0}


def filled() -> Metrics:
    """Metrics in which everything that can happen has happened, for eight regions."""
    metrics = Metrics()
    account = ACCOUNTS[0]
    for code in REGIONS:
        for entity in PROMISES:
            for status in ("success", "partial", "failed"):
                metrics.observe(e.EntityFinished("r", code, entity, status, 9, 1, 2, 3, 4, 5, 6, 7, 8.0, None))
    for endpoint in ("/property", "/task/{id}", "/task/{id}/comments", "/public/auth/v1/"):
        for answer in (200, 404, 429, 503, None):
            metrics.observe(e.CallFinished(account, endpoint, answer, "server_failed", 0.2, 0.1, 10))
        metrics.observe(e.CallRetried(account, endpoint, 2, "server_failed"))
    for event in (
        e.AccountPaused(account, "/task/{id}", 60.0, "rate_limited"),
        e.ConcurrencyChanged(account, 4, "rate_limited"),
        e.ConcurrencyChanged(None, 12, "edge_blocked"),
        e.TokenObtained(account, "credentials"),
        e.TokenFailed(account, REJECTED_CREDENTIALS),
        e.LeaseClaimed(account, 3, 0.0, taken_over=True),
        e.BatchLoaded("austin", "tasks", 100, 20, 0.2),
        e.CycleFinished(account, "r", ("austin",), "success", 33.0),
        e.CycleSkipped("austin", "hourly", "locked"),
        e.Crashed("austin", "tasks", "KeyError", "…"),
        e.DatabaseLost("PostgreSQL went away"),
        e.DatabaseBack(3.0),
        e.DatabaseReplaced(account, "the database went back"),
        e.ConfigurationReloaded((), None),
        e.RecordRejected("austin", "tasks", "4711", "no id"),
        e.FieldChanged("austin", "tasks", "new", "appeared", "string"),
        e.EntityUnavailable("austin", "supplies", "HTTP 404", 24.0),
    ):
        metrics.observe(event)
    seen = mixed()
    compared = [VerificationState(one.region, one.entity, NOW, NOW, "late", 7, DIFFERENCES) for one in seen.freshness]
    metrics.update(seen.freshness, seen.leases, seen.tokens, seen.regions, compared)
    metrics.observe(e.AlertDelivered("webhook", None))
    metrics.observe(e.AlertDelivered("email", "it is down"))
    metrics.set_budget(180, 8)
    metrics.observe_lag(0.01)
    return metrics


def promtool(*arguments: str, stdin: bytes = b"") -> str:
    """What the real promtool objects to: its output where it fails, else nothing."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed")
    done = subprocess.run([program, *arguments], input=stdin, capture_output=True, timeout=60)
    return (done.stdout + done.stderr).decode() if done.returncode or done.stderr else ""
