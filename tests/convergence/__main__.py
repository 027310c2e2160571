"""Both machines on demand: `python3 dev.py converge [--minutes M] [--seed S] [--connections N]`.

Prints what was tried and how often, as the table of `docs/reliability.md`; a failure prints the steps that lead to
it, shrunk, and its number: `--seed` with that number tries the same first.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time

import psycopg

from breezeway_sync.cli.postgres import throwaway_postgres
from breezeway_sync.store import migrate
from breezeway_sync.store.database import Database
from tests.conftest import as_url, made_database
from tests.convergence.companies import Owners
from tests.convergence.ground import ground
from tests.convergence.machine import Convergence
from tests.convergence.scene import TRIED
from tests.convergence.seeds import play

EXAMPLES = 6
"""Of each number: few, so that a number is soon tried again."""


async def _migrated(dsn: str) -> None:
    async with Database(dsn, "breezeway") as database:
        await migrate.apply(database)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - its purpose


def _report(seconds: float) -> None:
    lines = [f"| {what} | {name} | {count:,} |" for (what, name), count in sorted(TRIED.items())]
    _say("\n".join(["| | | times |", "|---|---|--:|", *lines, "", f"in {seconds:.0f} s"]))


def _try(minutes: float, number: int, connections: int) -> None:
    ends = time.monotonic() + 60 * minutes
    with throwaway_postgres() as server, made_database(server) as template:
        asyncio.run(_migrated(as_url(template)))
        name = str(psycopg.conninfo.conninfo_to_dict(template)["dbname"])
        with ground(server, name, pool_size=connections) as made:
            while time.monotonic() < ends:
                _say(f"--seed {number}")
                play(Convergence, made, number, examples=EXAMPLES, is_shrunk=True)
                play(Owners, made, number, examples=EXAMPLES, is_shrunk=True)
                number += 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--connections", type=int, default=1, help="1 makes every example come the same again")
    given = parser.parse_args()
    began = time.monotonic()
    try:
        _try(given.minutes, given.seed, given.connections)
    finally:
        _report(time.monotonic() - began)
    return 0


if __name__ == "__main__":
    sys.exit(main())
