"""When a failed call is made again, how long before, and when a dead API is given up: pure decisions.

Retries are counted and bounded in time, jittered by stamina, and each takes its own place in the
account's budget. Three retries each once turned 242 failures into 726 more requests (seen live), so
nothing retries below this.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import stamina
from stamina.instrumentation import set_on_retry_hooks

from breezeway_sync.core.errors import (
    ApiError,
    ApiUnreachable,
    EdgeBlocked,
    EmptyAnswer,
    GivenUp,
    RateLimited,
    Refused,
    ServerFailed,
    Unauthorized,
)

ATTEMPTS = 5
EMPTY_ATTEMPTS = 2  # an empty body is mostly an account without that resource: asking once more tells
RETRY_SECONDS = 1800.0  # no attempt starts later than this after the first; more than the longest 429 asks for
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 30.0
WAIT_JITTER_SECONDS = 1.0

LIMITED_PAUSE_SECONDS = 60.0  # data 429s name no time; the limiter clears on the order of a minute (seen live)
SHORTEST_LIMITED_PAUSE_SECONDS = 1.0
LIMITED_JITTER_SECONDS = 5.0
EDGE_PAUSE_SECONDS = (5.0, 10.0)

CIRCUIT_CALLS = 6
CIRCUIT_REST_SECONDS = 300.0  # then one call is let through to see

# stamina would log and count by itself; what happens is reported as events.
set_on_retry_hooks(())


def attempts(hook: Callable[[Exception], bool | float]) -> AsyncIterator[stamina.Attempt]:
    """The attempts of one call; `hook` decides after each failure, with its own bound in time."""
    return aiter(
        stamina.retry_context(
            on=hook,
            attempts=ATTEMPTS,
            timeout=None,
            wait_initial=FIRST_WAIT_SECONDS,
            wait_max=LONGEST_WAIT_SECONDS,
            wait_jitter=WAIT_JITTER_SECONDS,
        )
    )


def backoff(error: Exception, attempt: int, elapsed_seconds: float, *, is_renewed: bool) -> bool | float:
    """False: give up; True: again after stamina's wait; a number: again after so many seconds.

    `attempt` counts from 1. After a 429 or a block the whole account is paused, so the next attempt
    waits in the budget and needs no wait of its own. The same holds after an answer that names a time.
    """
    if not isinstance(error, ApiError) or elapsed_seconds >= RETRY_SECONDS:
        return False
    if isinstance(error, Unauthorized):
        return False if is_renewed else 0.0
    if isinstance(error, EmptyAnswer) and attempt >= EMPTY_ATTEMPTS:
        return False
    if isinstance(error, RateLimited | EdgeBlocked) or error.retry_after_seconds is not None:
        return 0.0
    return error.retryable


def pause_seconds(error: ApiError, dice: random.Random) -> float | None:
    """How long the whole account stops after this error; None when it need not."""
    hint = error.retry_after_seconds
    if isinstance(error, RateLimited) or hint is not None:
        least = LIMITED_PAUSE_SECONDS if hint is None else max(hint, SHORTEST_LIMITED_PAUSE_SECONDS)
        return least + dice.uniform(0, LIMITED_JITTER_SECONDS)
    if isinstance(error, EdgeBlocked):
        return dice.uniform(*EDGE_PAUSE_SECONDS)
    return None


@dataclass(slots=True)
class Circuit:
    """Gives up an API that is down: after so many calls in a row that used up their attempts.

    Times are in seconds of the event loop.
    """

    failed_calls: int = 0
    _opened_at: float | None = None

    def check(self, endpoint: str, now: float) -> None:
        """Raise GivenUp while the API is given up; one call per rest is let through to see."""
        if self._opened_at is None:
            return
        if now - self._opened_at >= CIRCUIT_REST_SECONDS:
            self._opened_at = now
            return
        raise GivenUp(
            f"given up after {self.failed_calls} calls in a row that failed in every attempt",
            endpoint=endpoint,
            cure="see whether the API and the way to it are up",
        )

    def succeeded(self) -> None:
        """The API answered, be it with a refusal."""
        self.failed_calls = 0
        self._opened_at = None

    def failed(self, error: ApiError, now: float) -> None:
        """A call has failed for good."""
        if isinstance(error, Refused):
            self.succeeded()
        elif isinstance(error, ApiUnreachable | EdgeBlocked | ServerFailed):
            self.failed_calls += 1
            if self.failed_calls >= CIRCUIT_CALLS:
                self._opened_at = now
