"""dlt as its documentation recommends it for a fast copy: a declared REST source, merged into PostgreSQL.

All accounts are resources of one source, because sources of one pipeline are extracted one after the other. Resources
of the same list of several accounts share a table, with the account's code in a column and in the key.

Without `tuned` in the job it runs with its own defaults. With it, TUNED is set: what measured best, one account with
530 tasks (1,124 calls) on 2 cores that others used too; medians of 3 runs, seconds:

    no latency, the extract is bound by CPU: 1, 8 or 24 workers 3.3, 4.2, 3.4; resources first in, first out 3.1;
    load workers 1, 4, 20: 3.7, 3.4, 3.3; normalize workers 2: 3.6; merge strategy upsert 3.6.
    20 ms: 12 or 24 workers 4.6, 3.8; a longer queue 3.9; root lists parallel too 4.3 (with a longer queue 4.0);
    first in, first out 4.1.

24 calls in flight are what the product allows for all accounts together. Of one account it allows 8; dlt is not held to
that, and takes 5.0 s with 8 workers at 20 ms.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote

IN_FLIGHT = 24

SETTINGS = {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
TUNED = {
    "EXTRACT__WORKERS": str(IN_FLIGHT),
    "EXTRACT__MAX_PARALLEL_ITEMS": "100",
    "EXTRACT__NEXT_ITEM_MODE": "fifo",
    "NORMALIZE__WORKERS": "1",
    "LOAD__WORKERS": "20",
}
os.environ.update(SETTINGS)  # read from here when a pipeline is made

import dlt  # noqa: E402 - after its settings
from dlt.destinations import postgres  # noqa: E402
from dlt.destinations.impl.postgres import postgres as _client  # noqa: E402, F401 - else imported in the timed part
from dlt.destinations.impl.postgres.configuration import PostgresCredentials  # noqa: E402
from dlt.sources.helpers.requests import Client  # noqa: E402
from dlt.sources.rest_api import rest_api_source  # noqa: E402
from psycopg2.extensions import parse_dsn  # noqa: E402
from requests.adapters import HTTPAdapter  # noqa: E402

SCHEMA = "dlt"
PAGES = {"type": "page_number", "base_page": 1, "page_param": "page", "total_path": "total_pages"}
PAGED = {"limit": "100", "sort_by": "created_at", "sort_order": "asc"}
NUL = b"\\u0000"  # a character that free text may have and PostgreSQL's text cannot hold

Record = dict[str, Any]
Step = Callable[[Record], Record]


class List(NamedTuple):
    """A list of the API. `fixed` are columns, by their names, that the list is about; `params` go with the call."""

    name: str
    table: str
    path: str
    params: dict[str, str] = {}
    fixed: dict[str, str] = {}
    paged: bool = False


class Below(NamedTuple):
    """A list with one call for each record of another; `column` takes that record's id. Without key: replaced whole."""

    table: str
    parent: str
    path: str
    column: str
    key: tuple[str, ...]
    params: dict[str, str] = {}
    paged: bool = False


LISTS = (
    List("task_tags", "tags", "/task/tags", {}, {"tag_type": "task"}),
    List("reservation_tags", "tags", "/reservation/tags", {}, {"tag_type": "reservation"}),
    List("property_tags", "tags", "/property/tags", {}, {"tag_type": "property"}),
    List("people_active", "people", "/people", {"status": "active"}),
    List("people_invited", "people", "/people", {"status": "invited"}),
    List("people_inactive", "people", "/people", {"status": "inactive"}),
    List("supplies", "supplies", "/supplies", paged=True),
    List("templates", "templates", "/companies/templates"),
    List("subdepartments", "subdepartments", "/companies/subdepartments"),
    List("properties", "properties", "/property", paged=True),
    List("reservations", "reservations", "/reservation", {"checkout_date_ge": "1970-01-01"}, paged=True),
)
BELOW = (
    Below("tasks", "properties", "/task/", "home_id", ("id",), {"home_id": "{id}"}, paged=True),
    Below("property_contacts", "properties", "/property/{id}/contacts", "property_id", ("property_id", "id")),
    Below("task_comments", "tasks", "/task/{id}/comments", "task_id", ("task_id", "id")),
    Below("task_requirements", "tasks", "/task/{id}/requirements", "task_id", ()),
)

# Lists that are kept as jsonb, as the product does; all other lists become tables of their own.
KEPT_WHOLE = {
    "people": ("emails", "groups", "type_departments", "availability"),
    "properties": ("groups",),
    "reservations": ("flags",),
    "tasks": ("tags",),
    "task_requirements": ("photos", "action"),
}


