"""The configuration of the service: one frozen `Settings`, from file, credentials and environment."""

from breezeway_sync.service.settings.describe import describe
from breezeway_sync.service.settings.dsn import masked_dsn
from breezeway_sync.service.settings.load import load_settings
from breezeway_sync.service.settings.locate import usual_places
from breezeway_sync.service.settings.models import ENTITY_NAMES, PART_NAMES, Settings
from breezeway_sync.service.settings.tables import (
    ApiSettings,
    DatabaseSettings,
    EntitySettings,
    LogSettings,
    RegionSettings,
    SyncSettings,
)

__all__ = [
    "ENTITY_NAMES",
    "PART_NAMES",
    "ApiSettings",
    "DatabaseSettings",
    "EntitySettings",
    "LogSettings",
    "RegionSettings",
    "Settings",
    "SyncSettings",
    "describe",
    "load_settings",
    "masked_dsn",
    "usual_places",
]
