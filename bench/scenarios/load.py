"""Rows through the store alone: new, unchanged, one in a hundred changed, against raw COPY of the same rows.

`python -m bench.scenarios.load --rows 10000 --runs 3` measures one size by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice

import psycopg

from bench.ground import Ground, say
from bench.measured import COPY, OURS, Figure, Sample
from bench.scenarios import raw_copy
from bench.scenarios.store import SCHEMA, Store, copied, counted, opened
from bench.scenarios.task_rows import BATCH_ROWS, account_of, batches
from breezeway_sync.cli.loop import tune_collector
from breezeway_sync.cli.postgres import throwaway_postgres
from breezeway_sync.core.memory_budget import MemoryBudget
from breezeway_sync.entities.batch import Incoming, Loaded
from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.decode import Item
from breezeway_sync.sandbox import Kind, SandboxAccount
from breezeway_sync.store import migrate
from breezeway_sync.store.database import Database
from breezeway_sync.store.sync_state import SavedRegion, SyncStateStore
from breezeway_sync.sync.batching import Batcher

SCENARIO = "load"
NEW, UNCHANGED, CHANGED = CASES = ("new", "unchanged", "1 % changed")
SIZES = {"small": 10_000, "medium": 100_000, "large": 1_000_000}
#: How often the largest is measured, however many rounds are asked for: a round of it takes five minutes.
_MOST_LARGE_RUNS = 2
#: Of the server for a size by itself: no checkpoint in the middle of a measurement.
_SERVER = {"max_wal_size": "8GB", "shared_buffers": "512MB"}
#: As a sync reads: so many lists at a time, in pages of so many.
_READERS, _PAGE_ROWS = 8, 100
#: Enough that the first, which nothing is merged beside, and the last, which nothing is prepared beside, weigh little.
_BATCHES_AT_ONCE = 20
_NEVER_SECONDS = 1e9
_BY_NAME = {one.name: one for one in ENTITIES}
#: What tasks point at, in the order in which a sync reads it; with the value of the discriminator.
_BEFORE: tuple[tuple[Kind, str, str | None], ...] = (
    ("properties", "properties", None),
    ("people", "people", None),
    ("supplies", "supplies", None),
    ("task_tags", "tags", "task"),
    ("reservation_tags", "tags", "reservation"),
    ("templates", "templates", None),
    ("subdepartments", "subdepartments", None),
    ("reservations", "reservations", None),
)


@dataclass(slots=True)
class Spent:
    """While records were stored, and how much JSON they were."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    json_bytes: int = 0


def run(ground: Ground, sizes: Sequence[str], runs: int) -> list[Figure]:
    """For each size so many rounds of loading and COPY in alternation, each round in new databases."""
    figures = []
    for size in sizes:
        rounds = min(runs, _MOST_LARGE_RUNS) if size == "large" else runs
        with ground.database() as dsn:
            figures += measure(dsn, SIZES[size], size, rounds)
    return figures


def measure(dsn: str, rows: int, size: str, runs: int, *, with_copy: bool = True) -> list[Figure]:
    """Measure one size; `dsn` is an empty database, which others are copied from."""
    tune_collector()
    account = account_of(rows)
    asyncio.run(prepare(dsn, account))
    samples: dict[tuple[str, str], list[Sample]] = {}
    for number in range(runs):
        for key, sample in _round(dsn, account, rows, with_copy=with_copy).items():
            samples.setdefault(key, []).append(sample)
        say(f"load: {rows} tasks, round {number + 1} of {runs} done")
    note = f"{rows} tasks, {runs} {'round' if runs == 1 else 'rounds'}"
    return [Figure(SCENARIO, case, size, who, tuple(found), note) for (case, who), found in samples.items()]


def _round(dsn: str, account: SandboxAccount, rows: int, *, with_copy: bool) -> dict[tuple[str, str], Sample]:
    found: dict[tuple[str, str], Sample] = {}
    with ExitStack() as stack:
        ours = stack.enter_context(copied(dsn))
        found[NEW, OURS] = load_tasks(ours, account, NEW)
        if with_copy:
            limit = stack.enter_context(copied(dsn))
            found[NEW, COPY] = copy_tasks(ours, limit, rows)
        for case in (UNCHANGED, CHANGED):
            found[case, OURS] = load_tasks(ours, account, case)
    return found


def load_tasks(dsn: str, account: SandboxAccount, case: str) -> Sample:
    """All tasks through a batcher and `Loader`; the clock runs only while they are stored."""
    with counted(dsn) as meter:
        loaded, spent = asyncio.run(_load(dsn, account, is_changed=case == CHANGED))
    numbers = {
        "wall_seconds": spent.seconds,
        "cpu_seconds": spent.cpu_seconds,
        "json_bytes": spent.json_bytes,
        "wal_bytes": meter.wal_bytes,
        "rows_written": meter.rows,
        "wal_mb": meter.wal_bytes / 1e6,
        "records": loaded.read,
        "tasks_per_second": loaded.read / spent.seconds,
        "cpu_us_per_record": spent.cpu_seconds * 1e6 / loaded.read,
        "cpu_us_per_kb": spent.cpu_seconds * 1e6 / (spent.json_bytes / 1024),
        "new": loaded.new,
        "updated": loaded.updated,
        "unchanged": loaded.unchanged,
    }
    return Sample({name: float(value) for name, value in numbers.items()}, raw_copy.counts(dsn))


