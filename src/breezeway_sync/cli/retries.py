"""Shared by the commands that try something again: exit code, JSON, and regions that could not be worked."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.console import Console

from breezeway_sync.core.error_codes import ExitCode
from breezeway_sync.core.errors import AccountLocked, DatabaseError

if TYPE_CHECKING:
    from breezeway_sync.core.report import ReadAgain, Retried
    from breezeway_sync.service.retries import RetryReport

    AnyReport = RetryReport[Retried] | RetryReport[ReadAgain]


def of_retry(report: AnyReport) -> int:
    """The exit code; the strongest reason wins: the database, locked, something stays open, success. Pure."""
    errors = list(report.problems.values())
    if any(isinstance(one, DatabaseError) and not isinstance(one, AccountLocked) for one in errors):
        return ExitCode.OUT_OF_REACH
    if any(isinstance(one, AccountLocked) for one in errors):
        return ExitCode.LOCKED
    return ExitCode.INCOMPLETE if errors or any(one.is_open for one in report.records) else ExitCode.OK


def print_problems(console: Console, report: AnyReport) -> None:
    """A line for every region that could not be worked."""
    for region, error in report.problems.items():
        console.print(f"{region}: {error.message}", soft_wrap=True)


def retry_json(report: AnyReport) -> str:
    """The report for programs: one JSON object."""
    content = {
        "records": [{**asdict(one), "is_open": one.is_open} for one in report.records],
        "problems": {region: error.message for region, error in report.problems.items()},
    }
    return json.dumps(content, indent=2)
