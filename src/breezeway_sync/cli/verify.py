"""`breezeway-sync verify`: compares the mirror with the API and reports what differs."""

from __future__ import annotations

import json
import re
import secrets
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
    tell,
)
from breezeway_sync.core.verification import Class, Difference, VerificationResult

if TYPE_CHECKING:
    from breezeway_sync.service.verification import VerificationReport

NAMED = 10
"""So many records are named of those that differ in the same way; --json has all."""
_NUMBERS = re.compile(r"\[-?\d+\]")
_STYLES = {"proved": "green", "late": "yellow", "failed": "red", "incomplete": "red"}


def verify(
    region: Annotated[str, typer.Argument(help="A region of the configuration, or all.")] = "all",
    entity: Annotated[str, typer.Argument(help="properties, tasks, … or all.")] = "all",
    config: ConfigOption = None,
    sample: Annotated[int, typer.Option(min=1, help="How many records of each entity to compare.")] = 50,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of an earlier sample, to compare the same records.")
    ] = None,
    whole: Annotated[
        bool, typer.Option("--all", help="Compare everything: every list, record, comment, requirement and contact.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Read differing records again, store them, and compare once more.")
    ] = False,
    as_json: JsonOption = False,
    wait: WaitOption = 60.0,
) -> None:
    """Compare the mirror with the API. Exit 0 only if everything was compared and each difference is explained."""
    from breezeway_sync.service import verification
    from breezeway_sync.service.selection import choose_entities, choose_regions
    from breezeway_sync.service.settings import load_settings

    settings = load_settings(config)
    drawn = secrets.randbelow(2**31) if seed is None else seed
    chosen = choose_regions(settings, region), choose_entities(settings, entity)
    request = verification.VerificationRequest(*chosen, sample, drawn, whole, wait, repair)
    report = loop.run(verification.verify(settings, request, emit=log_to_stderr(settings.log.level), tell=tell))
    if as_json:
        say(report_json(report), is_json=True)
    else:
        print_report(out(), report)
    raise typer.Exit(exits.of_verification(report.verifications, list(report.locked)))


def print_report(console: Console, report: VerificationReport) -> None:
    """Regions x entities, a line each; below them what differs, and what did before a repair, a line for each cause."""
    numbers = ("compared", "equal", *(kind.value for kind in Class), "calls")
    table = columns("region", "entity", "result", *numbers, right=numbers)
    for one in report.verifications:
        result = shown(one.result, style=_STYLES[one.result])
        counts = (one.records, one.equal, *(one.count(kind) for kind in Class), one.calls)
        table.add_row(one.region, one.entity, result, *(f"{count:,}" for count in counts))
    if report.verifications:
        console.print(table)
    lines = [f"repaired: {line}" for one in report.repaired for line in _causes(one, one.unexplained)]
    lines += [line for one in report.verifications for line in _lines(one)]
    lines += [f"{region}: {reason}" for region, reason in report.locked.items()]
    if any(not one.is_full and one.is_explained for one in report.verifications):
        lines.append("This was a sample: it proves only the compared records. --all compares everything.")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _lines(one: VerificationResult) -> list[str]:
    said = _causes(one, one.differences)
    return said if one.error is None else [*said, f"{one.region} {one.entity}: {one.error}"]


def _causes(one: VerificationResult, differences: Sequence[Difference]) -> list[str]:
    """What differs in the same place and the same way is one line: how often, and the first records."""
    found: dict[tuple[str, Class], dict[str, None]] = {}
    for at in differences:
        found.setdefault((_NUMBERS.sub("[]", at.path) or "record", at.kind), {})[at.key] = None
    said = []
    for (path, kind), keys in sorted(found.items(), key=lambda pair: -len(pair[1])):
        first = ", ".join(key or "the list" for key in list(keys)[:NAMED])
        more = f" and {len(keys) - NAMED:,} more" if len(keys) > NAMED else ""
        said.append(f"{one.region} {one.entity}: {len(keys):,} {kind.value} ({path}): {first}{more}")
    return said


def report_json(report: VerificationReport) -> str:
    """The same for programs: one JSON object, with every single difference."""
    content = {
        "run_id": str(report.run_id),
        "verification_results": [_as_json(one) for one in report.verifications],
        "repaired": [_as_json(one) for one in report.repaired],
        "locked": report.locked,
    }
    return json.dumps(content, indent=2)


def _as_json(one: VerificationResult) -> dict[str, object]:
    return {
        **asdict(one),
        "started_at": one.started_at.isoformat(),
        "result": one.result,
        "differences": [{**asdict(at), "kind": at.kind.value} for at in one.differences],
    }
