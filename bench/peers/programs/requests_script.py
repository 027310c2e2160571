"""What people write first: one loop over the API, one connection, upserts of 500 rows; everything is read each time.

One call after the other, and a commit for each page. Columns that reports ask for have a type; the whole record is
kept beside them as jsonb, so that no list inside a record needs a table of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg2
import requests
from psycopg2.extras import Json, execute_values

SCHEMA = "script"
LIMIT = 100
ROWS_A_STATEMENT = 500
TIMEOUT_SECONDS = 30
NUL = b"\\u0000"  # a character that free text may have and PostgreSQL's text cannot hold

Record = dict[str, Any]


class List(NamedTuple):
    """A list of the API. `fixed` are columns, by their names, that the list is about; `params` go with the call."""

    table: str
    path: str
    params: dict[str, str] = {}
    fixed: dict[str, str] = {}
    paged: bool = False


LISTS = (
    List("tags", "/task/tags", {}, {"tag_type": "task"}),
    List("tags", "/reservation/tags", {}, {"tag_type": "reservation"}),
    List("tags", "/property/tags", {}, {"tag_type": "property"}),
    List("people", "/people", {"status": "active"}),
    List("people", "/people", {"status": "invited"}),
    List("people", "/people", {"status": "inactive"}),
    List("supplies", "/supplies", paged=True),
    List("templates", "/companies/templates"),
    List("subdepartments", "/companies/subdepartments"),
    List("properties", "/property", paged=True),
    List("reservations", "/reservation", {"checkout_date_ge": "1970-01-01"}, paged=True),
)
CONTACTS = "/property/{id}/contacts"
TASKS = "/task/"
COMMENTS = "/task/{id}/comments"
REQUIREMENTS = "/task/{id}/requirements"

# Of each table: its columns with their types, where each is found in a record, and the key after the region.
TABLES: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "tags": ({"tag_type": "text", "id": "bigint", "name": "text"}, ("tag_type", "id")),
    "people": ({"id": "bigint", "first_name": "text", "last_name": "text", "active": "boolean"}, ("id",)),
    "supplies": ({"id": "bigint", "name": "text", "unit_cost": "numeric", "stock_count": "numeric"}, ("id",)),
    "templates": ({"id": "bigint", "template_name": "text", "department_code": "text"}, ("id",)),
    "subdepartments": ({"id": "bigint", "name": "text"}, ("id",)),
    "properties": (
        {
            "id": "bigint",
            "name": "text",
            "status": "text",
            "address1": "text",
            "city": "text",
            "state": "text",
            "zipcode": "text",
            "latitude": "numeric",
            "longitude": "numeric",
            "bedrooms": "numeric",
            "reference_property_id": "text",
        },
        ("id",),
    ),
    "property_contacts": (
        {"property_id": "bigint", "id": "bigint", "type": "text", "name": "text", "email": "text", "phone": "text"},
        ("property_id", "id"),
    ),
    "reservations": (
        {
            "id": "bigint",
            "property_id": "bigint",
            "status": "text",
            "checkin_date": "date",
            "checkin_time": "time",
            "checkout_date": "date",
            "checkout_time": "time",
            "access_code": "text",
            "reference_reservation_id": "text",
        },
        ("id",),
    ),
    "tasks": (
        {
            "id": "bigint",
            "home_id": "bigint",
            "name": "text",
            "description": "text",
            "status_code": "text",
            "type_priority": "text",
            "scheduled_date": "date",
            "scheduled_time": "time",
            "created_at": "timestamptz",
            "updated_at": "timestamptz",
            "started_at": "timestamptz",
            "finished_at": "timestamptz",
            "created_by_id": "bigint",
            "linked_reservation_id": "bigint",
            "template_id": "bigint",
            "rate_paid": "text",
            "total_time": "text",
        },
        ("id",),
    ),
    "task_comments": (
        {"task_id": "bigint", "id": "bigint", "comment": "text", "created_at": "timestamptz"},
        ("task_id", "id"),
    ),
    "task_requirements": (
        {
            "task_id": "bigint",
            "place": "bigint",
            "section_name": "text",
            "response": "text",
            "type_requirement": "text",
            "note": "text",
        },
        ("task_id", "place"),
    ),
}


class Api:
    """One account, one session."""

    def __init__(self, base_url: str, account: Record) -> None:
        self.calls = 1
        self._base_url = f"{base_url}/public/inventory/v1"
        self._session = requests.Session()
        pair = {name: account[name] for name in ("client_id", "client_secret")}
        answer = self._session.post(f"{base_url}/public/auth/v1/", json=pair, timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        self._session.headers["authorization"] = f"JWT {answer.json()['access_token']}"

    def get(self, path: str, params: dict[str, Any]) -> Any:
        self.calls += 1
        answer = self._session.get(self._base_url + path, params=params, timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        return json.loads(answer.content.replace(NUL, b""))

    def pages(self, path: str, params: dict[str, Any]) -> Iterator[list[Record]]:
        page, total = 1, 1
        while page <= total:
            order = {"limit": LIMIT, "page": page, "sort_by": "created_at", "sort_order": "asc"}
            body = self.get(path, {**params, **order})
            total = body["total_pages"]
            page += 1
            yield body["results"]


class Database:
    """The connection, and the one account whose rows are written."""

    def __init__(self, dsn: str) -> None:
        self.region_code = ""
        self.connection = psycopg2.connect(dsn)
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
            for table, (columns, key) in TABLES.items():
                typed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
                cursor.execute(
                    f"CREATE TABLE IF NOT EXISTS {SCHEMA}.{table} (region_code text, {typed}, data jsonb, "
                    f"PRIMARY KEY (region_code, {', '.join(key)}))"
                )

    def upsert(self, table: str, records: list[Record]) -> None:
        """Insert or replace; a record that comes twice counts once, in its newest state."""
        columns, key = TABLES[table]
        rows = {
            tuple(record[name] for name in key): (
                self.region_code,
                *(record.get(name) for name in columns),
                Json(record),
            )
            for record in records
        }
        updates = ", ".join(f"{name} = EXCLUDED.{name}" for name in (*columns, "data") if name not in key)
        statement = (
            f"INSERT INTO {SCHEMA}.{table} (region_code, {', '.join(columns)}, data) VALUES %s "
            f"ON CONFLICT (region_code, {', '.join(key)}) DO UPDATE SET {updates}"
        )
        with self.connection, self.connection.cursor() as cursor:
            execute_values(cursor, statement, list(rows.values()), page_size=ROWS_A_STATEMENT)


def sync(job: Record) -> tuple[int, str]:
    """Copy every account, one after the other."""
    database = Database(job["dsn"])
    calls = 0
    for account in job["accounts"]:
        database.region_code = account["code"]
        calls += sync_account(Api(job["base_url"], account), database)
    database.connection.close()
    return calls, SCHEMA


def sync_account(api: Api, database: Database) -> int:
    """Return how many calls it took."""
    homes: list[int] = []
    for one in LISTS:
        for records in api.pages(one.path, one.params) if one.paged else [api.get(one.path, one.params)]:
            database.upsert(one.table, [{**record, **one.fixed} for record in records])
            if one.table == "properties":
                homes += [record["id"] for record in records]
    for home in homes:
        contacts = api.get(CONTACTS.format(id=home), {})
        database.upsert("property_contacts", [{**contact, "property_id": home} for contact in contacts])
        for tasks in api.pages(TASKS, {"home_id": home}):
            sync_tasks(api, database, tasks)
    return api.calls


def sync_tasks(api: Api, database: Database, tasks: list[Record]) -> None:
    """One page of tasks, then what hangs on each of them."""
    database.upsert("tasks", [flat(task) for task in tasks])
    comments: list[Record] = []
    requirements: list[Record] = []
    for task in tasks:
        above = {"task_id": task["id"]}
        comments += [{**record, **above} for record in api.get(COMMENTS.format(**task), {})]
        listed = enumerate(api.get(REQUIREMENTS.format(**task), {}))
        requirements += [{**record, **above, "place": place} for place, record in listed]
    database.upsert("task_comments", comments)
    database.upsert("task_requirements", requirements)


def flat(task: Record) -> Record:
    """With the columns that stand deeper in the record."""
    return {
        **task,
        "status_code": (task.get("type_task_status") or {}).get("code"),
        "created_by_id": (task.get("created_by") or {}).get("id"),
        "linked_reservation_id": (task.get("linked_reservation") or {}).get("id"),
    }
