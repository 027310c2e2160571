"""Types in which the store reports rows that are compared with the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from breezeway_sync.entities.model import Entity

Row = Mapping[str, object]
Children = Mapping[str, Sequence[Row]]
"""Rows by table of one parent; those of link tables as `{"tag_id": …}`."""


@dataclass(frozen=True, slots=True)
class ListScope:
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
    """Up to when the API's changes are in the mirror (None: not known), and the highest id that it knows."""

    watermark: datetime | None
    highest_key: int | None


@dataclass(frozen=True, slots=True)
class Rows:
    """How many rows the mirror has of an entity: `live` ones, and `unlisted` ones among them, which lists leave out.

    `by_home`: how many of each property, where the entity is listed by property. `homes`: how many live properties.
    """

    live: int
    hidden: int = 0
    by_home: Sequence[int] = ()
    homes: int = 0


@dataclass(frozen=True, slots=True)
class LastScans:
    """When the first request of a list's last complete walks was sent: of what changed, and of everything."""

    watermark: datetime | None = None
    last_full_scan_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ClaimedState:
    """How far the mirror claims to be read.

    `lists` by source and parent (0: the region's own list). `absent` are live records that their lists do not
    show, by kind ('' without a discriminator) and id, with the time when their own address answered last, if
    ever. `gone` are live rows, named as in certificates, which an earlier comparison found gone, with the time
    of the first one, or whose deletion is on record. `companies` are those whose records are mirrored (None: every
    one), `excluded` the properties of others. `accepted` are problems that a person lives with, by kind, source (of a
    rejected record its entity) and id; `accepted_nameless` are records without an id, by entity and name.
    `blocked_why`: the source is in doubt, nothing may be concluded from it.
    """

    lists: Mapping[tuple[str, int], LastScans]
    absent: Mapping[tuple[str, int], datetime | None]
    gone: Mapping[str, datetime]
    highest_key: int | None
    companies: frozenset[int] | None = None
    excluded: frozenset[int] = frozenset()
    accepted: frozenset[tuple[str, str, int]] = frozenset()
    accepted_nameless: frozenset[tuple[str, str]] = frozenset()
    blocked_why: str | None = None
