"""Finds the property that a record belongs to. Pure."""

from __future__ import annotations

from functools import cache

from breezeway_sync.entities.catalog import HOME
from breezeway_sync.entities.model import Entity
from breezeway_sync.entities.rows import JsonObject


def home_column(entity: Entity) -> str | None:
    """The column with the API's id of the property that a record belongs to; None: the entity has no such column."""
    return next((link.by for link in entity.links if link.target == HOME.table), None)


@cache
def home_path(entity: Entity) -> str | None:
    """The path at which a record names that property; None: it names none."""
    column = home_column(entity)
    return next((field.path for field in entity.fields if field.name == column), None)


def home_of(entity: Entity, record: JsonObject) -> int | None:
    """The property that a record names."""
    path = home_path(entity)
    value = record.get(path) if path else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
