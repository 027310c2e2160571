"""Decides the exit code of a command. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from breezeway_sync.core.error_codes import ERROR_RULES, ErrorCode, ExitCode
from breezeway_sync.core.errors import BreezewaySyncError
from breezeway_sync.core.outcome import SUCCESS, Outcome
from breezeway_sync.core.verification import VerificationResult


def of_error(error: BreezewaySyncError) -> ExitCode:
    """The code for an error that kept a command from doing anything."""
    return ERROR_RULES[error.code].exit


def of_run(outcomes: Sequence[Outcome], locked: Sequence[str]) -> ExitCode:
    """The code of a finished run; the strongest reason wins: out of reach, locked, incomplete, success."""
    codes = {outcome.error_code for outcome in outcomes} - {None, ErrorCode.NOT_READ}
    if are_out_of_reach(codes) and not any(_read_something(one) for one in outcomes):
        return ExitCode.OUT_OF_REACH
    if locked:
        return ExitCode.LOCKED
    return ExitCode.OK if all(outcome.status == SUCCESS for outcome in outcomes) else ExitCode.INCOMPLETE


def of_verification(results: Sequence[VerificationResult], locked: Sequence[str]) -> ExitCode:
    """The code of a comparison: success only when everything was compared and all that differs is explained."""
    if are_out_of_reach({one.error_code for one in results}) and not any(one.records for one in results):
        return ExitCode.OUT_OF_REACH
    if locked:
        return ExitCode.LOCKED
    return ExitCode.OK if all(one.is_explained for one in results) else ExitCode.INCOMPLETE


def are_out_of_reach(codes: set[ErrorCode | None]) -> bool:
    """Whether there were errors, and each was one of the database or the API being out of reach."""
    return bool(codes) and all(code and ERROR_RULES[code].exit is ExitCode.OUT_OF_REACH for code in codes)


def _read_something(outcome: Outcome) -> bool:
    return outcome.status == SUCCESS or outcome.read > 0
