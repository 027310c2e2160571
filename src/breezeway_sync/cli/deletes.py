"""`breezeway-sync deletes`: shows missing and deleted records, and stores a person's decisions about them."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from breezeway_sync.cli import loop
from breezeway_sync.cli.common import ConfigOption, JsonOption, columns, out, say, shown

if TYPE_CHECKING:
    from breezeway_sync.entities.model import Entity
    from breezeway_sync.service.deletes import DeletesListing
    from breezeway_sync.service.settings import Settings
    from breezeway_sync.store.deletions import Deletion, MissingGroup

    Decide = Callable[[Settings, str, Entity, Sequence[str]], Coroutine[object, object, int]]

deletes_app = typer.Typer(help="Missing and deleted records: list, approve, reject, undo.", no_args_is_help=True)

RegionArgument = Annotated[str, typer.Argument(help="A region of the configuration.")]
EntityArgument = Annotated[str, typer.Argument(help="properties, tasks, …")]
IdsArgument = Annotated[
    list[str] | None,
    typer.Argument(help="Ids; tag ids include their type (task:17). Without ids: all records that need review."),
]

_STYLES = {"needs_review": "red", "candidate": "yellow"}


@deletes_app.command("list")
def list_(
    region: Annotated[str, typer.Argument(help="A region of the configuration, or all.")] = "all",
    entity: Annotated[str, typer.Argument(help="properties, tasks, … or all.")] = "all",
    config: ConfigOption = None,
    with_ids: Annotated[bool, typer.Option("--ids", help="Also list the id of every missing record.")] = False,
    deleted: Annotated[int, typer.Option(min=0, help="How many of the newest deletions to show.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show missing records (those that need review first) and the newest deletions. Reads the database only."""
    from breezeway_sync.service import deletes
    from breezeway_sync.service.selection import choose_all_mirrored, choose_regions
    from breezeway_sync.service.settings import load_settings

    settings = load_settings(config)
    regions, entities = choose_regions(settings, region), choose_all_mirrored(entity)
    found = loop.run(deletes.listing(settings, regions, entities, with_ids=with_ids, newest=deleted))
    if as_json:
        say(listing_json(found), is_json=True)
    else:
        print_listing(out(), found)


@deletes_app.command()
def approve(
    region: RegionArgument, entity: EntityArgument, ids: IdsArgument = None, config: ConfigOption = None
) -> None:
    """Approve the deletion of records that need review. The next run deletes them after a last check."""
    from breezeway_sync.service import deletes

    count, chosen = _decide(deletes.approve, region, entity, ids or [], config)
    proof = (
        "its own address answers 404 once more" if chosen.own_address else "one more complete list does not contain it"
    )
    remark = f"nothing is deleted yet: the next run deletes each record when {proof}"
    say(_said(count, region, entity, "to be deleted", remark))


@deletes_app.command()
def reject(
    region: RegionArgument, entity: EntityArgument, ids: IdsArgument = None, config: ConfigOption = None
) -> None:
    """Keep missing records until the lists show them again."""
    from breezeway_sync.service import deletes

    count, _ = _decide(deletes.reject, region, entity, ids or [], config)
    say(_said(count, region, entity, "pinned", "they stay live until the lists show them again"))


@deletes_app.command()
def undo(
    region: RegionArgument,
    entity: EntityArgument,
    ids: Annotated[list[str], typer.Argument(help="Ids; tag ids include their type (task:17).")],
    config: ConfigOption = None,
) -> None:
    """Make deleted records live again, as they are stored."""
    from breezeway_sync.service import deletes

    count, _ = _decide(deletes.undo, region, entity, ids, config)
    say(_said(count, region, entity, "live", "they stay live until Breezeway reports a change"))


def _decide(decide: Decide, region: str, entity: str, ids: Sequence[str], config: ConfigOption) -> tuple[int, Entity]:
    from breezeway_sync.service.selection import choose_mirrored, choose_region
    from breezeway_sync.service.settings import load_settings

    settings = load_settings(config)
    chosen = choose_mirrored(entity)
    return loop.run(decide(settings, choose_region(settings, region), chosen, ids)), chosen


def _said(count: int, region: str, entity: str, state: str, remark: str) -> str:
    if not count:
        return f"{region} {entity}: nothing needs review"
    return f"{region} {entity}: {_records(count)} {'is' if count == 1 else 'are'} {state} now; {remark}"


def print_listing(console: Console, found: DeletesListing) -> None:
    """Print missing and deleted records, and how many need review."""
    if found.missing:
        console.print(missing_table(found.missing))
        for one in found.missing:
            if one.ids:
                line = f"{one.region} {one.entity} {one.state}: {', '.join(one.ids)}"
                console.print(line, markup=False, highlight=False, soft_wrap=True)
    else:
        console.print("nothing is missing", markup=False)
    if found.records_in_review:
        verb = "needs" if found.records_in_review == 1 else "need"
        console.print(f"\n{_records(found.records_in_review)} {verb} review: approve or reject", style="red")
    if found.deleted:
        console.print()
        console.print(deleted_table(found.deleted))


def missing_table(missing: Sequence[MissingGroup]) -> Table:
    """Regions x entities x states."""
    table = columns("region", "entity", "state", "records", "since (UTC)", "why", right=("records",))
    for one in missing:
        state = shown(one.state, style=_STYLES.get(one.state, ""))
        since = f"{one.since:%Y-%m-%d %H:%M}"
        table.add_row(shown(one.region), one.entity, state, f"{one.records:,}", since, shown(one.why))
    return table


def deleted_table(deleted: Sequence[Deletion]) -> Table:
    """The newest deletions, newest first."""
    table = columns("region", "entity", "deleted", "at (UTC)", "reason", "why", "undone")
    for one in deleted:
        undone = f"{one.undone_at:%Y-%m-%d %H:%M}, {one.undone_by}" if one.undone_at else ""
        at = f"{one.deleted_at:%Y-%m-%d %H:%M}"
        table.add_row(shown(one.region), one.entity, one.record, at, one.reason, shown(one.why), shown(undone))
    return table


def listing_json(found: DeletesListing) -> str:
    """The same for programs: one JSON object, times as ISO 8601."""
    content = {
        "needs_review": found.records_in_review,
        "missing": [asdict(one) for one in found.missing],
        "deleted": [asdict(one) for one in found.deleted],
    }
    return json.dumps(content, indent=2, default=lambda moment: moment.isoformat())


def _records(count: int) -> str:
    return f"{count:,} record{'' if count == 1 else 's'}"
