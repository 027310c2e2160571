"""The one tree of exceptions.

A message says what failed, where, what came, what was expected and what to do, as far as each is known. It never
contains a secret, a guest's data or a payload. Errors of a library become ours in one place each (`raise … from`):
httpx in `api.transport`, asyncpg in `store.database`.
"""

from __future__ import annotations

from asyncio import CancelledError
from typing import ClassVar

from breezeway_sync.core.error_codes import ERROR_RULES, ErrorCode
from breezeway_sync.core.lacks import LACKING, is_lack
from breezeway_sync.core.text import LONGEST_MESSAGE, shorten


class BreezewaySyncError(Exception):
    """Anything that breezeway-sync itself reports.

    `code` names the kind of error. `error_codes.ERROR_RULES` says what each code means.
    """

    code: ClassVar[ErrorCode] = ErrorCode.UNFORESEEN
    longest_message: ClassVar[int] = LONGEST_MESSAGE

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        actual: str | None = None,
        expected: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.what = what
        self.where = where
        self.actual = actual
        self.expected = expected
        self.hint = hint
        super().__init__(self.message)

    @property
    def retryable(self) -> bool:
        """Whether the same attempt, made again later and unchanged, may succeed."""
        return ERROR_RULES[self.code].transient

    @property
    def message(self) -> str:
        """One line: what, where, got, wanted, what to do."""
        text = self.what
        if self.where:
            text += f" in {self.where}" if "/" in self.where and " " not in self.where else f" ({self.where})"
        details = [f"got {self.actual}"] if self.actual else []
        details += [f"wanted {self.expected}"] if self.expected else []
        if details:
            text += ": " + ", ".join(details)
        if self.hint:
            text += f". {self.hint[:1].upper()}{self.hint[1:]}"
        return shorten(text, self.longest_message)


def lighten(error: BaseException) -> None:
    """Drop what a kept error holds: the frames that it passed, and the error that it came from.

    Frames hold the answer that was being read, and JSON errors quote it whole.
    """
    error.__traceback__ = error.__cause__ = error.__context__ = None


class NotRead(BreezewaySyncError):
    """Left out of a run, because something that it needs failed in it: the entity `blocked_by`, if it was one."""

    code = ErrorCode.NOT_READ

    blocked_by: str | None = None

    @classmethod
    def after(cls, entity: str) -> NotRead:
        """The error of what needs an entity that failed."""
        error = cls(f"not read, because {entity} failed in this run")
        error.blocked_by = entity
        return error


class SourceChanged(BreezewaySyncError):
    """What is configured, or what the API shows, is not what the region is a copy of; nothing was judged or stored."""

    code = ErrorCode.SOURCE_CHANGED


class SourceUnclear(BreezewaySyncError):
    """The list of properties does not show the one company whose records are to be stored; nothing was stored."""

    code = ErrorCode.SOURCE_UNCLEAR


class SourceTaken(BreezewaySyncError):
    """Another region is a copy of the same company; nothing was called."""

    code = ErrorCode.SOURCE_TAKEN


class RegionRetired(BreezewaySyncError):
    """A person took the region out; nothing was called."""

    code = ErrorCode.REGION_RETIRED


class UnknownRecord(BreezewaySyncError):
    """A record that was named is not there, or not in the state that was spoken of; nothing was changed."""

    code = ErrorCode.UNKNOWN_RECORD


class UnknownName(BreezewaySyncError):
    """A region or entity that does not exist; the message names those that do."""

    code = ErrorCode.UNKNOWN_NAME


class NotPromotable(BreezewaySyncError):
    """This field cannot become this column."""

    code = ErrorCode.NOT_PROMOTABLE


class ConfigurationError(BreezewaySyncError):
    """The configuration cannot be used as it is; nothing was started."""

    code = ErrorCode.CONFIGURATION
    # All mistakes of a file at once, a line each.
    longest_message = 20_000


class SameSource(ConfigurationError):
    """Two regions of the configuration would be copies of the same."""

    code = ErrorCode.SAME_SOURCE


def code_of(error: BaseException) -> ErrorCode:
    """The code of any error."""
    if isinstance(error, BreezewaySyncError):
        return error.code
    if isinstance(error, CancelledError):
        return ErrorCode.INTERRUPTED
    return ErrorCode.OUT_OF_RESOURCES if is_lack(error) else ErrorCode.UNFORESEEN


def told(error: BaseException) -> str:
    """Any error in words; of one that nobody foresaw only the name, since its text may quote data."""
    if isinstance(error, BreezewaySyncError):
        return error.message
    if isinstance(error, CancelledError):
        return "interrupted"
    return LACKING if is_lack(error) else f"unexpected {type(error).__name__}, see the log"


def passes(error: BaseException) -> bool:
    """Whether the same attempt, made again later and unchanged, may succeed."""
    return ERROR_RULES[code_of(error)].transient


# --- the database ---------------------------------------------------------------------------------


class DatabaseError(BreezewaySyncError):
    """PostgreSQL did not do what was asked."""

    code = ErrorCode.DATABASE_REFUSED


