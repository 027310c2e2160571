"""`breezeway-sync regions`: lists regions, and stores a person's decisions about their sources."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from breezeway_sync.cli import exits, loop
from breezeway_sync.cli.common import ConfigOption, JsonOption, WaitOption, columns, log_to_stderr, out, say, tell
from breezeway_sync.core.error_codes import ExitCode

if TYPE_CHECKING:
    from breezeway_sync.store.regions import RegionLine

regions_app = typer.Typer(help="Regions: list, adopt a changed source, rename, retire.", no_args_is_help=True)

_STYLES = {"source_changed": "red", "unattended": "red", "unconfirmed": "yellow", "retired": "dim"}


@regions_app.command("list")
def list_(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show every region of the mirror: its state, source and live rows. Reads the database only."""
    from breezeway_sync.service import regions
    from breezeway_sync.service.settings import load_settings

    found = loop.run(regions.listing(load_settings(config)))
    if as_json:
        say(listing_json(found), is_json=True)
    else:
        print_listing(out(), found)


@regions_app.command()
def adopt(
    region: Annotated[str, typer.Argument(help="A region of the configuration, or all regions with a changed source.")],
    config: ConfigOption = None,
    wait: WaitOption = 60.0,
) -> None:
    """Accept the configured source. The next run reads all of it and marks other rows as deleted."""
    from breezeway_sync.service import regions
    from breezeway_sync.service.selection import ALL, choose_regions
    from breezeway_sync.service.settings import load_settings

    settings = load_settings(config)
    codes, is_all = choose_regions(settings, region), region == ALL
    emit = log_to_stderr(settings.log.level)
    found = loop.run(regions.adopt(settings, codes, emit=emit, only_changed=is_all, wait_seconds=wait))
    for one in found:
        if one.error is not None:
            tell(f"{one.region}: {one.error.message}")
        elif one.state == regions.ADOPTED:
            typer.echo(
                f"{one.region}: adopted; the next run reads everything, and what it does not show is retired "
                "(`breezeway-sync deletes undo` brings it back)"
            )
        else:
            typer.echo(f"{one.region}: nothing to adopt, it is a copy of what is configured")
    errors = [one.error for one in found if one.error is not None]
    raise typer.Exit(max(map(exits.of_error, errors), default=ExitCode.OK))


@regions_app.command()
def rename(
    old: Annotated[str, typer.Argument(help="A region of the mirror.")],
    new: Annotated[str, typer.Argument(help="Its new code.")],
    config: ConfigOption = None,
    wait: WaitOption = 0.0,
) -> None:
    """Rename a region with its rows and history. Make the same change in the configuration."""
    from breezeway_sync.service import regions
    from breezeway_sync.service.settings import load_settings

    settings = load_settings(config)
    emit = log_to_stderr(settings.log.level)
    loop.run(regions.rename(settings, old, new, emit=emit, wait_seconds=wait))
    remark = (
        ""
        if new in settings.regions
        else f"; the configuration still needs [regions.{new}] in place of [regions.{old}]"
    )
    typer.echo(f"{old} is {new} now{remark}")


@regions_app.command()
def retire(region: Annotated[str, typer.Argument(help="A region of the mirror.")], config: ConfigOption = None) -> None:
    """Retire a region: it is no longer read, late or counted. Its rows stay."""
    from breezeway_sync.service import regions
    from breezeway_sync.service.settings import load_settings

    settings = load_settings(config)
    is_new = loop.run(regions.retire(settings, region))
    remark = f"; take [regions.{region}] out of the configuration" if region in settings.regions else ""
    typer.echo(f"{region} is {'retired now' if is_new else 'retired already'}, its rows stay{remark}")


def print_listing(console: Console, found: Sequence[RegionLine]) -> None:
    """The table, and below it why regions are not read."""
    if not found:
        console.print("no region is known yet: run `breezeway-sync run`, or start the service", markup=False)
        return
    names = ("region", "name", "state", "company", "account", "address", "last claim (UTC)", "live rows")
    table = columns(*names, right=("live rows",))
    for one in found:
        table.add_row(
            Text(one.code),
            Text(one.name),
            Text(one.state, style=_STYLES.get(one.state, "")),
            Text(one.companies.words if one.companies.is_known else ""),
            one.account or "",
            Text(one.address or ""),
            f"{one.claimed_at:%Y-%m-%d %H:%M}" if one.claimed_at else "never",
            f"{one.rows:,}",
        )
    console.print(table)
    for one in found:
        if one.blocked_why:
            console.print(f"\n{one.code}: {one.blocked_why}", markup=False, highlight=False, soft_wrap=True)


def listing_json(found: Sequence[RegionLine]) -> str:
    """The same for programs: a list of objects, times as ISO 8601."""
    content = []
    for one in found:
        line = asdict(one)
        companies = line.pop("companies")
        content.append({**line, "company_ids": companies["ids"], "all_companies": companies["all"]})
    return json.dumps(content, indent=2, default=lambda moment: moment.isoformat())
