"""Exit codes as pure decisions."""

from __future__ import annotations

import pytest

from breezeway_sync.cli import exits
from breezeway_sync.cli.postgres import PostgresUnavailable
from breezeway_sync.core.error_codes import ErrorCode
from breezeway_sync.core.errors import (
    AccountLocked,
    BreezewaySyncError,
    ConfigurationError,
    DatabaseBusy,
    DatabaseError,
    DatabaseUnreachable,
    LeaseLost,
    NotPromotable,
    SchemaRefused,
    UnknownName,
)
from breezeway_sync.core.outcome import FAILED, PARTIAL, SUCCESS, Outcome

GOOD = Outcome("a", "people", SUCCESS, read=3)
EMPTY = Outcome("a", "people", SUCCESS)
PART = Outcome("a", "tasks", PARTIAL, read=3)
REFUSED = Outcome("a", "tasks", FAILED, error_code=ErrorCode.REFUSED)
AWAY = Outcome("a", "tasks", FAILED, error_code=ErrorCode.API_UNREACHABLE)
NO_DATABASE = Outcome("b", "tasks", FAILED, error_code=ErrorCode.DATABASE_UNREACHABLE)
LEFT_OUT = Outcome("a", "tasks", FAILED, error_code=ErrorCode.NOT_READ)
BROKE_OFF = Outcome("a", "tasks", PARTIAL, read=5, error_code=ErrorCode.API_UNREACHABLE)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError("x"), 78),
        (SchemaRefused("x"), 78),
        (UnknownName("x"), 2),
        (NotPromotable("x"), 2),
        (AccountLocked("x"), 75),
        (DatabaseUnreachable("x"), 3),
        (DatabaseBusy("x"), 3),
        (DatabaseError("x"), 3),
        (LeaseLost("x"), 3),
        (PostgresUnavailable("x"), 1),
        (BreezewaySyncError("x"), 1),
    ],
)
def test_errors(error: BreezewaySyncError, code: int) -> None:
    assert exits.of_error(error) == code


@pytest.mark.parametrize(
    ("outcomes", "locked", "code"),
    [
        ([GOOD], [], 0),
        ([GOOD, EMPTY], [], 0),
        ([], [], 0),
        ([GOOD, PART], [], 1),
        ([GOOD, REFUSED], [], 1),
        ([REFUSED], [], 1),
        ([LEFT_OUT], [], 1),
        # out of reach altogether, or not
        ([AWAY], [], 3),
        ([AWAY, LEFT_OUT], [], 3),
        ([AWAY, NO_DATABASE], [], 3),
        ([NO_DATABASE], [], 3),
        ([AWAY, GOOD], [], 1),
        ([AWAY, EMPTY], [], 1),
        ([AWAY, REFUSED], [], 1),
        ([BROKE_OFF], [], 1),
        ([AWAY, PART], [], 1),
        # somebody else holds an account
        ([], ["b"], 75),
        ([GOOD], ["b"], 75),
        ([PART], ["b"], 75),
        ([REFUSED], ["b"], 75),
        ([AWAY, GOOD], ["b"], 75),
        ([AWAY], ["b"], 3),
    ],
)
def test_runs_the_strongest_reason_wins(outcomes: list[Outcome], locked: list[str], code: int) -> None:
    assert exits.of_run(outcomes, locked) == code
