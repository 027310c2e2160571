"""`breezeway-sync problems`: lists what could not be read or stored, and accepts single problems."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from breezeway_sync.cli import loop
from breezeway_sync.cli.common import (
    ConfigOption,
    JsonOption,
    WaitOption,
    columns,
    log_to_stderr,
    out,
    say,
    shown,
    tell,
)
from breezeway_sync.cli.retries import of_retry, print_problems, retry_json

if TYPE_CHECKING:
    from breezeway_sync.core.report import KnownProblem, ReadAgain
    from breezeway_sync.service.retries import RetryReport

problems_app = typer.Typer(
    help="Data that could not be read or stored: list, accept, read again.", no_args_is_help=True
)

IdsArgument = Annotated[list[str], typer.Argument(metavar="ID…", help="As `problems list` shows them: p17, r4.")]


@problems_app.command("list")
def problems_list(
    region: Annotated[str, typer.Argument(help="A region of the configuration, or all.")] = "all",
    config: ConfigOption = None,
    as_json: JsonOption = False,
    everything: Annotated[bool, typer.Option("--all", help="Also show resolved problems.")] = False,
) -> None:
    """Show open problems: where, what, why, since when, and who accepted them."""
    from breezeway_sync.service import problems
    from breezeway_sync.service.selection import choose_regions
    from breezeway_sync.service.settings import load_settings

    settings = load_settings(config)
    found = loop.run(problems.listing(settings, choose_regions(settings, region), resolved=everything))
    if as_json:
        say(listing_json(found), is_json=True)
    else:
        print_listing(out(), found)


@problems_app.command("accept")
def problems_accept(
    ids: IdsArgument,
    why: Annotated[str, typer.Option(help="The reason, shown in the list.")],
    config: ConfigOption = None,
) -> None:
    """Accept these problems until they change: a new payload, a new error code, or a successful read."""
    from breezeway_sync.service import problems
    from breezeway_sync.service.settings import load_settings

    reason = " ".join(why.encode("utf-8", "replace").decode("utf-8").split())
    if not reason:
        raise typer.BadParameter("expected a reason, got an empty text", param_hint="--why")
    count = loop.run(problems.accept(load_settings(config), ids, reason))
    typer.echo(f"{count} problem{'s' if count != 1 else ''} accepted; `breezeway-sync problems list` still shows them")


@problems_app.command("retry")
def problems_retry(
    ids: IdsArgument,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    wait: WaitOption = 60.0,
) -> None:
    """Read these again now, or store the rejected record again. Exit 1 when a problem stays open."""
    from breezeway_sync.service import problems
    from breezeway_sync.service.settings import load_settings

    settings = load_settings(config)
    emit = log_to_stderr(settings.log.level)
    report = loop.run(problems.retry(settings, ids, emit=emit, tell=tell, wait_seconds=wait))
    if as_json:
        say(retry_json(report), is_json=True)
    else:
        print_retry(out(), report)
    raise typer.Exit(of_retry(report))


def print_listing(console: Console, found: Sequence[KnownProblem]) -> None:
    """A line for every problem."""
    if not found:
        console.print("no problem is open", markup=False)
        return
    table = columns("id", "region", "entity", "what", "code", "since (UTC)", "", "why", folded=True)
    for one in found:
        state = "resolved" if one.resolved_at else "accepted" if one.accepted_at else "open"
        why = f"{one.accepted_why} ({one.accepted_by})" if one.accepted_at and not one.resolved_at else one.message
        style = "yellow" if state == "open" else "green"
        since = f"{one.first_seen_at:%Y-%m-%d %H:%M}"
        cells = (one.id, one.region, one.entity, one.what, one.code, since)
        table.add_row(*map(shown, cells), shown(state, style=style), shown(why))
    console.print(table)


def print_retry(console: Console, report: RetryReport[ReadAgain]) -> None:
    """A line for every problem, and one for every region that could not be worked."""
    if report.records:
        table = columns("id", "region", "entity", "what", "", "what came", folded=True)
        for one in report.records:
            state = shown("open" if one.is_open else "resolved", style="yellow" if one.is_open else "green")
            table.add_row(shown(one.id), shown(one.region), shown(one.entity), shown(one.what), state, shown(one.came))
        console.print(table)
    print_problems(console, report)


def listing_json(found: Sequence[KnownProblem]) -> str:
    """The same for programs: one JSON object."""
    content = {"problems": [asdict(one) for one in found]}
    return json.dumps(content, indent=2, default=lambda moment: moment.isoformat())
