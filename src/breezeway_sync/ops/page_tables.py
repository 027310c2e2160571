"""The tables of the status page as finished texts: mirrors, runs, regions, accounts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from breezeway_sync.core.outcome import FAILED, PARTIAL
from breezeway_sync.core.report import Freshness, LeaseState, PastRun, RegionState, TokenState
from breezeway_sync.ops.view import View
from breezeway_sync.ops.watch import StatusReport
from breezeway_sync.ops.words import MINUTE, Moment, ago, brief, count, duration, entity_name, moment

SHOWN_RUNS = 25
RUN_COUNTS = ("New", "Updated", "Unchanged", "Deleted", "Rejected", "Calls")
_RUN_SIGNS = {"success": "ok", "partial": "warn", "failed": "bad", "running": "running"}


@dataclass(frozen=True, slots=True)
class EntityColumn:
    """An entity and its freshness target."""

    name: str
    target: str


@dataclass(frozen=True, slots=True)
class MirrorCell:
    """How fresh a region's entity is; `words` is empty where there is nothing to add, `width` the bar's in percent."""

    entity: str
    sign: Literal["unread", "off", "ok", "warn", "bad"]
    age: str = ""
    target: str = ""
    words: str = ""
    width: int = 0


@dataclass(frozen=True, slots=True)
class MirrorRow:
    """A region's cells, one for each column; `code` is None where the name says it."""

    name: str
    code: str | None
    cells: tuple[MirrorCell, ...]


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run; `counts` has a number for each of RUN_COUNTS."""

    region: str
    entity: str
    sign: str
    status: str
    started: Moment
    took: str
    error: str | None
    counts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TokenLine:
    """A region's access token, without the token."""

    ends: Moment | None
    has_ended: bool
    renewed: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class PendingReads:
    """Calls for comments and requirements that are still to be made, the time that they take, and what they read."""

    calls: str
    time: str
    sources: str


@dataclass(frozen=True, slots=True)
class OpenProblems:
    """Open problems, and by entity what a person has accepted."""

    open: str
    accepted: str


@dataclass(frozen=True, slots=True)
class RegionRow:
    """What a region has beside its mirrors; None: nothing."""

    name: str
    token: TokenLine | None
    pending: PendingReads | None
    rejected: str
    problems: OpenProblems | None


@dataclass(frozen=True, slots=True)
class AccountRow:
    """Who works an account, and for how long what else lasts; None: nobody, and not at all."""

    key: str
    owner: str | None
    lease: str | None
    pause: str | None
    token_call: str | None


def entities(freshness: Iterable[Freshness]) -> dict[str, EntityColumn]:
    """The columns by entity, the shortest freshness target first."""
    targets = {one.entity: one.freshness_target_seconds for one in freshness}
    ordered = sorted(targets, key=lambda name: (targets[name], name))
    return {name: EntityColumn(entity_name(name), brief(targets[name])) for name in ordered}


def mirrors(view: View, names: Sequence[str]) -> tuple[MirrorRow, ...]:
    """Regions x these entities, regions by name."""
    found: dict[str, dict[str, Freshness]] = {}
    for one in view.freshness:
        found.setdefault(one.region, {})[one.entity] = one
    return tuple(
        MirrorRow(
            name=view.region_names[code],
            code=None if view.region_names[code].casefold().replace(" ", "_") == code.casefold() else code,
            cells=tuple(_cell(view, name, some.get(name)) for name in names),
        )
        for code, some in sorted(found.items(), key=lambda pair: view.region_names[pair[0]].casefold())
    )


