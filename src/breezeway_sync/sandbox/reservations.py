"""Reservations and their inline guests (API page, section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from breezeway_sync.sandbox import words
from breezeway_sync.sandbox.blueprint import Blueprint
from breezeway_sync.sandbox.draw import Draw, Record
from breezeway_sync.sandbox.lists import embedded_tags
from breezeway_sync.sandbox.properties import REFERENCE, reference_of

RESERVATION_REFERENCE = 3

#: Bounds of what `facts` adds to the calendar; selections narrow by them.
MOST_SHIFT_DAYS = 4
MOST_NIGHTS = 9
MOST_UPDATE_DAYS = 10

_ORPHAN_EVERY = 211
_ORPHAN_PLACE = 5


@dataclass(frozen=True, slots=True)
class StayFacts:
    """What reservations are filtered and sorted by."""

    property_id: int | None
    checkin: date | None
    checkout: date | None
    created: datetime
    updated: datetime


def is_orphan(index: int) -> bool:
    """Some reservations belong to a property that no list knows."""
    return index % _ORPHAN_EVERY == _ORPHAN_PLACE


def stay_days(bp: Blueprint, index: int) -> tuple[date, date]:
    draw = bp.draw("stay", index)
    rows = bp.spec.reservations_per_property
    day = bp.calendar.day((index // bp.spec.properties + 0.5) / rows)
    checkin = day + timedelta(days=draw.below(MOST_SHIFT_DAYS + 1))
    return checkin, checkin + timedelta(days=draw.between(1, MOST_NIGHTS))


def stay_facts(bp: Blueprint, index: int) -> StayFacts:
    checkin, checkout = stay_days(bp, index)
    created = bp.calendar.created((index + 0.5) / bp.ids["reservations"].count)
    later = bp.draw("stay-update", index).below(MOST_UPDATE_DAYS * 86_400)
    updated = min(created + timedelta(seconds=later), bp.calendar.anchor)
    prop = 999_000 + index % 17 if is_orphan(index) else bp.ids["properties"].id_of(index % bp.spec.properties)
    return StayFacts(prop, checkin, checkout, created, updated)


def external_id(bp: Blueprint, index: int) -> str | None:
    return None if index % 50 == 49 else bp.reference(RESERVATION_REFERENCE, index)


def make_reservation(bp: Blueprint, index: int) -> Record:
    facts = stay_facts(bp, index)
    draw = bp.draw("reservation", index)
    property_reference = None if is_orphan(index) else reference_of(bp, index % bp.spec.properties)
    hold = draw.chance(80)
    checkin_time = f"{draw.between(14, 17)}:{draw.pick(('00', '30'))}:00"
    record: Record = {
        "id": bp.ids["reservations"].id_of(index),
        "property_id": facts.property_id,
        "status": "active",
        "access_code": f"{draw.between(1_000_000, 9_999_999)}" if draw.chance(600) else None,
        "checkin_date": str(facts.checkin),
        "checkin_time": checkin_time if draw.chance(950) else None,
        "checkin_early": draw.pick((None, None, False, True)),
        "checkout_date": str(facts.checkout),
        "checkout_time": "10:00:00" if draw.chance(950) else None,
        "checkout_late": draw.pick((None, None, False, True)),
        "guests": [] if hold else [_guest(draw, index, place) for place in range(_party(draw))],
        "guide_url": f"https://guide.example/{draw.below(1 << 30):x}" if draw.chance(800) else None,
        "note": draw.pick(words.REMARKS) if draw.chance(150) else None,
        "tags": embedded_tags(bp, draw, "reservation_tags"),
        "flags": ["late_checkout"] if draw.chance(15) else [],
        "type_guest": _code(draw, ("guest", "owner"), 900),
        "type_stay": _code(draw, ("guest", "owner", "lease"), 600),
        "type_reservation": _code(draw, ("hold",) if hold else ("booking",), 950),
        "reference_reservation_id": external_id(bp, index),
        "reference_property_id": property_reference or None,
        "reference_external_property_id": bp.reference(REFERENCE + 1, index % bp.spec.properties)
        if property_reference
        else None,
    }
    return record


def _party(draw: Draw) -> int:
    kind = draw.below(100)
    if kind < 5:
        return 0
    return 1 if kind < 75 else draw.between(2, 4)


def _code(draw: Draw, codes: tuple[str, ...], per_mille: int) -> Record | None:
    if not draw.chance(per_mille):
        return None
    code = draw.pick(codes)
    return {"code": code, "name": code.title()}


def _guest(draw: Draw, index: int, place: int) -> Record:
    first, last = words.person_name(draw.below(99), draw.below(99))
    number = f"+1 555 01{draw.between(10, 99)}"
    phones: list[object] = []
    if draw.chance(650):
        phones.append({"number": number, "type": "mobile"} if draw.chance(300) else number)
    if draw.chance(40):
        phones.append({"number": None})
    return {
        "first_name": first if draw.chance(950) else None,
        "last_name": last if draw.chance(800) else None,
        "emails": [f"guest{index}.{place}@example.com"] if draw.chance(700) else [],
        "phone_numbers": phones,
    }
