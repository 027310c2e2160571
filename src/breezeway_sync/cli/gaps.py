"""`breezeway-sync gaps`: shows unmapped fields and schema drift, and adds columns."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from breezeway_sync.cli import loop
from breezeway_sync.cli.common import ConfigOption, JsonOption, columns, out, say, tell

if TYPE_CHECKING:
    from breezeway_sync.service.gaps import Found


class _ShowUnlessTold(TyperGroup):
    """`gaps nashville` is `gaps show nashville`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["show", *args]
        return super().parse_args(ctx, args)


gaps_app = typer.Typer(cls=_ShowUnlessTold, help="Unmapped API fields and schema drift.")


@gaps_app.command("show")
def show(
    region: Annotated[str, typer.Argument(help="A region of the configuration, or all.")] = "all",
    entity: Annotated[str, typer.Argument(help="properties, tasks, task_comments, … or all.")] = "all",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show unmapped fields and schema drift. `show` is optional. Reads the database only."""
    from breezeway_sync.service.gaps import look
    from breezeway_sync.service.settings import load_settings

    found = loop.run(look(load_settings(config), region, entity))
    if as_json:
        say(json.dumps(asdict(found), indent=2, default=lambda moment: moment.isoformat()), is_json=True)
    else:
        print_found(out(), found)


@gaps_app.command("promote")
def promote(
    field: Annotated[str, typer.Argument(help="TABLE.FIELD, as tasks.new_field or tasks.details.color.")],
    config: ConfigOption = None,
    type_name: Annotated[
        str | None, typer.Option("--type", help="Column type. Default: derived from the values.")
    ] = None,
    column: Annotated[str | None, typer.Option("--column", help="Column name. Default: the field's name.")] = None,
    write: Annotated[Path | None, typer.Option("--write", help="Folder for the migration file.")] = None,
) -> None:
    """Write a migration that adds a column for a field and fills it from `extra`. Makes no API call."""
    from breezeway_sync.service import gaps
    from breezeway_sync.service.settings import load_settings

    made = loop.run(gaps.promote(load_settings(config), field, type_name=type_name, column=column, directory=write))
    if made.path is None:
        say(made.text.removesuffix("\n"))
        tell(f"this is {made.name}. No file was written; --write names a folder for it")
    else:
        say(f"written: {made.path}")
    # Without its line in the catalog the column stays as the migration has filled it.
    tell(f"add to {made.promotion.target.table} in entities/catalog, in the same version:")
    say(f"{'-- ' if made.path is None else ''}{made.promotion.literal},")


def print_found(console: Console, found: Found) -> None:
    """Two tables, or a sentence where there is nothing to show."""
    if found.gaps:
        console.print(_gaps_table(found))
    else:
        console.print("every field has a column", markup=False)
    console.print()
    if found.changes:
        console.print(_changes_table(found))
    else:
        console.print("no field has changed since it was first seen", markup=False)


def _gaps_table(found: Found) -> Table:
    table = columns("region", "table", "unmapped field", "types", "rows", "since (UTC)", right=("rows",))
    for one in found.gaps:
        texts = (one.region, one.table, one.field, ", ".join(one.types), f"{one.rows:,}", f"{one.since:%Y-%m-%d %H:%M}")
        # Names come from the API: never as markup.
        table.add_row(*map(Text, texts))
    return table


def _changes_table(found: Found) -> Table:
    names = ("region", "entity", "field", "what happened", "when (UTC)", "types", "filled")
    table = columns(*names, right=("filled",))
    for one in found.changes:
        filled = "" if one.filled_percent is None else f"{one.filled_percent:g} %"
        when = f"{one.changed_at:%Y-%m-%d %H:%M}"
        table.add_row(*map(Text, (one.region, one.entity, one.path, one.what, when, ", ".join(one.types), filled)))
    return table