def _cell(view: View, entity: str, one: Freshness | None) -> MirrorCell:
    name = entity_name(entity)
    if one is None or one.is_off:
        return MirrorCell(name, "unread" if one is None else "off")
    age = view.age_seconds(one)
    ended = view.ended_status.get((one.region, one.entity))
    is_late = view.is_late(one)
    words = ["never read" if age is None else "late"] if is_late else []
    words += [ended] if ended in (FAILED, PARTIAL) else []
    sign: Literal["ok", "warn", "bad"] = "bad" if is_late else "warn" if words else "ok"
    words += ["running"] if one.status == "running" else []
    share = 1.0 if age is None or one.freshness_target_seconds <= 0 else min(1.0, age / one.freshness_target_seconds)
    shown = "–" if age is None else brief(age)
    return MirrorCell(name, sign, shown, brief(one.freshness_target_seconds), ", ".join(words), round(share * 100))


def runs(view: View, past: Sequence[PastRun]) -> tuple[RunRow, ...]:
    """The latest runs, newest first."""
    return tuple(_run(view, one) for one in past[:SHOWN_RUNS])


def _run(view: View, run: PastRun) -> RunRow:
    seconds = run.duration_seconds + (view.read_age_seconds if run.completed_at is None else 0.0)
    return RunRow(
        region=view.region_names.get(run.region, run.region),
        entity=entity_name(run.entity),
        sign=_RUN_SIGNS.get(run.status, "warn"),
        status=run.status,
        started=moment(run.started_at, view.now),
        took=duration(seconds),
        error=run.error,
        counts={name: f"{getattr(run, name.lower()):,}" for name in RUN_COUNTS},
    )


def regions(view: View, report: StatusReport) -> tuple[RegionRow, ...]:
    """Every region with a token or totals, by name."""
    tokens = {one.region: one for one in report.tokens}
    states = {one.region: one for one in report.regions}
    names = {code: view.region_names.get(code, code) for code in {*tokens, *states}}
    return tuple(
        RegionRow(
            name=name,
            token=_token(tokens.get(code), view.now),
            pending=_pending(states.get(code), view.facts.requests_per_minute),
            rejected=f"{states[code].rejected_open:,}" if code in states else "–",
            problems=_problems(states.get(code)),
        )
        for code, name in sorted(names.items(), key=lambda pair: (pair[1].casefold(), pair[0]))
    )


def _token(token: TokenState | None, now: datetime) -> TokenLine | None:
    if token is None or (token.expires_at is None and token.error is None):
        return None
    renewed = None
    if token.refreshed_at is not None:
        renewed = f"{ago(token.refreshed_at, now)}, {count(token.generation, 'time')} in all"
    return TokenLine(
        ends=None if token.expires_at is None else moment(token.expires_at, now),
        has_ended=token.expires_at is not None and token.expires_at <= now,
        renewed=renewed,
        error=token.error,
    )


def _pending(state: RegionState | None, requests_per_minute: int) -> PendingReads | None:
    calls = sum(state.pending_reads.values()) if state else 0
    if state is None or not calls:
        return None
    sources = ", ".join(
        f"{number:,} {entity_name(source)}" for source, number in sorted(state.pending_reads.items()) if number
    )
    return PendingReads(f"{calls:,}", duration(calls * MINUTE / max(1, requests_per_minute)), sources)


def _problems(state: RegionState | None) -> OpenProblems | None:
    if state is None or not (state.problems_open or state.accepted):
        return None
    accepted = ", ".join(f"{entity_name(entity)} {number:,}" for entity, number in sorted(state.accepted.items()))
    return OpenProblems(f"{state.problems_open:,}", accepted)


def accounts(leases: Sequence[LeaseState], passed_seconds: float) -> tuple[AccountRow, ...]:
    """The accounts; `passed_seconds` ago the leases were read."""

    def left(seconds: float) -> str | None:
        return duration(seconds - passed_seconds) if seconds > passed_seconds else None

    return tuple(
        AccountRow(
            key=one.account,
            owner=one.owner if one.owner is not None and left(one.expires_in_seconds) else None,
            lease=left(one.expires_in_seconds) if one.owner is not None else None,
            pause=left(one.paused_for_seconds),
            token_call=left(one.next_token_call_in_seconds),
        )
        for one in leases
    )
