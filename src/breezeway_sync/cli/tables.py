"""Prints results for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from breezeway_sync.cli.common import columns, shown
from breezeway_sync.core.outcome import Outcome

if TYPE_CHECKING:
    from breezeway_sync.service.runner import RunReport

_STYLES = {"success": "green", "partial": "yellow", "failed": "red"}
_COUNTS = ("new", "updated", "unchanged", "deleted", "rejected", "calls")


def outcomes_table(outcomes: Sequence[Outcome]) -> Table:
    """Regions x entities, a line each, with the sum below."""
    numbers = (*_COUNTS, "seconds")
    table = columns("region", "entity", "status", *numbers, right=numbers)
    last = None
    for one in outcomes:
        style = _STYLES[one.status]
        table.add_row(
            one.region if one.region != last else "",
            one.entity,
            shown(one.status, style=style),
            *(f"{getattr(one, name):,}" for name in _COUNTS),
            f"{one.seconds:.1f}",
        )
        last = one.region
    if len(outcomes) > 1:
        sums = (sum(getattr(one, name) for one in outcomes) for name in _COUNTS)
        table.add_section()
        table.add_row("all", "", "", *(f"{total:,}" for total in sums), "", style="bold")
    return table


def print_report(console: Console, report: RunReport) -> None:
    """The table, and below it a line for everything that is not plain success."""
    if report.outcomes:
        console.print(outcomes_table(report.outcomes))
    for one in report.outcomes:
        if one.error:
            console.print(f"{one.region} {one.entity}: {one.error}", markup=False, highlight=False, soft_wrap=True)
    for region, reason in report.locked.items():
        console.print(f"{region}: {reason}", markup=False, highlight=False, soft_wrap=True)


def report_json(report: RunReport) -> str:
    """The same for programs: one JSON object."""
    return json.dumps(
        {
            "run_id": str(report.run_id),
            "outcomes": [asdict(one) for one in report.outcomes],
            "locked": report.locked,
        },
        indent=2,
    )


def counts_table(title: str, counts: Sequence[Mapping[str, object]]) -> Table:
    """Rows of a query, as they come."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for name in counts[0] if counts else ():
        table.add_column(name.replace("_", " "), justify="left" if name.startswith("region") else "right")
    for row in counts:
        table.add_row(
            *(f"{value:,}" if isinstance(value, int) else "" if value is None else str(value) for value in row.values())
        )
    return table
