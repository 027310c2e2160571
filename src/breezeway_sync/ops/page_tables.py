"""The tables of the status page below the grid: runs, regions, accounts."""

from __future__ import annotations

from datetime import datetime

from breezeway_sync.core.report import LeaseState, PastRun, RegionState, TokenState
from breezeway_sync.ops.markup import Safe, element, join
from breezeway_sync.ops.page_parts import cell, entity_name, icon, moment, names_of, row, section, table
from breezeway_sync.ops.view import View
from breezeway_sync.ops.words import MINUTE, ago, count, duration

SHOWN_RUNS = 25
_RUN_STATES = {"success": "ok", "partial": "warn", "failed": "bad", "running": "running"}
_COUNTS = ("new", "updated", "unchanged", "deleted", "rejected", "calls")


def runs(view: View) -> Safe | None:
    """The latest runs, newest first."""
    if view.report is None or not view.report.runs:
        return None
    names = names_of(view)
    shown = view.report.runs[:SHOWN_RUNS]
    columns = (
        "Mirror",
        "Result",
        "Started",
        element("th", "Took", **_NUMBER),
        *(_count_head(name) for name in _COUNTS),
    )
    grid = table("Latest runs, newest first", columns, (_run(view, one, names) for one in shown), "runs")
    note = None
    if len(view.report.runs) > len(shown):
        note = element("p", element("small", f"The latest {len(shown)}; the status as JSON has more."))
    return section("Latest runs", "runs", grid, note)


_NUMBER = {"scope": "col", "role": "columnheader", "class_": "number"}


def _count_head(name: str) -> Safe:
    return element("th", name.capitalize(), **_NUMBER)


def _run(view: View, run: PastRun, names: dict[str, str]) -> Safe:
    state = _RUN_STATES.get(run.status, "warn")
    seconds = run.duration_seconds + (view.read_age_seconds if run.completed_at is None else 0.0)
    why = (
        element("details", element("summary", "Why"), element("p", run.error, class_="message")) if run.error else None
    )
    title = join(element("bdi", names.get(run.region, run.region)), element("small", entity_name(run.entity)))
    return row(
        title,
        cell("", icon(state), " ", run.status, why, class_="result"),
        cell("", moment(run.started_at, view.now), class_="wide"),
        cell("Took", duration(seconds), class_="number"),
        *(_count(name, getattr(run, name)) for name in _COUNTS),
    )


def _count(name: str, number: int) -> Safe:
    return cell(name.capitalize(), f"{number:,}", class_="number" if number else "number zero")


def regions(view: View) -> Safe | None:
    """Token, owed calls and rejected records of each region."""
    report = view.report
    if report is None or not (report.tokens or report.regions):
        return None
    tokens = {one.region: one for one in report.tokens}
    states = {one.region: one for one in report.regions}
    names = names_of(view)

    def by_name(code: str) -> str:
        return names.get(code, code).casefold()

    rows = (
        row(
            element("bdi", names.get(code, code)),
            cell("Access token", _token(tokens.get(code), view.now), class_="wide"),
            cell("Calls owed", _owed(view, states.get(code))),
            cell("Records rejected", f"{states[code].rejected_open:,}" if code in states else "–"),
            cell("Problems", _problems(states.get(code))),
        )
        for code in sorted({*tokens, *states}, key=by_name)
    )
    columns = ("Region", "Access token", "Calls owed", "Records rejected", "Problems")
    grid = table("Tokens, owed calls, rejected records and problems", columns, rows)
    return section("Regions", "regions", grid)


def _problems(state: RegionState | None) -> Safe:
    """What is open, and what a person has accepted."""
    if state is None or not (state.problems_open or state.accepted):
        return element("span", "none", class_="muted")
    entities = ", ".join(f"{entity_name(entity)} {number:,}" for entity, number in sorted(state.accepted.items()))
    accepted = element("small", f"(accepted: {entities})") if entities else ""
    return join(f"{state.problems_open:,} open ", accepted)


def _token(token: TokenState | None, now: datetime) -> Safe:
    if token is None or (token.expires_at is None and token.error is None):
        return element("span", "none yet", class_="muted")
    parts = []
    if token.expires_at is not None:
        parts += [element("span", "ends " if token.expires_at > now else "ended "), moment(token.expires_at, now)]
    if token.refreshed_at is not None:
        parts.append(
            element("small", f" · renewed {ago(token.refreshed_at, now)}, {count(token.generation, 'time')} in all")
        )
    if token.error:
        parts.append(element("p", icon("bad"), " ", element("bdi", token.error), class_="bad"))
    return join(*parts)


def _owed(view: View, state: RegionState | None) -> Safe:
    if state is None or not any(state.owed.values()):
        return element("span", "none", class_="muted")
    calls = sum(state.owed.values())
    time = duration(calls * MINUTE / max(1, view.facts.requests_per_minute))
    sources = ", ".join(f"{number:,} {entity_name(source)}" for source, number in sorted(state.owed.items()) if number)
    return join(f"{calls:,}, about {time} ", element("small", f"({sources})"))


def accounts(view: View) -> Safe | None:
    """Who works which account."""
    if view.report is None or not view.report.leases:
        return None
    passed = view.read_age_seconds
    rows = (_lease(one, passed) for one in view.report.leases)
    columns = ("Account", "Worked by", "Lease", "Calls", "Next token call")
    return section("Accounts", "accounts", table("Who works which account", columns, rows))


def _lease(one: LeaseState, passed_seconds: float) -> Safe:
    def left(seconds: float, before: str, without: str) -> Safe:
        seconds -= passed_seconds
        return join(f"{before}{duration(seconds)}") if seconds > 0 else element("span", without, class_="muted")

    is_held = one.owner is not None and one.expires_in_seconds > passed_seconds
    owner = element("bdi", one.owner) if is_held else element("span", "nobody", class_="muted")
    return row(
        element("code", one.account),
        cell("Worked by", owner, class_="wide"),
        cell("Lease", left(one.expires_in_seconds if is_held else 0.0, "for ", "none")),
        cell("Calls", left(one.paused_for_seconds, "paused for ", "allowed")),
        cell("Next token call", left(one.next_token_call_in_seconds, "in ", "at once")),
    )
