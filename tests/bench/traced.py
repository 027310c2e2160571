"""A process of its own: one run of the product under tracemalloc, without the simulated service's memory.

`python -m tests.bench.traced` takes {"url", "dsn", "account"} as JSON on stdin, reads the lists of properties,
reservations and tasks once, and prints {"peak_bytes", "records"}.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tracemalloc

from breezeway_sync.cli.world import settings_for
from breezeway_sync.core.events import ignore
from breezeway_sync.core.outcome import SUCCESS
from breezeway_sync.sandbox.spec import AccountSpec
from breezeway_sync.service import runner


async def read(url: str, dsn: str, account: AccountSpec) -> int:
    settings = settings_for({account.code: account}, url, dsn, requests_per_minute=1_000_000, auth_interval_seconds=0)
    # Children that cost a call each come in sets of a few hundred, however many there are; they only take time here.
    off = {name: one.model_copy(update={"enabled": False}) for name, one in settings.entities.items() if "task_" in name}
    # Batches by rows alone: on a slow machine they would be smaller.
    sync = settings.sync.model_copy(update={"flush_seconds": 600.0})
    settings = settings.model_copy(update={"entities": {**settings.entities, **off}, "sync": sync})
    tracemalloc.start()
    wanted = runner.Request((account.code,), ("properties", "reservations", "tasks"))
    report = await runner.run(settings, wanted, emit=ignore)
    if {one.status for one in report.outcomes} != {SUCCESS}:
        raise SystemExit(str(report.outcomes))
    return sum(one.new for one in report.outcomes)


def main() -> None:
    asked = json.load(sys.stdin)
    records = asyncio.run(read(asked["url"], asked["dsn"], AccountSpec(**asked["account"])))
    print(json.dumps({"peak_bytes": tracemalloc.get_traced_memory()[1], "records": records}))


if __name__ == "__main__":
    main()
