"""`gaps`: shows unmapped fields and schema drift, and adds columns. No API call."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from breezeway_sync.core.errors import ConfigurationError, NotPromotable, UnknownName
from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.model import ColumnKind
from breezeway_sync.entities.promote import KINDS, Promotion, infer, parse, plan_promotion, tables
from breezeway_sync.service.runner import open_database
from breezeway_sync.service.selection import ALL, choose_regions
from breezeway_sync.service.settings import Settings
from breezeway_sync.service.status import require_schema
from breezeway_sync.store.files import read_migrations, sql_directory
from breezeway_sync.store.unmapped_fields import PastChange, UnmappedField, UnmappedFields, migration_text


@dataclass(frozen=True, slots=True)
class Found:
    """Fields without a column, the most frequent first, and what changed, the latest first."""

    gaps: Sequence[UnmappedField]
    changes: Sequence[PastChange]


@dataclass(frozen=True, slots=True)
class Promoted:
    """A migration: its text, and where it was written to (None: nowhere)."""

    promotion: Promotion
    name: str
    text: str
    path: Path | None


async def look(settings: Settings, region: str, entity: str) -> Found:
    """Read both for a region and an entity, or all. Raises UnknownName, DatabaseError, SchemaRefused."""
    regions = None if region == ALL else choose_regions(settings, region)
    names = None if entity == ALL else names_of(entity)
    async with open_database(settings) as database:
        await require_schema(database)
        gaps = UnmappedFields(database)
        return Found(await gaps.gaps(regions, names), await gaps.changes(regions, names))


def names_of(entity: str) -> frozenset[str]:
    """The tables of an entity, or a single table, by its name. Raises UnknownName."""
    for one in ENTITIES:
        if one.name == entity:
            parts = (*one.children, *(called.child for called in one.called))
            return frozenset([one.table, *(part.table for part in parts)])
    known = tables()
    if entity in known:
        return frozenset([entity])
    raise UnknownName(f'unknown entity "{entity}"', hint=f"known are: {', '.join(sorted(known))}, or all")


async def promote(
    settings: Settings, field: str, *, type_name: str | None, column: str | None, directory: Path | None
) -> Promoted:
    """Make the migration for a field (`tasks.new_field`), and write it where it belongs.

    Into `directory`, or among the migrations of a checkout; an installed package is not written to. Raises
    NotPromotable, ConfigurationError, DatabaseError, SchemaRefused.
    """
    target = parse(field)
    kind = None if type_name is None else _kind(type_name)
    async with open_database(settings) as database:
        await require_schema(database)
        gaps = UnmappedFields(database)
        kind = kind or infer(await gaps.values(target))
        if kind is None:
            raise NotPromotable(
                f"no value of {target.path} stands in `extra` of {target.table}",
                hint="`breezeway-sync gaps` shows what there is; or name its type with --type",
            )
        columns, reserved = await gaps.columns(target.table), await gaps.reserved()
    promotion = plan_promotion(target, kind, column, columns=columns, reserved=reserved)
    place = directory or _checkout()
    name = f"{_next_number(place):04d}_{target.table}_{promotion.column}.sql"
    text = migration_text(promotion)
    return Promoted(promotion, name, text, None if place is None else _written(place / name, text))


def _kind(name: str) -> ColumnKind:
    if name not in KINDS:
        raise NotPromotable(f'unknown type "{name}"', expected=", ".join(KINDS))
    return KINDS[name]


def _checkout() -> Path | None:
    """Where a checkout keeps its migrations; None in an installed package, whose files are not ours to add to."""
    place = sql_directory()
    return place / "migrations" if (place.parent / "pyproject.toml").is_file() else None


def _next_number(place: Path | None) -> int:
    there = [] if place is None else [int(one.name[:4]) for one in place.glob("*.sql") if re.match(r"\d{4}_", one.name)]
    return max([len(read_migrations()), *there]) + 1


def _written(path: Path, text: str) -> Path:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigurationError(
            "the migration cannot be written",
            where=str(path),
            actual=type(error).__name__,
            hint="name a folder that exists and may be written to with --write",
        ) from error
    return path
