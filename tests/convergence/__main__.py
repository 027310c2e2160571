"""Many random examples on demand: `python3 dev.py converge [--examples N] [--seed S] [--connections N]`.

Prints what was tried and how often, as the table of `docs/reliability.md`; a failure prints the steps that lead to
it, shrunk. The same seed and number of examples try the same again.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time

import psycopg
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from breezeway_sync.sandbox.postgres import throwaway_postgres
from breezeway_sync.store import migrate
from breezeway_sync.store.database import Database
from tests.conftest import as_url, made_database
from tests.convergence.ground import ground
from tests.convergence.machine import Convergence
from tests.convergence.scene import TRIED

STEPS = 8


async def _migrated(dsn: str) -> None:
    async with Database(dsn, "breezeway") as database:
        await migrate.apply(database)


def _report(seconds: float) -> None:
    lines = [f"| {what} | {name} | {count:,} |" for (what, name), count in sorted(TRIED.items())]
    print("\n".join(["| | | times |", "|---|---|--:|", *lines, "", f"in {seconds:.0f} s"]))  # noqa: T201 - its purpose


def _try(examples: int, number: int, connections: int) -> None:
    with throwaway_postgres() as server, made_database(server) as template:
        asyncio.run(_migrated(as_url(template)))
        name = str(psycopg.conninfo.conninfo_to_dict(template)["dbname"])
        with ground(server, name, pool_size=connections) as made:

            class Machine(Convergence):
                ground = made

            wanted = settings(
                max_examples=examples,
                stateful_step_count=STEPS,
                deadline=None,
                derandomize=False,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            run_state_machine_as_test(seed(number)(Machine), settings=wanted)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--connections", type=int, default=1, help="1 makes every example come the same again")
    given = parser.parse_args()
    print(f"--examples {given.examples} --seed {given.seed} --connections {given.connections}", flush=True)  # noqa: T201
    began = time.monotonic()
    try:
        _try(given.examples, given.seed, given.connections)
    finally:
        _report(time.monotonic() - began)
    return 0


if __name__ == "__main__":
    sys.exit(main())
