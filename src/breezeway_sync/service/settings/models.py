"""The whole configuration as one frozen model, and the rules between its tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, PrivateAttr, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.streams import NAMES
from breezeway_sync.service.settings.alerts import AlertsSettings
from breezeway_sync.service.settings.checks import (
    NO_REGION,
    PARENT_ID,
    UNFIT_ENTITY,
    check_region_code,
    unfit,
)
from breezeway_sync.service.settings.history import HistorySettings
from breezeway_sync.service.settings.http import HttpSettings
from breezeway_sync.service.settings.tables import (
    ApiSettings,
    DatabaseSettings,
    DeletesSettings,
    EntitySettings,
    LogSettings,
    RegionSettings,
    RetentionSettings,
    ScheduleSettings,
    SyncSettings,
)

ENTITY_NAMES = NAMES
_SOURCES = {
    source.name: source
    for entity in ENTITIES
    for source in (*entity.sources, *(called.source for called in entity.called))
}
PART_NAMES = tuple(name for name in _SOURCES if name not in NAMES)
READ_PER_PARENT = frozenset(name for name, source in _SOURCES.items() if PARENT_ID in source.path)
# Read from several addresses, which are those of its parts.
WITHOUT_PATH = frozenset(NAMES) - frozenset(_SOURCES)

Key = tuple[str, ...]
"""The parts of a key of the configuration: `("regions", "nashville", "client_id")`."""
FILE = "file"
"""The origin of what the file gives."""


def check_entity_name(name: str) -> str:
    """An entity, or a part of one that has an address of its own."""
    if name not in ENTITY_NAMES and name not in PART_NAMES:
        raise unfit("a name that nothing has")
    return name


RegionCode = Annotated[str, AfterValidator(check_region_code)]
EntityName = Annotated[str, AfterValidator(check_entity_name)]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where settings came from: the file, and the source of each key that was given, for people."""

    file: Path | None = None
    origins: Mapping[Key, str] = field(default_factory=dict)


class Settings(BaseSettings):
    """The whole configuration. `load_settings` makes it from the merged sources."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, validate_default=True
    )

    api: ApiSettings = Field(default_factory=ApiSettings)
    database: DatabaseSettings
    regions: Mapping[RegionCode, RegionSettings] = Field(default_factory=dict)
    entities: Mapping[EntityName, EntitySettings] = Field(default_factory=dict)
    sync: SyncSettings = Field(default_factory=SyncSettings)
    deletes: DeletesSettings = Field(default_factory=DeletesSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    schedule: ScheduleSettings = Field(default_factory=ScheduleSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    history: HistorySettings = Field(default_factory=HistorySettings)
    alerts: AlertsSettings = Field(default_factory=AlertsSettings)

    _provenance: Provenance = PrivateAttr(default_factory=Provenance)

    @property
    def source(self) -> Path | None:
        """The file that was read, None when there was none."""
        return self._provenance.file

    @property
    def origins(self) -> Mapping[Key, str]:
        """Where each value came from, by key; a key not in it has its default."""
        return self._provenance.origins

    @classmethod
    def of(cls, tree: Mapping[str, Any], provenance: Provenance) -> Self:
        """Validate what all sources give together. Raises pydantic's ValidationError.

        A name that begins with `_` would be an argument of pydantic-settings itself: the caller refuses it.
        """
        settings = cls(**tree)
        settings._provenance = provenance
        return settings

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The merged tree alone: the built-in sources decode text as JSON and pass over unknown names."""
        return (init_settings,)

    @field_validator("regions")
    @classmethod
    def _check_regions(cls, regions: Mapping[str, RegionSettings]) -> Mapping[str, RegionSettings]:
        if not regions:
            raise PydanticCustomError(NO_REGION, "no region")
        return {code: _named(code, region) for code, region in regions.items()}

    @field_validator("entities")
    @classmethod
    def _fill_entities(cls, entities: Mapping[str, EntitySettings]) -> Mapping[str, EntitySettings]:
        for name, entity in entities.items():
            if flaw := _flaw_of_entity(name, entity):
                raise PydanticCustomError(UNFIT_ENTITY, "{flaw}", {"flaw": "\n".join((name, *flaw))})
        return {name: entities.get(name) or EntitySettings() for name in (*ENTITY_NAMES, *PART_NAMES)}


def _flaw_of_entity(name: str, entity: EntitySettings) -> tuple[str, str, str] | None:
    """The key that cannot be used, the shape of what it holds, and what was expected."""
    if entity.interval is not None and name in PART_NAMES:
        return "interval", "an interval for what is read with its entity", "none here: its entity has one"
    if entity.path is None:
        return None
    has_braces = bool(set(entity.path.replace(PARENT_ID, "")) & set("{}"))
    if name in WITHOUT_PATH:
        return "path", "a path for what is read from several addresses", "a path for each of its parts"
    if name in READ_PER_PARENT and (has_braces or entity.path.count(PARENT_ID) != 1):
        return "path", "a path without exactly one {id}", "a path with exactly one {id}, the parent's id"
    if name not in READ_PER_PARENT and (has_braces or PARENT_ID in entity.path):
        return "path", "a path with braces", "a path without { and }"
    return None


def _named(code: str, region: RegionSettings) -> RegionSettings:
    if region.name:
        return region
    return region.model_copy(update={"name": code.replace("_", " ").strip().title()})
