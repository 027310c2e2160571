"""Measured processes: started, waited for, and their one JSON line read."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.measured import Sample

HERE = Path(__file__).resolve().parents[1]


class Failed(Exception):
    """A measured process did not do its work: no figure may come of it."""


def python(module: str, *arguments: object) -> list[str]:
    """The command for one of the bench's own modules in this environment."""
    return [sys.executable, "-m", module, *map(str, arguments)]


def measure(command: Sequence[str], given: Mapping[str, object] | None = None) -> Sample:
    """Run it to its end. `given` goes to its stdin as one JSON line; its stderr is ours.

    `peak_rss_mb` is told by the process itself: what the system says of a child that has ended counts our own
    memory too, which the child had until it became another program. Raises Failed where it ends with another code
    than 0, or without its line or this number.
    """
    process = subprocess.Popen(command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(given or {}).encode() + b"\n")
    process.stdin.close()
    lines = process.stdout.read().splitlines()
    process.stdout.close()
    name = " ".join(command[:4])
    if process.wait() or not lines:
        raise Failed(f"{name} … ended with code {process.returncode} and {len(lines)} lines")
    told = json.loads(lines[-1])
    if "peak_rss_mb" not in told:
        raise Failed(f"{name} … did not tell its peak_rss_mb")
    numbers = {name: float(value) for name, value in told.items() if isinstance(value, int | float)}
    return Sample(numbers, told.get("rows", {}))
