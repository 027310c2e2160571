"""How large the simulated accounts are, and how many calls a first sync of them takes at least."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from breezeway_sync.sandbox import AccountSpec, SandboxAccount, World, demo_accounts, resized

SEED = 20_261_101
ANCHOR = date(2026, 11, 1)
PAGE = 100


@dataclass(frozen=True, slots=True)
class Shape:
    """Regions, and in each of them properties, tasks and reservations for each property."""

    regions: int
    properties: int
    tasks_per_property: int
    reservations_per_property: int

    def __str__(self) -> str:
        return f"{self.regions}x{self.properties}x{self.tasks_per_property}x{self.reservations_per_property}"

    @classmethod
    def of(cls, text: str) -> Shape:
        """`4x100x10x5`, the opposite of `str`."""
        return cls(*map(int, text.split("x")))

    @property
    def tasks(self) -> int:
        return self.regions * self.properties * self.tasks_per_property


SHAPES = {
    "small": Shape(1, 25, 20, 10),
    "medium": Shape(4, 100, 10, 5),
    "large": Shape(8, 250, 8, 5),
}


def accounts(shape: Shape) -> list[AccountSpec]:
    """Made-up accounts of this shape: the named ones, then numbered ones."""
    named = demo_accounts(shape.regions, "small")
    numbered = [
        replace(
            named[0],
            code=f"region_{number:03d}",
            name=f"Region {number}",
            company_id=20_000 + number,
            client_id=f"sandbox-region-{number:03d}",
            client_secret=f"not-a-secret-{number}",
        )
        for number in range(len(named), shape.regions)
    ]
    return [
        resized(
            spec,
            properties=shape.properties,
            tasks_per_property=shape.tasks_per_property,
            reservations_per_property=shape.reservations_per_property,
        )
        for spec in (*named, *numbered)
    ]


def world(shape: Shape) -> World:
    """The same one in every process."""
    return World(accounts(shape), seed=SEED, anchor=ANCHOR)


def pages(records: int) -> int:
    """Calls that a list of so many records takes: an empty one has to be asked for too."""
    return max(1, -(-records // PAGE))


def least_calls(account: SandboxAccount) -> int:
    """Calls without which an account cannot be copied whole, whoever does it.

    One token; tags of three kinds, templates, subdepartments and the company: one each; people by each of three
    statuses; the pages of properties, reservations and supplies; of each property its tasks' pages and contacts; of
    each task its comments and requirements.
    """
    homes = list(account.ids("properties"))
    listed = sum(pages(account.count(kind)) for kind in ("properties", "reservations", "supplies"))
    tasks = sum(pages(len(account.listing("tasks", home))) for home in homes)
    return 1 + 3 + 2 + 3 + listed + tasks + len(homes) + 2 * account.count("tasks")
