"""Single records and lists without pages (section 4)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from breezeway_sync.sandbox import answers
from breezeway_sync.sandbox.account import SandboxAccount
from breezeway_sync.sandbox.answers import Answer, SandboxRefusal
from breezeway_sync.sandbox.draw import Record
from breezeway_sync.sandbox.lists import PEOPLE_STATUSES
from breezeway_sync.sandbox.paged_routes import referenced_property
from breezeway_sync.sandbox.query import many_ids
from breezeway_sync.sandbox.reservations import RESERVATION_REFERENCE
from breezeway_sync.sandbox.simulator import Call, Handler
from breezeway_sync.sandbox.spec import ChildKind, Kind
from breezeway_sync.sandbox.truth import decode, encode

_NAMES: dict[str, str] = {
    "properties": "Property",
    "reservations": "Reservation",
    "tasks": "Task",
    "people": "Person",
}


def one(kind: Kind) -> Handler:
    """GET /…/{id}."""

    def handler(call: Call) -> Answer:
        body = call.owner.body(kind, call.number("id"))
        return answers.not_found(_NAMES[kind]) if body is None else Answer(200, body)

    return handler


def child_list(child: ChildKind) -> Handler:
    """GET /task/{id}/comments and its like: 404 when the parent is gone."""

    def handler(call: Call) -> Answer:
        body = call.owner.child_body(child, call.number("id"))
        what = "Property" if child == "contacts" else "Task"
        return answers.not_found(what) if body is None else Answer(200, body)

    return handler


def _bodies(account: SandboxAccount, kind: Kind, ids: Iterable[int]) -> Iterator[bytes]:
    return (body for record_id in ids if (body := account.body(kind, record_id)) is not None)


def tag_list(kind: Kind) -> Handler:
    """GET /task/tags and its like; of a foreign company there are none."""

    def handler(call: Call) -> Answer:
        if _is_foreign(call):
            return Answer(200, b"[]")
        return answers.bare(_bodies(call.owner, kind, call.owner.listing(kind)))

    return handler


def _is_foreign(call: Call) -> bool:
    companies = many_ids(call.request.query_params, "company_id")
    return companies is not None and not set(companies) & set(call.owner.spec.company_ids)


def task_tags(call: Call) -> Answer:
    """GET /task/{id}/tags: what the task itself says."""
    record = call.owner.find("tasks", call.number("id"))
    if record is None:
        return answers.not_found("Task")
    return Answer(200, encode(record.get("task_tags") or []))


def property_tags(call: Call) -> Answer:
    """GET /property/{id}/tags: a property itself carries none, so they are drawn."""
    account = call.owner
    property_id = call.number("id")
    if not account.exists("properties", property_id):
        return answers.not_found("Property")
    draw = account.blueprint.draw("property-tags", property_id)
    return answers.bare(_bodies(account, "property_tags", draw.some(list(account.listing("property_tags")), 2)))


def property_by_reference(call: Call) -> Answer:
    """GET /property/external-id: its shape is unknown; bare, as that of reservations."""
    reference = call.request.query_params.get("reference_property_id")
    if not reference:
        raise SandboxRefusal(answers.unprocessable("reference_property_id", "Missing data for required field."))
    found = referenced_property(call.owner, reference)
    return answers.bare(_bodies(call.owner, "properties", () if found is None else (found,)))


def contacts_by_reference(call: Call) -> Answer:
    found = referenced_property(call.owner, call.request.path_params["reference"])
    body = None if found is None else call.owner.child_body("contacts", found)
    return answers.not_found("Property") if body is None else Answer(200, body)


def reservation_by_reference(call: Call) -> Answer:
    """GET /reservation/external-id/{id}: one, or with allow_multiple=true a list."""
    account, reference = call.owner, call.request.path_params["reference"]
    place = account.blueprint.unreference(RESERVATION_REFERENCE, reference)
    ids = account.blueprint.ids["reservations"]
    candidates = [*account.written_ids("reservations")]
    if place is not None and place < ids.count:
        candidates.append(ids.id_of(place))
    found = [
        record_id
        for record_id in dict.fromkeys(candidates)
        if (account.find("reservations", record_id) or {}).get("reference_reservation_id") == reference
    ]
    if call.request.query_params.get("allow_multiple") == "true":
        return answers.bare(_bodies(account, "reservations", found))
    return Answer(200, next(_bodies(account, "reservations", found))) if found else answers.not_found("Reservation")


def reservation_tasks(call: Call) -> Answer:
    """GET /reservation/{id}/tasks: looked for among the tasks of its property, and the changed ones."""
    account, reservation_id = call.owner, call.number("id")
    record = account.find("reservations", reservation_id)
    if record is None:
        return answers.not_found("Reservation")
    home = record.get("property_id")
    listed = account.listing("tasks", home if isinstance(home, int) else None)
    candidates = dict.fromkeys([*listed, *account.written_ids("tasks")])
    expected = [task_id for task_id in candidates if _is_linked(account, task_id, reservation_id)]
    return answers.bare(_bodies(account, "tasks", expected))


def _is_linked(account: SandboxAccount, task_id: int, reservation_id: int) -> bool:
    if not account.is_written("tasks", task_id):
        return account.task_link(task_id) == reservation_id
    link = decode(account.body("tasks", task_id) or b"").get("linked_reservation")
    return isinstance(link, dict) and link.get("id") == reservation_id


def people(call: Call) -> Answer:
    """GET /people: with `status` those, without it (documented by one user) the active ones."""
    account = call.owner
    status = call.request.query_params.get("status")
    if status is not None and status not in PEOPLE_STATUSES:
        raise SandboxRefusal(answers.unprocessable("status", f"Must be one of: {', '.join(PEOPLE_STATUSES)}."))
    ids: Iterable[int] = account.listing("people")
    if status is not None or not call.sandbox.options.everyone_without_status:
        ids = [one_id for one_id in ids if account.person_status(one_id) == (status or "active")]
    return answers.bare(_bodies(account, "people", ids))


def companies(call: Call) -> Answer:
    spec = call.owner.spec
    made: list[Record] = [
        {
            "id": company,
            "name": spec.name if place == 0 else f"{spec.name} Partners",
            "reference_company_id": None,
        }
        for place, company in enumerate(spec.company_ids)
    ]
    return Answer(200, json.dumps(made).encode())


def subdepartments(call: Call) -> Answer:
    """Company parameters are ignored, as seen live."""
    return answers.bare(_bodies(call.owner, "subdepartments", call.owner.listing("subdepartments")))


def templates(call: Call) -> Answer:
    """Of a foreign company: 200 without a body, as seen live."""
    if _is_foreign(call):
        return Answer(200, b"")
    return answers.bare(_bodies(call.owner, "templates", call.owner.listing("templates")))
