"""Decides how many calls may be open: fewer after trouble, more again without it. Pure.

Additive increase, multiplicative decrease, as in TCP. It halves the open calls after a 429 (the account), a 403 in HTML
(the account, and all together) and slow answers (the account), once a round trip. It adds one after each round of good
answers. Slow is a median of 30 calls of one endpoint and body size above three times the lowest median, and above a
second. If fewer calls do not lower the median, it becomes the new measure, so it costs one decrease. Times are seconds
of the event loop.
"""

from __future__ import annotations

from math import inf

GROUP_CALLS = 30  # a median of so many moves by a fifth under ordinary noise
SLOWDOWN = 3.0
# Nothing faster than this is called slow: it includes what our own process was busy with.
LEAST_SLOW_SECONDS = 1.0


class ConcurrencyWindow:
    """The number in use, `size`, from 1 to `most`. It begins with `most`."""

    __slots__ = ("_answered", "_shrunk_at", "most", "size")

    def __init__(self, most: int) -> None:
        self.most = most
        self.size = most
        self._answered = 0
        self._shrunk_at = -inf

    def counts(self, started_at: float) -> bool:
        """Whether a call says something of the present size: it began after the last decrease."""
        return started_at > self._shrunk_at

    def shrink(self, started_at: float, now: float, under_way: int) -> bool:
        """A call met trouble while so many were under way; True when the size changes.

        Half of what was really under way, where that was less than allowed: half of a number that is not used
        up would change nothing. Calls of the same round, which began before, decide nothing more.
        """
        if not self.counts(started_at):
            return False
        self._shrunk_at, self._answered = now, 0
        before, self.size = self.size, max(1, min(self.size, under_way) // 2)
        return self.size < before

    def grow(self, started_at: float) -> bool:
        """A call was answered; True when the size changes."""
        if self.size == self.most or not self.counts(started_at):
            return False
        self._answered += 1
        if self._answered < self.size:
            return False
        self.size, self._answered = self.size + 1, 0
        return True


class _Group:
    """The latest calls of one kind, and the lowest median of a group before."""

    __slots__ = ("low_seconds", "seconds")

    def __init__(self) -> None:
        self.low_seconds = inf
        self.seconds: list[float] = []


class Latency:
    """Tells an overloaded service by how long it takes: a median above three times the lowest, and above a second.

    Calls are compared with their like: the same endpoint, a body of about the same size. After it was told
    once, the new level is what the next medians are compared with: a level that fewer calls do not lower is the
    service's own, and costs one decrease, not one after another.
    """

    __slots__ = ("_groups",)

    def __init__(self) -> None:
        self._groups: dict[tuple[str, int], _Group] = {}

    def is_overloaded(self, endpoint: str, body_bytes: int, seconds: float) -> bool:
        """Take a call's time; True at the end of a group that was too slow."""
        kind = (endpoint, body_bytes.bit_length() >> 1)
        group = self._groups.get(kind)
        if group is None:
            group = self._groups[kind] = _Group()
        group.seconds.append(seconds)
        if len(group.seconds) < GROUP_CALLS:
            return False
        median = sorted(group.seconds)[GROUP_CALLS // 2]
        group.seconds.clear()
        is_slow = median > max(LEAST_SLOW_SECONDS, SLOWDOWN * group.low_seconds)
        group.low_seconds = median if is_slow else min(group.low_seconds, median)
        return is_slow

    def begin_anew(self) -> None:
        """Forget calls that ran under another size; what they are compared with stays."""
        for group in self._groups.values():
            group.seconds.clear()
