"""Which list shows which record since when, and what a walk over it must therefore have brought."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import TypeAlias

from breezeway_sync.sandbox.account import SandboxAccount
from breezeway_sync.sandbox.spec import Kind
from tests.convergence.moving_time import MovingTime

Key: TypeAlias = tuple[str, str, int]

COPIED: tuple[Kind, ...] = ("properties", "reservations", "tasks", "people", "supplies")
NARROWED = ("reservations", "tasks")
"""What lists can be asked for the changes of."""
NEVER = -1.0


class Lists:
    """Told of every change."""

    def __init__(self, time: MovingTime) -> None:
        self._time = time
        self.blanked = NEVER
        """When a list was last said to be empty that was not."""
        self._places: dict[tuple[str, Kind], dict[int, int]] = defaultdict(dict)
        self._homes: dict[str, set[int]] = defaultdict(set)
        self._changed: dict[Key, float] = {}
        self._shown: dict[Key, float] = {}
        self._updated: dict[Key, datetime] = {}
        self._is_told: dict[Key, bool] = {}

    def renewed(self, account: SandboxAccount, kind: Kind, number: int) -> None:
        """A record has a new version. Whether the API tells of it: by the time that lists are narrowed by."""
        key = (account.code, kind, number)
        self._changed[key] = self._time.seconds
        if kind in NARROWED:
            updated: datetime = account.facts(kind, number)["updated_at"]
            self._is_told[key] = updated != self._updated.get(key)
            self._updated[key] = updated

    def note(self, account: SandboxAccount) -> None:
        """Compare what the lists show with what they showed."""
        now, code = self._time.seconds, account.code
        self._homes[code] |= set(account.ids("properties"))
        for kind in COPIED:
            places = dict(self._shown_by(account, kind))
            before = self._places[code, kind]
            for number, home in places.items():
                if before.get(number) != home:
                    self._shown[code, kind, number] = now
            self._places[code, kind] = places

    def _shown_by(self, account: SandboxAccount, kind: Kind) -> Iterator[tuple[int, int]]:
        for home in sorted(self._homes[account.code]) if kind == "tasks" else [0]:
            yield from ((number, home) for number in account.listing(kind, home or None))

    def of(self, code: str, kind: str, home: int | None = None) -> list[tuple[int, int]]:
        """Records that a list shows, with the property whose list it is (0: the region's)."""
        places = self._places[code, kind]  # type: ignore[index]  # kinds are named like tables
        return [(number, place) for number, place in places.items() if home in (None, place)]

    def last(self, key: Key) -> float:
        """When a record changed, or came to where it is listed, last."""
        return max(self._changed.get(key, NEVER), self._shown.get(key, NEVER))

    def is_pending_read(self, key: Key, covered: float, whole: float) -> bool:
        """Whether a list that was read at `covered`, and whole at `whole`, has brought the record as it is now.

        What only a look at everything can find (shown again) is owed by a walk of everything.
        """
        last = self.last(key)
        if last >= covered:
            return False
        if last < whole and self.blanked < whole:
            return True
        is_told = self._is_told.get(key, False) and last == self._changed.get(key)
        return is_told and self.blanked < last
