"""Limits the calls for missing records: the calls for lists come first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from breezeway_sync.core.outcome import Tally

HOUR_MINUTES = 60.0
# A run may ask for so many even where lists use up everything, so that no record waits for ever.
LEAST_ASKED = 50


def calls_to_spare(requests_per_minute: float, scan_calls: int, taken: int) -> int:
    """At most half of what an hour's budget has left after this run's `scan_calls`, less those `taken`. Pure."""
    left = requests_per_minute * HOUR_MINUTES - scan_calls
    return max(LEAST_ASKED, int(left / 2) - taken)


@dataclass(slots=True)
class RunBudget:
    """The calls of one account's run: those `taken` for records that lists do not show, and `asked` of them so far."""

    tallies: list[Tally] = field(default_factory=list)
    taken: int = 0
    asked: int = 0

    def tally(self) -> Tally:
        """A new count of calls that are part of this run."""
        tally = Tally()
        self.tallies.append(tally)
        return tally

    def left(self, requests_per_minute: float) -> int:
        """How many records may still be asked for."""
        made = sum(tally.calls for tally in self.tallies)
        return calls_to_spare(requests_per_minute, max(0, made - self.asked), self.taken)

    def take(self, keys: Sequence[int], requests_per_minute: float) -> Sequence[int]:
        """Take as many of these records as may still be asked for. What other regions have taken meanwhile counts."""
        mine = keys[: self.left(requests_per_minute)]
        self.taken += len(mine)
        return mine
