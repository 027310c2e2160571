"""Stores an account's token in `api_tokens`, and the spacing of its token calls in `account_leases`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from breezeway_sync.core.tokens import Credentials, Token
from breezeway_sync.store.database import Database
from breezeway_sync.store.leases import LONGEST_PAUSE_SECONDS

_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PostgresTokenStore:
    """A TokenVault over PostgreSQL. `regions` are all regions that share the account."""

    database: Database
    account: str
    regions: tuple[str, ...]

    async def load(self) -> Token | None:
        """The newest stored token; None when there is none, or where an operator has set one to NULL.

        A token that was issued to another account is none; one that was put there by hand says nothing of that.
        """
        rows = await self.database.fetch("read_account_tokens", list(self.regions), self.account)
        tokens = []
        for row in rows:
            if row["access_token"] is None and row["refresh_token"] is None and row["last_refreshed_at"] is not None:
                return None
            if row["access_token"] is not None:
                tokens.append(
                    Token(
                        access_token=row["access_token"],
                        refresh_token=row["refresh_token"],
                        # A row edited by hand may lack its times: then only a 401 tells that it has ended.
                        expires_at=row["token_expires_at"] or _LATEST,
                        refreshed_at=row["last_refreshed_at"] or _EARLIEST,
                    )
                )
        return max(tokens, key=lambda token: token.refreshed_at, default=None)

    async def reserve_call(self, interval_seconds: float) -> float:
        """Compare-and-set of the next allowed token call: 0.0 when it may be made now, else the wait."""
        reserved = await self.database.fetch_row(
            "reserve_token_call", self.account, interval_seconds, LONGEST_PAUSE_SECONDS
        )
        if reserved:
            return 0.0
        row = await self.database.fetch_row("token_call_wait", self.account)
        # At least a little: the time may have come between the two statements.
        return max(0.05, row["wait_seconds"]) if row else 0.05

    async def postpone(self, seconds: float) -> None:
        await self.database.fetch_row("postpone_token_call", self.account, seconds)

    async def save(self, token: Token) -> None:
        await self.database.fetch_row(
            "save_token",
            list(self.regions),
            self.account,
            token.access_token,
            token.refresh_token,
            token.expires_at,
            token.refreshed_at,
        )

    async def record_failure(self, reason: str) -> None:
        await self.database.fetch_row("save_token_error", list(self.regions), reason)


async def stored_credentials(database: Database, regions: list[str]) -> dict[str, Credentials]:
    """Pairs that were put into api_tokens by hand, by region."""
    rows = await database.fetch("read_tokens", regions)
    return {
        row["region_code"]: Credentials(row["client_id"], row["client_secret"])
        for row in rows
        if row["client_id"] and row["client_secret"]
    }
