"""The type of an account's token, for the two layers that must not know each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Credentials:
    """A pair as Breezeway issues it; never shown."""

    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Token:
    """Both halves of one answer of the auth service.

    `expires_at` is the access token's end, `refreshed_at` the moment both were issued (UTC, aware); the
    refresh token lives 30 days from there (vendor's documentation).
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at: datetime
    refreshed_at: datetime


class TokenStore(Protocol):
    """Where one account's token is kept and where its token calls are spaced, across processes."""

    async def load(self) -> Token | None:
        """The stored token, or None when there is none or an operator has set it to NULL."""
        ...

    async def reserve_call(self, interval_seconds: float) -> float:
        """Set the time of the next allowed token call by compare-and-set, before the call is made.

        Returns 0.0 when the caller may call now, else the seconds until somebody may.
        """
        ...

    async def postpone(self, seconds: float) -> None:
        """No token call of this account before so many seconds have passed (a 429 said so)."""
        ...

    async def save(self, token: Token) -> None:
        """Keep the newest token pair."""
        ...

    async def record_failure(self, reason: str) -> None:
        """Tell operators, in api_tokens.last_error, why there is no token."""
        ...
