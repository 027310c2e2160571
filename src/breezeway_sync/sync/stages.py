"""In which order entities are read, and what a failure keeps from being read. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from breezeway_sync.core.outcome import FAILED

STAGES: tuple[tuple[str, ...], ...] = (
    ("properties",),
    ("tags", "people", "supplies", "templates", "subdepartments"),
    ("reservations",),
    ("tasks",),
    ("property_contacts",),
)
"""The entities of a stage are read at the same time. Targets of links come before the records that refer to them.

Properties come before the lists that name no company: only they show whether the source is still the region's own.
"""

NAMES: tuple[str, ...] = tuple(name for stage in STAGES for name in stage)

TEMPOS: Mapping[str, str] = {
    "properties": "hourly",
    "reservations": "hourly",
    "tasks": "hourly",
    "people": "daily",
    "supplies": "daily",
    "tags": "daily",
    "property_contacts": "daily",
    "templates": "weekly",
    "subdepartments": "weekly",
}
"""How often each entity is usually read."""

NEEDS: Mapping[str, tuple[str, ...]] = {
    "reservations": ("properties",),
    "tasks": ("properties", "reservations"),
    "property_contacts": ("properties",),
}


def stages(
    wanted: Collection[str], *, knows_properties: bool, is_confirmed: bool = True
) -> tuple[tuple[str, ...], ...]:
    """The stages to run for these entities.

    Tasks and contacts are asked for property by property: where the mirror knows none yet, properties are
    read first even if nobody asked for them. While it is not confirmed whose they are, they are read first and alone.
    """
    asked = set(wanted)
    if not is_confirmed:
        asked.discard("properties")
        return (("properties",), *stages(asked, knows_properties=True)) if wanted else ()
    if not knows_properties and asked & {"tasks", "property_contacts"}:
        asked.add("properties")
    chosen = (tuple(name for name in stage if name in asked) for stage in STAGES)
    return tuple(stage for stage in chosen if stage)


def blocked_by(entity: str, statuses: Mapping[str, str]) -> str | None:
    """The failed entity of this run that keeps `entity` from being read, or None."""
    return next((need for need in NEEDS.get(entity, ()) if statuses.get(need) == FAILED), None)
