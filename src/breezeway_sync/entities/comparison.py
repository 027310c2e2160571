"""What is told about stored rows that are compared with the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from breezeway_sync.entities.model import Entity

Row = Mapping[str, object]
Children = Mapping[str, Sequence[Row]]
"""Rows by table of one parent; those of link tables as `{"tag_id": …}`."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The rows that one list speaks of: all of an entity, those of a type, or those of one parent."""

    entity: Entity
    discriminator: str | None = None
    by: str | None = None
    parent: int | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A live row as PostgreSQL writes it in JSON, with its child rows by table."""

    row: Row
    children: Children


@dataclass(frozen=True, slots=True)
class LastRead:
    """When the entity's last success began (None: never), and the highest id that the mirror knows."""

    started_at: datetime | None
    highest_key: int | None
