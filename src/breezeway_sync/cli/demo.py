"""`breezeway-sync demo`: everything on a machine that has only Python."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

from rich.console import Console

from breezeway_sync.cli import loop
from breezeway_sync.cli.postgres import throwaway_postgres
from breezeway_sync.cli.progress import bars
from breezeway_sync.cli.tables import counts_table, print_report
from breezeway_sync.cli.world import settings_for
from breezeway_sync.core.events import Emit
from breezeway_sync.entities.streams import NAMES
from breezeway_sync.sandbox.app import create_app
from breezeway_sync.sandbox.options import Options
from breezeway_sync.sandbox.server import running
from breezeway_sync.sandbox.spec import demo_accounts
from breezeway_sync.sandbox.world import World
from breezeway_sync.service import runner
from breezeway_sync.service.runner import RunReport
from breezeway_sync.service.settings import Settings

REGIONS = 3
# The demonstration shows what comes out, not how long 200 calls a minute take: the budget is lifted on both
# sides. `breezeway-sync sandbox` enforces it.
CALLS_PER_MINUTE = 60_000


def show(out: Console, err: Console, emit: Emit, *, keep: bool, seed: int) -> None:
    """Start PostgreSQL and the sandbox, mirror twice, print what is there; leaves nothing running."""
    err.print("starting PostgreSQL and the simulated API …")
    loop.run(_start(out, err, emit, keep=keep, seed=seed), leaves_at_once=False)


async def _start(out: Console, err: Console, emit: Emit, *, keep: bool, seed: int) -> None:
    # Inside the loop, though it blocks: signals wait until what was started can be stopped again.
    with throwaway_postgres() as dsn:
        await asyncio.sleep(0)  # where a signal that came meanwhile takes effect
        await _show(out, err, emit, dsn, keep=keep, seed=seed)


async def _show(out: Console, err: Console, emit: Emit, dsn: str, *, keep: bool, seed: int) -> None:
    accounts = {one.code: one for one in demo_accounts(REGIONS)}
    world = World(accounts.values(), seed=seed)
    options = Options(data_calls=None, auth_interval_seconds=None, max_concurrency=None)
    async with running(create_app(world, options)) as url:
        settings = settings_for(accounts, url, dsn, requests_per_minute=CALLS_PER_MINUTE, auth_interval_seconds=0)
        out.rule("first run: everything is new", align="left")
        await _mirror(out, err, emit, settings)
        await _look(out, settings)
        out.rule("second run: nothing changed, nothing is written, no comments are asked for", align="left")
        await _mirror(out, err, emit, settings)
        if not keep:
            out.print("\nEverything is stopped again. With --keep it stays up, to look at with psql.")
            return
        path = f"PGOPTIONS='-c search_path={settings.database.schema}'"
        out.print(f"\nUntil Ctrl-C:  {path} psql '{dsn}'", soft_wrap=True, markup=False)
        out.print(f"simulated API:  {url}   (control: {url}/_sandbox/stats)", soft_wrap=True)
        await asyncio.Event().wait()


async def _mirror(out: Console, err: Console, emit: Emit, settings: Settings) -> RunReport:
    began = time.perf_counter()
    with bars(err, emit) as drawing:
        request = runner.RunRequest(tuple(settings.regions), NAMES)
        report = await runner.run(settings, request, emit=drawing)
    print_report(out, report)
    out.print(f"{time.perf_counter() - began:.1f} s\n", style="bold")
    return report


async def _look(out: Console, settings: Settings) -> None:
    async with runner.open_database(settings) as database:
        stats = await database.fetch("mirror_counts")
        linkage = await database.fetch("linkage")
        gaps = await database.fetch("gap_counts")
    tables: Sequence[tuple[str, Sequence[Mapping[str, object]]]] = (
        ("what is in the tables (v_region_stats)", [dict(row) for row in stats]),
        ("tasks and their reservations (v_task_reservation_linkage)", [dict(row) for row in linkage]),
        ("API fields without a column, kept in extra (v_field_gaps)", [dict(row) for row in gaps]),
    )
    for title, found in tables:
        out.print(counts_table(title, found))
        out.print()
