"""The specification of an account of the simulated service."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

Kind = Literal[
    "properties",
    "reservations",
    "tasks",
    "people",
    "supplies",
    "task_tags",
    "reservation_tags",
    "property_tags",
    "templates",
    "subdepartments",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

ChildKind = Literal["comments", "requirements", "contacts"]

Size = Literal["tiny", "small", "medium", "large"]


@dataclass(frozen=True, slots=True)
class AccountSpec:
    """One account: its names, its credential pair and how many records it starts with.

    Tasks are spread unevenly: of ten properties in a row one has none, one has half as many, one two and a
    half times as many, so that the mean over ten is `tasks_per_property`. `sister_company_id` makes every
    tenth property and supply belong to a second company that the same credentials reach (API page,
    section 1, "Company scope").
    """

    code: str
    name: str
    company_id: int
    client_id: str
    client_secret: str
    properties: int = 20
    tasks_per_property: int = 20
    reservations_per_property: int = 12
    people: int = 15
    supplies: int = 20
    task_tags: int = 8
    reservation_tags: int = 5
    property_tags: int = 5
    templates: int = 10
    subdepartments: int = 4
    sister_company_id: int | None = None

    @property
    def company_ids(self) -> tuple[int, ...]:
        return (self.company_id,) if self.sister_company_id is None else (self.company_id, self.sister_company_id)


_REGIONS: tuple[tuple[str, str, int], ...] = (
    ("nashville", "Nashville", 8558),
    ("austin", "Austin", 8561),
    ("smoky", "Smoky Mountains", 8399),
    ("hilton_head", "Hilton Head", 12314),
    ("breckenridge", "Breckenridge", 10530),
    ("sea_ranch", "Sea Ranch", 14717),
    ("mammoth", "Mammoth", 14720),
    ("hill_country", "Hill Country", 8559),
)

#: properties, tasks per property, reservations per property, people, supplies, templates
_SIZES: dict[Size, tuple[int, int, int, int, int, int]] = {
    "tiny": (3, 6, 4, 5, 5, 4),
    "small": (20, 25, 15, 15, 20, 10),
    "medium": (120, 150, 60, 60, 120, 40),
    "large": (250, 2000, 400, 150, 300, 80),
}


def demo_accounts(n_regions: int = 8, size: Size = "small") -> list[AccountSpec]:
    """The named accounts of the demonstration, with made-up credentials."""
    properties, tasks, reservations, people, supplies, templates = _SIZES[size]
    chosen = _REGIONS[:n_regions]
    return [
        AccountSpec(
            code=code,
            name=name,
            company_id=company_id,
            client_id=f"sandbox-{code.replace('_', '-')}",
            client_secret=f"not-a-secret-{company_id}",
            properties=properties,
            tasks_per_property=tasks,
            reservations_per_property=reservations,
            people=people,
            supplies=supplies,
            templates=templates,
        )
        for code, name, company_id in chosen
    ]


def resized(spec: AccountSpec, **counts: int) -> AccountSpec:
    """The same account with other counts."""
    return replace(spec, **counts)  # type: ignore[arg-type]  # counts are the int fields
