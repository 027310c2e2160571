"""`breezeway-sync problems`: what could not be read or stored, and a person who lives with it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from breezeway_sync.cli import exits, loop
from breezeway_sync.cli.common import ConfigOption, JsonOption, WaitOption, log_to_stderr, out, tell
from breezeway_sync.core.errors import DatabaseError, LeaseHeld

if TYPE_CHECKING:
    from breezeway_sync.core.report import KnownProblem
    from breezeway_sync.service.problems import RetryReport

problems_app = typer.Typer(
    help="What could not be read or stored: list it, accept it, read it again.", no_args_is_help=True
)

IdsArgument = Annotated[list[str], typer.Argument(metavar="ID…", help="As `problems list` shows them: p17, r4.")]


@problems_app.command("list")
def problems_list(
    region: Annotated[str, typer.Argument(help="A region of the configuration, or all.")] = "all",
    config: ConfigOption = None,
    as_json: JsonOption = False,
    everything: Annotated[bool, typer.Option("--all", help="Show also what is resolved.")] = False,
) -> None:
    """Show what is open: where, what, why, since when, and who lives with it."""
    from breezeway_sync.service import problems
    from breezeway_sync.service.selection import choose_regions
    from breezeway_sync.service.settings import load_settings

    settings = load_settings(config)
    found = loop.run(problems.listing(settings, choose_regions(settings, region), resolved=everything))
    if as_json:
        typer.echo(listing_json(found))
    else:
        print_listing(out(), found)


@problems_app.command("accept")
def problems_accept(
    ids: IdsArgument,
    why: Annotated[str, typer.Option(help="The reason, for whoever looks next.")],
    config: ConfigOption = None,
) -> None:
    """Live with these until they change: another payload, another code, or read well in between."""
    from breezeway_sync.service import problems
    from breezeway_sync.service.settings import load_settings

    reason = " ".join(why.encode("utf-8", "replace").decode("utf-8").split())
    if not reason:
        raise typer.BadParameter("wanted a reason, got nothing", param_hint="--why")
    count = loop.run(problems.accept(load_settings(config), ids, reason))
    typer.echo(f"{count} problem{'s' if count != 1 else ''} accepted; `breezeway-sync problems list` shows them on")


@problems_app.command("retry")
def problems_retry(
    ids: IdsArgument,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    wait: WaitOption = 60.0,
) -> None:
    """Read these again now, or bring the rejected record again; exit 1 when something stays open."""
    from breezeway_sync.service import problems
    from breezeway_sync.service.settings import load_settings

    if not math.isfinite(wait):
        raise typer.BadParameter("wanted a number of seconds", param_hint="--wait")
    settings = load_settings(config)
    emit = log_to_stderr(settings.log.level)
    report = loop.run(problems.retry(settings, ids, emit=emit, tell=tell, wait_seconds=wait))
    if as_json:
        typer.echo(retry_json(report))
    else:
        print_retry(out(), report)
    raise typer.Exit(of_retry(report))


def of_retry(report: RetryReport) -> int:
    """The exit code; the strongest reason wins: the database, held, something stays open, success. Pure."""
    errors = list(report.problems.values())
    if any(isinstance(one, DatabaseError) and not isinstance(one, LeaseHeld) for one in errors):
        return exits.OUT_OF_REACH
    if any(isinstance(one, LeaseHeld) for one in errors):
        return exits.HELD
    return exits.INCOMPLETE if errors or any(one.is_open for one in report.records) else exits.OK


def print_listing(console: Console, found: Sequence[KnownProblem]) -> None:
    """A line for every problem."""
    if not found:
        console.print("no problem is open", markup=False)
        return
    table = _table("id", "region", "entity", "what", "code", "since (UTC)", "", "why")
    for one in found:
        state = "resolved" if one.resolved_at else "accepted" if one.accepted_at else "open"
        why = f"{one.accepted_why} ({one.accepted_by})" if one.accepted_at and not one.resolved_at else one.message
        style = "yellow" if state == "open" else "green"
        since = f"{one.first_seen_at:%Y-%m-%d %H:%M}"
        cells = (one.id, one.region, one.entity, one.what, one.code, since)
        table.add_row(*map(Text, cells), Text(state, style=style), Text(why))
    console.print(table)


def print_retry(console: Console, report: RetryReport) -> None:
    """A line for every problem, and one for every region that could not be worked."""
    if report.records:
        table = _table("id", "region", "entity", "what", "", "what came")
        for one in report.records:
            state = Text("open" if one.is_open else "resolved", style="yellow" if one.is_open else "green")
            table.add_row(Text(one.id), Text(one.region), Text(one.entity), Text(one.what), state, Text(one.came))
        console.print(table)
    for region, error in report.problems.items():
        console.print(f"{region}: {error.message}", markup=False, highlight=False, soft_wrap=True)


def listing_json(found: Sequence[KnownProblem]) -> str:
    """The same for programs: one JSON object."""
    content = {"problems": [asdict(one) for one in found]}
    return json.dumps(content, indent=2, default=lambda moment: moment.isoformat())


def retry_json(report: RetryReport) -> str:
    """The same for programs: one JSON object."""
    content = {
        "records": [asdict(one) for one in report.records],
        "problems": {region: error.message for region, error in report.problems.items()},
    }
    return json.dumps(content, indent=2)


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(name, overflow="fold")
    return table
