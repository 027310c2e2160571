"""Turns errors and counts into the status of a run. Pure: this is the only place that decides it.

A rejected record makes the run `partial` each time: success means that everything was written. A list that ends before
its announced total loads what it showed and makes the run `partial`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from breezeway_sync.core.error_codes import ErrorCode, gravest
from breezeway_sync.core.errors import (
    ApiError,
    ApiUnreachable,
    BreezewaySyncError,
    CredentialsRejected,
    DatabaseError,
    EdgeBlocked,
    EmptyAnswer,
    Forbidden,
    GivenUp,
    NotFound,
    RateLimited,
    ShuttingDown,
    Unauthorized,
    lighten,
)
from breezeway_sync.core.outcome import FAILED, PARTIAL, SUCCESS
from breezeway_sync.core.problems import FoundProblem, Key, Subject
from breezeway_sync.core.text import LONGEST_SENTENCE, shorten
from breezeway_sync.entities.batch import Loaded

NAMED_PROBLEMS = 5
MOST_NOTES = 50
"""Kinds of notes; more are counted together."""
NO_ANSWER = (ApiUnreachable, EdgeBlocked, RateLimited)
# So many are written down of one region, entity and run; the others are counted.
MOST_PROBLEMS = 10_000


@dataclass(slots=True)
class Findings:
    """What one region and entity has met so far."""

    loaded: Loaded = field(default_factory=Loaded)
    answers: int = 0
    """Lists, pages and calls that brought what they were asked for."""
    problems: list[tuple[Subject, BreezewaySyncError]] = field(default_factory=list)
    """What could not be read, and why: the first NAMED_PROBLEMS, without what they came from."""
    unavailable: dict[str, str] = field(default_factory=dict)
    pending_reads: int = 0
    waiting: int = 0
    """Records that could not be stored, now or in an earlier run, have not come back well and are not accepted."""
    notes: dict[str, int] = field(default_factory=dict)
    children: dict[str, Loaded] = field(default_factory=dict)
    more_problems: int = 0
    """Those that are counted only."""
    accepted_codes: Mapping[Key, str] = field(default_factory=dict)
    """Problems that a person accepted, by key and code."""
    accepted: int = 0
    """Accepted problems and rejected records, met in this run or not read."""
    alert_states: dict[Key, FoundProblem] = field(default_factory=dict)
    """The problems to store, accepted or not: MOST_PROBLEMS at most."""
    unwritten: int = 0
    """Problems that are not written down: too many, or of calls that were not even made."""
    is_written_down: bool = False
    codes: set[ErrorCode] = field(default_factory=set)
    """The codes of all problems that nobody has accepted."""
    is_passing: bool = False
    """Whether one of the problems may pass by itself."""

    def met(self, subject: Subject, error: BreezewaySyncError) -> None:
        """Count what could not be read, and take note of it. What a person has accepted does not count as a problem."""
        accepted = self.accepted_codes.get(subject.key)
        # Where there was no answer, nothing is known of an accepted problem: it stays as it is.
        is_unheard = isinstance(error, GivenUp) or (accepted not in (None, error.code) and isinstance(error, NO_ANSWER))
        if is_unheard or (len(self.alert_states) >= MOST_PROBLEMS and subject.key not in self.alert_states):
            self.unwritten += 1
        else:
            self.alert_states[subject.key] = FoundProblem(subject, error.code, error.message)
        if accepted == error.code:
            return
        self.codes.add(error.code)
        self.is_passing |= error.retryable
        if len(self.problems) < NAMED_PROBLEMS:
            lighten(error)
            self.problems.append((subject, error))
        else:
            self.more_problems += 1

    def lack(self, subject: Subject, reason: str) -> None:
        """Take note of a list that the account does not have: no problem, but a person may accept it."""
        self.alert_states[subject.key] = FoundProblem(subject, ErrorCode.NOT_AVAILABLE, reason)

    def note(self, what: str, count: int = 1) -> None:
        """Count something that is neither a problem nor a record."""
        if count:
            what = what if what in self.notes or len(self.notes) < MOST_NOTES else "of other kinds"
            self.notes[what] = self.notes.get(what, 0) + count


def ends_everything(error: BreezewaySyncError) -> bool:
    """Whether nothing else of this entity can succeed after this error."""
    return isinstance(error, DatabaseError | CredentialsRejected | ShuttingDown | Unauthorized)


def means_unavailable(error: ApiError, *, empty_counts: bool) -> bool:
    """Whether a list's answer says that this account does not have it."""
    if isinstance(error, EmptyAnswer):
        return empty_counts
    return isinstance(error, NotFound | Forbidden)


