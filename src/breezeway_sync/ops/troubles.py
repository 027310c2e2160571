"""Sorts what is wrong in a report by what an operator can do about it. Pure: the error codes decide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from breezeway_sync.core.error_codes import ERROR_RULES, PENDING_READS, UNATTENDED, UNEXPECTED, Remedy
from breezeway_sync.core.outcome import FAILED, PARTIAL
from breezeway_sync.core.report import Freshness, PastRun, VerificationState

Place = tuple[str, str]
"""A region's code and an entity."""

LATE = Remedy(
    "late",
    "Late without an error",
    "Cycles are too slow or do not start: see the latest runs below, the pending child reads, and which process works "
    "the account.",
    "breezeway-sync-late",
)
DIFFERS = Remedy(
    "differs",
    "Mirror and API differ",
    "`breezeway-sync verify REGION ENTITY --all --repair` names what differs, reads it again, and verifies it. If "
    "nobody has changed the mirror by hand, send the verification result with a `doctor --bundle`.",
    "breezeway-sync-mirror-differs",
)
# The most pressing first. What has no error of its own comes after what has, and what passes by itself comes last.
_ORDER = tuple(
    dict.fromkeys(rule.remedy for rule in ERROR_RULES.values() if rule.remedy not in (PENDING_READS, UNEXPECTED))
)
REMEDIES = (*_ORDER, DIFFERS, UNEXPECTED, LATE, PENDING_READS)


@dataclass(frozen=True, slots=True)
class TroubleGroup:
    """What one remedy helps: where it is, and the messages with the places that had each."""

    remedy: Remedy
    places: tuple[Place, ...]
    messages: Mapping[str, tuple[Place, ...]]


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
    verifications: Sequence[VerificationState] = (),
) -> list[TroubleGroup]:
    """Troubles of the latest runs and comparisons, the most pressing remedy first. `late` are places that are late."""
    ended = latest_ended(runs)
    found: dict[Remedy, dict[str, list[Place]]] = {}
    for one in freshness:
        place = (one.region, one.entity)
        for remedy, message in _of(one, ended.get(place), place in late):
            found.setdefault(remedy, {}).setdefault(message, []).append(place)
    for state in verifications:
        if state.is_differing and state.compared_at is not None:
            message = f"the comparison of {state.compared_at:%Y-%m-%d %H:%M} UTC found {state.found}"
            found.setdefault(DIFFERS, {}).setdefault(message, []).append((state.region, state.entity))
    return [_trouble(remedy, found[remedy]) for remedy in REMEDIES if remedy in found]


def _of(one: Freshness, ended: PastRun | None, is_late: bool) -> Iterator[tuple[Remedy, str]]:
    status, error, code = one.status, one.error, one.error_code
    if status == "running" and ended is not None:
        status, error, code = ended.status, ended.error, ended.error_code
    if one.is_unattended:
        yield UNATTENDED, "no process has read it for longer than its freshness target"
    elif status in (FAILED, PARTIAL) and error:
        yield ERROR_RULES[code].remedy if code else UNEXPECTED, error
    elif is_late:
        yield LATE, "has never been read" if one.last_success is None else "no cycle succeeded in time"


def _trouble(remedy: Remedy, messages: Mapping[str, Sequence[Place]]) -> TroubleGroup:
    places = tuple(sorted({place for some in messages.values() for place in some}))
    ordered = sorted(messages.items(), key=lambda pair: -len(pair[1]))
    return TroubleGroup(remedy, places, {message: tuple(some) for message, some in ordered})
