"""Decides when a failed call is tried again, how long the account pauses, and when a dead API is given up. Pure.

Each attempt uses the account's budget. Three retries each once turned 242 failures into 726 more requests (seen live),
so nothing retries below this module.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

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
    passes,
)
from breezeway_sync.core.retry import Chance, RetryPolicy

# The time is more than the longest 429 asks for.
CALLS = RetryPolicy(first_seconds=1.5, longest_seconds=30.0, jitter=1 / 3, attempts=5, within_seconds=1800.0)
# An empty body is mostly an account without that resource: asking once more tells.
EMPTY_ANSWERS = replace(CALLS, attempts=2)
# The whole account is paused, so the next attempt waits in the budget; or the next attempt has a new token.
AT_ONCE = replace(CALLS, first_seconds=0.0)

LIMITED_PAUSE_SECONDS = 60.0  # data 429s name no time; the limiter clears on the order of a minute (seen live)
SHORTEST_LIMITED_PAUSE_SECONDS = 1.0
LIMITED_JITTER_SECONDS = 5.0
EDGE_PAUSE_SECONDS = (5.0, 10.0)

CIRCUIT_CALLS = 6
CIRCUIT_REST_SECONDS = 300.0  # then one call is let through to see


def wait_seconds(
    error: ApiError, failed: int, elapsed_seconds: float, *, is_renewed: bool, chance: Chance = random.random
) -> float | None:
    """How long to wait after so many failed attempts, at least one; None: give up.

    A token that is not accepted is renewed once.
    """
    if isinstance(error, Unauthorized):
        policy = None if is_renewed else AT_ONCE
    elif not passes(error):
        policy = None
    elif isinstance(error, EmptyAnswer):
        policy = EMPTY_ANSWERS
    else:
        policy = AT_ONCE if stops_account(error) else CALLS
    return None if policy is None else policy.wait_seconds(failed, elapsed_seconds, chance)


def stops_account(error: ApiError) -> bool:
    """Whether no call of the account is made for a while after this error."""
    return isinstance(error, RateLimited | EdgeBlocked) or error.retry_after_seconds is not None


def pause_seconds(error: ApiError, chance: Chance = random.random) -> float | None:
    """How long the whole account stops after this error; None when it need not."""
    hint = error.retry_after_seconds
    if isinstance(error, RateLimited) or hint is not None:
        least = LIMITED_PAUSE_SECONDS if hint is None else max(hint, SHORTEST_LIMITED_PAUSE_SECONDS)
        return least + LIMITED_JITTER_SECONDS * chance()
    if isinstance(error, EdgeBlocked):
        shortest, longest = EDGE_PAUSE_SECONDS
        return shortest + (longest - shortest) * chance()
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
            hint="see whether the API and the way to it are up",
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
