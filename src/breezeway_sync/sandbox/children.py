"""The children of a task that have an address of their own: comments and requirements (API page, section 5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from breezeway_sync.sandbox import stamps, words
from breezeway_sync.sandbox.blueprint import Blueprint
from breezeway_sync.sandbox.draw import Draw, Record
from breezeway_sync.sandbox.task_parts import person
from breezeway_sync.sandbox.tasks import task_facts

_LONG_RESPONSE = (53, 29)

_RESPONSES: dict[str, tuple[str | None, ...]] = {
    "checklist": ("check", "check", None),
    "condition": ("good", "dirty", "damaged", "not_working", None),
    "photo": (None,),
    "count": ("3", "0", None),
    "text": ("Alles in Ordnung – geprüft", "", None),
    "yes / no": ("yes", "no", None),
    "rating": ("1", "3", "5", None),
}
_ACTIONS = ("Fold the towels", "Check doors", "Run the tap", "Count the keys", "Öffne alle Fenster")


def make_comments(bp: Blueprint, prop: int, nth: int) -> list[Record]:
    index = nth * bp.spec.properties + prop
    draw = bp.draw("comment", index)
    if not draw.chance(350):
        return []
    created = task_facts(bp, prop, nth).created
    made: list[Record] = []
    for place in range(draw.between(1, 4)):
        created = min(created + timedelta(minutes=draw.between(1, 600)), bp.calendar.anchor)
        comment: Record = {
            "id": 7 + index * 4 + place,
            "comment": _comment(bp, draw),
            "created_at": stamps.naive(created),
        }
        if draw.chance(100):  # one user reads an author; the vendor's example has none
            comment["author"] = person(bp, draw)
        made.append(comment)
    return made


def _comment(bp: Blueprint, draw: Draw) -> str:
    text = draw.pick(words.REMARKS)
    if draw.chance(300):
        who = person(bp, draw)
        return f"Please look, {{{{{who['id']},{who['name']}}}}} {text}"
    return words.long_text(600) if draw.chance(30) else text


def make_requirements(bp: Blueprint, prop: int, nth: int) -> list[Record]:
    index = nth * bp.spec.properties + prop
    draw = bp.draw("requirement", index)
    count = 0 if draw.chance(250) else draw.between(1, 12)
    made = [_requirement(draw, index, place) for place in range(count)]
    if made and index % _LONG_RESPONSE[0] == _LONG_RESPONSE[1]:
        made[0] |= {"type_requirement": "text", "response": words.long_text(10_000)}
    return made


def _requirement(draw: Draw, index: int, place: int) -> Record:
    kind = draw.pick(tuple(_RESPONSES))
    photo = f"https://img.example/r{index}-{place}.jpg"
    return {
        "section_name": draw.pick(("Interior", "Exterior", None)),
        "action": _action(draw, kind),
        "response": draw.pick(_RESPONSES[kind]),
        "type_requirement": kind,
        "photo_required": kind != "photo" and draw.chance(200),
        "photos": [photo] if kind == "photo" or draw.chance(100) else [],
        "note": draw.pick(words.REMARKS) if draw.chance(80) else None,
        "home_element_name": "Front door" if draw.chance(150) else None,
    }


def _action(draw: Draw, kind: str) -> Any:
    if kind == "checklist":
        return draw.some(_ACTIONS, 3) or [_ACTIONS[0]]
    return None if draw.chance(20) else draw.pick(_ACTIONS)
