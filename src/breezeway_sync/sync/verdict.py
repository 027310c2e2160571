"""What errors and counts amount to. Pure: every decision about a run's colour is made here."""

from __future__ import annotations

from dataclasses import dataclass, field

from breezeway_sync.core.errors import (
    ApiError,
    BreezewaySyncError,
    CredentialsRejected,
    DatabaseError,
    EmptyAnswer,
    Forbidden,
    NotFound,
    ShuttingDown,
    Unauthorized,
    lighten,
)
from breezeway_sync.core.outcome import FAILED, PARTIAL, SUCCESS
from breezeway_sync.core.problems import Subject
from breezeway_sync.core.words import LONGEST_SENTENCE, shorten
from breezeway_sync.entities.batch import Loaded

NAMED_PROBLEMS = 5
MOST_NOTES = 50
"""Kinds of notes; more are counted together."""


@dataclass(slots=True)
class Findings:
    """What one region and entity has met so far."""

    loaded: Loaded = field(default_factory=Loaded)
    answers: int = 0
    """Lists, pages and calls that brought what they were asked for."""
    problems: list[tuple[Subject, BreezewaySyncError]] = field(default_factory=list)
    """What could not be read, and why: the first NAMED_PROBLEMS, without what they came from."""
    unavailable: dict[str, str] = field(default_factory=dict)
    owed: int = 0
    waiting: int = 0
    """Records that could not be stored, now or in an earlier run, and have not come back well."""
    notes: dict[str, int] = field(default_factory=dict)
    children: dict[str, Loaded] = field(default_factory=dict)
    more_problems: int = 0
    """Those that are counted only."""

    def met(self, subject: Subject, error: BreezewaySyncError) -> None:
        """Count what could not be read; the first ones are kept."""
        if len(self.problems) < NAMED_PROBLEMS:
            lighten(error)
            self.problems.append((subject, error))
        else:
            self.more_problems += 1

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
    """SUCCESS only when everything was read and written."""
    if findings.problems:
        nothing_read = not findings.answers and not findings.loaded.read
        return FAILED if nothing_read or any(ends_everything(e) for _, e in findings.problems) else PARTIAL
    loaded = findings.loaded
    if (
        loaded.rejected
        or findings.waiting
        or loaded.held
        or findings.owed
        or any(one.rejected for one in findings.children.values())
    ):
        return PARTIAL
    return SUCCESS


def sentence(findings: Findings, requests_per_minute: float) -> str | None:
    """etl_sync_log.error_message: what is missing, in words; None after a plain success."""
    parts = [f"{subject.words}: {error.message}" for subject, error in findings.problems]
    if findings.more_problems:
        parts.append(f"and {findings.more_problems} more like these")
    if rejected := max(findings.loaded.rejected, findings.waiting):
        parts.append(f"{rejected} records could not be stored, see `breezeway-sync rejects list`")
    if findings.loaded.held:
        parts.append(
            f"{findings.loaded.held} records were gone from the lists at once and stay until somebody decides, "
            "see `breezeway-sync deletes list`"
        )
    if findings.owed:
        minutes = findings.owed / requests_per_minute
        parts.append(f"{findings.owed} calls for comments and requirements are still owed, about {minutes:.0f} min")
    parts += [f"{source} is not available for this account: {why}" for source, why in findings.unavailable.items()]
    return shorten("; ".join(parts), LONGEST_SENTENCE) or None
