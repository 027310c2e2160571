"""`breezeway-sync status`: shows how fresh the mirror is, from its database alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from breezeway_sync.cli import loop
from breezeway_sync.cli.common import ConfigOption, JsonOption, columns, out, say, shown, span
from breezeway_sync.core.error_codes import ExitCode

if TYPE_CHECKING:
    from breezeway_sync.core.report import Freshness, VerificationState
    from breezeway_sync.service.status import Overview, RegionTotals

_STYLES = {"success": "green", "partial": "yellow", "failed": "red"}


def status(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 4 when something is late or differs, or when there is no data yet.")
    ] = False,
) -> None:
    """Show how fresh each region and entity is. Reads the database only."""
    from breezeway_sync.service.settings import load_settings
    from breezeway_sync.service.status import overview

    found = loop.run(overview(load_settings(config)))
    if as_json:
        say(overview_json(found), is_json=True)
    else:
        print_overview(out(), found)
    is_doubtful = bool(found.late or found.differing) or not found.asked
    raise typer.Exit(ExitCode.LATE if check and is_doubtful else ExitCode.OK)


def print_overview(console: Console, found: Overview) -> None:
    """Both tables, and below them a line for everything that went wrong."""
    if not found.entities:
        console.print("no region is known yet: run `breezeway-sync run`, or start the service", markup=False)
        return
    console.print(entities_table(found.entities))
    console.print()
    console.print(regions_table(found.regions))
    lines = [f"{one.region} {one.entity}: {one.error}" for one in found.entities if one.error]
    lines += [_differing(one) for one in found.differing]
    lines += [f"{one.region} token: {one.token_error}" for one in found.regions if one.token_error]
    if lines:
        console.print()
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if found.late:
        console.print(f"\n{len(found.late)} of {len(found.asked)} are late", style="red")


def _differing(one: VerificationState) -> str:
    at = f" of {one.compared_at:%Y-%m-%d %H:%M} UTC" if one.compared_at else ""
    hint = f"`breezeway-sync verify {one.region} {one.entity} --all --repair`"
    return f"{one.region} {one.entity}: differs from the API, the comparison{at} found {one.found}; {hint}"


def entities_table(entities: Sequence[Freshness]) -> Table:
    """Regions x entities against their freshness targets."""
    names = ("region", "entity", "status", "last success (UTC)", "age", "target", "late", "rows", "calls", "took")
    table = columns(*names, right=("age", "target", "rows", "calls", "took"))
    last = None
    for one in entities:
        success = f"{one.last_success:%Y-%m-%d %H:%M}" if one.last_success else "never"
        table.add_row(
            shown(one.region if one.region != last else ""),
            one.entity,
            shown("off" if one.is_off else one.status or "never run", style=_STYLES.get(one.status or "", "")),
            "" if one.is_off else success,
            span(one.age_seconds),
            span(one.freshness_target_seconds),
            shown("late", style="red") if one.is_late else "",
            _count(one.records_processed),
            _count(one.calls),
            span(one.duration_seconds),
        )
        last = one.region
    return table


def regions_table(regions: Sequence[RegionTotals]) -> Table:
    """Pending child reads, open rejections and problems, and the token's lifetime."""
    numbers = ("pending child reads", "time needed", "open rejections", "open problems", "accepted")
    table = columns("region", "name", *numbers, "token", right=numbers)
    for one in regions:
        table.add_row(
            shown(one.region),
            shown(one.name),
            _count(one.pending_child_reads),
            f"about {span(one.pending_read_seconds)}" if one.pending_child_reads else "",
            _count(one.rejected_open),
            _count(one.problems_open),
            _count(sum(one.accepted.values())),
            _token(one.token_expires_in_seconds),
        )
    return table


def overview_json(found: Overview) -> str:
    """The same for programs: one JSON object, times as ISO 8601, ages and durations in seconds."""
    content = {
        "late": len(found.late),
        "differing": len(found.differing),
        "entities": [asdict(one) for one in found.entities],
        "regions": [asdict(one) for one in found.regions],
        "verification_results": [asdict(one) for one in found.verifications],
    }
    return json.dumps(content, indent=2, default=lambda moment: moment.isoformat())


def _token(seconds: float | None) -> str:
    if seconds is None:
        return "none"
    return f"{span(seconds)} left" if seconds > 0 else "expired"


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"
