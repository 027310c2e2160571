"""`breezeway-sync rejects`: lists rejected records, and loads them again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

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
    from breezeway_sync.core.report import OpenRejection, Retried
    from breezeway_sync.service.retries import RetryReport

rejects_app = typer.Typer(help="Records that could not be stored: list, store again.", no_args_is_help=True)

RegionArgument = Annotated[str, typer.Argument(help="A region of the configuration, or all.")]
EntityArgument = Annotated[str, typer.Argument(help="properties, tasks, task_comments, … or all.")]


@rejects_app.command("list")
def rejects_list(
    region: RegionArgument = "all",
    entity: EntityArgument = "all",
    config: ConfigOption = None,
    as_json: JsonOption = False,
    payload: Annotated[
        str | None,
        typer.Option("--payload", metavar="RECORD", help="Print this record's payload. It contains guest data."),
    ] = None,
) -> None:
    """Show open rejections: which record, why, since when. Content only with --payload."""
    from breezeway_sync.service import rejects
    from breezeway_sync.service.selection import choose_regions, choose_rejected
    from breezeway_sync.service.settings import load_settings

    settings = load_settings(config)
    regions, name = choose_regions(settings, region), choose_rejected(entity)
    if payload is not None:
        for text in loop.run(rejects.payloads(settings, regions, name, payload)):
            say(text, is_json=True)
        return
    found = loop.run(rejects.listing(settings, regions, name))
    if as_json:
        say(listing_json(found), is_json=True)
    else:
        print_listing(out(), found)


@rejects_app.command("retry")
def rejects_retry(
    region: RegionArgument = "all",
    entity: EntityArgument = "all",
    config: ConfigOption = None,
    as_json: JsonOption = False,
    wait: WaitOption = 60.0,
) -> None:
    """Try to store rejected records again. Makes no API call. Exit 1 when a rejection stays open."""
    from breezeway_sync.service import rejects
    from breezeway_sync.service.selection import choose_regions, choose_rejected
    from breezeway_sync.service.settings import load_settings

    settings = load_settings(config)
    regions, name = choose_regions(settings, region), choose_rejected(entity)
    emit = log_to_stderr(settings.log.level)
    report = loop.run(rejects.retry(settings, regions, name, emit=emit, tell=tell, wait_seconds=wait))
    if as_json:
        say(retry_json(report), is_json=True)
    else:
        print_retry(out(), report)
    raise typer.Exit(of_retry(report))


def print_listing(console: Console, found: Sequence[OpenRejection]) -> None:
    """A line for every record."""
    if not found:
        console.print("nothing is rejected", markup=False)
        return
    names = ("region", "entity", "record", "first seen (UTC)", "last seen (UTC)", "bytes", "why")
    table = columns(*names, right=("bytes",), folded=True)
    for one in found:
        table.add_row(
            shown(one.region),
            _entity(one),
            shown(one.record_id),
            f"{one.first_seen_at:%Y-%m-%d %H:%M}",
            f"{one.last_seen_at:%Y-%m-%d %H:%M}",
            f"{one.payload_bytes:,}",
            shown(f"accepted: {one.accepted_why}" if one.accepted_why else one.reason),
        )
    console.print(table)


def print_retry(console: Console, report: RetryReport[Retried]) -> None:
    """A line for every record, and one for every region that could not be worked."""
    if report.records:
        table = columns("region", "entity", "record", "", "why", folded=True)
        for one in report.records:
            style = "yellow" if one.is_open else "green"
            came = shown(one.came, style=style)
            table.add_row(shown(one.region), _entity(one), shown(one.record_id), came, shown(one.why or ""))
        console.print(table)
    elif not report.problems:
        console.print("nothing is rejected", markup=False)
    print_problems(console, report)


def listing_json(found: Sequence[OpenRejection]) -> str:
    """The same for programs: one JSON object."""
    content = {"rejected": [asdict(one) for one in found]}
    return json.dumps(content, indent=2, default=lambda moment: moment.isoformat())


def _entity(one: OpenRejection | Retried) -> Text:
    return shown(f"{one.entity} ({one.kind})" if one.kind else one.entity)
