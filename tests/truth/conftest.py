"""Whole copies of simulated accounts, each made once and looked at by many tests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest

from breezeway_sync.sandbox.drift import drift
from breezeway_sync.sandbox.spec import AccountSpec, resized
from breezeway_sync.service.runner import RunReport
from tests.conftest import as_url, made_database
from tests.helpers import Setup, sandboxed, tiny
from tests.truth.api import Served, served
from tests.truth.mirror import Mirror, mirror


@dataclass
class Copy:
    """What was served, what was stored, and how the run said it went."""

    specs: list[AccountSpec]
    truth: dict[str, Served]
    mirror: Mirror
    reports: list[RunReport]
    #: Calls that the sandbox counted in the first run: region, address, number.
    calls: dict[tuple[str, str], int]
    #: Records that the sandbox says are gone, by table.
    deleted: dict[str, dict[str, set[int]]] = field(default_factory=dict)

    @property
    def regions(self) -> list[str]:
        return list(self.truth)


def accounts(regions: int, **counts: int) -> list[AccountSpec]:
    """Small, but with lists of several pages, a property without tasks and one with many."""
    usual = {"properties": 11, "tasks_per_property": 9, "reservations_per_property": 12, "people": 12, "supplies": 12}
    return [resized(one, **{**usual, **counts}) for one in tiny(regions)]


async def read_truth(setup: Setup, specs: list[AccountSpec]) -> dict[str, Served]:
    """What the API serves now, every account in a thread of its own."""
    found = await asyncio.gather(*(asyncio.to_thread(served, setup.url, one) for one in specs))
    return {one.code: truth for one, truth in zip(specs, found, strict=True)}


def add_what_is_rare(setup: Setup, code: str) -> None:
    """A property without photos, and a task of a property that is unknown."""
    account = setup.world.account(code)
    home = next(iter(account.records("properties")))
    account.put("properties", {**home, "id": account.new_id("properties"), "photos": []})
    task = next(iter(account.records("tasks")))
    number = account.new_id("tasks")
    account.put_raw(
        "tasks", number, json.dumps({**task, "id": number, "home_id": 424_242}).encode(), home_id=home["id"]
    )


async def _copied(dsn: str, seed: int, specs: list[AccountSpec]) -> Copy:
    async with sandboxed(dsn, specs, seed=seed) as setup:
        for one in specs:
            add_what_is_rare(setup, one.code)
        report = await setup.run()
        calls = dict(setup.stats.calls)
        truth = await read_truth(setup, specs)
    return Copy(specs, truth, mirror(dsn), [report], calls)


async def _drifted(dsn: str, seed: int, specs: list[AccountSpec]) -> Copy:
    """A copy, 200 edits of people at work, and a second run."""
    deleted: dict[str, dict[str, set[int]]] = {}
    async with sandboxed(dsn, specs, seed=seed) as setup:
        first = await setup.run()
        calls = dict(setup.stats.calls)
        for one in specs:
            account = setup.world.account(one.code)
            gone = deleted.setdefault(one.code, {})
            for action, kind, record_id in drift(account, 200, Random(seed)):
                if action in ("delete", "hide"):
                    gone.setdefault(kind, set()).add(record_id)
        second = await setup.run(full=True)
        truth = await read_truth(setup, specs)
    return Copy(specs, truth, mirror(dsn), [first, second], calls, deleted)


@pytest.fixture(scope="session")
def databases(postgres: str, migrated: str) -> Iterator[Any]:
    """Makes databases that live as long as the session."""
    with ExitStack() as stack:
        yield lambda: as_url(stack.enter_context(made_database(postgres, migrated)))


@pytest.fixture(scope="session", params=[(1, 3), (2, 2), (77, 2)], ids=lambda one: f"seed{one[0]}x{one[1]}")
def copy(request: pytest.FixtureRequest, databases: Any) -> Copy:
    """One run over several regions of one seed."""
    seed, regions = request.param
    specs = accounts(regions, reservations_per_property=12 + seed % 7)
    specs[0] = replace(specs[0], sister_company_id=7)
    return asyncio.run(_copied(databases(), seed, specs))


@pytest.fixture(scope="session")
def drifted(databases: Any) -> Copy:
    """A mirror after edits and a second run."""
    return asyncio.run(_drifted(databases(), 5, accounts(2)))