def status_of(findings: Findings) -> str:
    """SUCCESS only when everything was read and written, but for what a person has accepted."""
    if findings.problems:
        nothing_read = not findings.answers and not findings.loaded.read
        return FAILED if nothing_read or any(ends_everything(e) for _, e in findings.problems) else PARTIAL
    return PARTIAL if findings.waiting or findings.loaded.held or findings.pending_reads else SUCCESS


def code_of_run(findings: Findings, ended_by: ErrorCode | None) -> ErrorCode | None:
    """etl_sync_log.error_code: the gravest reason for anything less than a success."""
    counted = {
        ErrorCode.RECORDS_REJECTED: findings.waiting,
        ErrorCode.DELETIONS_NEED_REVIEW: findings.loaded.held,
        ErrorCode.CHILD_READS_PENDING: findings.pending_reads,
    }
    met = {code for code, count in counted.items() if count} | findings.codes
    return gravest(met | ({ended_by} if ended_by else set()))


def is_written(findings: Findings) -> bool:
    """Whether all that keeps this from being a success stands in a table: then it is one as soon as that is settled."""
    if findings.unwritten:
        return False
    settled = replace(findings, problems=[], waiting=0, pending_reads=0, loaded=replace(findings.loaded, held=0))
    return status_of(settled) == SUCCESS


def details_of(findings: Findings, *, has_ended: bool) -> dict[str, object]:
    """etl_sync_log.details: what else there is to tell. `has_ended`: by itself, not by an error."""
    loaded = findings.loaded
    details: dict[str, object] = dict(findings.notes)
    for name in ("stale", "changed_characters", "lists_not_sent"):
        if count := getattr(loaded, name):
            details[name] = count
    for source, children in findings.children.items():
        details[source] = {key: value for key, value in asdict(children).items() if value}
    if findings.unavailable:
        details["unavailable"] = sorted(findings.unavailable)
    if has_ended and status_of(findings) != SUCCESS:
        details["is_written"] = is_written(findings)
    return details


def sentence(findings: Findings, requests_per_minute: float) -> str | None:
    """etl_sync_log.error_message: what is missing, in words; None after a plain success."""
    parts = [f"{subject.words}: {error.message}" for subject, error in findings.problems]
    if findings.more_problems:
        parts.append(f"and {findings.more_problems} more, see `breezeway-sync problems list`")
    if findings.waiting:
        parts.append(f"{findings.waiting} records could not be stored, see `breezeway-sync rejects list`")
    if findings.loaded.held:
        parts.append(
            f"{findings.loaded.held} deletions need review: the mass-deletion guard stopped them, "
            "see `breezeway-sync deletes list`"
        )
    if findings.pending_reads:
        minutes = findings.pending_reads / requests_per_minute
        parts.append(
            f"{findings.pending_reads} child reads (comments and requirements) are pending, about {minutes:.0f} min"
        )
    parts += [f"{source} is not available for this account: {why}" for source, why in findings.unavailable.items()]
    if findings.accepted:
        parts.append(f"but for {findings.accepted} accepted problems, see `breezeway-sync problems list`")
    return shorten("; ".join(parts), LONGEST_SENTENCE) or None