class CountingAdapter(HTTPAdapter):
    """Keeps a connection for each call in flight (10 is the default), and counts."""

    def __init__(self) -> None:
        super().__init__(pool_connections=IN_FLIGHT, pool_maxsize=IN_FLIGHT)
        self.calls = 0

    def send(self, *arguments: Any, **named: Any) -> Any:
        self.calls += 1
        return super().send(*arguments, **named)


def sync(job: Record) -> tuple[int, str]:
    """Copy every account in one pipeline."""
    if job.get("tuned"):
        os.environ.update(TUNED)
    session = Client(raise_for_status=False).session
    adapter = CountingAdapter()
    session.mount(job["base_url"], adapter)
    base_url = f"{job['base_url']}/public/inventory/v1"
    resources = [
        resource
        for account in job["accounts"]
        for resource in account_resources(account["code"], authorization(session, job["base_url"], account))
    ]
    config = {"client": {"base_url": base_url, "session": session}, "resources": resources}
    with tempfile.TemporaryDirectory(prefix="dlt-") as folder:
        os.environ.update({"DLT_DATA_DIR": folder, "DLT_PROJECT_DIR": folder})
        pipeline = dlt.pipeline(
            "peer", pipelines_dir=folder, destination=postgres(credentials(job["dsn"])), dataset_name=SCHEMA
        )
        pipeline.run(rest_api_source(config, name="api", parallelized=True), loader_file_format="csv")
    return adapter.calls, SCHEMA


def credentials(dsn: str) -> PostgresCredentials:
    """A folder as host stands for a Unix socket; it has to be quoted, because dlt makes an address of it."""
    parts = parse_dsn(dsn)
    return PostgresCredentials(
        {
            "host": quote(parts.get("host", "localhost"), safe=""),
            "port": int(parts.get("port", 5432)),
            "database": parts["dbname"],
            "username": parts["user"],
            "password": parts.get("password", "none"),  # it may not be empty
        }
    )


def authorization(session: Any, base_url: str, account: Record) -> Record:
    """A token for the whole run."""
    pair = {name: account[name] for name in ("client_id", "client_secret")}
    answer = session.post(f"{base_url}/public/auth/v1/", json=pair)
    answer.raise_for_status()
    token = f"JWT {answer.json()['access_token']}"
    return {"type": "api_key", "name": "authorization", "api_key": token, "location": "header"}


def account_resources(code: str, auth: Record) -> list[Record]:
    made = []
    for one in LISTS:
        key = ("tag_type", "id") if one.table == "tags" else ("id",)
        asked = endpoint(one.path, one.params, auth, paged=one.paged)
        made.append(resource(f"{code}_{one.name}", one.table, key, asked, adding({"region_code": code, **one.fixed})))
    for two in BELOW:
        parent = f"{code}_{two.parent}"
        parent_id = f"{{resources.{parent}.id}}"
        path = two.path.replace("{id}", parent_id)
        params = {name: value.replace("{id}", parent_id) for name, value in two.params.items()}
        asked = endpoint(path, params, auth, paged=two.paged)
        step = placing(code, f"_{parent}_id", two.column)
        below = resource(f"{code}_{two.table}", two.table, two.key, asked, step)
        made.append({**below, "include_from_parent": ["id"], "parallelized": True})
    return made


def endpoint(path: str, params: dict[str, str], auth: Record, *, paged: bool) -> Record:
    return {
        "path": path,
        "params": {**params, **(PAGED if paged else {})},
        "auth": auth,
        "paginator": PAGES if paged else "single_page",
        "data_selector": "results" if paged else "$",
        "response_actions": [without_nul],
    }


def resource(name: str, table: str, key: tuple[str, ...], asked: Record, step: Step) -> Record:
    """Merged by its key; requirements have none, so those of a task are replaced together."""
    by = {"primary_key": ["region_code", *key]} if key else {"merge_key": ["region_code", "task_id"]}
    return {
        "name": name,
        "table_name": table,
        "write_disposition": {"disposition": "merge", "strategy": "delete-insert"},
        **by,
        "columns": {column: {"data_type": "json"} for column in KEPT_WHOLE.get(table, ())},
        "max_table_nesting": 1,
        "endpoint": asked,
        "processing_steps": [{"map": step}],
    }


def without_nul(response: Any, *_arguments: Any, **_named: Any) -> None:
    response._content = response.content.replace(NUL, b"")


def adding(fixed: Record) -> Step:
    def step(record: Record) -> Record:
        record.update(fixed)
        return record

    return step


def placing(code: str, load_result: str, column: str) -> Step:
    """The parent's id comes under a name made of the resource's, which is another for each account."""

    def step(record: Record) -> Record:
        record["region_code"] = code
        record[column] = record.pop(load_result)
        return record

    return step
