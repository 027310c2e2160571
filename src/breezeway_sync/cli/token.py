"""`breezeway-sync token`: checks and renews credentials and tokens, and never shows one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from breezeway_sync.cli import exits, loop
from breezeway_sync.cli.common import (
    ConfigOption,
    JsonOption,
    WaitOption,
    columns,
    log_to_stderr,
    out,
    say,
    shown,
    span,
    tell,
)
from breezeway_sync.core.error_codes import ErrorCode, ExitCode

if TYPE_CHECKING:
    from breezeway_sync.service.tokens import TokenReport

token_app = typer.Typer(help="Check or renew the accounts' tokens. Token values are never shown.", no_args_is_help=True)

RegionArgument = Annotated[str, typer.Argument(help="A region of the configuration, or all.")]


@token_app.command("check")
def token_check(
    region: RegionArgument = "all",
    config: ConfigOption = None,
    call: Annotated[
        bool, typer.Option("--call", help="Also make one small call with each account's token; may renew it.")
    ] = False,
    as_json: JsonOption = False,
    wait: WaitOption = 60.0,
) -> None:
    """Show where credentials come from, how long tokens last, and the last error."""
    from breezeway_sync.service import tokens
    from breezeway_sync.service.selection import choose_regions
    from breezeway_sync.service.settings import load_settings

    settings = load_settings(config)
    regions = choose_regions(settings, region)
    emit = log_to_stderr(settings.log.level)
    work = tokens.check(settings, regions, emit=emit, tell=tell, call=call, wait_seconds=wait)
    _finish(loop.run(work), as_json=as_json)


@token_app.command("refresh")
def token_refresh(
    region: RegionArgument = "all",
    config: ConfigOption = None,
    as_json: JsonOption = False,
    wait: WaitOption = 60.0,
) -> None:
    """Get a new token now, within the limit of one token call a minute."""
    from breezeway_sync.service import tokens
    from breezeway_sync.service.selection import choose_regions
    from breezeway_sync.service.settings import load_settings

    settings = load_settings(config)
    regions = choose_regions(settings, region)
    emit = log_to_stderr(settings.log.level)
    _finish(loop.run(tokens.refresh(settings, regions, emit=emit, tell=tell, wait_seconds=wait)), as_json=as_json)


def of_tokens(reports: Sequence[TokenReport]) -> int:
    """The exit code; the strongest reason wins: all out of reach, locked, some failed, success. Pure."""
    codes = {one.error_code for one in reports}
    if exits.are_out_of_reach(codes):
        return ExitCode.OUT_OF_REACH
    if ErrorCode.ACCOUNT_LOCKED in codes:
        return ExitCode.LOCKED
    return ExitCode.INCOMPLETE if any(one.problem for one in reports) else ExitCode.OK


def print_reports(console: Console, reports: Sequence[TokenReport]) -> None:
    """A line for every region, and below them one for every problem."""
    names = ("region", "credentials", "token", "renewed (UTC)", "tokens so far", "account", "")
    table = columns(*names, right=("tokens so far",))
    for one in reports:
        table.add_row(
            shown(one.region),
            one.credentials,
            _token(one),
            f"{one.refreshed_at:%Y-%m-%d %H:%M}" if one.refreshed_at else "",
            f"{one.generation:,}",
            one.account or "",
            shown("problem", style="red") if one.problem else shown("ok", style="green"),
        )
    console.print(table)
    for one in reports:
        if one.problem:
            console.print(f"{one.region}: {one.problem}", markup=False, highlight=False, soft_wrap=True)


def reports_json(reports: Sequence[TokenReport]) -> str:
    """The same for programs: one JSON object."""
    content = {"regions": [asdict(one) for one in reports]}
    return json.dumps(content, indent=2, default=lambda moment: moment.isoformat())


def _finish(reports: Sequence[TokenReport], *, as_json: bool) -> None:
    if as_json:
        say(reports_json(reports), is_json=True)
    else:
        print_reports(out(), reports)
    raise typer.Exit(of_tokens(reports))


def _token(report: TokenReport) -> str:
    if not report.is_stored:
        return "none yet"
    seconds = report.expires_in_seconds
    if seconds is None:
        return "stored"
    return f"{span(seconds)} left" if seconds > 0 else "expired"
