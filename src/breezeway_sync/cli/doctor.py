"""`breezeway-sync doctor`: what works here, what does not, and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

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
from breezeway_sync.core.error_codes import ExitCode

if TYPE_CHECKING:
    from breezeway_sync.service.doctor import DoctorFinding
    from breezeway_sync.service.settings import Settings

_STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


def doctor(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    wait: WaitOption = 60.0,
    bundle: Annotated[
        Path | None,
        typer.Option(
            help="Also write a ZIP archive for support: log, findings, versions. It holds no secrets and no data."
        ),
    ] = None,
) -> None:
    """Check configuration, database, credentials and every endpoint. Exit 1 when a check fails."""
    from breezeway_sync.core.errors import ConfigurationError
    from breezeway_sync.service.doctor import FAIL, diagnose, of_unusable_configuration, write_bundle
    from breezeway_sync.service.settings import load_settings

    settings: Settings | None = None
    findings: Sequence[DoctorFinding]
    try:
        settings = load_settings(config)
    except ConfigurationError as error:
        findings = [of_unusable_configuration(error)]
    else:
        emit = log_to_stderr(settings.log.level)
        findings = loop.run(diagnose(settings, emit=emit, tell=tell, wait_seconds=wait)).findings
    if as_json:
        say(findings_json(findings), is_json=True)
    else:
        print_findings(out(), findings)
    if bundle is not None:
        loop.run(write_bundle(bundle, findings, settings))
        tell(f"written: {bundle}")
    raise typer.Exit(ExitCode.INCOMPLETE if any(one.level == FAIL for one in findings) else ExitCode.OK)


def print_findings(console: Console, findings: Sequence[DoctorFinding]) -> None:
    """Print one line per finding. Endpoints that answer share one line. Remedies follow their findings."""
    from breezeway_sync.service.doctor import condensed

    table = columns("", "looked at", "result and remedy", folded=True)
    for one in condensed(findings):
        table.add_row(shown(one.level, style=_STYLES[one.level]), shown(f"{one.area}: {one.subject}"), shown(one.found))
        if one.remedy and one.level != "ok":
            table.add_row("", "", shown(f"-> {one.remedy}", style="bold"))
    console.print(table)
    counts = {level: sum(one.level == level for one in findings) for level in ("fail", "warn", "ok")}
    console.print(f"\n{counts['fail']} failed, {counts['warn']} warnings, {counts['ok']} ok", markup=False)


def findings_json(findings: Sequence[DoctorFinding]) -> str:
    """The same for programs, every endpoint by itself: one JSON object."""
    content = {
        "failed": sum(one.level == "fail" for one in findings),
        "findings": [asdict(one) for one in findings],
    }
    return json.dumps(content, indent=2)
