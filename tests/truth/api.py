"""What the API serves over HTTP, read with nothing but the standard library."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias
from urllib.parse import urlencode, urlsplit

from breezeway_sync.sandbox.spec import AccountSpec
from tests.truth.values import deeply

Json: TypeAlias = Any

INVENTORY = "/public/inventory/v1"
TAG_TYPES = ("task", "reservation", "property")


@dataclass
class Served:
    """All that one account serves, as decoded; children that cost a call each by their parent's id."""

    properties: list[Json] = field(default_factory=list)
    reservations: list[Json] = field(default_factory=list)
    tasks: list[Json] = field(default_factory=list)
    people: list[Json] = field(default_factory=list)
    supplies: list[Json] = field(default_factory=list)
    templates: list[Json] = field(default_factory=list)
    subdepartments: list[Json] = field(default_factory=list)
    tags: dict[str, list[Json]] = field(default_factory=dict)
    contacts: dict[int, list[Json]] = field(default_factory=dict)
    comments: dict[int, list[Json]] = field(default_factory=dict)
    requirements: dict[int, list[Json]] = field(default_factory=dict)

    @property
    def records(self) -> dict[str, list[Json]]:
        """By the name of the mirror's table."""
        return {
            "properties": self.properties,
            "reservations": self.reservations,
            "tasks": self.tasks,
            "people": self.people,
            "supplies": self.supplies,
            "templates": self.templates,
            "subdepartments": self.subdepartments,
            "tags": [item for items in self.tags.values() for item in items],
        }


def decoded(body: bytes) -> Json:
    """Numbers exactly as they are written; NaN and its kin as their names, since no JSON has them."""
    with deeply():
        return json.loads(
            body.decode("utf-8", "surrogatepass"),
            parse_float=Decimal,
            parse_constant=str,
            strict=False,
        )


class Client:
    """One connection, one token."""

    def __init__(self, url: str, account: AccountSpec) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        self.company_id = account.company_id
        pair = {"client_id": account.client_id, "client_secret": account.client_secret}
        self._connection.request("POST", "/public/auth/v1/", json.dumps(pair), {"Content-Type": "application/json"})
        token = json.loads(self._connection.getresponse().read())["access_token"]
        self._headers = {"Authorization": f"JWT {token}", "accept": "application/json"}

    def close(self) -> None:
        self._connection.close()

    def get(self, path: str, **params: object) -> Json:
        """The decoded answer, None where the address has none (404)."""
        query = f"?{urlencode(params)}" if params else ""
        self._connection.request("GET", f"{INVENTORY}{path}{query}", headers=self._headers)
        response = self._connection.getresponse()
        body = response.read()
        if response.status == 404:
            return None
        assert response.status == 200, (path, response.status, body[:300])
        return decoded(body)

    def pages(self, path: str, **params: object) -> list[Json]:
        """All pages, oldest first, up to the empty one."""
        found: list[Json] = []
        page = 1
        while results := self.get(path, **params, page=page, sort_by="created_at", sort_order="asc")["results"]:
            found += results
            page += 1
        return found


def ids_of(records: Iterable[Json]) -> Iterator[int]:
    """The ids that are whole numbers."""
    for record in records:
        number = record.get("id") if isinstance(record, dict) else None
        if isinstance(number, int) and not isinstance(number, bool):
            yield number


def _small(client: Client, found: Served) -> None:
    company = client.company_id
    for status in ("active", "invited", "inactive"):
        found.people += client.get("/people", status=status)
    found.templates = client.get("/companies/templates", company_id=company)
    found.subdepartments = client.get("/companies/subdepartments", company_id=company)


def _supplies(client: Client, found: Served) -> None:
    found.supplies = client.pages("/supplies", company_id=client.company_id)


def _tags(client: Client, found: Served) -> None:
    found.tags = {kind: client.get(f"/{kind}/tags", company_id=client.company_id) for kind in TAG_TYPES}


def _properties(client: Client, found: Served) -> None:
    found.properties = client.pages("/property", company_id=client.company_id)
    for number in ids_of(found.properties):
        found.contacts[number] = client.get(f"/property/{number}/contacts") or []


def _reservations(client: Client, found: Served) -> None:
    """With a bound on the one date that is known to lift `checkout_date >= today`; every stay has it."""
    found.reservations = client.pages("/reservation", checkout_date_ge="1900-01-01")


def _tasks(client: Client, found: Served) -> None:
    homes = found.properties or client.pages("/property", company_id=client.company_id)
    for home in dict.fromkeys(ids_of(homes)):
        found.tasks += client.pages("/task/", home_id=home)
    for number in ids_of(found.tasks):
        found.comments[number] = client.get(f"/task/{number}/comments") or []
        found.requirements[number] = client.get(f"/task/{number}/requirements") or []


READERS: dict[str, Callable[[Client, Served], None]] = {
    "small": _small,
    "supplies": _supplies,
    "tags": _tags,
    "properties": _properties,
    "reservations": _reservations,
    "tasks": _tasks,
}


def served(url: str, account: AccountSpec, *parts: str) -> Served:
    """Everything, or the named parts."""
    client = Client(url, account)
    found = Served()
    try:
        for part in parts or READERS:
            READERS[part](client, found)
    finally:
        client.close()
    return found
