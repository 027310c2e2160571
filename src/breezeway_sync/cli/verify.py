"""`verify`: compare the mirror with the API and say what differs."""

from __future__ import annotations

import json
import math
import secrets
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from breezeway_sync.cli import exits, loop
from breezeway_sync.cli.common import ConfigOption, JsonOption, WaitOption, log_to_stderr, out, say, tell
from breezeway_sync.core.certificate import Certificate, Class
from breezeway_sync.service.settings import load_settings
from breezeway_sync.service.verification import Report, Request
from breezeway_sync.service.verification import verify as compare

_STYLES = {"proved": "green", "late": "yellow", "failed": "red", "incomplete": "red"}


def verify(
    region: Annotated[str, typer.Argument(help="A region of the configuration, or all.")] = "all",
    entity: Annotated[str, typer.Argument(help="properties, tasks, … or all.")] = "all",
    config: ConfigOption = None,
    sample: Annotated[int, typer.Option(min=1, help="Records of each entity that are read again.")] = 50,
    seed: Annotated[int | None, typer.Option(min=0, help="Compare the sample of an earlier seed again.")] = None,
    whole: Annotated[bool, typer.Option("--all", help="Compare every list, those of all properties too.")] = False,
    as_json: JsonOption = False,
    wait: WaitOption = 60.0,
) -> None:
    """Compare the mirror with the API; exit 0 only if everything was compared and all is explained."""
    from breezeway_sync.service.selection import choose_entities, choose_regions

    if not math.isfinite(wait):
        raise typer.BadParameter("wanted a number of seconds", param_hint="--wait")
    settings = load_settings(config)
    drawn = secrets.randbelow(2**31) if seed is None else seed
    request = Request(choose_regions(settings, region), choose_entities(settings, entity), sample, drawn, whole, wait)
    report = loop.run(compare(settings, request, emit=log_to_stderr(settings.log.level), tell=tell))
    if as_json:
        say(report_json(report), is_json=True)
    else:
        print_report(out(), report)
    raise typer.Exit(exits.of_verification(report.certificates, list(report.held)))


def print_report(console: Console, report: Report) -> None:
    """Regions x entities, a line each; below them every difference."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("region", "entity", "result"):
        table.add_column(name)
    for name in ("compared", "equal", *(kind.value for kind in Class), "calls"):
        table.add_column(name, justify="right")
    for one in report.certificates:
        style = _STYLES[one.result]
        counts = (one.records, one.equal, *(one.count(kind) for kind in Class), one.calls)
        table.add_row(one.region, one.entity, f"[{style}]{one.result}[/{style}]", *(f"{count:,}" for count in counts))
    if report.certificates:
        console.print(table)
    for line in (line for one in report.certificates for line in _lines(one)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for region, reason in report.held.items():
        console.print(f"{region}: {reason}", markup=False, highlight=False, soft_wrap=True)


def _lines(one: Certificate) -> list[str]:
    said = [" ".join((one.region, at.entity, at.key, at.path or "record", at.kind.value)) for at in one.differences]
    return said if one.error is None else [*said, f"{one.region} {one.entity}: {one.error}"]


def report_json(report: Report) -> str:
    """The same for programs: one JSON object."""
    certificates = [
        {
            **asdict(one),
            "started_at": one.started_at.isoformat(),
            "result": one.result,
            "differences": [{**asdict(at), "kind": at.kind.value} for at in one.differences],
        }
        for one in report.certificates
    ]
    return json.dumps({"run_id": str(report.run_id), "certificates": certificates, "held": report.held}, indent=2)
