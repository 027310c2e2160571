"""The texts of the status page: the model of `templates/status.html`. Pure.

A `sign` is a state as the page draws it: ok, warn, bad, running. Texts are plain: the template escapes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from breezeway_sync.core.error_codes import CREDENTIALS, PENDING_READS
from breezeway_sync.ops import page_tables, troubles
from breezeway_sync.ops.page_tables import AccountRow, EntityColumn, MirrorRow, RegionRow, RunRow
from breezeway_sync.ops.troubles import Place
from breezeway_sync.ops.view import View
from breezeway_sync.ops.words import MINUTE, ago, clock, count, duration, entity_name, listing

REFRESH_SECONDS = 30
NAMED_REGIONS = 12
SHOWN_CHARACTERS = 320

Sign = Literal["ok", "warn", "bad"]
_SIGNS: dict[str, Sign] = {"ok": "ok", "degraded": "warn", "failing": "bad"}


@dataclass(frozen=True, slots=True)
class ServiceBanner:
    """Something that concerns the whole service, in two sentences."""

    sign: Sign
    what: str
    hint: str


@dataclass(frozen=True, slots=True)
class StatusSums:
    """The headline numbers."""

    fresh: str
    last_success: str
    pending: str
    pending_note: str
    rejected: str


@dataclass(frozen=True, slots=True)
class MessageLine:
    """A message and the places that had it."""

    text: str
    places: str


@dataclass(frozen=True, slots=True)
class TroubleCard:
    """What failed and why. `whole_message` is None where `message` is all of it."""

    sign: Sign
    title: str
    places: str
    message: str
    whole_message: str | None
    hint: str
    more: tuple[MessageLine, ...]
    more_title: str


@dataclass(frozen=True, slots=True)
class StatusPage:
    """The page from top to bottom; a section without content is empty or None, and left out."""

    sign: Sign
    headline: str
    as_of: str
    is_refreshing: bool
    refresh_seconds: int
    banners: tuple[ServiceBanner, ...]
    sums: StatusSums | None
    troubles: tuple[TroubleCard, ...]
    entities: tuple[EntityColumn, ...]
    mirrors: tuple[MirrorRow, ...]
    run_counts: tuple[str, ...]
    runs: tuple[RunRow, ...]
    has_more_runs: bool
    regions: tuple[RegionRow, ...]
    accounts: tuple[AccountRow, ...]
    version: str
    uptime: str
    owner: str
    config_source: str | None


def page_of(view: View, *, is_refreshing: bool) -> StatusPage:
    """The page for what is known now."""
    facts, report = view.facts, view.report
    state, headline = view.headline()
    entities = page_tables.entities(view.freshness)
    return StatusPage(
        sign=_SIGNS[state],
        headline=headline,
        as_of=_as_of(view),
        is_refreshing=is_refreshing,
        refresh_seconds=REFRESH_SECONDS,
        banners=_banners(view),
        sums=_sums(view),
        troubles=tuple(_trouble(view, one) for one in view.troubles),
        entities=tuple(entities.values()),
        mirrors=page_tables.mirrors(view, tuple(entities)),
        run_counts=page_tables.RUN_COUNTS,
        runs=() if report is None else page_tables.runs(view, report.runs),
        has_more_runs=report is not None and len(report.runs) > page_tables.SHOWN_RUNS,
        regions=() if report is None else page_tables.regions(view, report),
        accounts=() if report is None else page_tables.accounts(report.leases, view.read_age_seconds),
        version=facts.version,
        uptime=duration(facts.uptime_seconds),
        owner=facts.owner,
        config_source=facts.config_source,
    )


def _as_of(view: View) -> str:
    """Of when the page is."""
    if view.report is not None and view.error and view.freshness:
        at = clock(view.report.read_at, view.now)
        return f"What is shown was read {duration(view.read_age_seconds)} ago, at {at} UTC"
    return f"As of {clock(view.now, view.now)} UTC"


def _banners(view: View) -> tuple[ServiceBanner, ...]:
    """Findings that have no place further down."""
    below = {"late", "differs"} | (
        {"credentials"} if any(one.remedy is CREDENTIALS for one in view.troubles) else set()
    )
    shown = [(one.state, one.what, one.hint) for one in view.judgement.findings if one.subject not in below]
    if view.error and view.facts.database_reachable:
        shown.append(("degraded", view.error, "The next refresh tries again; the service's log says more."))
    return tuple(ServiceBanner(_SIGNS[state], _sentence(what), _sentence(hint)) for state, what, hint in shown)


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "…", "!", "?")) else f"{text}."


def _sums(view: View) -> StatusSums | None:
    report = view.report
    if report is None or not view.freshness:
        return None
    pending = sum(calls for one in report.regions for calls in one.pending_reads.values())
    rejected = sum(one.rejected_open for one in report.regions)
    successes = [one.last_success for one in view.freshness if one.last_success]
    minutes = duration(pending * MINUTE / max(1, view.facts.requests_per_minute))
    return StatusSums(
        fresh=f"{len(view.asked) - len(view.late)} of {len(view.asked)}",
        last_success=ago(max(successes), view.now) if successes else "none yet",
        pending=f"{pending:,}",
        pending_note=f"about {minutes} of calls" if pending else "comments and requirements",
        rejected=f"{rejected:,}",
    )


def _trouble(view: View, one: troubles.TroubleGroup) -> TroubleCard:
    (first, _), *rest = one.messages.items()
    is_long = len(first) > SHOWN_CHARACTERS
    return TroubleCard(
        sign="warn" if one.remedy is PENDING_READS else "bad",
        title=one.remedy.title,
        places=_places(view, one.places),
        message=_sentence(f"{first[:SHOWN_CHARACTERS]}…" if is_long else first),
        whole_message=first if is_long else None,
        hint=one.remedy.hint,
        more=tuple(MessageLine(text, _places(view, places)) for text, places in rest),
        more_title=count(len(rest), "more message"),
    )


def _places(view: View, places: Sequence[Place]) -> str:
    """Regions with their entities: "Austin: tasks and tags; Nashville: all 9"."""
    regions: dict[str, list[str]] = {}
    for region, entity in places:
        regions.setdefault(region, []).append(entity_name(entity))
    if len(regions) > NAMED_REGIONS:
        return f"{count(len(regions), 'region')}, {count(len(places), 'mirror')}"
    sizes: dict[str, int] = {}
    for one in view.asked:
        sizes[one.region] = sizes.get(one.region, 0) + 1
    return "; ".join(
        f"{view.region_names.get(region, region)}: "
        + (f"all {len(found)}" if len(found) == sizes.get(region) and len(found) > 1 else listing(found))
        for region, found in regions.items()
    )
