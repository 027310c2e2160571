"""A simulated account and a mirror of it, for tests of the whole."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from breezeway_sync.cli.world import settings_for
from breezeway_sync.core.clock import Clock
from breezeway_sync.core.events import Event
from breezeway_sync.core.outcome import Outcome
from breezeway_sync.entities.streams import NAMES
from breezeway_sync.sandbox.app import create_app
from breezeway_sync.sandbox.faults import Faults
from breezeway_sync.sandbox.options import Options
from breezeway_sync.sandbox.server import running
from breezeway_sync.sandbox.spec import AccountSpec, demo_accounts
from breezeway_sync.sandbox.stats import Stats
from breezeway_sync.sandbox.world import World
from breezeway_sync.service import runner
from breezeway_sync.service.runner import RunReport, RunRequest
from breezeway_sync.service.settings import Settings

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def tiny(count: int = 1) -> list[AccountSpec]:
    """The smallest accounts."""
    return demo_accounts(count, "tiny")


@dataclass
class Setup:
    """A running sandbox and settings for it."""

    world: World
    url: str
    settings: Settings
    options: Options
    stats: Stats
    faults: Faults
    sandbox: Any
    events: list[Event] = field(default_factory=list)

    async def run(
        self, region: str = "all", entity: str = "all", *, clock: Clock | None = None, **request: Any
    ) -> RunReport:
        regions = tuple(self.settings.regions) if region == "all" else (region,)
        entities = NAMES if entity == "all" else (entity,)
        expected = RunRequest(regions, entities, **request)
        return await runner.run(self.settings, expected, emit=self.events.append, clock=clock)


@dataclass(frozen=True)
class Later:
    """The machine's clock, some days ahead on the wall."""

    days: float = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=self.days)

    def monotonic(self) -> float:
        return time.monotonic()


@asynccontextmanager
async def sandboxed(
    dsn: str,
    accounts: Iterable[AccountSpec] | None = None,
    *,
    seed: int = 1,
    anchor: date | None = None,
    limits: bool = False,
    **api: Any,
) -> AsyncIterator[Setup]:
    """A sandbox on a port of its own; without `limits` neither side paces. `anchor` is the day around which it lies."""
    specs = list(accounts) if accounts is not None else tiny()
    world = World(specs, seed=seed, anchor=anchor)
    options = Options() if limits else Options(data_calls=None, auth_interval_seconds=None, max_concurrency=None)
    app = create_app(world, options)
    pace = {} if limits else {"requests_per_minute": 1_000_000, "auth_interval_seconds": 0}
    async with running(app) as url:
        settings = settings_for({one.code: one for one in specs}, url, dsn, **{**pace, **api})
        state = app.state.sandbox
        yield Setup(world, url, settings, options, state.stats, state.faults, state)


def outcome(report: RunReport, entity: str, region: str | None = None) -> Outcome:
    """The one outcome of an entity."""
    (found,) = [one for one in report.outcomes if one.entity == entity and region in (None, one.region)]
    return found
