"""Starts a simulated Breezeway for the command line, with settings that point at it."""

from __future__ import annotations

from collections.abc import Mapping

from breezeway_sync.sandbox.spec import AccountSpec
from breezeway_sync.service.settings import Settings


def settings_for(accounts: Mapping[str, AccountSpec], base_url: str, dsn: str, **api: object) -> Settings:
    """Settings whose regions are the sandbox's accounts; `api` replaces defaults of [api]."""
    return Settings.model_validate(
        {
            "api": {"base_url": base_url, **api},
            "database": {"dsn": dsn},
            "regions": {
                code: {
                    "name": one.name,
                    "company_id": one.company_id,
                    "client_id": one.client_id,
                    "client_secret": one.client_secret,
                }
                for code, one in accounts.items()
            },
        }
    )
