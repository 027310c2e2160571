"""What a run leaves behind is gone at once: garbage in circles is looked for rarely (`cli.loop.tune_collector`)."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from breezeway_sync.core.events import ignore
from breezeway_sync.core.outcome import SUCCESS, Tally
from breezeway_sync.entities.streams import NAMES
from breezeway_sync.sandbox.drift import drift
from breezeway_sync.service.access import access, context
from breezeway_sync.service.account_runner import AccountRunner, CycleRequest
from breezeway_sync.service.accounts import group
from breezeway_sync.service.runner import open_database
from breezeway_sync.service.settings.twins import pairs_of
from tests.api.support import Service, account, script
from tests.api.virtual_time import run
from tests.helpers import sandboxed, tiny

OURS, SIMULATED = "breezeway_sync.", "breezeway_sync.sandbox."


@contextmanager
def left_in_circles() -> Iterator[Counter[str]]:
    """What of ours only the collector takes away that the block has made, by class or function."""
    found: Counter[str] = Counter()
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found.update(name for one in gc.garbage if (name := named(one)))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def named(one: object) -> str | None:
    """The name of its class, or of the function; None if it is not ours."""
    what = one if callable(one) and hasattr(one, "__qualname__") else type(one)
    module = str(getattr(what, "__module__", None))
    is_ours = module.startswith(OURS) and not module.startswith(SIMULATED)
    return f"{module}.{what.__qualname__}" if is_ours else None


async def test_cycles_of_an_account_leave_no_circle(dsn: str) -> None:
    async with (
        sandboxed(dsn, tiny(2)) as setup,
        open_database(setup.settings) as database,
        context(setup.settings, database, emit=ignore, tell=lambda _text: None) as use,
    ):
        await setup.run()  # rows of the regions, and what a process makes once
        account_runner, accounts = AccountRunner(use), group(setup.settings, pairs_of(setup.settings))
        with left_in_circles() as found:
            for number in range(4):
                for one in setup.world.accounts.values():
                    drift(one, 10)
                for account in accounts:
                    order = CycleRequest(dict.fromkeys(account.regions, NAMES), full=number % 2 == 0)
                    result = await account_runner.work(account, order)
                    assert {outcome.status for outcome in result.outcomes} == {SUCCESS}
            del result
    assert found == {}


async def test_an_account_that_was_paused_leaves_no_circle(dsn: str) -> None:
    async with (
        sandboxed(dsn) as setup,
        open_database(setup.settings) as database,
        context(setup.settings, database, emit=ignore, tell=lambda _text: None) as use,
    ):
        await setup.run()
        (account,) = group(setup.settings, pairs_of(setup.settings))
        with left_in_circles() as found:
            async with access(use, account, wait_seconds=0) as opened:
                opened.budget.pause(0.01)
                await opened.authenticator.token()
            del opened
    assert found == {}


def test_a_call_that_is_made_again_leaves_no_circle() -> None:
    answers = script(httpx.Response(503), httpx.Response(401), httpx.Response(500), httpx.Response(200, json={}))

    async def main() -> Counter[str]:
        async with account(Service(answers)) as setup:
            with left_in_circles() as found:
                await setup.api.record("/task/{id}", "/task/7")
            assert setup.api.calls == 4
            return found

    assert run(main()) == {}


def test_a_circle_is_seen() -> None:
    with left_in_circles() as found:
        circle: list[object] = [Tally()]
        circle.append(circle)
        del circle
    assert found == {"breezeway_sync.core.outcome.Tally": 1}
