"""Properties, their inline photos and their contacts (API page, section 5)."""

from __future__ import annotations

from breezeway_sync.sandbox import words
from breezeway_sync.sandbox.blueprint import Blueprint
from breezeway_sync.sandbox.draw import Draw, Record

REFERENCE = 1
EXTERNAL_REFERENCE = 2

_NOTES = ("general", "about", "access", "guest_access", "direction", "trash_info", "wifi")


def reference_of(bp: Blueprint, index: int) -> str | None:
    """About 65 % have one; the others have null or an empty string."""
    draw = bp.draw("property-reference", index)
    if draw.chance(650):
        return bp.reference(REFERENCE, index)
    return None if draw.chance(600) else ""


def company_of(bp: Blueprint, index: int) -> int:
    sister = bp.spec.sister_company_id
    return sister if sister is not None and index % 10 == 4 else bp.spec.company_id


def make_property(bp: Blueprint, index: int) -> Record:
    draw = bp.draw("property", index)
    city, state, zipcode, latitude, longitude = draw.pick(words.CITIES)
    alias = draw.pick(words.ALIASES)
    reference = reference_of(bp, index)
    record: Record = {
        "id": bp.ids["properties"].id_of(index),
        "company_id": company_of(bp, index),
        "name": f"{alias} {index + 1} · {draw.pick(words.HOUSES)}",
        "display": alias if draw.chance(700) else "",
        "status": _status(draw),
        "address1": f"{draw.between(1, 990)} {draw.pick(words.STREETS)}" if draw.chance(980) else None,
        "address2": f"Unit {draw.pick('ABCDE')}" if draw.chance(200) else None,
        "building": f"Building {draw.between(1, 9)}" if draw.chance(50) else None,
        "city": city,
        "state": state,
        "zipcode": zipcode,
        "country": "us" if state else "mx",
        **_coordinates(draw, latitude, longitude),
        "notes": _notes(draw),
        "groups": _groups(draw),
        "photos": _photos(draw, index),
        "reference_company_id": str(bp.spec.company_id) if draw.chance(100) else None,
        "reference_external_property_id": bp.reference(EXTERNAL_REFERENCE, index) if reference else None,
        "reference_property_id": reference,
    }
    _add_optional(draw, record)
    return record


def _status(draw: Draw) -> str:
    kind = draw.below(1000)
    if kind < 900:
        return "active"
    return "pending_delete" if kind > 994 else "inactive"


def _coordinates(draw: Draw, latitude: float, longitude: float) -> Record:
    if draw.chance(50):
        return {"latitude": None, "longitude": None}
    latitude = round(latitude + draw.below(9000) / 100_000, 7)
    longitude = round(longitude - draw.below(9000) / 100_000, 7)
    if draw.chance(150):
        return {"latitude": f"{latitude:.7f}", "longitude": f"{longitude:.7f}"}
    return {"latitude": latitude, "longitude": longitude}


def _notes(draw: Draw) -> Record:
    if draw.chance(200):
        return {}
    notes: Record = {key: draw.pick(words.REMARKS) if draw.chance(300) else None for key in _NOTES}
    notes["access"] = f"{draw.between(1000, 9999)}" if draw.chance(700) else None
    if draw.chance(250):
        notes |= {"external": None, "housekeeping": draw.pick(words.REMARKS)}
    if draw.chance(10):
        notes["about"] = words.long_text(3000)
    return notes


def _groups(draw: Draw) -> list[Record]:
    return [
        {
            "id": 7 + words.GROUPS.index(name),
            "name": name,
            "parent_group_id": 7 if name == "Lakeside" else None,
        }
        for name in draw.some(words.GROUPS, 2)
    ]


def _photos(draw: Draw, index: int) -> list[Record]:
    photos: list[Record] = []
    for place in range(draw.below(7)):
        photo_id = 571_985_900 + index * 10 + place
        photos.append(
            {
                "id": photo_id,
                "caption": draw.pick(("Kitchen doors", "Façade", "")) if draw.chance(500) else None,
                "default": place == 0 or draw.chance(20),
                "original_url": draw.pick((None, "", f"https://img.example/o/{photo_id}.jpg")),
                "url": f"https://img.example/{photo_id}.jpg",
            }
        )
    if photos and draw.chance(80):  # the same photo twice in one property (section 7, point 19)
        photos.append(dict(draw.pick(photos)))
    return photos


def _add_optional(draw: Draw, record: Record) -> None:
    if draw.chance(600):
        record["wifi_name"] = "porch"
        record["wifi_password"] = f"made-up-{draw.below(10_000)}" if draw.chance(900) else None
    if draw.chance(850):
        record["bedrooms"] = draw.between(1, 6)
        record["bathrooms"] = draw.pick((1, 2, 2.5, 3, 3.5, None))
    if draw.chance(150):
        record["living_area"] = draw.between(400, 6000)
        record["year_built"] = draw.between(1890, 2024)
    if draw.chance(80):
        record["access_code"] = f"{draw.between(1000, 9999)}"
        record["guest_access_code"] = None


def make_contacts(bp: Blueprint, index: int) -> list[Record]:
    """No source has seen a contact: these are the fields that one user planned for (grade D)."""
    draw = bp.draw("contact", index)
    contacts: list[Record] = []
    for place in range(draw.below(3)):
        first, last = words.person_name(draw.below(99), draw.below(99))
        contacts.append(
            {
                "id": 61_000 + index * 4 + place,
                "type": draw.pick(("owner", "neighbor", "plumber")),
                "name": f"{first} {last}",
                "email": f"contact{index}.{place}@example.com" if draw.chance(700) else None,
                "phone": f"+1 555 01{draw.between(10, 99)}" if draw.chance(700) else None,
            }
        )
    return contacts
