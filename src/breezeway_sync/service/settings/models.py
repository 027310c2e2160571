"""The whole configuration as one frozen model, and what holds between its tables."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, PrivateAttr, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.service.settings.alerts import Alerts
from breezeway_sync.service.settings.checks import (
    NO_REGION,
    PARENT_ID,
    UNFIT_ENTITY,
    check_region_code,
)
from breezeway_sync.service.settings.history import History
from breezeway_sync.service.settings.http import Http
from breezeway_sync.service.settings.tables import (
    Api,
    Database,
    Deletes,
    Entity,
    Log,
    Region,
    Retention,
    Schedule,
    Sync,
)
from breezeway_sync.sync.stages import NAMES

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

RegionCode = Annotated[str, AfterValidator(check_region_code)]


@dataclass(frozen=True, slots=True)
class Load:
    """What one load hands to the model: its sources, highest precedence first, and what to remember."""

    sources: tuple[PydanticBaseSettingsSource, ...] = ()
    file: Path | None = None
    origins: Mapping[tuple[str, ...], str] = field(default_factory=dict)


# pydantic-settings asks the class for its sources; the load under way reaches it through this. Without
# one, a Settings made directly reads no source at all.
LOAD: ContextVar[Load] = ContextVar("LOAD", default=Load())  # noqa: B039


class Settings(BaseSettings):
    """The whole configuration. `load_settings` makes it; made directly, it reads no source at all."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, validate_default=True
    )

    api: Api = Field(default_factory=Api)
    database: Database
    regions: Mapping[RegionCode, Region] = Field(default_factory=dict)
    entities: Mapping[str, Entity] = Field(default_factory=dict)
    sync: Sync = Field(default_factory=Sync)
    deletes: Deletes = Field(default_factory=Deletes)
    log: Log = Field(default_factory=Log)
    schedule: Schedule = Field(default_factory=Schedule)
    http: Http = Field(default_factory=Http)
    retention: Retention = Field(default_factory=Retention)
    history: History = Field(default_factory=History)
    alerts: Alerts = Field(default_factory=Alerts)

    _source: Path | None = PrivateAttr(default=None)
    _origins: Mapping[tuple[str, ...], str] = PrivateAttr(default_factory=dict)

    @property
    def source(self) -> Path | None:
        """The file that was read, None when there was none."""
        return self._source

    @property
    def origins(self) -> Mapping[tuple[str, ...], str]:
        """Where each value came from, by key; a key not in it has its default."""
        return self._origins

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Our own sources only: the built-in ones decode text as JSON and pass over unknown names."""
        return (init_settings, *LOAD.get().sources)

    def model_post_init(self, _context: object, /) -> None:
        """Keep where the values came from."""
        load = LOAD.get()
        self._source = load.file
        self._origins = load.origins

    @field_validator("regions")
    @classmethod
    def _check_regions(cls, regions: Mapping[str, Region]) -> Mapping[str, Region]:
        if not regions:
            raise PydanticCustomError(NO_REGION, "no region")
        return {code: _named(code, region) for code, region in regions.items()}

    @field_validator("entities")
    @classmethod
    def _fill_entities(cls, entities: Mapping[str, Entity]) -> Mapping[str, Entity]:
        for name, entity in entities.items():
            if shape := _flaw_of_entity(name, entity):
                raise PydanticCustomError(UNFIT_ENTITY, "{name} {shape}", {"name": name, "shape": shape})
        return {name: entities.get(name) or Entity() for name in (*ENTITY_NAMES, *PART_NAMES)}


def _flaw_of_entity(name: str, entity: Entity) -> str | None:
    if name not in ENTITY_NAMES and name not in PART_NAMES:
        return "a name that nothing has"
    if entity.tempo is not None and name in PART_NAMES:
        return "a tempo for what is read with its entity"
    if entity.path is None:
        return None
    if name in WITHOUT_PATH:
        return "a path for what is read from several addresses"
    if name in READ_PER_PARENT:
        fits = entity.path.count(PARENT_ID) == 1
        return None if fits and _without_braces(entity.path) else "a path without exactly one {id}"
    return None if PARENT_ID not in entity.path and _without_braces(entity.path) else "a path with braces"


def _without_braces(path: str) -> bool:
    return not set(path.replace(PARENT_ID, "")) & set("{}")


def _named(code: str, region: Region) -> Region:
    if region.name:
        return region
    return region.model_copy(update={"name": code.replace("_", " ").strip().title()})