def copy_tasks(ours: str, limit: str, rows: int) -> Sample:
    """What the store wrote, batch by batch by COPY into the other database; the clock runs only in COPY and commit."""
    taken = raw_copy.Copied()
    raw_copy.bring_tags(ours, limit)
    with (
        counted(limit) as meter,
        psycopg.connect(ours, autocommit=True) as source,
        psycopg.connect(limit) as target,
    ):
        for first, last in raw_copy.task_ids(ours, BATCH_ROWS):
            batch = raw_copy.take(source, first, last)
            with _undisturbed():
                raw_copy.put(target, batch, taken)
    counts = raw_copy.counts(limit)
    numbers = {
        "wall_seconds": taken.seconds,
        "cpu_seconds": taken.cpu_seconds,
        "records_seconds": taken.seconds - taken.calls_seconds,
        "wal_bytes": meter.wal_bytes,
        "rows_written": meter.rows,
        "wal_mb": meter.wal_bytes / 1e6,
        "records": rows,
        "tasks_per_second": rows / taken.seconds,
        "cpu_us_per_record": taken.cpu_seconds * 1e6 / rows,
    }
    return Sample({name: float(value) for name, value in numbers.items()}, counts)


async def prepare(dsn: str, account: SandboxAccount) -> None:
    """Everything that tasks point at, and the planner's statistics of it."""
    async with Database(dsn, SCHEMA) as database:
        await migrate.apply(database)
        region = SavedRegion(account.code, account.spec.name, account.spec.company_id)
        await SyncStateStore(database).save_regions([region], list(_BY_NAME), 14)
    async with opened(dsn) as store:
        for kind, name, discriminator in _BEFORE:
            for batch in batches(account, kind):
                incoming = [Incoming(item, _order(store)) for item in batch.items]
                await store.loader.load(account.code, _BY_NAME[name], incoming, discriminator)
        async with store.database.connection("analysing") as connection:
            await connection.execute("VACUUM ANALYZE")


async def _load(dsn: str, account: SandboxAccount, *, is_changed: bool) -> tuple[Loaded, Spent]:
    """Page by page through the batcher, as a sync's readers do; pages are made ready some batches at a time."""
    loaded, spent = Loaded(), Spent()
    async with opened(dsn) as store:
        batcher = Batcher[Incoming](
            lambda incoming, reached: store.loader.load(account.code, _BY_NAME["tasks"], incoming, reached=reached),
            loaded,
            memory=MemoryBudget(),
            batch_rows=BATCH_ROWS,
            flush_seconds=_NEVER_SECONDS,
        )
        source = batches(account, "tasks", is_changed=is_changed)
        while group := list(islice(source, _BATCHES_AT_ONCE)):
            order = _order(store)
            pages = iter([[Incoming(item, order) for item in page] for one in group for page in _pages(one.items)])
            with _undisturbed():
                began, cpu_began = time.perf_counter(), time.process_time()
                await asyncio.gather(*(_read(pages, batcher) for _ in range(_READERS)))
                await batcher.flush()
                spent.seconds += time.perf_counter() - began
                spent.cpu_seconds += time.process_time() - cpu_began
            spent.json_bytes += sum(one.bytes for one in group)
    return loaded, spent


async def _read(pages: Iterator[list[Incoming]], batcher: Batcher[Incoming]) -> None:
    for page in pages:
        await batcher.add(page)


def _pages(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[start : start + _PAGE_ROWS] for start in range(0, len(items), _PAGE_ROWS))


def _order(store: Store) -> int:
    return store.lease.order(time.monotonic())


@contextmanager
def _undisturbed() -> Iterator[None]:
    """The rows that were made are kept from the garbage collector: a sync holds a few batches, not all these."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def table(figures: Sequence[Figure], rows: int) -> str:
    """The figures of one size, a line each."""
    limit = next((one.median("wall_seconds") for one in figures if one.contestant == COPY), None)
    lines = [
        f"{'case':12} {'who':14} {'tasks/s':>9} {'(from':>9} {'to)':>9} {'rows/s':>9} {'of COPY':>8} {'records':>8} "
        f"{'WAL MB':>8} {'written':>9} {'us CPU/record':>13} {'us CPU/KB':>9}"
    ]
    for one in figures:
        seconds, (fastest, slowest) = one.median("wall_seconds"), one.spread("wall_seconds")
        all_rows = sum(one.samples[0].rows.values())
        kilobytes = one.median("json_bytes") / 1024 if one.contestant == OURS else 0
        cpu = one.median("cpu_seconds") * 1e6
        records = next((o.median("records_seconds") for o in figures if o.contestant == COPY), 0.0)
        lines.append(
            f"{one.case:12} {one.contestant:14} {rows / seconds:9.0f} {rows / slowest:9.0f} {rows / fastest:9.0f} "
            f"{all_rows / seconds:9.0f} {(limit or 0) / seconds:8.2f} {records / seconds:8.2f} "
            f"{one.median('wal_bytes') / 1e6:8.2f} {one.median('rows_written'):9.0f} {cpu / rows:13.1f} "
            f"{cpu / kilobytes if kilobytes else 0:9.1f}"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scenarios.load", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="tasks")
    parser.add_argument("--runs", type=int, default=3, help="rounds")
    parser.add_argument("--no-copy", action="store_true", help="only the store, without the limit beside it")
    parser.add_argument("--profile-hint", action="store_true", help="say how to see where the time goes, and leave")
    given = parser.parse_args(arguments)
    if given.profile_hint:
        say(
            "py-spy record -r 500 -f raw -o load.txt -- "
            f"{sys.executable} -m bench.scenarios.load --rows {given.rows} --runs 1 --no-copy"
        )
        return
    with throwaway_postgres(durable=True, settings=_SERVER) as server, copied(server) as dsn:
        figures = measure(dsn, given.rows, str(given.rows), given.runs, with_copy=not given.no_copy)
    sys.stdout.write(table(figures, given.rows) + "\n")


if __name__ == "__main__":
    main()
