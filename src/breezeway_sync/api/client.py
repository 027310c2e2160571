"""The API for one account: records, lists and pages, with pacing, retries and counts.

It joins the parts: `limits` says when, `transport` sends, `answers` interprets, `retry` decides, and `pages` knows
where a list ends.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Generic, TypeVar

from breezeway_sync.api.answers import classify, read_items, read_record, repeats_of
from breezeway_sync.api.auth import Authenticator
from breezeway_sync.api.decoding import DecodeTurn
from breezeway_sync.api.limits import CallBudget
from breezeway_sync.api.pages import is_full
from breezeway_sync.api.reader import Answered, read_pages
from breezeway_sync.api.results import FetchedPage, FetchedRecord, Params, Tally
from breezeway_sync.api.retry import Circuit, pause_seconds, wait_seconds
from breezeway_sync.api.transport import RawAnswer, Transport, out_of_means
from breezeway_sync.core.clock import Clock
from breezeway_sync.core.errors import ApiError, CredentialsRejected, Unauthorized, lighten
from breezeway_sync.core.events import AccountPaused, CallFinished, CallRetried, Emit
from breezeway_sync.core.lacks import is_lack
from breezeway_sync.core.memory_budget import MemoryBudget

__all__ = ["PREFIX", "AccountApi", "FetchedPage", "FetchedRecord", "Params", "Tally"]

PREFIX = "/public/inventory/v1"
CONCURRENCY = 4
# The default order, newest first, shifts rows to the next page whenever one is created.
ORDER: Params = (("sort_by", "created_at"), ("sort_order", "asc"))

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class _Ask(Generic[_Value]):
    """One call as it is wanted, whatever number of attempts it takes."""

    endpoint: str
    path: str
    params: Params
    read: Callable[[str, RawAnswer], _Value]
    tally: Tally | None


@dataclass(frozen=True, slots=True)
class _Received(Generic[_Value]):
    value: _Value
    requested_at: float
    requested_wall: datetime
    size_bytes: int


class AccountApi:
    """Reads one account's data. Every method raises ApiErrors, after the retries that make sense.

    `endpoint` is the path's template for errors and events, `path` the real one below `prefix`; `calls`
    counts every attempt, a `tally` those made with it. After several calls in a row that failed in every
    attempt, calls fail at once for a while.
    """

    def __init__(
        self,
        account: str,
        transport: Transport,
        authenticator: Authenticator,
        budget: CallBudget,
        clock: Clock,
        *,
        emit: Emit,
        memory: MemoryBudget | None = None,
        prefix: str = PREFIX,
        page_size: int = 100,
        rng: random.Random | None = None,
    ) -> None:
        self._account = account
        self._transport = transport
        self._authenticator = authenticator
        self._budget = budget
        self._clock = clock
        self._emit = emit
        self._memory = memory or MemoryBudget()
        self._prefix = prefix
        self._page_size = page_size
        self._rng = rng or random.Random()  # noqa: S311 - spreads waits, guards nothing
        self._circuit = Circuit()
        self._tally = Tally()

    @property
    def calls(self) -> int:
        """Data calls made so far, retries included."""
        return self._tally.calls

    async def record(
        self, endpoint: str, path: str, params: Params = (), *, tally: Tally | None = None
    ) -> FetchedRecord:
        """A single object."""
        actual = await self._call(_Ask(endpoint, path, params, read_record, tally))
        return FetchedRecord(actual.value, actual.requested_at, actual.requested_wall)

    async def listing(
        self, endpoint: str, path: str, params: Params = (), *, tally: Tally | None = None
    ) -> FetchedPage:
        """A list that is not paged, in one call; `is_complete` tells whether it announced more."""
        actual = await self._call(_Ask(endpoint, path, params, read_items, tally))
        body = actual.value
        return FetchedPage(
            items=body.items,
            number=1,
            requested_at=actual.requested_at,
            requested_wall=actual.requested_wall,
            total_pages=body.total_pages,
            total_results=body.total_results,
            is_last=True,
            is_complete=is_full(body),
            size_bytes=actual.size_bytes,
        )

    async def pages(
        self,
        endpoint: str,
        path: str,
        params: Params = (),
        *,
        concurrency: int | None = None,
        tally: Tally | None = None,
    ) -> AsyncGenerator[FetchedPage, None]:
        """A list page by page, oldest record first, `concurrency` pages asked for at a time.

        The least calls: exactly as many as there are pages when the totals agree and the last page is
        not full. Close it (`contextlib.aclosing`) when it is not read to its end.
        """
        given = {name for name, _ in params}
        added = [pair for pair in (("limit", self._page_size), *ORDER) if pair[0] not in given]

        async def ask(number: int) -> Answered:
            asked = (*params, *added, ("page", number))
            actual = await self._call(_Ask(endpoint, path, asked, read_items, tally))
            return Answered(actual.value, actual.requested_at, actual.requested_wall, actual.size_bytes)

        limit = next((int(value) for name, value in params if name == "limit"), self._page_size)
        async with aclosing(read_pages(ask, limit, concurrency or CONCURRENCY, self._memory)) as pages:
            async for page in pages:
                yield page

    async def _call(self, ask: _Ask[_Value]) -> _Received[_Value]:
        """The call with its retries, and what its end means for those after it."""
        loop = asyncio.get_running_loop()
        self._circuit.check(ask.endpoint, loop.time())
        try:
            actual = await self._attempt(ask)
        except ApiError as error:
            self._circuit.failed(error, loop.time())
            raise
        self._circuit.succeeded()
        return actual

    async def _attempt(self, ask: _Ask[_Value]) -> _Received[_Value]:
        """Try until it works or `wait_seconds` gives up; errors of the auth service are not tried again here."""
        loop = asyncio.get_running_loop()
        began_at, is_renewed = loop.time(), False
        access = await self._authenticator.token()
        number = 0
        while True:
            number += 1
            try:
                return await self._exchange(ask, access, is_retry=number > 1)
            except ApiError as error:
                is_refused = isinstance(error, Unauthorized)
                if is_refused and is_renewed:
                    raise _rejected(ask.endpoint, error) from error
                wait = wait_seconds(
                    error, number, loop.time() - began_at, is_renewed=is_renewed, chance=self._rng.random
                )
                if wait is None:
                    raise
                reason = error.code
            # Not in the handler: an error that is kept over a wait keeps all frames that it has passed.
            await asyncio.sleep(wait)
            self._emit(CallRetried(self._account, ask.endpoint, number + 1, reason))
            is_renewed |= is_refused
            access = await (self._authenticator.renew(access) if is_refused else self._authenticator.token())

    async def _exchange(self, ask: _Ask[_Value], access: str, *, is_retry: bool = False) -> _Received[_Value]:
        """One attempt: wait for the slot, send, judge, read, report."""
        answer: RawAnswer | None = None
        slot = self._budget.slot(is_retry=is_retry)
        async with slot as waited_seconds:
            sent_at, sent_wall = self._clock.monotonic(), self._clock.now()
            self._count(ask.tally)
            try:
                with self._transport.turn() as turn:
                    answer = await self._transport.send(
                        "GET",
                        self._prefix + ask.path,
                        endpoint=ask.endpoint,
                        params=ask.params,
                        headers={"authorization": f"JWT {access}"},
                        turn=turn,
                    )
                    error = classify(ask.endpoint, answer, self._clock.now())
                    if error is not None:
                        raise error
                    slot.answered(ask.endpoint, len(answer.body))
                    value = await _decode(ask, answer, turn)
                actual = _Received(value, sent_at, sent_wall, len(answer.body))
            except ApiError as failure:
                slot.troubled(failure)
                self._pause(failure)
                self._report(ask.endpoint, answer, failure, sent_at, waited_seconds)
                # It may be kept for the rest of the run; and what refers to itself waits for the collector.
                answer = error = None
                lighten(failure)
                raise
        self._report(ask.endpoint, answer, None, sent_at, waited_seconds)
        return actual

    def _count(self, tally: Tally | None) -> None:
        self._tally.calls += 1
        if tally is not None:
            tally.calls += 1

    def _pause(self, error: ApiError) -> None:
        """Stop the account while its call still holds its place, so that no other slips through."""
        seconds = pause_seconds(error, self._rng.random)
        if seconds is not None and self._budget.pause(seconds):
            self._emit(AccountPaused(self._account, error.endpoint, seconds, error.code))

    def _report(
        self, endpoint: str, answer: RawAnswer | None, error: ApiError | None, sent_at: float, waited: float
    ) -> None:
        status = answer.status if answer is not None else error.status if error is not None else None
        self._emit(
            CallFinished(
                account=self._account,
                endpoint=endpoint,
                status=status,
                outcome="ok" if error is None else error.code,
                duration_seconds=self._clock.monotonic() - sent_at,
                waited_seconds=waited,
                body_bytes=0 if answer is None else len(answer.body),
            )
        )


def _rejected(endpoint: str, error: ApiError) -> CredentialsRejected:
    return CredentialsRejected(
        "the API does not accept the account's access token, not even a new one",
        endpoint=endpoint,
        status=error.status,
        hint="ask Breezeway whether the credentials are active and permit the inventory API",
    )


async def _decode(ask: _Ask[_Value], answer: RawAnswer, turn: DecodeTurn) -> _Value:
    """What the answer says; what it said twice is counted on the way."""
    try:
        value, repeats = await turn.decode(partial(_read, ask, answer))
    except (MemoryError, RuntimeError) as error:
        if is_lack(error):
            raise out_of_means(ask.endpoint, answer.status) from error
        raise
    if ask.tally is not None:
        ask.tally.repeats += repeats
    return value


def _read(ask: _Ask[_Value], answer: RawAnswer) -> tuple[_Value, int]:
    value = ask.read(ask.endpoint, answer)
    return value, 0 if ask.tally is None else repeats_of(answer, value)
