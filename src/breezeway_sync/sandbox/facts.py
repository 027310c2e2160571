"""The facts of a record by which lists filter and sort, for computed and for changed records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from breezeway_sync.sandbox import stamps
from breezeway_sync.sandbox.blueprint import Blueprint
from breezeway_sync.sandbox.draw import Record
from breezeway_sync.sandbox.reservations import stay_facts
from breezeway_sync.sandbox.tasks import task_facts

Facts = dict[str, Any]

#: Fields that hold a moment or a day, by kind; the last two are known even where no record shows them.
MOMENTS: dict[str, tuple[str, ...]] = {
    "tasks": ("scheduled_date", "finished_at", "created_at", "updated_at"),
    "reservations": ("checkin_date", "checkout_date", "created_at", "updated_at"),
}


@dataclass(frozen=True, slots=True)
class Span:
    """Moments from `low` to before `high`; None is open."""

    low: datetime | None = None
    high: datetime | None = None

    def __contains__(self, moment: object) -> bool:
        if not isinstance(moment, datetime):
            return False
        return (self.low is None or moment >= self.low) and (self.high is None or moment < self.high)

    def within(self, other: Span) -> Span:
        lows = [low for low in (self.low, other.low) if low is not None]
        highs = [high for high in (self.high, other.high) if high is not None]
        return Span(max(lows, default=None), min(highs, default=None))


def midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)


def computed_task(bp: Blueprint, prop: int, nth: int) -> Facts:
    facts = task_facts(bp, prop, nth)
    return {
        "created_at": facts.created,
        "updated_at": facts.updated,
        "scheduled_date": midnight(facts.scheduled),
        "finished_at": facts.finished,
        "type_department": facts.department,
    }


def computed_stay(bp: Blueprint, index: int) -> Facts:
    facts = stay_facts(bp, index)
    return {
        "created_at": facts.created,
        "updated_at": facts.updated,
        "checkin_date": midnight(facts.checkin),
        "checkout_date": midnight(facts.checkout),
        "property_id": facts.property_id,
    }


def changed(kind: str, record: Record, created: datetime, updated: datetime) -> Facts:
    """Of a record that a test or an edit has written, whatever is in it."""
    facts: Facts = {field: stamps.moment_of(record.get(field)) for field in MOMENTS[kind]}
    facts["created_at"] = facts["created_at"] or created
    facts["updated_at"] = facts["updated_at"] or updated
    facts["property_id"] = record.get("property_id")
    department = record.get("type_department")
    facts["type_department"] = department.get("code") if isinstance(department, dict) else department
    return facts