class DatabaseUnreachable(DatabaseError):
    """No connection, or it broke, or no answer within the deadline."""

    code = ErrorCode.DATABASE_UNREACHABLE


class DatabaseReadOnly(DatabaseUnreachable):
    """The server answers and takes no writes: a standby, a demoted primary, a full disk."""

    code = ErrorCode.DATABASE_READ_ONLY


class DatabaseFull(DatabaseReadOnly):
    """The server has no room on its disk for what is to be written."""

    code = ErrorCode.DATABASE_FULL


class DatabaseWentBack(DatabaseError):
    """What the server had acknowledged is not there any more: an older copy has taken its place.

    Nothing may be written on the strength of it. What the copy says of itself is true of the copy.
    """

    code = ErrorCode.DATABASE_WENT_BACK


class DatabaseBusy(DatabaseError):
    """Refused for now: deadlock, serialization, lock timeout, too many connections, no memory."""

    code = ErrorCode.DATABASE_BUSY


class DataRefused(DatabaseError):
    """PostgreSQL refused a value or row (SQLSTATE class 22, 23 or 54): the batch holds a bad record."""

    code = ErrorCode.DATA_REFUSED


class SchemaRefused(DatabaseError):
    """The database is not one that this version may migrate: foreign, newer, altered or too old."""

    code = ErrorCode.SCHEMA_REFUSED


class RightMissing(DatabaseError):
    """The role may not create what a migration needs; the message has the statements for whoever may."""

    code = ErrorCode.RIGHT_MISSING


class AccountLocked(DatabaseError):
    """Another process is working this account and keeps renewing its lease."""

    code = ErrorCode.ACCOUNT_LOCKED


class LeaseLost(DatabaseError):
    """Our lease was taken over: whatever is not committed yet must not be."""

    code = ErrorCode.LEASE_LOST


# --- the API --------------------------------------------------------------------------------------


class ApiError(BreezewaySyncError):
    """A call did not bring what was asked for.

    `endpoint` is the path's template (`/task/{id}`), never a URL with ids; `status` the HTTP status,
    None without an answer. `retry_after_seconds` is None when the answer named no time.
    """

    def __init__(
        self,
        what: str,
        *,
        endpoint: str,
        status: int | None = None,
        actual: str | None = None,
        expected: str | None = None,
        hint: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.status = status
        self.retry_after_seconds = retry_after_seconds
        super().__init__(what, where=endpoint, actual=actual, expected=expected, hint=hint)


class ApiUnreachable(ApiError):
    """No answer at all: refused, reset, timed out, name not resolved."""

    code = ErrorCode.API_UNREACHABLE


class GivenUp(ApiUnreachable):
    """The call was not made, as those before it failed in every attempt. It says nothing about what it should read."""

    code = ErrorCode.API_GIVEN_UP


class ServerFailed(ApiError):
    """HTTP 5xx."""

    code = ErrorCode.SERVER_FAILED


class BadAnswer(ApiError):
    """HTTP 200 with a body that is no answer: empty, cut, HTML, not JSON, or `{"error": …}`."""

    code = ErrorCode.BAD_ANSWER


class EmptyAnswer(BadAnswer):
    """HTTP 200 with no body at all (what templates of a foreign company answer)."""

    code = ErrorCode.EMPTY_ANSWER


class AnswerTooLarge(ApiError):
    """An answer that is larger, unpacked, than anything that the API should have to say; nothing of it is kept."""

    code = ErrorCode.ANSWER_TOO_LARGE


class CutShort(ApiError):
    """A list ended before it had shown as much as it announced: what is missing is not known."""

    code = ErrorCode.LIST_INCOMPLETE


class ListUnstable(ApiError):
    """Readings of a list in a row did not agree: something of it may have slipped past all of them."""

    code = ErrorCode.LIST_UNSTABLE


class EdgeBlocked(ApiError):
    """HTTP 403 with a body that is not JSON: the service's edge, not the API; it passes."""

    code = ErrorCode.EDGE_BLOCKED


class ShuttingDown(ApiError):
    """The call was not made, because the process is about to end."""

    code = ErrorCode.SHUTTING_DOWN


class RateLimited(ApiError):
    """HTTP 429."""

    code = ErrorCode.RATE_LIMITED

    def __init__(self, what: str, *, endpoint: str, retry_after_seconds: float | None) -> None:
        super().__init__(what, endpoint=endpoint, status=429, retry_after_seconds=retry_after_seconds)


class Unauthorized(ApiError):
    """HTTP 401: the access token is not, or no longer, accepted."""

    code = ErrorCode.UNAUTHORIZED


class Refused(ApiError):
    """HTTP 4xx with a reason that asking again does not change."""

    code = ErrorCode.REFUSED


class Forbidden(Refused):
    """HTTP 403 in JSON: the account's plan or permission lacks this."""

    code = ErrorCode.FORBIDDEN


class NotFound(Refused):
    """HTTP 404: no such record or address."""

    code = ErrorCode.NOT_FOUND


class CredentialsRejected(ApiError):
    """The account's client_id and client_secret are wrong, unknown or not active yet."""

    code = ErrorCode.CREDENTIALS_REJECTED
