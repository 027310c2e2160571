"""A long soak on demand: `python3 dev.py soak [--cycles N] [--minutes N]`.

Runs `breezeway-sync serve` with a interval of half a second against the simulated API, whose accounts change all the
while, and reads what memory it takes and how many rows every table has. Prints a block for docs/reliability.md, and
ends with exit code 1 when the last tenth holds more than the second one (the first one is start-up).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from breezeway_sync.cli.postgres import throwaway_postgres
from tests.soak.judge import RECORDS, Reading, block, judge
from tests.soak.run import UNJUDGED, WITH_RECORDS, Stopped, soak, soaking

REGIONS = 8
READINGS = 50


def tell(reading: Reading) -> None:
    rows = sum(rows for name, rows in reading.rows.items() if name != RECORDS)
    held = f"{reading.megabytes:6.1f} MB  {rows:6d} rows" + (f"  {reading.blocks:7d} blocks" if reading.blocks else "")
    print(f"{reading.seconds / 60:6.1f} min  {reading.cycles:6d} cycles  {held}", flush=True)  # noqa: T201


def main() -> int:
    parser = argparse.ArgumentParser(prog="dev.py soak", description=__doc__)
    parser.add_argument("--cycles", type=int, help="at least so many; 3000 where no minutes are given")
    parser.add_argument("--minutes", type=float, help="at least so long")
    given = parser.parse_args()
    cycles: int | None = given.cycles or (None if given.minutes else 3000)
    with tempfile.TemporaryDirectory() as folder, throwaway_postgres() as dsn:
        try:
            with soaking(Path(folder), dsn, REGIONS) as opened:
                readings = soak(opened, cycles, given.minutes, READINGS, tell)
        except Stopped as reason:
            print(f"Verdict: bad: {reason}.")  # noqa: T201
            return 1
    judgement = judge(readings, REGIONS, with_records=WITH_RECORDS, unjudged=UNJUDGED)
    print(f"\n{block(judgement)}")  # noqa: T201
    return 0 if judgement.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
