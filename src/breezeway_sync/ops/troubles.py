"""What is wrong in a report, sorted by what an operator can do about it. Pure.

The log keeps messages, not classes of errors, so that kinds are told by words of the messages; a test
holds these words against the errors that the layers below really raise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from breezeway_sync.core.outcome import FAILED, PARTIAL
from breezeway_sync.core.report import Freshness, PastRun, VerificationState

Place = tuple[str, str]
"""A region's code and an entity."""


@dataclass(frozen=True, slots=True)
class TroubleKind:
    """A sort of trouble: `marks` are words that only its messages have."""

    name: str
    title: str
    hint: str
    marks: tuple[str, ...] = ()


CREDENTIALS = TroubleKind(
    "credentials",
    "Credentials rejected",
    "Nothing but the right pair helps: put client_id and client_secret into the configuration or api_tokens, and have "
    "Breezeway activate it. The next cycle then goes on by itself.",
    ("the credentials are wrong", "no credentials:", "access token"),
)
SOURCE = TroubleKind(
    "source",
    "Not the region's own source",
    "`breezeway-sync regions list` shows what each region is a copy of. Put its client_id, company_id or the address "
    "right, or take the new source for its own with `breezeway-sync regions adopt`. Until then nothing is changed.",
    ("the source of this region has changed", "the credentials see several companies",
     "no property belongs to the configured company", "is a copy of the same company", "this region is retired",
     "cannot both be read"),
)  # fmt: skip
UNATTENDED = TroubleKind(
    "unattended",
    "Worked by nobody",
    "Start a process whose configuration has the region, or take it out with `breezeway-sync regions retire`.",
)
DATABASE = TroubleKind(
    "database",
    "Database",
    "See whether PostgreSQL runs, has room on its disk and lets the role in. What was committed stays; the next cycle "
    "reads the rest.",
    ("PostgreSQL ", "the database is not open", 'schema "', "another process is migrating"),
)
UNREACHABLE = TroubleKind(
    "unreachable",
    "API unreachable or failing",
    "See whether api.breezeway.io answers from this machine: network, DNS, proxy, firewall. If it does, wait; every "
    "cycle tries again.",
    ("the API was not reached", "the API gave up waiting", "the API failed", "given up after",
     "the answer is not whole", "an answer that is none", "an answer without a body", "a 404 that is not the API's",
     "a record that cannot be read", "the answer is too large"),
)  # fmt: skip
LIMITED = TroubleKind(
    "limited",
    "Rate limit",
    "Look for another program with the same credentials, or lower api.requests_per_minute. The account pauses and goes "
    "on by itself.",
    ("too many calls", "blocked before the API", "no turn for a token call"),
)
REFUSED = TroubleKind(
    "refused",
    "Refused by the API",
    "Ask Breezeway whether the account's plan includes this, check the path of the entity, or switch the entity off. "
    "What can be lived with is accepted by name: `breezeway-sync problems list`.",
    ("not permitted", "the API refused", "no such record or address", "the address is none", "is not available for"),
)
REJECTED = TroubleKind(
    "rejected",
    "Records that cannot be stored",
    "`breezeway-sync rejects list` names them and the reasons; rejected_records has each one whole. Everything else "
    "was written. When the reason is gone, `breezeway-sync rejects retry` brings them again.",
    ("could not be stored",),
)
PENDING_READS = TroubleKind(
    "pending_reads",
    "Calls still owed",
    "Nothing to do while the number falls. If it grows for days, raise sync.max_minutes.",
    ("still owed",),
)
DOUBTED = TroubleKind(
    "doubted",
    "Deletions that wait for a person",
    "`breezeway-sync deletes list` shows them. If they are really gone, `deletes approve`; else `deletes reject`, or "
    "wait until the lists show them again. Until then they stay.",
    ("gone from the lists at once",),
)
SHORT = TroubleKind(
    "short",
    "Lists that ended early",
    "Nothing to do: what came is stored, and the next cycle reads the list again.",
    ("a list ended before",),
)
HELD = TroubleKind(
    "held",
    "Account worked by another process",
    "Look at the accounts below: stop the other process, or let it finish.",
    ("is being worked by another process", "was taken over by another process"),
)
STOPPED = TroubleKind(
    "stopped",
    "Interrupted",
    "Nothing to do: the next cycle goes on. If it comes back, see why the process ends.",
    ("interrupted", "process ended", "not read, because"),
)
OTHER = TroubleKind("other", "Unexpected", "Look for the run in the service's log; please report what you find there.")
LATE = TroubleKind(
    "late",
    "Late without an error",
    "Cycles are too slow or do not start: see the latest runs below, the calls owed and who works the account.",
)
DIFFERS = TroubleKind(
    "differs",
    "Mirror and API say different things",
    "`breezeway-sync verify REGION ENTITY --all --repair` names what differs, reads it again, and proves it. If nobody "
    "has changed the mirror by hand, send the certificate with a bundle.",
)
KINDS = (
    CREDENTIALS,
    SOURCE,
    UNATTENDED,
    DATABASE,
    UNREACHABLE,
    LIMITED,
    REFUSED,
    HELD,
    REJECTED,
    DOUBTED,
    SHORT,
    STOPPED,
    PENDING_READS,
)


