"""What every scenario stands on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.measured import Figure


@dataclass(frozen=True, slots=True)
class Ground:
    """`database()` gives the DSN of a new, empty database, which is dropped at the end of the `with`.

    `scratch`: a folder for files, gone afterwards. `environments`: where peers keep their virtual environments from
    one bench to the next.
    """

    database: Callable[[], AbstractContextManager[str]]
    scratch: Path
    environments: Path


class Scenario(Protocol):
    """A module of bench/scenarios has one `run` of this kind; it is named in `bench.scenarios.ALL`."""

    def __call__(self, ground: Ground, sizes: Sequence[str], runs: int) -> list[Figure]:
        """Measure: for each size (`small`, `medium`, `large`) so many rounds, contestants in alternation."""
        ...


class Peer(Protocol):
    """Another program that copies the API, for bench/peers: `dlt.PEER`, `script.PEER`."""

    name: str

    def prepare(self, ground: Ground) -> None:
        """Make its virtual environment, where there is none yet."""
        ...

    def command(self, ground: Ground, base_url: str, accounts: Sequence[Mapping[str, str]], dsn: str) -> list[str]:
        """The measured process: one sync of these accounts (`code`, `client_id`, `client_secret`) into this database.

        It prints the one JSON line. Started again on the same database, it does its second sync.
        """
        ...


def say(text: str) -> None:
    """A line of progress."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
