"""Which regions share an account: equal client ids are one token, one budget, one lease. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from breezeway_sync.core.tokens import Credentials
from breezeway_sync.service.settings import Settings

NO_CREDENTIALS = (
    "no credentials: set client_id and client_secret of the region in the configuration, a credentials file, "
    "the environment, or its row in api_tokens"
)


@dataclass(frozen=True, slots=True)
class Account:
    """One pair of credentials and the codes of the regions that it serves."""

    credentials: Credentials
    regions: tuple[str, ...]


def credentials_of(settings: Settings, stored: Mapping[str, Credentials]) -> dict[str, Credentials]:
    """The pair of each region that has one: the configuration's, else the one in api_tokens."""
    found = dict(stored)
    for code, region in settings.regions.items():
        if region.client_id and region.client_secret:
            found[code] = Credentials(region.client_id.get_secret_value(), region.client_secret.get_secret_value())
    return found


def group(regions: Sequence[str], credentials: Mapping[str, Credentials]) -> list[Account]:
    """The accounts of these regions, in their order. Regions without credentials are left out."""
    members: dict[str, list[str]] = {}
    for code in regions:
        if code in credentials:
            members.setdefault(credentials[code].client_id, []).append(code)
    return [Account(credentials[codes[0]], tuple(codes)) for codes in members.values()]
