"""Virtual environments for peers: made by the bench with nothing but pip, from exact versions."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.ground import Ground, say
from bench.processes import Failed

PROGRAMS = Path(__file__).resolve().parent / "programs"


@dataclass(slots=True)
class ProgramPeer:
    """A peer of `bench.ground.Peer`: the module `program` in bench/peers/programs, and the packages that it needs.

    `packages` names their list there and their environment; `options` go into the job.
    """

    name: str
    program: str
    packages: str
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def requirements(self) -> Path:
        return PROGRAMS / f"{self.packages}.txt"

    def prepare(self, ground: Ground) -> None:
        """Make its environment, unless it was made by the same Python from the same versions. Raises Failed."""
        folder = self._folder(ground)
        stamp = folder / "made-from"
        expected = hashlib.sha256(sys.version.encode() + self.requirements.read_bytes()).hexdigest()
        if stamp.exists() and stamp.read_text() == expected:
            return
        say(f"bench: making an environment for {self.packages} (once)")
        _call(sys.executable, "-m", "venv", "--clear", folder)
        pip = (_python(folder), "-m", "pip", "--disable-pip-version-check", "-qq", "install", "--no-deps")
        _call(*pip, "-r", self.requirements)
        stamp.write_text(expected)

    def command(self, ground: Ground, base_url: str, accounts: Sequence[Mapping[str, str]], dsn: str) -> list[str]:
        """One sync of these accounts; see bench/peers/programs/main.py."""
        job = {"base_url": base_url, "dsn": dsn, "accounts": [dict(account) for account in accounts], **self.options}
        return [str(_python(self._folder(ground))), str(PROGRAMS / "main.py"), self.program, json.dumps(job)]

    def _folder(self, ground: Ground) -> Path:
        return ground.environments / f"venv-{self.packages}"


def _python(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _call(*command: str | Path) -> None:
    done = subprocess.run([str(part) for part in command], check=False, capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"{' '.join(map(str, command[:4]))} … ended with code {done.returncode}: {done.stderr[-500:]}")
