"""A process of its own: one run of the product under tracemalloc, without the simulated service's memory.

`python -m tests.bench.traced` takes {"url", "dsn", "account"} as JSON on stdin, reads the lists of properties and tasks
once, in batches of a tenth of the usual size so that few records show what many do, and writes {"peak_bytes", "tasks"}.
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
    unpaced = {"requests_per_minute": 1_000_000, "auth_interval_seconds": 0, "max_in_flight": 2, "page_size": 20}
    settings = settings_for({account.code: account}, url, dsn, **unpaced)
    # Children that cost a call each come in sets of a few hundred, however many there are; they only take time here.
    off = {
        name: one.model_copy(update={"enabled": False}) for name, one in settings.entities.items() if "task_" in name
    }
    # Batches by rows alone: on a slow machine they would be smaller.
    sync = settings.sync.model_copy(update={"flush_seconds": 600.0, "batch_rows": settings.sync.batch_rows // 10})
    settings = settings.model_copy(update={"entities": {**settings.entities, **off}, "sync": sync})
    tracemalloc.start()
    expected = runner.RunRequest((account.code,), ("properties", "tasks"))
    report = await runner.run(settings, expected, emit=ignore)
    if {one.status for one in report.outcomes} != {SUCCESS}:
        raise SystemExit(str(report.outcomes))
    return sum(one.new for one in report.outcomes if one.entity == "tasks")


def main() -> None:
    asked = json.load(sys.stdin)
    tasks = asyncio.run(read(asked["url"], asked["dsn"], AccountSpec(**asked["account"])))
    json.dump({"peak_bytes": tracemalloc.get_traced_memory()[1], "tasks": tasks}, sys.stdout)


if __name__ == "__main__":
    main()
