"""Decides whether a run reads a region, and what blocks it or one of its entities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from breezeway_sync.core.errors import (
    BreezewaySyncError,
    ConfigurationError,
    NotRead,
    RegionRetired,
    SourceChanged,
    SourceTaken,
    SourceUnclear,
)
from breezeway_sync.core.sources import Identity
from breezeway_sync.entities.catalog import HOME
from breezeway_sync.sync.belonging import Belonging
from breezeway_sync.sync.gate import Gate
from breezeway_sync.sync.identity import SourceCheck, is_rightful, taken, validate
from breezeway_sync.sync.ports import Sources
from breezeway_sync.sync.stages import blocked_by

# What keeps a region from being read at all.
REFUSALS = (SourceChanged, SourceUnclear, SourceTaken, RegionRetired, ConfigurationError)


@dataclass(frozen=True, slots=True)
class RegionTarget:
    """A region to read, its configured source and the entities asked for. `refused`: why the region is not read."""

    code: str
    identity: Identity
    entities: tuple[str, ...]
    refused: BreezewaySyncError | None = None
    is_shared: bool = False
    """Whether the configuration has other regions with the same pair."""


async def gate_of(target: RegionTarget, sources: Sources) -> Gate:
    """Compare the configured source with the stored one. Raises the error that keeps the region from being read."""
    code = target.code
    known_state = await sources.known_state(code, target.identity)
    if target.refused is not None and not is_rightful(target.identity, known_state, target.refused):
        raise target.refused
    try:
        admission = validate(code, target.identity, known_state)
        twin = await sources.begin(code, target.identity) if known_state.source is None else None
        if twin is not None:
            raise taken(code, twin)
    except SourceChanged as error:
        await sources.block(code, error.message)
        raise
    known = await sources.known_properties(code)
    homes = await sources.excluded_homes(code)
    is_shared = target.is_shared or known_state.is_shared
    belonging = Belonging(admission.identity.companies, homes, is_shared=is_shared, known_homes=known)

    async def write(found: SourceCheck) -> None:
        if twin := await sources.confirm(code, found.identity, is_reset=found.is_new_client):
            raise taken(code, twin)

    return Gate(code, admission, known, belonging, write)


def shut_gate(target: RegionTarget) -> Gate:
    """The gate of a region that is not read at all."""
    return Gate(target.code, SourceCheck(target.identity), (), Belonging(), _never)


def refusal_of(gate: Gate, name: str, statuses: Mapping[str, str]) -> BreezewaySyncError | None:
    """What keeps an entity from being read in this run, or None."""
    if gate.refused is not None:
        return gate.refused
    if not gate.is_confirmed and name != HOME.name:
        return NotRead(
            "not read: no list of properties has confirmed this source yet",
            hint=f"`breezeway-sync run {gate.region}` reads properties first",
        )
    blocker = blocked_by(name, statuses)
    return NotRead.after(blocker) if blocker else None


async def _never(_admission: SourceCheck) -> None:
    raise AssertionError("unreachable: nothing is read")
