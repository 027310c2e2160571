"""Groups regions into accounts: one API address and one client id have one token, one budget, one lease. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from breezeway_sync.core.errors import ConfigurationError
from breezeway_sync.core.sources import Identity, account_key, normalised
from breezeway_sync.core.tokens import Credentials
from breezeway_sync.service.settings import Settings
from breezeway_sync.service.settings.twins import pairs_of, refusals

NO_CREDENTIALS = (
    "no credentials: set client_id and client_secret of the region in the configuration, a credentials file, "
    "the environment, or its row in api_tokens"
)


@dataclass(frozen=True, slots=True)
class Account:
    """One pair of credentials at one address, and the codes of the regions that it serves."""

    address: str
    credentials: Credentials
    regions: tuple[str, ...]
    refused: Mapping[str, ConfigurationError] = field(default_factory=dict)
    """Regions that are not read, because another region of the account would be the same, each with the reason."""

    @property
    def key(self) -> str:
        """Its name in leases, budgets, tokens, logs and metrics."""
        return account_key(self.address, self.credentials.client_id)


def credentials_of(settings: Settings, stored: Mapping[str, Credentials]) -> dict[str, Credentials]:
    """The pair of each region that has one: the configuration's, else the one in api_tokens."""
    found = {code: pair for code, pair in stored.items() if code in settings.regions}
    return found | pairs_of(settings)


def group(settings: Settings, credentials: Mapping[str, Credentials]) -> list[Account]:
    """The accounts of the configuration, in its order. Regions without credentials are left out."""
    members: dict[str, list[str]] = {}
    for code in settings.regions:
        if code in credentials:
            members.setdefault(credentials[code].client_id, []).append(code)
    refused = refusals(settings, credentials)
    return [
        Account(
            settings.api.base_url,
            credentials[codes[0]],
            tuple(codes),
            {code: refused[code] for code in codes if code in refused},
        )
        for codes in members.values()
    ]


def identity_of(settings: Settings, account: Account, region: str) -> Identity:
    """The source of a region, as the configuration names it."""
    return Identity(normalised(account.address), account.key, settings.regions[region].companies)
