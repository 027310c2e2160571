"""The inline parts of a task: assignments, supply usage, costs, photos (API page, section 5)."""

from __future__ import annotations

from datetime import datetime, timedelta

from breezeway_sync.sandbox import stamps, words
from breezeway_sync.sandbox.blueprint import Blueprint
from breezeway_sync.sandbox.draw import Draw, Record
from breezeway_sync.sandbox.lists import person_names, supply_name


def person(bp: Blueprint, draw: Draw) -> Record:
    """`{id, name}` of somebody in /people, or of an office account that is not there."""
    if not bp.spec.people or draw.chance(100):
        return {"id": 12, "name": "Office"}
    index = draw.below(bp.spec.people)
    first, last = person_names(bp, index)
    return {"id": bp.ids["people"].id_of(index), "name": f"{first} {last}"}


def make_assignments(bp: Blueprint, draw: Draw, index: int) -> list[Record]:
    kind = draw.below(10)
    count = 0 if kind < 3 else 1 if kind < 8 else draw.between(2, 3)
    made: list[Record] = []
    for place in range(count):
        who = person(bp, draw)
        code = draw.pick((None, None, f"E-{who['id']}", 4711))  # an int is possible (section 5, "Assignment")
        made.append(
            {
                "id": 880_000 + index * 4 + place,
                "assignee_id": who["id"],
                "name": who["name"],
                "employee_code": code,
                "expires_at": None if draw.chance(950) else "2030-01-01T00:00:00",
                "type_task_user_status": draw.pick(("accepted", "assigned", "pending")),
            }
        )
    return made


def make_usage(bp: Blueprint, draw: Draw, index: int) -> list[Record]:
    if not bp.spec.supplies or not draw.chance(150):
        return []
    made: list[Record] = []
    for place in range(draw.between(1, 3)):
        supply = draw.below(bp.spec.supplies)
        usage: Record = {
            "id": None if draw.chance(120) else 24_337_000 + index * 4 + place,
            "supply_id": bp.ids["supplies"].id_of(supply),
            "name": supply_name(supply),
        }
        if draw.chance(700):
            usage["description"] = draw.pick((None, "", draw.pick(words.REMARKS)))
            usage["size"] = draw.pick(words.SIZES)
        price = draw.cents(0, 90)
        usage |= {
            "quantity": draw.pick((1, 2, 3, 0.5, 12)),
            "unit_cost": price,
            "total_price": price if draw.chance(700) else draw.cents(0, 300),  # not the product
            "bill_to": draw.pick(words.BILL_TO),
            "billable": draw.chance(600),
            "markup_pricing_type": draw.pick(("percent", "flat_rate")),
            "markup_rate": draw.pick((0.0, 10, 12.5)),
        }
        made.append(usage)
    return made


def make_costs(draw: Draw, moment: datetime, index: int, *, huge: bool) -> list[Record]:
    if not huge and not draw.chance(150):
        return []
    made: list[Record] = []
    for place in range(draw.between(1, 3)):
        number, code, name = draw.pick(words.COST_TYPES)
        description = draw.pick(words.REMARKS) if draw.chance(500) else None
        made.append(
            {
                "id": None if draw.chance(120) else 4_044_000 + index * 4 + place,
                "cost": 123_456_789.5 if huge and place == 0 else draw.pick((27.5, 40, draw.cents(1, 900))),
                "description": words.long_text(400) if draw.chance(20) else description,
                "bill_to": draw.pick(words.BILL_TO),
                "type_cost": {"id": number, "code": code, "name": name} if draw.chance(980) else None,
                "created_at": stamps.aware(moment - timedelta(minutes=draw.below(90))),
                "updated_at": stamps.aware(moment),
            }
        )
    return made


def make_photos(draw: Draw, index: int) -> list[Record]:
    if not draw.chance(250):
        return []
    first = 5_000 + index * 4
    return [
        {"id": photo, "url": f"https://img.example/t{photo}.jpg"} for photo in range(first, first + draw.between(1, 3))
    ]
