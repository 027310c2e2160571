"""`[history]`: the entities whose every change is stored, and for how long."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.service.settings.alerts import as_tuple
from breezeway_sync.service.settings.checks import FROZEN, Expectation, unfit

HISTORY_NAMES = tuple(entity.name for entity in ENTITIES)


def check_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Entities that there are, each once."""
    if set(names) - set(HISTORY_NAMES):
        raise unfit("a name that no entity has")
    return tuple(name for name in HISTORY_NAMES if name in names)


class HistorySettings(BaseModel):
    """The life of records: created, changed from what to what, deleted, come back (`record_history`)."""

    model_config = FROZEN

    entities: Annotated[
        tuple[str, ...],
        BeforeValidator(as_tuple),
        AfterValidator(check_names),
        Expectation(f"a list, or a text with commas, of {', '.join(HISTORY_NAMES)}"),
    ] = Field(
        default=(),
        description="Entities whose changes are stored from now on. In a variable, separate them with commas. "
        "Off by default: it makes writes slower and the database larger.",
    )
    retention_days: float = Field(
        default=400.0,
        ge=0,
        le=36_500,
        description="How long changes are stored; `0`: for ever. `serve` deletes older ones.",
    )
