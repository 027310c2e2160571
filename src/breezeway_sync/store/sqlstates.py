"""The meaning of each SQLSTATE: one table of classes and codes, and the error that each becomes."""

from __future__ import annotations

from enum import Enum, auto

import asyncpg

from breezeway_sync.core.errors import DatabaseBusy, DatabaseError, DatabaseFull, DatabaseUnreachable, DataRefused
from breezeway_sync.store.connect import NO_WRITES, read_only_error

CONNECTING = "connecting"


class Meaning(Enum):
    """What is to be made of a refusal."""

    AWAY = auto()
    """The connection is gone, or none is to be had: the work waits for the server."""
    NO_WRITES = auto()
    """The server answers and takes no writes: the work waits for one that does."""
    FULL = auto()
    """The server has no room: nothing is written until somebody, or the server itself, makes some."""
    BUSY = auto()
    """Not now: the same again may succeed in a moment, and later does."""
    DATA = auto()
    """A value or row of ours: the batch is divided until it is found."""
    LOGIN = auto()
    """The server does not let us in: a person has to correct something."""
    REFUSED = auto()
    """Anything else: trying again does not help."""


# The longest beginning of a state decides. The classes 08, 25, 53, 55, 57 and 58 have every code that PostgreSQL knows
# or the answer for their rest.
_MEANINGS = {
    "08": Meaning.AWAY,
    "22": Meaning.DATA,
    "23": Meaning.DATA,
    "25006": Meaning.NO_WRITES,
    "25P03": Meaning.BUSY,  # idle in a transaction: this process was frozen, and is not any more
    "25P04": Meaning.BUSY,  # a limit on the length of transactions (PostgreSQL 17)
    "28": Meaning.LOGIN,
    "3D000": Meaning.LOGIN,
    "40": Meaning.BUSY,
    "53": Meaning.BUSY,  # memory, connections, descriptors, a limit of temporary files: others give theirs back
    "53100": Meaning.FULL,
    "54": Meaning.DATA,
    "55006": Meaning.BUSY,
    "55P03": Meaning.BUSY,
    "57": Meaning.BUSY,  # somebody or a timeout has ended the statement
    "57P01": Meaning.AWAY,
    "57P02": Meaning.AWAY,
    "57P03": Meaning.AWAY,
    "57P04": Meaning.AWAY,  # the database was dropped; a new connection gets 3D000
    "57P05": Meaning.AWAY,
    "58000": Meaning.BUSY,  # the operating system; files that are missing (58P01) or twice there (58P02) do not pass
    "58030": Meaning.BUSY,
}
_LENGTHS = (5, 2)
_UNKNOWN_OPTION = "42704"
_NO_RIGHT = "42501"


def meaning_of(state: str) -> Meaning:
    """The meaning of a state. Pure."""
    return next((_MEANINGS[state[:length]] for length in _LENGTHS if state[:length] in _MEANINGS), Meaning.REFUSED)


def error_of(error: asyncpg.PostgresError, operation: str) -> DatabaseError:
    """Our error for one of PostgreSQL's, without its own text, which quotes values."""
    state = str(error.sqlstate or "XX000")
    actual = f"SQLSTATE {state} ({type(error).__name__}){_place(error)}"
    match meaning_of(state):
        case Meaning.AWAY:
            return DatabaseUnreachable("PostgreSQL went away", where=operation, actual=actual)
        case Meaning.NO_WRITES:
            return read_only_error(NO_WRITES, operation, actual)
        case Meaning.FULL:
            hint = "make room on the server's disk; the work goes on by itself"
            return DatabaseFull("PostgreSQL takes no writes (no room)", where=operation, actual=actual, hint=hint)
        case Meaning.BUSY:
            return DatabaseBusy("PostgreSQL could not do it now", where=operation, actual=actual)
        case Meaning.DATA:
            return DataRefused("PostgreSQL refused a row", where=operation, actual=actual)
        case Meaning.LOGIN:
            hint = "check user, password and database name in database.dsn"
            return DatabaseUnreachable("PostgreSQL refuses the connection", where=operation, actual=actual, hint=hint)
        case Meaning.REFUSED:
            return _refusal(state, operation, actual)


def _place(error: asyncpg.PostgresError) -> str:
    return "".join(
        f" {label} {value}"
        for label, value in (
            ("table", getattr(error, "table_name", None)),
            ("column", getattr(error, "column_name", None)),
            ("constraint", getattr(error, "constraint_name", None)),
        )
        if value
    )


def _refusal(state: str, operation: str, actual: str) -> DatabaseError:
    if state == _UNKNOWN_OPTION and operation == CONNECTING:
        hint = "take out or correct what follows the ? in database.dsn: the server does not know one of these options"
        return DatabaseUnreachable("PostgreSQL refuses the connection", where=operation, actual=actual, hint=hint)
    grant = "grant the role the right that `breezeway-sync doctor` names as missing" if state == _NO_RIGHT else None
    return DatabaseError("PostgreSQL refused a statement", where=operation, actual=actual, hint=grant)
