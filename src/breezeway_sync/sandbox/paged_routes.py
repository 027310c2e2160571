"""The lists that come in pages: /property, /reservation, /task/, /supplies (sections 3 and 4)."""

from __future__ import annotations

import re

from starlette.datastructures import QueryParams

from breezeway_sync.sandbox import answers
from breezeway_sync.sandbox.account import SandboxAccount
from breezeway_sync.sandbox.answers import Answer, SandboxRefusal
from breezeway_sync.sandbox.facts import MOMENTS, Span, midnight
from breezeway_sync.sandbox.properties import REFERENCE
from breezeway_sync.sandbox.query import PageQuery, compared, day_pair, many_ids, parse_page, whole
from breezeway_sync.sandbox.select import Filter
from breezeway_sync.sandbox.simulator import Call
from breezeway_sync.sandbox.spec import Kind

_SORTABLE: dict[str, tuple[str, ...]] = {
    "properties": ("created_at", "id", "name", "status"),
    "reservations": ("created_at", "updated_at", "id", "checkin_date", "checkout_date"),
    "tasks": ("created_at", "updated_at", "id", "name", "scheduled_date", "finished_at"),
    "supplies": ("created_at", "updated_at", "id", "name"),
}
_STAY_DATES = ("checkin_date", "checkout_date")


def list_properties(call: Call) -> Answer:
    """Inactive ones too; `status`, which three projects send, has no proven effect and none here."""
    return _paged(call, "properties", Filter(company_ids=_companies(call)))


def list_supplies(call: Call) -> Answer:
    return _paged(call, "supplies", Filter(company_ids=_companies(call)))


def _companies(call: Call) -> list[int] | None:
    return None if call.sandbox.options.ignore_company else many_ids(call.request.query_params, "company_id")


def list_reservations(call: Call) -> Answer:
    """`reference_property_id` is ignored here, as one user found."""
    params = call.request.query_params
    companies = many_ids(params, "company_id")
    if companies is not None and not set(companies) & set(call.owner.spec.company_ids):
        return _paged(call, "reservations", Filter(property_ids=()))
    narrowed = Filter(spans=stay_spans(call), property_ids=many_ids(params, "property_id"))
    return _paged(call, "reservations", narrowed)


def stay_spans(call: Call) -> dict[str, Span]:
    """The date filters; without any, only stays that have not ended before today."""
    options = call.sandbox.options
    fields = MOMENTS["reservations"]
    spans = compared(call.request.query_params, fields, time_part=options.filter_time_part)
    lifting = fields if options.dates_lift_default else _STAY_DATES
    if not any(name in spans for name in lifting):
        spans["checkout_date"] = Span(low=midnight(call.sandbox.world.now().date()))
    return spans


def list_tasks(call: Call) -> Answer:
    params = call.request.query_params
    home_id = _task_home(call, params)
    spans = {name: span for name in MOMENTS["tasks"] if (span := day_pair(params, name)) is not None}
    narrowed = Filter(spans=spans, department=params.get("type_department"), assignees=many_ids(params, "assignee_ids"))
    return _paged(call, "tasks", narrowed, home_id=home_id)


def _task_home(call: Call, params: QueryParams) -> int:
    """The one property that a task list is about; -1 for one that has no tasks here."""
    reference_name = "property_id" if "property_id" in params else "reference_property_id"
    home, reference = params.get("home_id"), params.get(reference_name)
    if home is None and reference is None:
        raise SandboxRefusal(answers.unprocessable("home_id", "home_id or reference_property_id is required."))
    if home is None:
        return _referenced_home(call, reference_name, reference or "")
    if not home.isdecimal():
        raise SandboxRefusal(answers.unprocessable("home_id", "Not a valid integer."))
    every = call.sandbox.options.both_keys_refused_every
    place = call.owner.place("properties", int(home)) or 0
    if reference is not None and every and place % every == every - 1:
        raise SandboxRefusal(answers.unprocessable(reference_name, "Only one of home_id and reference_property_id."))
    return int(home)


def _referenced_home(call: Call, name: str, reference: str) -> int:
    """A Breezeway id is refused here; for some properties the filter finds nothing (section 4)."""
    if re.fullmatch(r"\d+", reference) and call.owner.exists("properties", int(reference)):
        raise SandboxRefusal(answers.unprocessable(name, "Unknown reference property id."))
    found = referenced_property(call.owner, reference)
    if found is None:
        return -1
    every = call.sandbox.options.reference_misses_every
    place = call.owner.place("properties", found)
    return -1 if every and place is not None and place % every == every - 1 else found


def referenced_property(account: SandboxAccount, reference: str) -> int | None:
    """The property that carries this partner's id now."""
    for record_id in account.written_ids("properties"):
        if reference and account.get("properties", record_id).get("reference_property_id") == reference:
            return record_id
    place = account.blueprint.unreference(REFERENCE, reference)
    if place is None or place >= account.spec.properties:
        return None
    record_id = account.blueprint.ids["properties"].id_of(place)
    record = account.find("properties", record_id)
    return record_id if record is not None and record.get("reference_property_id") == reference else None


def _paged(call: Call, kind: Kind, narrowed: Filter, *, home_id: int | None = None) -> Answer:
    options = call.sandbox.options
    asked = parse_page(call.request.query_params, _SORTABLE[kind])
    limit = asked.limit if options.max_limit is None else min(asked.limit, options.max_limit)
    number = 1 if call.endpoint in options.ignore_page_on else asked.number
    page = PageQuery(limit, number, asked.sort_by, asked.descending)
    total, ids = call.sandbox.selector.page(call.owner, kind, page, narrowed, home_id=home_id)
    pages = -(-total // limit) if options.total_pages is None else options.total_pages
    omitted = options.omit_all_totals or (options.omit_totals and kind in ("reservations", "supplies"))
    return answers.envelope(
        (body for record_id in ids if (body := call.owner.body(kind, record_id)) is not None),
        limit=limit if options.echo_clamped_limit else asked.limit,
        page=number,
        totals=None if omitted else (pages, total),
    )


def referenced_reservations(call: Call) -> Answer:
    """GET /reservation/external-id: bare, all matches at once."""
    reference = call.request.query_params.get("reference_property_id")
    if not reference:
        raise SandboxRefusal(answers.unprocessable("reference_property_id", "Missing data for required field."))
    found = referenced_property(call.owner, reference)
    narrowed = Filter(spans=stay_spans(call), property_ids=() if found is None else (found,))
    whole(call.request.query_params, "limit", 100)
    page = PageQuery(1_000_000, 1, "created_at", descending=True)
    _total, ids = call.sandbox.selector.page(call.owner, "reservations", page, narrowed)
    return answers.bare(body for one in ids if (body := call.owner.body("reservations", one)) is not None)
