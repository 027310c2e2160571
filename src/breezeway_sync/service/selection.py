"""Selects the regions and entities of a run: compares given names with the configuration. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from breezeway_sync.core.errors import UnknownName
from breezeway_sync.entities.model import Entity
from breezeway_sync.entities.streams import BY_NAME, NAMES
from breezeway_sync.service.settings import Settings
from breezeway_sync.store.retry import TYPES as REJECTED_TYPES

ALL = "all"


def choose_regions(settings: Settings, name: str) -> tuple[str, ...]:
    """The codes of the regions asked for. Raises UnknownName."""
    return tuple(settings.regions) if name == ALL else (_known("region", name, settings.regions),)


def choose_region(settings: Settings, name: str) -> str:
    """The one region that something is decided about. Raises UnknownName."""
    return _known("region", name, settings.regions, or_all=False)


def choose_mirrored(name: str) -> Entity:
    """The one entity that something is decided about, switched off or not. Raises UnknownName."""
    return BY_NAME[_known("entity", name, BY_NAME, or_all=False)]


def choose_all_mirrored(name: str) -> tuple[str, ...]:
    """The entities to look at, those switched off as well. Raises UnknownName."""
    return tuple(BY_NAME) if name == ALL else (_known("entity", name, BY_NAME),)


def choose_entities(settings: Settings, name: str) -> tuple[str, ...]:
    """The entities asked for, without those switched off. Raises UnknownName."""
    if name == ALL:
        return enabled_entities(settings)
    _known("entity", name, NAMES)
    if not settings.entities[name].enabled:
        raise UnknownName(f'entity "{name}" is switched off', where=f"entities.{name}.enabled", hint="set it to true")
    return (name,)


def choose_rejected(name: str) -> str | None:
    """The entity whose rejections are asked for, or the list of a parent; None for all. Raises UnknownName."""
    return None if name == ALL else _known("entity", name, REJECTED_TYPES)


def enabled_entities(settings: Settings) -> tuple[str, ...]:
    """Every entity that is not switched off, in reading order."""
    return tuple(name for name in NAMES if settings.entities[name].enabled)


def _known(kind: str, name: str, names: Iterable[str], *, or_all: bool = True) -> str:
    known: Sequence[str] = sorted(names)
    if name in known:
        return name
    close = get_close_matches(name, known, 1)
    hint = f'did you mean "{close[0]}"? ' if close else ""
    more = ", or all" if or_all else ""
    raise UnknownName(f'unknown {kind} "{name}"', hint=f"{hint}known are: {', '.join(known)}{more}")
