"""The whole content of the simulated service: several accounts from one seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime

from breezeway_sync.sandbox.account import SandboxAccount
from breezeway_sync.sandbox.blueprint import Blueprint
from breezeway_sync.sandbox.spec import AccountSpec


def _system_now() -> datetime:
    return datetime.now(UTC)


class World:
    """Accounts whose records are a function of (seed, account, kind, index) and of the anchor.

    The anchor is the day around which history lies: past before it, reservations and open tasks after it. It
    defaults to the first of the current month, so that a world that is started again is the same one.
    """

    def __init__(
        self,
        accounts: Iterable[AccountSpec],
        *,
        seed: int = 1,
        now: Callable[[], datetime] = _system_now,
        anchor: date | None = None,
    ) -> None:
        self.seed = seed
        self.now = now
        self.anchor = anchor or now().date().replace(day=1)
        self.accounts: dict[str, SandboxAccount] = {
            spec.code: SandboxAccount(Blueprint(spec, index, seed, self.anchor), now)
            for index, spec in enumerate(accounts)
        }
        self._clients = {account.spec.client_id: account for account in self.accounts.values()}

    def account(self, code: str) -> SandboxAccount:
        return self.accounts[code]

    def client(self, client_id: str) -> SandboxAccount | None:
        """Whose credential pair this is."""
        return self._clients.get(client_id)
