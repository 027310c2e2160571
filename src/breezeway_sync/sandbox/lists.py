"""People, supplies, tags, templates and subdepartments (API page, section 5)."""

from __future__ import annotations

from datetime import timedelta

from breezeway_sync.sandbox import stamps, words
from breezeway_sync.sandbox.blueprint import Blueprint
from breezeway_sync.sandbox.draw import Draw, Record
from breezeway_sync.sandbox.spec import Kind

PEOPLE_STATUSES = ("active", "invited", "inactive")


def person_status(index: int) -> str:
    """Of ten people eight are active, one is invited, one inactive."""
    return {5: "invited", 8: "inactive"}.get(index % 10, "active")


def person_names(bp: Blueprint, index: int) -> tuple[str, str]:
    draw = bp.draw("person-name", index)
    return words.person_name(draw.below(99), draw.below(99))


def make_person(bp: Blueprint, index: int) -> Record:
    draw = bp.draw("person", index)
    first, last = person_names(bp, index)
    departments = draw.some(words.DEPARTMENTS, 3)
    record: Record = {
        "id": bp.ids["people"].id_of(index),
        "first_name": first,
        "last_name": last,
        "active": person_status(index) == "active",
        "accept_decline_tasks": draw.chance(700),
        "emails": [f"person{index}@example.com"] if draw.chance(900) else [],
        "employee_code": f"E-{index:03d}" if draw.chance(400) else None,
        "groups": [{"id": 7, "name": "North", "parent_group_id": None}] if draw.chance(200) else [],
        "type_departments": departments,
        "type_role": draw.pick(("housekeeper", "inspector", "maintenance_tech", "administrator")),
        "availability": _availability(draw) if draw.chance(850) else None,
    }
    if draw.chance(100):
        record["shifts"] = {day: {"active": False, "shifts": []} for day in words.WEEKDAYS}
    return record


def _availability(draw: Draw) -> Record:
    odd = draw.pick((0, 0, 0, 49))  # odd seconds were seen (section 5, "Person")
    hours = [{"start": f"{draw.between(7, 10):02d}:00:{odd:02d}", "end": "17:00:00"}]
    return {day: list(hours) if draw.chance(700) else [] for day in words.WEEKDAYS}


def make_supply(bp: Blueprint, index: int) -> Record:
    draw = bp.draw("supply", index)
    created = bp.calendar.created((index + 0.5) / bp.spec.supplies)
    updated = min(created + timedelta(seconds=draw.below(40 * 86_400)), bp.calendar.anchor)
    row_counts = draw.pick((0, 3, 12, 480, 9983))
    sister = bp.spec.sister_company_id
    return {
        "id": bp.ids["supplies"].id_of(index),
        "company_id": sister if sister is not None and index % 10 == 4 else bp.spec.company_id,
        "name": supply_name(index),
        "description": draw.pick(("", "", "Ask the office", None)),
        "size": draw.pick(words.SIZES),
        "internal_id": f"S{index}" if draw.chance(200) else "",
        "unit_cost": draw.pick((7, 4.75, 0, draw.cents(1, 90), None)),
        "stock_count": row_counts,
        "low_stock_alert": draw.chance(500),
        "low_stock_count": 50 if draw.chance(600) else None,
        "supply_category_id": 236 + draw.below(4) if draw.chance(800) else None,
        "type_stock_status": {"code": "in_stock", "name": "In Stock"}
        if row_counts > 50
        else {"code": "low_stock", "name": "Low Stock"},
        "created_at": stamps.naive(created),
        "updated_at": stamps.naive(updated),
    }


def supply_name(index: int) -> str:
    turn, place = divmod(index, len(words.SUPPLIES))
    return words.SUPPLIES[place] + (f" no. {turn + 1}" if turn else "")


def tag_name(index: int) -> str:
    turn, place = divmod(index, len(words.TAG_NAMES))
    return words.TAG_NAMES[place] + (f" {turn + 1}" if turn else "")


def make_tag(bp: Blueprint, kind: Kind, index: int) -> Record:
    draw = bp.draw(kind, index)
    record: Record = {"id": bp.ids[kind].id_of(index), "name": tag_name(index)}
    if kind == "task_tags":
        if draw.chance(300):
            record["description"] = draw.pick(words.REMARKS)
    elif draw.chance(600):
        record["company_id"] = bp.spec.company_id if draw.chance(700) else None
    return record


def embedded_tags(bp: Blueprint, draw: Draw, kind: Kind) -> list[Record]:
    """The tags of one record; now and then one that the list does not have."""
    if not draw.chance(200):
        return []
    tags: list[Record] = [
        {"id": bp.ids[kind].id_of(index), "name": tag_name(index)} for index in draw.some(range(bp.ids[kind].count), 3)
    ]
    if kind == "reservation_tags":
        tags = [tag | {"company_id": bp.spec.company_id} if draw.chance(500) else tag for tag in tags]
    if draw.chance(25):
        tags.append({"id": bp.ids[kind].end + 1_000 + draw.below(3), "name": "retired"})
    return tags


def template_of(index: int) -> tuple[str, str]:
    turn, place = divmod(index, len(words.TEMPLATE_NAMES))
    name, department = words.TEMPLATE_NAMES[place]
    return name + (f" {turn + 1}" if turn else ""), department


def make_template(bp: Blueprint, index: int) -> Record:
    name, department = template_of(index)
    return {
        "id": bp.ids["templates"].id_of(index),
        "template_name": name,
        "department_code": department,
    }


def subdepartment_name(index: int) -> str:
    turn, place = divmod(index, len(words.SUBDEPARTMENTS))
    return words.SUBDEPARTMENTS[place] + (f" {turn + 1}" if turn else "")


def make_subdepartment(bp: Blueprint, index: int) -> Record:
    record: Record = {"id": bp.ids["subdepartments"].id_of(index), "name": subdepartment_name(index)}
    if bp.draw("subdepartment", index).chance(200):
        record["reference_company_id"] = str(bp.spec.company_id)
    return record
