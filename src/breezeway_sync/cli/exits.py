"""What a command's exit code says. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from breezeway_sync.core.errors import (
    AccountLocked,
    ApiUnreachable,
    BreezewaySyncError,
    ConfigurationError,
    DatabaseError,
    DatabaseFull,
    DatabaseReadOnly,
    DatabaseUnreachable,
    GivenUp,
    NotPromotable,
    NotRead,
    SchemaRefused,
    UnknownName,
    UnknownRecord,
)
from breezeway_sync.core.outcome import SUCCESS, Outcome
from breezeway_sync.core.verification import VerificationResult

OK = 0
INCOMPLETE = 1
USAGE = 2
OUT_OF_REACH = 3
HELD = 75
CONFIGURATION = 78
INTERRUPTED = 130
TERMINATED = 143

_UNREACHABLE = {ApiUnreachable.code, GivenUp.code, DatabaseFull.code, DatabaseReadOnly.code, DatabaseUnreachable.code}


def of_error(error: BreezewaySyncError) -> int:
    """The code for an error that kept a command from doing anything."""
    if isinstance(error, UnknownName | UnknownRecord | NotPromotable):
        return USAGE
    if isinstance(error, ConfigurationError | SchemaRefused):
        return CONFIGURATION
    if isinstance(error, AccountLocked):
        return HELD
    return OUT_OF_REACH if isinstance(error, DatabaseError) else INCOMPLETE


def of_run(outcomes: Sequence[Outcome], held: Sequence[str]) -> int:
    """The code of a finished run; the strongest reason wins: out of reach, held, incomplete, success."""
    faults = {outcome.fault for outcome in outcomes} - {None, NotRead.code}
    if outcomes and faults and faults <= _UNREACHABLE and not any(_brought_something(one) for one in outcomes):
        return OUT_OF_REACH
    if held:
        return HELD
    return OK if all(outcome.status == SUCCESS for outcome in outcomes) else INCOMPLETE


def of_verification(certificates: Sequence[VerificationResult], held: Sequence[str]) -> int:
    """The code of a comparison: success only when everything was compared and all that differs is explained."""
    faults = {one.fault for one in certificates}
    if certificates and faults <= _UNREACHABLE and not any(one.records for one in certificates):
        return OUT_OF_REACH
    if held:
        return HELD
    return OK if all(one.is_explained for one in certificates) else INCOMPLETE


def _brought_something(outcome: Outcome) -> bool:
    return outcome.status == SUCCESS or outcome.read > 0
