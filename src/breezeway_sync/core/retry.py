"""The one policy of all retries: which failed work is tried again, and after which wait.

A policy is a value and decides without waiting: callers pass time and chance in. Each place that retries has its own
policy. `retried` is the loop for work that needs only a wait in between. This is own code, because the attempts of
stamina leave objects in circles, and its time and chance cannot be passed in.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import inf
from typing import TypeVar

from breezeway_sync.core.errors import passes

T = TypeVar("T")
E = TypeVar("E", bound=Exception)

Chance = Callable[[], float]
"""Gives a number from 0 to 1."""
# A service may fail for years; a power beyond this one is no number any more.
_MOST_STEPS = 64


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and for how long work is made again.

    The first wait is `first_seconds`; each further one is `factor` times as long, up to `longest_seconds`. Every wait
    is then longer or shorter by up to its share `jitter`. There are at most `attempts`, the first included, and no wait
    begins later than `within_seconds` after the first attempt.
    """

    first_seconds: float = 0.0
    longest_seconds: float = inf
    factor: float = 2.0
    jitter: float = 0.0
    attempts: int = sys.maxsize
    within_seconds: float = inf

    def allows(self, failed: int, elapsed_seconds: float = 0.0) -> bool:
        """Whether there is another attempt after so many that failed."""
        return failed < self.attempts and elapsed_seconds < self.within_seconds

    def wait_seconds(self, failed: int, elapsed_seconds: float = 0.0, chance: Chance = random.random) -> float | None:
        """How long to wait after so many failed attempts, at least one; None: give up."""
        if not self.allows(failed, elapsed_seconds):
            return None
        steps = min(failed - 1, _MOST_STEPS)
        wait = min(self.first_seconds * self.factor**steps, self.longest_seconds)
        return wait * (1 + self.jitter * (2 * chance() - 1))


async def retried(
    work: Callable[[], Awaitable[T]],
    policy: RetryPolicy,
    kind: type[E] | tuple[type[E], ...],
    is_passing: Callable[[E], bool] = passes,
    chance: Chance = random.random,
) -> T:
    """The result of `work`, made again after each passing error of this kind until `policy` gives up.

    Raises the last error. Another kind of error, or one that does not pass, is raised at once.
    """
    loop = asyncio.get_running_loop()
    began_at, failed = loop.time(), 0
    while True:
        try:
            return await work()
        except kind as error:
            failed += 1
            wait = policy.wait_seconds(failed, loop.time() - began_at, chance) if is_passing(error) else None
            if wait is None:
                raise
        # Not in the handler: an error that is kept over a wait keeps all frames that it has passed.
        await asyncio.sleep(wait)
