"""Errors are data: every error code, and the one table of their meaning, `ERROR_RULES`.

An error carries its code from where it is raised to the outcome, the event, the log line, `etl_sync_log.error_code` and
the metric label. Retry, exit code, alert and status page look the code up here. Nothing reads a message. The table is
ordered by gravity: the first code names a run that met several.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum
from typing import Final


class ErrorCode(StrEnum):
    """The closed set of codes. A code, once released, keeps its name and meaning."""

    CREDENTIALS_REJECTED = "credentials_rejected"
    UNAUTHORIZED = "unauthorized"
    SOURCE_CHANGED = "source_changed"
    SOURCE_UNCLEAR = "source_unclear"
    SOURCE_TAKEN = "source_taken"
    REGION_RETIRED = "region_retired"
    UNATTENDED = "unattended"
    CONFIGURATION = "configuration"
    SAME_SOURCE = "same_source"
    SCHEMA_REFUSED = "schema_refused"
    RIGHT_MISSING = "right_missing"
    UNKNOWN_RECORD = "unknown_record"
    UNKNOWN_NAME = "unknown_name"
    NOT_PROMOTABLE = "not_promotable"
    DATABASE_UNREACHABLE = "database_unreachable"
    DATABASE_READ_ONLY = "database_read_only"
    DATABASE_FULL = "database_full"
    DATABASE_WENT_BACK = "database_went_back"
    DATABASE_BUSY = "database_busy"
    DATABASE_REFUSED = "database_refused"
    DATA_REFUSED = "data_refused"
    UNFORESEEN = "unforeseen"
    OUT_OF_RESOURCES = "out_of_resources"
    API_UNREACHABLE = "api_unreachable"
    API_GIVEN_UP = "api_given_up"
    SERVER_FAILED = "server_failed"
    BAD_ANSWER = "bad_answer"
    EMPTY_ANSWER = "empty_answer"
    ANSWER_TOO_LARGE = "answer_too_large"
    RATE_LIMITED = "rate_limited"
    EDGE_BLOCKED = "edge_blocked"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    ACCOUNT_LOCKED = "account_locked"
    LEASE_LOST = "lease_lost"
    RECORDS_REJECTED = "records_rejected"
    DELETIONS_NEED_REVIEW = "deletions_need_review"
    LIST_INCOMPLETE = "list_incomplete"
    LIST_UNSTABLE = "list_unstable"
    NOT_READ = "not_read"
    INTERRUPTED = "interrupted"
    SHUTTING_DOWN = "shutting_down"
    PROCESS_ENDED = "process_ended"
    CHILD_READS_PENDING = "child_reads_pending"
    NOT_AVAILABLE = "not_available"
    NOT_DELIVERED = "not_delivered"
    POSTGRES_MISSING = "postgres_missing"
    BUNDLE_FAILED = "bundle_failed"


class ExitCode(IntEnum):
    """What a command's exit code says: README.md."""

    OK = 0
    INCOMPLETE = 1
    USAGE = 2
    OUT_OF_REACH = 3
    LATE = 4
    LOCKED = 75
    CONFIGURATION = 78
    INTERRUPTED = 130
    TERMINATED = 143


