"""Token pairs and the auth service's own limit (section 1)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Literal

from breezeway_sync.sandbox.account import SandboxAccount
from breezeway_sync.sandbox.world import World

TokenUse = Literal["access", "refresh"]


@dataclass(frozen=True, slots=True)
class Issued:
    account: SandboxAccount
    use: TokenUse
    expires: float


class Tokens:
    """What was issued, and when each credential pair may call again."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._issued: dict[str, Issued] = {}
        self._allowed: dict[tuple[str, str], float] = {}
        self._count = 0

    def issue(self, account: SandboxAccount, access_seconds: float, refresh_seconds: float) -> dict[str, str]:
        """A new pair; pairs of before stay valid until they expire."""
        now = self._world.now().timestamp()
        self._issued = {token: issued for token, issued in self._issued.items() if issued.expires > now}
        self._count += 1
        return {
            "access_token": self._new(account, "access", now + access_seconds),
            "refresh_token": self._new(account, "refresh", now + refresh_seconds),
        }

    def _new(self, account: SandboxAccount, use: TokenUse, expires: float) -> str:
        seed = f"{self._world.seed}/{account.code}/{use}/{self._count}"
        token = f"sandbox.{use}.{blake2b(seed.encode(), digest_size=20).hexdigest()}"
        self._issued[token] = Issued(account, use, expires)
        return token

    def owner(self, token: str) -> SandboxAccount | None:
        """Whose token it is, expired or not."""
        issued = self._issued.get(token)
        return None if issued is None else issued.account

    def valid(self, token: str, use: TokenUse) -> SandboxAccount | None:
        issued = self._issued.get(token)
        if issued is None or issued.use != use or issued.expires <= self._world.now().timestamp():
            return None
        return issued.account

    def revoke(self, account: SandboxAccount | None = None, use: TokenUse | None = None) -> None:
        """Forget tokens: of one account or all, of one use or both."""
        self._issued = {
            token: issued
            for token, issued in self._issued.items()
            if (account is not None and issued.account is not account) or (use is not None and issued.use != use)
        }

    def revoke_token(self, token: str) -> None:
        self._issued.pop(token, None)

    def claim_call(self, client_id: str, endpoint: str, interval_seconds: float) -> float | None:
        """None when the call may be made; else the time from which one may.

        A refused attempt pushes that time further out (section 1, "Rate limit on auth").
        """
        now = self._world.now().timestamp()
        refused = now < self._allowed.get((client_id, endpoint), 0.0)
        self._allowed[(client_id, endpoint)] = now + interval_seconds
        return now + interval_seconds if refused else None


def zoneless(timestamp: float) -> str:
    """UTC without saying so, up to the next whole second."""
    return datetime.fromtimestamp(math.ceil(timestamp), UTC).replace(tzinfo=None).isoformat()
