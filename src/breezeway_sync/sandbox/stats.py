"""Counts of calls and answers, for tests and over HTTP."""

from __future__ import annotations

from collections import Counter
from typing import Any

#: Stands for the account where no token or client id told one.
UNKNOWN = "-"


class Stats:
    """Counters since the start or the last reset. Calls to the control addresses are not counted."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.reset()

    def reset(self) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()
        self.statuses: Counter[int] = Counter()
        self.account_statuses: Counter[tuple[str, int]] = Counter()
        self.faults: Counter[str] = Counter()
        self.dropped = 0
        self.token_calls = 0
        self.bytes_sent = 0
        self.max_in_flight = self.in_flight

    def enter(self) -> None:
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)

    def leave(self) -> None:
        self.in_flight -= 1

    def called(self, account: str | None, endpoint: str) -> None:
        """`endpoint` is the template, without the base path: `/task/{id}`."""
        self.calls[(account or UNKNOWN, endpoint)] += 1
        if endpoint.startswith("/auth"):
            self.token_calls += 1

    def answered(self, account: str | None, status: int, size: int) -> None:
        self.statuses[status] += 1
        self.account_statuses[(account or UNKNOWN, status)] += 1
        self.bytes_sent += size

    @property
    def total(self) -> int:
        return self.calls.total()

    def of(self, account: str | None = None, endpoint: str | None = None) -> int:
        """Calls of one account or all, to one endpoint template or all."""
        return sum(
            count
            for (code, template), count in self.calls.items()
            if account in (None, code) and endpoint in (None, template)
        )

    def as_dict(self) -> dict[str, Any]:
        calls: dict[str, dict[str, int]] = {}
        for (account, endpoint), count in sorted(self.calls.items()):
            calls.setdefault(account, {})[endpoint] = count
        return {
            "total": self.total,
            "calls": calls,
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "rate_limited": self.statuses[429],
            "faults": dict(self.faults),
            "dropped": self.dropped,
            "token_calls": self.token_calls,
            "bytes_sent": self.bytes_sent,
            "in_flight": self.in_flight,
            "max_in_flight": self.max_in_flight,
        }