class Alert(Enum):
    """Which message tells people of a failed run with this code."""

    ENTITY = "entity"
    """One about the region and entity."""
    CREDENTIALS = "credentials"
    """One about the region's credentials, whatever failed by them."""
    OUTAGE = "outage"
    """The one about the database, if that is away; else as ENTITY."""
    NONE = "none"
    """None: the run was ended on purpose, and nothing failed."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """What an operator can do. `section` is the heading of docs/operations.md that says more."""

    name: str
    title: str
    hint: str
    section: str


CREDENTIALS: Final = Remedy(
    "credentials",
    "Credentials rejected",
    "Put the right client_id and client_secret into the configuration or the table api_tokens, and ask Breezeway to "
    "activate them. The next cycle then continues by itself.",
    "breezeway-sync-credentials-rejected",
)
SOURCE: Final = Remedy(
    "source",
    "Not the region's own source",
    "`breezeway-sync regions list` shows which company each region copies. Correct client_id, company_id or the "
    "address, or take the new source over with `breezeway-sync regions adopt`. Until then nothing is changed.",
    "When a region is not read from its own source",
)
UNATTENDED: Final = Remedy(
    "unattended",
    "No process works the region",
    "Start a process whose configuration has the region, or take it out with `breezeway-sync regions retire`.",
    "Add a region, remove a region",
)
CONFIGURATION: Final = Remedy(
    "configuration",
    "Configuration",
    "`breezeway-sync config check` names each mistake. Correct it, and start or reload the service.",
    "breezeway-sync-configuration-not-applied",
)
SCHEMA: Final = Remedy(
    "schema",
    "The database's schema",
    "The message says what the schema is and what to run. `breezeway-sync migrate --check` shows it again.",
    "Upgrade, roll back",
)
USAGE: Final = Remedy(
    "usage",
    "A name that does not exist",
    "The message names what exists. Nothing was changed.",
    "Run once by hand",
)
DATABASE: Final = Remedy(
    "database",
    "Database",
    "Check that PostgreSQL runs, has space on its disk and accepts the role. What was committed stays; the next cycle "
    "reads the rest.",
    "breezeway-sync-database-lost",
)
UNREACHABLE: Final = Remedy(
    "unreachable",
    "API unreachable or failing",
    "Check whether api.breezeway.io answers from this machine: network, DNS, proxy, firewall. If it does, wait: every "
    "cycle tries again.",
    "breezeway-sync-failing",
)
RATE_LIMIT: Final = Remedy(
    "rate_limit",
    "Rate limit",
    "Look for another program that uses the same credentials, or lower api.requests_per_minute. The account pauses and "
    "continues by itself.",
    "breezeway-sync-rate-limited",
)
REFUSED: Final = Remedy(
    "refused",
    "Refused by the API",
    "Ask Breezeway whether the account's plan includes this, check the path of the entity, or switch the entity off. "
    "Accept what you can live with: `breezeway-sync problems list`.",
    "breezeway-sync-failing",
)
LOCKED: Final = Remedy(
    "locked",
    "Another process works the account",
    "Look at the accounts below: stop the other process, or let it finish.",
    "Several services, PgBouncer",
)
REJECTED: Final = Remedy(
    "rejected",
    "Records that cannot be stored",
    "`breezeway-sync rejects list` names them and the reasons; the table rejected_records has each one whole. "
    "Everything else was written. When the reason is gone, `breezeway-sync rejects retry` stores them.",
    "breezeway-sync-many-rejected-records",
)
REVIEW: Final = Remedy(
    "review",
    "Deletions that need review",
    "`breezeway-sync deletes list` shows them. If they are really gone, `deletes approve`; else `deletes reject`, or "
    "wait until the lists show them again. Until then they stay.",
    "breezeway-sync-deletions-held",
)
INCOMPLETE_LIST: Final = Remedy(
    "incomplete_list",
    "Lists that ended early",
    "Nothing to do: what came is stored, and the next cycle reads the list again.",
    "breezeway-sync-failing",
)
INTERRUPTED: Final = Remedy(
    "interrupted",
    "Interrupted",
    "Nothing to do: the next cycle reads the rest. If it happens again, find out why the process ends.",
    "breezeway-sync-down",
)
PENDING_READS: Final = Remedy(
    "pending_reads",
    "Pending child reads",
    "Nothing to do while the number falls. If it grows for days, raise sync.max_minutes.",
    "Does the schedule fit into the budget?",
)
UNEXPECTED: Final = Remedy(
    "unexpected",
    "Unexpected",
    "Look for the run in the service's log, and report what you find there.",
    "breezeway-sync-crashed",
)
DELIVERY: Final = Remedy(
    "delivery",
    "Alerts are not sent",
    "`breezeway-sync alerts test` tries every channel and says what refuses.",
    "breezeway-sync-alerts-not-sent",
)
HERE: Final = Remedy(
    "here",
    "This machine",
    "The message says what this machine lacks.",
    "When something is wrong",
)


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """What one code means. `transient`: the same attempt, made later and unchanged, may succeed.

    `exit` is the exit code of a command that this error ends.
    """

    remedy: Remedy
    transient: bool = False
    exit: ExitCode = ExitCode.INCOMPLETE
    alert: Alert = Alert.ENTITY


def _database(*, transient: bool = True) -> ErrorRule:
    return ErrorRule(DATABASE, transient=transient, exit=ExitCode.OUT_OF_REACH, alert=Alert.OUTAGE)


_C = ErrorCode
ERROR_RULES: Final[Mapping[ErrorCode, ErrorRule]] = {
    _C.CREDENTIALS_REJECTED: ErrorRule(CREDENTIALS, alert=Alert.CREDENTIALS),
    _C.UNAUTHORIZED: ErrorRule(CREDENTIALS, alert=Alert.CREDENTIALS),
    _C.SOURCE_CHANGED: ErrorRule(SOURCE),
    _C.SOURCE_UNCLEAR: ErrorRule(SOURCE),
    _C.SOURCE_TAKEN: ErrorRule(SOURCE),
    _C.REGION_RETIRED: ErrorRule(SOURCE),
    _C.UNATTENDED: ErrorRule(UNATTENDED),
    _C.CONFIGURATION: ErrorRule(CONFIGURATION, exit=ExitCode.CONFIGURATION),
    _C.SAME_SOURCE: ErrorRule(SOURCE, exit=ExitCode.CONFIGURATION),
    _C.SCHEMA_REFUSED: ErrorRule(SCHEMA, exit=ExitCode.CONFIGURATION),
    _C.RIGHT_MISSING: ErrorRule(SCHEMA, exit=ExitCode.OUT_OF_REACH),
    _C.UNKNOWN_RECORD: ErrorRule(USAGE, exit=ExitCode.USAGE),
    _C.UNKNOWN_NAME: ErrorRule(USAGE, exit=ExitCode.USAGE),
    _C.NOT_PROMOTABLE: ErrorRule(USAGE, exit=ExitCode.USAGE),
    _C.DATABASE_UNREACHABLE: _database(),
    _C.DATABASE_READ_ONLY: _database(),
    _C.DATABASE_FULL: _database(),
    _C.DATABASE_WENT_BACK: _database(),
    _C.DATABASE_BUSY: _database(),
    _C.DATABASE_REFUSED: _database(transient=False),
    _C.DATA_REFUSED: _database(transient=False),
    _C.UNFORESEEN: ErrorRule(UNEXPECTED),
    _C.OUT_OF_RESOURCES: ErrorRule(HERE, transient=True),
    _C.API_UNREACHABLE: ErrorRule(UNREACHABLE, transient=True, exit=ExitCode.OUT_OF_REACH),
    _C.API_GIVEN_UP: ErrorRule(UNREACHABLE, transient=True, exit=ExitCode.OUT_OF_REACH),
    _C.SERVER_FAILED: ErrorRule(UNREACHABLE, transient=True),
    _C.BAD_ANSWER: ErrorRule(UNREACHABLE, transient=True),
    _C.EMPTY_ANSWER: ErrorRule(UNREACHABLE, transient=True),
    _C.ANSWER_TOO_LARGE: ErrorRule(UNREACHABLE),
    _C.RATE_LIMITED: ErrorRule(RATE_LIMIT, transient=True),
    _C.EDGE_BLOCKED: ErrorRule(RATE_LIMIT, transient=True),
    _C.FORBIDDEN: ErrorRule(REFUSED),
    _C.NOT_FOUND: ErrorRule(REFUSED),
    _C.REFUSED: ErrorRule(REFUSED),
    _C.ACCOUNT_LOCKED: ErrorRule(LOCKED, exit=ExitCode.LOCKED),
    _C.LEASE_LOST: ErrorRule(LOCKED, exit=ExitCode.OUT_OF_REACH),
    _C.RECORDS_REJECTED: ErrorRule(REJECTED),
    _C.DELETIONS_NEED_REVIEW: ErrorRule(REVIEW),
    _C.LIST_INCOMPLETE: ErrorRule(INCOMPLETE_LIST, transient=True),
    _C.LIST_UNSTABLE: ErrorRule(INCOMPLETE_LIST, transient=True),
    _C.NOT_READ: ErrorRule(INTERRUPTED),
    _C.INTERRUPTED: ErrorRule(INTERRUPTED, exit=ExitCode.INTERRUPTED, alert=Alert.NONE),
    _C.SHUTTING_DOWN: ErrorRule(INTERRUPTED, alert=Alert.NONE),
    _C.PROCESS_ENDED: ErrorRule(INTERRUPTED),
    _C.CHILD_READS_PENDING: ErrorRule(PENDING_READS),
    _C.NOT_AVAILABLE: ErrorRule(REFUSED),
    _C.NOT_DELIVERED: ErrorRule(DELIVERY),
    _C.POSTGRES_MISSING: ErrorRule(HERE),
    _C.BUNDLE_FAILED: ErrorRule(HERE),
}
_BY_TEXT: Final = {code.value: code for code in ErrorCode}
_GRAVITY: Final = {code: place for place, code in enumerate(ERROR_RULES)}


def gravest(codes: Iterable[ErrorCode]) -> ErrorCode | None:
    """The code that names a run which met these; None where there is none."""
    return min(codes, key=_GRAVITY.__getitem__, default=None)


def known_code(text: str | None) -> ErrorCode | None:
    """The code that a row of the database holds; UNFORESEEN for one that only another version knows."""
    if text is None:
        return None
    return _BY_TEXT.get(text, ErrorCode.UNFORESEEN)
