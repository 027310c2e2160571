"""`breezeway-sync plan`: shows what the configured schedule costs."""

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

if TYPE_CHECKING:
    from breezeway_sync.service.plan import AccountPlan


def plan(
    region: Annotated[str, typer.Argument(help="A region of the configuration, or all.")] = "all",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Estimate the API calls of the configured schedule. Reads the database only."""
    from breezeway_sync.service.plan import plan as make_plan
    from breezeway_sync.service.selection import choose_regions
    from breezeway_sync.service.settings import load_settings

    settings = load_settings(config)
    found = loop.run(make_plan(settings, choose_regions(settings, region)))
    if as_json:
        say(plan_json(found), is_json=True)
    else:
        print_plan(out(), found)


def print_plan(console: Console, accounts: Sequence[AccountPlan]) -> None:
    """A table by account, region and purpose. Below it: what would be late and what is unknown."""
    console.print(plan_table(accounts))
    lines = []
    for account in accounts:
        names = ", ".join(one.region for one in account.regions)
        lines += [f"late: {names}: {one}" for one in account.late]
        lines += [f"{one.region}: {text}" for one in account.regions for text in one.unknown]
        if pending_reads := sum(one.pending_child_reads for one in account.regions):
            lines.append(
                f"{names}: {pending_reads:,} child reads are pending, about {span(account.pending_read_seconds)}"
            )
    if lines:
        console.print()
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def plan_table(accounts: Sequence[AccountPlan]) -> Table:
    """Calls an hour on average, and their share of the account's budget."""
    numbers = ("an hour", "of the budget")
    table = columns("region", "entity", "calls for", *numbers, right=numbers)
    for account in accounts:
        budget = account.budget_per_hour
        for part in account.regions:
            for place, use in enumerate(part.uses):
                cells = (use.entity, use.purpose, f"{use.calls_per_hour:,.1f}", f"{use.calls_per_hour / budget:.1%}")
                table.add_row(shown("" if place else part.region), *cells)
        names = ", ".join(one.region for one in account.regions)
        total = account.calls_per_hour
        cells = ("", f"all, of {budget:,.0f} allowed", f"{total:,.1f}", f"{total / budget:.1%}")
        table.add_row(shown(names), *cells, style="bold")
    return table


def plan_json(accounts: Sequence[AccountPlan]) -> str:
    """The same for programs: one JSON object."""
    content = [
        {
            **asdict(account),
            "calls_per_hour": account.calls_per_hour,
            "pending_read_seconds": account.pending_read_seconds,
        }
        for account in accounts
    ]
    return json.dumps({"accounts": content}, indent=2)
