"""Decides which records of a list with several companies belong to the region. Pure.

A record that names a company belongs to the region if the region stores that company. A record that names a home
belongs to it unless another company shows that home. A record that names neither belongs to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from breezeway_sync.core.sources import Companies
from breezeway_sync.entities.batch import Incoming
from breezeway_sync.entities.decode import Item
from breezeway_sync.entities.homes import home_path
from breezeway_sync.entities.model import Entity
from breezeway_sync.entities.rows import record_key

OF_ANOTHER_COMPANY = "left out: of another company"
OF_ANOTHER_HOME = "left out: of a home of another company"


@dataclass(slots=True)
class Belonging:
    """Of one region: the companies whose records are stored, and the homes that another company shows.

    `is_shared`: other regions are read with the same pair. `known_homes` are those that the region has or had,
    `asked_homes` those that were looked for by their own address in this run.
    """

    companies: Companies = field(default_factory=Companies)
    excluded_homes: frozenset[int] = frozenset()
    is_shared: bool = False
    known_homes: frozenset[int] = frozenset()
    asked_homes: set[int] = field(default_factory=set)

    def why_left_out(self, entity: Entity, item: Item) -> str | None:
        """Why the region leaves a record out, in words for a count; None: the record is the region's own."""
        if not isinstance(item, dict):
            return None
        if not self.companies.takes(company_of(entity, item)):
            return OF_ANOTHER_COMPANY
        if self.excluded_homes and home_of(entity, item) in self.excluded_homes:
            return OF_ANOTHER_HOME
        return None


@dataclass(slots=True)
class Sifted:
    """What one list showed: the records that were `excluded` with their company (None: by their home), and which of
    those that were left out before are the region's again."""

    excluded: dict[int, int | None] = field(default_factory=dict)
    came_back: set[int] = field(default_factory=set)


def sift(
    belonging: Belonging, entity: Entity, incoming: Iterable[Incoming], sifted: Sifted
) -> tuple[list[Incoming], dict[str, list[Incoming]]]:
    """The records that belong, and the others by the reason why they are left out. `sifted` keeps the newest answer."""
    own: list[Incoming] = []
    excluded: dict[str, list[Incoming]] = {}
    for one in incoming:
        why = belonging.why_left_out(entity, one.item)
        (own if why is None else excluded.setdefault(why, [])).append(one)
        key = _id(one.item, entity.key.path)
        if key is None:
            continue
        if why is not None:
            sifted.excluded[key] = company_of(entity, one.item)
            sifted.came_back.discard(key)
            continue
        sifted.excluded.pop(key, None)
        if key in belonging.excluded_homes and home_path(entity) is None:
            sifted.came_back.add(key)
    return own, excluded


def company_of(entity: Entity, item: Item) -> int | None:
    """The company that a record names; None where it names no readable one."""
    return _id(item, entity.company)


def home_of(entity: Entity, item: Item) -> int | None:
    """The property that a record names."""
    return _id(item, home_path(entity))


def _id(item: Item, path: str | None) -> int | None:
    return record_key(item, path) if isinstance(item, dict) and path is not None else None
