"""A small programmable Breezeway: companies, pairs of credentials, and any answer in place of the right one.

It shares nothing with the sandbox, so that a mistake in one of them shows. Lists are sorted by creation; `log` keeps
every call on data; `before` is called before each answer and may change everything.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Json: TypeAlias = Any
Override: TypeAlias = "Callable[[str], Response | None]"

INVENTORY = "/public/inventory/v1"
BARE = {
    "/people": "people",
    "/companies/templates": "templates",
    "/companies/subdepartments": "subdepartments",
    "/task/tags": "task_tags",
    "/reservation/tags": "reservation_tags",
    "/property/tags": "property_tags",
}
PAGED = {"/property": "properties", "/reservation": "reservations", "/task": "tasks", "/supplies": "supplies"}
OWN = {"property": "properties", "reservation": "reservations", "task": "tasks"}
CALLED = {"comments": "task", "requirements": "task", "contacts": "property"}


def as_json(body: Json, status: int = 200, **headers: str) -> Response:
    return Response(json.dumps(body), status, {"content-type": "application/json", **headers})


@dataclass
class Company:
    """What one company has: records by kind and id, in order of creation, and lists of calls by parent."""

    id: int
    records: dict[str, dict[int, Json]] = field(default_factory=lambda: defaultdict(dict))
    children: dict[tuple[str, int], list[Json]] = field(default_factory=dict)
    hidden: set[tuple[str, int]] = field(default_factory=set)
    """Left out of lists, while their own addresses answer."""


class Api:
    """`pairs` say which companies a client_id sees; `secrets` may be changed at any time."""

    def __init__(self) -> None:
        self.companies: dict[int, Company] = {}
        self.pairs: dict[str, list[int]] = {}
        self.secrets: dict[str, str] = {}
        self.has_totals = True
        self.total_error = 0
        self.overrides: list[tuple[re.Pattern[str], Override]] = []
        self.before: Callable[[str, str], None] = lambda _client, _path: None
        self.log: list[tuple[str, str]] = []
        self._tokens: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self.app = Starlette(
            routes=[
                Route("/public/auth/v1/", self._token, methods=["POST"]),
                Route("/public/auth/v1/refresh", self._refresh, methods=["POST"]),
                Route(INVENTORY + "/{path:path}", self._data, methods=["GET"]),
            ]
        )

    # --- what tests say ---------------------------------------------------------------------------------

    def company(self, number: int, *, client: str | None = None) -> Company:
        """A company, reached by a pair of its own unless another is named."""
        made = self.companies[number] = Company(number)
        name = client or f"client-{number}"
        self.pairs.setdefault(name, []).append(number)
        self.secrets.setdefault(name, f"secret-{name}")
        return made

    def put(self, company: Company, kind: str, number: int, **values: Json) -> Json:
        """A record that is new or changed now."""
        now = datetime.now(UTC).replace(microsecond=0)
        record = company.records[kind].get(number) or {"id": number, **_usual(company, kind, number)}
        record = record | values
        if kind == "tasks":
            record["updated_at"] = now.isoformat()
        company.records[kind][number] = record
        return record

    def answer(self, path: str, response: Override | Response, *, times: int | None = None) -> None:
        """In place of the right answer, where `path` (a regular expression) is found in path and query."""
        left = [times]

        def once(asked: str) -> Response | None:
            if left[0] is not None:
                if left[0] <= 0:
                    return None
                left[0] -= 1
            return response if isinstance(response, Response) else response(asked)

        self.overrides.append((re.compile(path), once))

    def well(self) -> None:
        """Everything answers rightly again."""
        self.overrides.clear()
        self.before = lambda _client, _path: None

    def calls(self, path: str = "") -> list[str]:
        """The calls so far whose path and query hold this regular expression."""
        return [asked for _client, asked in self.log if re.search(path, asked)]

    # --- how it answers ---------------------------------------------------------------------------------

    async def _token(self, request: Request) -> Response:
        body = await request.json()
        client = body.get("client_id")
        if self.secrets.get(client) != body.get("client_secret"):
            return as_json({"error": "inactive client"})
        return self._issue(client)

    async def _refresh(self, request: Request) -> Response:
        client = self._tokens.get(request.headers.get("authorization", "").removeprefix("JWT "))
        return as_json({"error": "invalid token"}, 401) if client is None else self._issue(client)

    def _issue(self, client: str) -> Response:
        pair = [f"token-{next(self._numbers)}" for _ in range(2)]
        self._tokens |= dict.fromkeys(pair, client)
        return as_json({"access_token": pair[0], "refresh_token": pair[1]})

    async def _data(self, request: Request) -> Response:
        client = self._tokens.get(request.headers.get("authorization", "").removeprefix("JWT "))
        path = request.url.path.removeprefix(INVENTORY).rstrip("/")
        asked = f"{path}?{request.url.query}"
        if client is None:
            return as_json({"error": "unauthorized"}, 401)
        self.log.append((client, asked))
        self.before(client, asked)
        for pattern, override in self.overrides:
            if pattern.search(asked) and (found := override(asked)) is not None:
                return found
        return self._right(client, path, request)

    def _right(self, client: str, path: str, request: Request) -> Response:
        companies = [self.companies[one] for one in self.pairs[client]]
        if path in BARE:
            params = request.query_params
            return as_json([one for one in self._listed(companies, BARE[path], params) if _has_status(one, params)])
        if path in PAGED:
            return self._page(self._listed(companies, PAGED[path], request.query_params), request)
        kind, number, *child = path.strip("/").split("/")
        found = [one for one in companies if int(number) in one.records[OWN.get(kind, kind)]]
        if not found:
            return as_json({"error": "not_found", "description": "No such record"}, 404)
        if child:
            return as_json(found[0].children.get((child[0], int(number)), []))
        return as_json(found[0].records[OWN[kind]][int(number)])

    def _listed(self, companies: list[Company], kind: str, params: Any) -> list[Json]:
        expected = {int(one) for one in params.getlist("company_id")}
        return [
            record
            for company in companies
            if not expected or company.id in expected or kind in ("people", "tasks")
            for number, record in company.records[kind].items()
            if (kind, number) not in company.hidden and _matches(kind, record, params)
        ]

    def _page(self, records: list[Json], request: Request) -> Response:
        limit, page = (int(request.query_params.get(name, usual)) for name, usual in (("limit", 100), ("page", 1)))
        body: Json = {"limit": limit, "page": page, "results": records[(page - 1) * limit : page * limit]}
        if self.has_totals:
            body |= {"total_pages": -(-len(records) // limit), "total_results": len(records) + self.total_error}
        return as_json(body)


def _has_status(record: Json, params: Any) -> bool:
    status = params.get("status")
    return status is None or "active" not in record or (status == "active") == record["active"]


def _matches(kind: str, record: Json, params: Any) -> bool:
    if kind == "tasks":
        pairs = [
            (record[name], *params[name].split(",")) for name in ("scheduled_date", "updated_at") if name in params
        ]
        is_within = all(at is not None and first <= at[:10] <= last for at, first, last in pairs)
        return is_within and str(record["home_id"]) == params.get("home_id")
    if kind == "reservations":
        names = {"checkin_date": "checkin_date", "checkout_date": "checkout_date", "updated_at": "_updated"}
        return all(
            (record[own] <= params[f"{name}_le"] if f"{name}_le" in params else True)
            and (record[own] >= params[f"{name}_ge"] if f"{name}_ge" in params else True)
            for name, own in names.items()
        )
    return True


def day(offset: int = 0) -> str:
    """A day from today, as the API writes it."""
    return str(date.today() + timedelta(days=offset))  # noqa: DTZ011 - days are compared as UTC here and there


def _usual(company: Company, kind: str, number: int) -> Json:
    created = (datetime.now(UTC) - timedelta(days=30)).replace(microsecond=0, tzinfo=None).isoformat()
    usual: dict[str, Json] = {
        "properties": {"company_id": company.id, "name": f"House {number}", "status": "active", "photos": []},
        "reservations": {
            "property_id": 0, "status": "active", "checkin_date": day(-1), "checkout_date": day(2), "guests": [],
            "tags": [], "access_code": "0000", "_updated": day(-30),
        },
        "tasks": {
            "home_id": 0, "name": f"Task {number}", "scheduled_date": day(), "created_at": created,
            "type_task_status": {"code": "created", "name": "Created", "stage": "new"}, "assignments": [],
            "supplies": [], "costs": [], "photos": [], "tags": [], "task_tags": [],
        },
        "people": {"first_name": "Ann", "last_name": f"No. {number}", "active": True},
        "supplies": {"company_id": company.id, "name": f"Soap {number}"},
        "templates": {"template_name": f"Clean {number}", "department_code": "housekeeping"},
        "subdepartments": {"name": f"Team {number}"},
    }  # fmt: skip
    return usual.get(kind, {"name": f"{kind} {number}"})
