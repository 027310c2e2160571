"""The stored alert states, across restarts and processes.

Each access has a deadline. What must not be lost stays in memory until it is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from breezeway_sync.core.errors import DatabaseBusy, DatabaseError, DatabaseUnreachable
from breezeway_sync.ops.alerts import decide
from breezeway_sync.ops.alerts.model import AlertState, Decision, MessageBudget, StateRow
from breezeway_sync.ops.alerts.ports import AlertStore, TroubledEntity

STORE_SECONDS = 20.0
"""How long the store may take to answer."""
TRIES = 5
"""How often the budget is written that other processes have written meanwhile."""
MOST_UNSETTLED = 1_000

_Value = TypeVar("_Value")


class AlertStates:
    """Every method but `settle` and `give_back` raises DatabaseError when the store does not answer."""

    def __init__(self, store: AlertStore, max_per_hour: int) -> None:
        self._store = store
        self._max_per_hour = max_per_hour
        self._own = MessageBudget()
        self._unsettled: dict[tuple[str, str], tuple[int, AlertState]] = {}
        self._known: dict[tuple[str, str], AlertState] = {}
        self._unshared: dict[tuple[str, str], datetime | None] = {}
        """Subjects told without the store, each with the time at which people were told before."""
        self._is_alone = False

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Within the block this process decides by its own memory, because the store is away."""
        self._is_alone = True
        try:
            yield
        finally:
            self._is_alone = False

    async def share(self) -> None:
        """Write down what people were told while the store was away, where others have told nothing newer."""
        for (region, subject), told_before in list(self._unshared.items()):
            mine = self._known[region, subject]
            stored = (await self.states(region, [subject])).get(subject, AlertState())
            is_newer = (
                mine.notified_at is not None
                and stored.notified_at is not None
                and mine.notified_at > stored.notified_at
            )
            if is_newer or stored.notified_at in (None, told_before):
                await self._save(region, subject, stored.version, replace(mine, claimed_until=None))
            self._unshared.pop((region, subject), None)

    async def states(self, region: str, subjects: Sequence[str]) -> dict[str, AlertState]:
        """What is known of these subjects; one that nothing is known of is missing."""
        if self._is_alone:
            return {one: self._known[region, one] for one in subjects if (region, one) in self._known}
        rows = await _within(self._store.load(region, subjects))
        found = {subject: _state(row) for subject, row in rows.items()}
        for subject, state in found.items():
            if (region, subject) not in self._unshared:
                self._know(region, subject, state)
        return found

    def _know(self, region: str, subject: str, state: AlertState) -> None:
        self._known[region, subject] = state
        while len(self._known) > MOST_UNSETTLED:
            oldest = next(iter(self._known))
            self._unshared.pop(oldest, None)
            del self._known[oldest]

    async def note(self, region: str, decision: Decision) -> bool:
        """Keep what a decision without a message has learned. False: another process came before."""
        if decision.untold == decision.before:
            return True
        return await self._save(region, decision.subject, decision.before.version, decision.untold)

    async def claim(self, region: str, decision: Decision, now: datetime, seconds: float) -> bool:
        """Become the one process that tells of this subject, for so many seconds."""
        claimed = replace(decision.untold, claimed_until=now + timedelta(seconds=seconds))
        return await self._save(region, decision.subject, decision.before.version, claimed)

    async def settle(self, region: str, decision: Decision, state: AlertState) -> None:
        """End a claim with what is true now; when the store is away, later."""
        if self._is_alone:
            await self._save(region, decision.subject, decision.before.version, state)
            return
        self._unsettled[region, decision.subject] = (decision.before.version + 1, state)
        while len(self._unsettled) > MOST_UNSETTLED:
            del self._unsettled[next(iter(self._unsettled))]
        try:
            await self.settle_pending_reads()
        except DatabaseError:
            return

    async def settle_pending_reads(self) -> None:
        """End the claims that could not be ended before. One that ran out and was taken over is not ours to end."""
        for (region, subject), (version, state) in list(self._unsettled.items()):
            await self._save(region, subject, version, state)
            self._unsettled.pop((region, subject), None)

    async def _save(self, region: str, subject: str, version: int, state: AlertState) -> bool:
        if self._is_alone:
            before = self._known.get((region, subject), AlertState())
            self._unshared.setdefault((region, subject), before.notified_at)
            self._know(region, subject, state)
            return True
        is_saved = await _within(
            self._store.save(
                region,
                subject,
                version,
                failing_since=state.failing_since,
                failures=state.failures,
                error=state.error,
                notified_at=state.notified_at,
                thread=state.thread,
                claimed_until=state.claimed_until,
            )
        )
        if is_saved:
            self._know(region, subject, replace(state, version=version + 1))
        return is_saved

    async def last_successes(self, region: str) -> Mapping[str, datetime]:
        if self._is_alone:
            return {}
        return await _within(self._store.last_successes(region))

    async def troubles_since(self, moment: datetime) -> Sequence[TroubledEntity]:
        return await _within(self._store.troubles_since(moment))

    # --- the hourly limit -------------------------------------------------------------------------

    async def take_turn(self, now: datetime, *, without_store: bool = False) -> int | None:
        """How many messages were held back before this one; None when this one is, too.

        `without_store` counts this process's own messages only, for when the database is away.
        """
        return await self._change(lambda budget: decide.take_turn(budget, now, self._max_per_hour), without_store)

    async def give_back(self, taken_at: datetime, suppressed: int, *, without_store: bool = False) -> None:
        """Undo `take_turn`, as nobody received the message. Raises nothing: at worst it counts as sent."""
        if without_store or self._is_alone:
            self._own = decide.give_back(self._own, taken_at, suppressed)
            return
        self._own = decide.give_back(self._own, taken_at, 0)
        try:
            await self._change(lambda budget: (decide.give_back(budget, taken_at, suppressed), None), without_store)
        except DatabaseError:
            self._own = replace(self._own, suppressed=self._own.suppressed + suppressed)

    async def _change(
        self, change: Callable[[MessageBudget], tuple[MessageBudget, int | None]], without_store: bool
    ) -> int | None:
        if without_store or self._is_alone:
            self._own, result = change(self._own)
            return result
        for _try in range(TRIES):
            row = await _within(self._store.load_budget())
            known = decide.merged(MessageBudget(tuple(row.sent_at), row.suppressed), self._own)
            budget, result = change(known)
            if await _within(self._store.save_budget(row.version, budget.sent_at, budget.suppressed)):
                self._own = MessageBudget(budget.sent_at)
                return result
        raise DatabaseBusy("other processes send alerts all the time", where="alerts", actual=f"{TRIES} lost races")


def _state(row: StateRow) -> AlertState:
    return AlertState(
        row.failing_since, row.failures, row.error, row.notified_at, row.thread, row.claimed_until, row.version
    )


async def _within(answer: Awaitable[_Value]) -> _Value:
    try:
        async with asyncio.timeout(STORE_SECONDS):
            return await answer
    except TimeoutError as error:
        raise DatabaseUnreachable("the state of alerts was not read or written in time", where="alerts") from error
