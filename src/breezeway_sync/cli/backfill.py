"""`breezeway-sync backfill`: reads again what falls between two days."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from breezeway_sync.cli import exits, loop
from breezeway_sync.cli.common import ConfigOption, JsonOption, WaitOption, err, log_to_stderr, out, say, span, tell
from breezeway_sync.cli.progress import bars
from breezeway_sync.cli.tables import print_report, report_json

_DAY = ["%Y-%m-%d"]


def backfill(
    first: Annotated[datetime, typer.Option("--from", formats=_DAY, help="The first day.")],
    last: Annotated[datetime, typer.Option("--to", formats=_DAY, help="The last day, included.")],
    region: Annotated[str, typer.Argument(help="A region of the configuration, or all.")] = "all",
    entity: Annotated[str, typer.Argument(help="reservations, tasks or all.")] = "all",
    config: ConfigOption = None,
    as_json: JsonOption = False,
    wait: WaitOption = 60.0,
) -> None:
    """Read the tasks and stays of some days again. A second start repeats no finished list."""
    from breezeway_sync.entities.checkpoints import Days
    from breezeway_sync.service import runner
    from breezeway_sync.service.backfill import choose_dated, estimate
    from breezeway_sync.service.selection import choose_regions
    from breezeway_sync.service.settings import load_settings

    days = Days(first.date(), last.date())
    if days.since > days.until:
        raise typer.BadParameter(f"expected a day that is not before {days.since}", param_hint="--to")
    settings = load_settings(config)
    request = runner.RunRequest(
        choose_regions(settings, region), choose_dated(settings, entity), wait_seconds=wait, backfill=days
    )
    cost = loop.run(estimate(settings, request, days))
    tell(
        f"{days.since} to {days.until}: about {cost.calls:,} calls ({cost.list_calls:,} for lists, "
        f"{cost.child_calls:,} for comments and requirements), {span(cost.seconds)}"
    )
    with bars(err(), log_to_stderr(settings.log.level)) as emit:
        report = loop.run(runner.run(settings, request, emit=emit))
    if as_json:
        say(report_json(report), is_json=True)
    else:
        print_report(out(), report)
    raise typer.Exit(exits.of_run(report.outcomes, list(report.locked)))