@dataclass(frozen=True, slots=True)
class TroubleGroup:
    """One kind of trouble: where it is, and the messages with the places that had each."""

    kind: TroubleKind
    places: tuple[Place, ...]
    messages: Mapping[str, tuple[Place, ...]]


def kinds_of(message: str) -> list[TroubleKind]:
    """Every kind that a message speaks of; OTHER where none is known."""
    return [kind for kind in KINDS if any(checkpoint in message for checkpoint in kind.marks)] or [OTHER]


def latest_ended(runs: Iterable[PastRun]) -> dict[Place, PastRun]:
    """The latest run of each region and entity that has ended; `runs` come newest first."""
    found: dict[Place, PastRun] = {}
    for run in runs:
        if run.completed_at is not None:
            found.setdefault((run.region, run.entity), run)
    return found


def find(
    freshness: Sequence[Freshness],
    runs: Sequence[PastRun],
    late: frozenset[Place],
    certificates: Sequence[VerificationState] = (),
) -> list[TroubleGroup]:
    """Troubles of the latest runs and comparisons, the most pressing kind first. `late` are places that are late."""
    ended = latest_ended(runs)
    found: dict[TroubleKind, dict[str, list[Place]]] = {}
    for one in freshness:
        place = (one.region, one.entity)
        for kind, message in _of(one, ended.get(place), place in late):
            found.setdefault(kind, {}).setdefault(message, []).append(place)
    for state in certificates:
        if state.is_differing and state.compared_at is not None:
            message = f"the comparison of {state.compared_at:%Y-%m-%d %H:%M} UTC found {state.found}"
            found.setdefault(DIFFERS, {}).setdefault(message, []).append((state.region, state.entity))
    return [_trouble(kind, found[kind]) for kind in (*KINDS[:-1], DIFFERS, OTHER, LATE, PENDING_READS) if kind in found]


def _of(one: Freshness, ended: PastRun | None, is_late: bool) -> Iterator[tuple[TroubleKind, str]]:
    status, error = one.status, one.error
    if status == "running" and ended is not None:
        status, error = ended.status, ended.error
    if one.is_unattended:
        yield UNATTENDED, "the last process that worked it is gone for longer than its mirror may be old"
    elif status in (FAILED, PARTIAL) and error:
        for kind in kinds_of(error):
            yield kind, error
    elif is_late:
        yield LATE, "has never been read" if one.last_success is None else "no cycle succeeded in time"


def _trouble(kind: TroubleKind, messages: Mapping[str, Sequence[Place]]) -> TroubleGroup:
    places = tuple(sorted({place for some in messages.values() for place in some}))
    ordered = sorted(messages.items(), key=lambda pair: -len(pair[1]))
    return TroubleGroup(kind, places, {message: tuple(some) for message, some in ordered})
