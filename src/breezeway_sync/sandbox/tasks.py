"""Tasks (API page, section 5): first the few facts by which lists filter, then the whole record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from breezeway_sync.sandbox import stamps, words
from breezeway_sync.sandbox.blueprint import Blueprint
from breezeway_sync.sandbox.draw import Draw, Record
from breezeway_sync.sandbox.lists import embedded_tags, subdepartment_name, template_of
from breezeway_sync.sandbox.properties import reference_of
from breezeway_sync.sandbox.reservations import (
    MOST_NIGHTS,
    MOST_SHIFT_DAYS,
    external_id,
    is_orphan,
    stay_days,
)
from breezeway_sync.sandbox.task_parts import make_assignments, make_costs, make_photos, make_usage, person

_DONE = (
    *("finished",) * 50,
    *("closed",) * 25,
    *("approved",) * 15,
    *("created",) * 6,
    *("in_progress",) * 2,
    *("request_rejected",) * 2,
)
_AHEAD = (
    *("created",) * 84,
    *("drafted",) * 4,
    *("pending_approval",) * 4,
    *("request_approved",) * 5,
    *("in_progress",) * 3,
)
_COMPLETE = frozenset({"finished", "closed", "approved"})

#: What is rare comes at fixed places, so that a small world has each of it once.
_NUL = (401, 17)
_LONG_NAME = (701, 41)
_HUGE_AMOUNT = (307, 23)


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """What tasks are filtered and sorted by, and what links them."""

    created: datetime
    updated: datetime | None
    scheduled: date | None
    finished: datetime | None
    department: str | None
    status: str | None
    template: int | None
    link: int | None


def task_link(bp: Blueprint, prop: int, nth: int) -> int | None:
    """The reservation (by index) of this task: about 60 % have one, of the same property and the same time.

    -1 stands for one that does not exist (any more).
    """
    draw = bp.draw("task-link", nth * bp.spec.properties + prop)
    if not draw.chance(600):
        return None
    rows = bp.spec.reservations_per_property
    if rows == 0 or draw.chance(4):
        return -1
    row = int((nth + 0.5) / bp.task_count(prop) * rows) + draw.below(3)
    row = min(row, rows - 1)
    index = row * bp.spec.properties + prop
    if not is_orphan(index):
        return index
    return None if rows == 1 else (row - 1 if row else row + 1) * bp.spec.properties + prop


def task_facts(bp: Blueprint, prop: int, nth: int) -> TaskFacts:
    draw = bp.draw("task-facts", nth * bp.spec.properties + prop)
    calendar = bp.calendar
    created = calendar.created((nth + 0.5) / bp.task_count(prop))
    link = task_link(bp, prop, nth)
    due = stay_days(bp, link)[1] if link is not None and link >= 0 else None
    day = max(due or created.date() + timedelta(days=draw.below(21)), created.date())
    past = day < calendar.anchor.date()
    status = draw.pick(_DONE if past else _AHEAD)
    finished = None
    touched = created + timedelta(seconds=draw.below(2 * 86_400))
    if status in _COMPLETE and past:
        at_work = datetime.combine(day, created.timetz().replace(hour=9, minute=0, second=0))
        finished = max(at_work, created) + timedelta(seconds=draw.between(3600, 9 * 3600))
        touched = finished + timedelta(seconds=draw.below(3 * 3600))
    template = draw.below(bp.spec.templates) if bp.spec.templates and draw.chance(700) else None
    department = draw.pick(words.TASK_NAMES)[1] if template is None else template_of(template)[1]
    return TaskFacts(
        created=created,
        updated=min(touched, calendar.anchor),
        scheduled=None if draw.chance(40) else day,
        finished=None if finished is None or draw.chance(30) else min(finished, calendar.anchor),
        department=department,
        status=status,
        template=template,
        link=link,
    )


def latest_update(bp: Blueprint, prop: int, nth: int) -> datetime:
    """No computed task of this place or before is updated after this moment."""
    share = (nth + 0.5) / bp.task_count(prop)
    stay = share + 4 / max(bp.spec.reservations_per_property, 1)
    due = max(
        bp.calendar.day(stay) + timedelta(days=MOST_SHIFT_DAYS + MOST_NIGHTS),
        bp.calendar.created(share).date() + timedelta(days=21),
    )
    return datetime(due.year, due.month, due.day, tzinfo=UTC) + timedelta(days=2)


def make_task(bp: Blueprint, prop: int, nth: int) -> Record:
    facts = task_facts(bp, prop, nth)
    index = nth * bp.spec.properties + prop
    draw = bp.draw("task", index)
    label, stage = words.STATUSES[facts.status or "created"]
    minutes = draw.between(5, 300)
    tags = embedded_tags(bp, draw, "task_tags")
    record: Record = {
        "id": bp.task_id(prop, nth),
        "home_id": bp.ids["properties"].id_of(prop),
        "name": _name(draw, facts, index),
        "description": _description(draw, index),
        "type_department": _department(draw, facts),
        "type_priority": draw.pick(("normal", "normal", "normal", "urgent", "high", "low", "watch")),
        "type_task_status": {"code": facts.status, "name": label, "stage": stage},
        "scheduled_date": None if facts.scheduled is None else str(facts.scheduled),
        "scheduled_time": "09:00:00" if draw.chance(300) else None,
        "created_at": stamps.naive(facts.created),
        "updated_at": stamps.aware(facts.updated or facts.created),
        "started_at": _started(facts, minutes),
        "finished_at": None if facts.finished is None else stamps.naive(facts.finished),
        "paused": draw.chance(10),
        "assignments": make_assignments(bp, draw, index),
        "supplies": make_usage(bp, draw, index),
        "costs": make_costs(draw, facts.updated or facts.created, index, huge=_falls(index, _HUGE_AMOUNT)),
        "photos": make_photos(draw, index),
        "tags": [tag["name"] for tag in tags],
        "task_tags": tags,
        "template_id": None if facts.template is None else bp.ids["templates"].id_of(facts.template),
        "report_url": f"https://portal.example/task/report/{draw.below(1 << 60):016x}",
        "reference_property_id": reference_of(bp, prop),
        "linked_reservation": _linked(bp, facts),
        "created_by": person(bp, draw) if draw.chance(900) else None,
        "finished_by": person(bp, draw) if facts.finished and draw.chance(900) else None,
        "requested_by": _requested_by(bp, draw),
        "subdepartment": _subdepartment(bp, draw),
        "summary": _summary(draw),
        "rate_paid": _rate_paid(draw),
        "total_time": _total_time(draw, facts, minutes),
    }
    _add_optional(draw, record, facts)
    return record


def _falls(index: int, place: tuple[int, int]) -> bool:
    return index % place[0] == place[1]


def _name(draw: Draw, facts: TaskFacts, index: int) -> str:
    if _falls(index, _LONG_NAME):
        return words.long_text(8300)
    if facts.template is not None:
        return template_of(facts.template)[0]
    return draw.pick([name for name, department in words.TASK_NAMES if department == facts.department])


def _description(draw: Draw, index: int) -> str | None:
    if _falls(index, _NUL):
        return "pasted from a form\u0000with a NUL"
    kind = draw.below(100)
    if kind < 50:
        return None
    return words.long_text(300 + kind * 10) if kind > 90 else draw.pick(words.REMARKS)


def _department(draw: Draw, facts: TaskFacts) -> Any:
    code = facts.department or "maintenance"
    return {"code": code, "name": code.title()} if draw.chance(30) else code


def _started(facts: TaskFacts, minutes: int) -> str | None:
    if facts.finished is not None:
        return stamps.naive(max(facts.finished - timedelta(minutes=minutes), facts.created))
    return stamps.naive(facts.updated) if facts.status == "in_progress" and facts.updated else None


def _linked(bp: Blueprint, facts: TaskFacts) -> Record | None:
    if facts.link is None:
        return None
    if facts.link < 0:
        return {"id": 89_388_376 + int(facts.created.timestamp()) % 1000, "external_reservation_id": None}
    return {
        "id": bp.ids["reservations"].id_of(facts.link),
        "external_reservation_id": external_id(bp, facts.link),
    }


def _requested_by(bp: Blueprint, draw: Draw) -> Any:
    kind = draw.below(10)
    if kind < 3:
        return None
    return person(bp, draw) if kind < 5 else draw.pick(words.REQUESTERS)


def _subdepartment(bp: Blueprint, draw: Draw) -> Record | None:
    if not bp.spec.subdepartments or not draw.chance(250):
        return None
    index = draw.below(bp.spec.subdepartments)
    return {"id": bp.ids["subdepartments"].id_of(index), "name": subdepartment_name(index)}


def _summary(draw: Draw) -> Any:
    kind = draw.below(10)
    if kind < 5:
        return None
    text = draw.pick(words.REMARKS)
    return text if kind < 8 else {"note": text}


def _rate_paid(draw: Draw) -> str | None:
    kind = draw.below(100)
    if kind < 60:
        return None
    return {61: "0.05 USD", 62: "1,250.00 USD", 63: "120.00 USD"}.get(kind, f"{draw.cents(10, 2500):,.2f} USD")


def _total_time(draw: Draw, facts: TaskFacts, minutes: int) -> str | None:
    if facts.finished is None:
        return None
    if draw.chance(12):
        return "26:00:00"
    return f"{minutes // 60}:{minutes % 60:02d}:{draw.below(60):02d}"


def _add_optional(draw: Draw, record: Record, facts: TaskFacts) -> None:
    """Fields that the API page calls uncertain or maybe absent come on a part of the tasks only."""
    if draw.chance(600):
        record["bill_to"] = draw.pick(words.BILL_TO) if draw.chance(900) else None
        record["rate_type"] = draw.pick(("piece", "hour", None))
        record["billable"] = draw.pick((True, False, None))
    if draw.chance(600):
        costs = sum(cost["cost"] for cost in record["costs"])
        record["total_cost"] = round(costs, 2) if draw.chance(900) else None
    if facts.template is not None and draw.chance(350):
        name = template_of(facts.template)[0]
        if draw.chance(700):
            record["template"] = {"id": record["template_id"], "name": name}
        else:
            record["template_name"] = name
    if draw.chance(200):
        record["estimated_time"] = draw.pick(("1:30:00", "0:45:00", 90, None))
        record["estimated_rate"] = draw.pick(("35.00", 35, 17.5, None))
        record["itemized_cost"] = draw.pick((True, False, [], None))
    if draw.chance(80):
        record["task_series_id"] = draw.between(7_000, 9_000)
        record["parent_task_id"] = None
