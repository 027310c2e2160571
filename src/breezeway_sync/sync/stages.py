"""The order in which a run reads entities, and which entities a failure blocks. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from breezeway_sync.core.outcome import FAILED
from breezeway_sync.entities.catalog import HOME
from breezeway_sync.entities.streams import STAGES, STREAMS


def stages(
    expected: Collection[str], *, knows_properties: bool, is_confirmed: bool = True
) -> tuple[tuple[str, ...], ...]:
    """The stages to run for these entities.

    Some are asked for property by property: where the mirror knows none yet, properties are
    read first even if nobody asked for them. While it is not confirmed whose they are, they are read first and alone.
    """
    asked = set(expected)
    if not is_confirmed:
        asked.discard(HOME.name)
        return ((HOME.name,), *stages(asked, knows_properties=True)) if expected else ()
    if not knows_properties and any(STREAMS[name].is_per_home for name in asked):
        asked.add(HOME.name)
    chosen = (tuple(name for name in stage if name in asked) for stage in STAGES)
    return tuple(stage for stage in chosen if stage)


def blocked_by(entity: str, statuses: Mapping[str, str]) -> str | None:
    """The failed entity of this run that keeps `entity` from being read, or None."""
    return next((need for need in STREAMS[entity].needs if statuses.get(need) == FAILED), None)
