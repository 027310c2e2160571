"""dlt as its documentation recommends it for a fast copy: a declared REST source, merged into PostgreSQL.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

SCHEMA = "dlt"
LIMIT = 100
IN_FLIGHT = int(os.environ.get("X_W", "24"))

SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "EXTRACT__WORKERS": str(IN_FLIGHT),
    "EXTRACT__MAX_PARALLEL_ITEMS": os.environ.get("X_P", str(IN_FLIGHT)),
    "NORMALIZE__WORKERS": os.environ.get("X_N", "1"),
    "LOAD__WORKERS": os.environ.get("X_L", "4"),
}
for k, v in os.environ.items():
    if k.startswith("Y_"): SETTINGS[k[2:]] = v
os.environ.update(SETTINGS)

import dlt
from dlt.common.configuration.specs import ConnectionStringCredentials  # noqa: F401
from dlt.destinations import postgres
from dlt.destinations.impl.postgres.configuration import PostgresCredentials
import dlt.destinations.impl.postgres.postgres
from dlt.sources.helpers.requests import Client
from dlt.sources.rest_api import rest_api_source
from psycopg2.extensions import parse_dsn
from requests.adapters import HTTPAdapter

Record = dict[str, Any]

LISTS = (
    # name, table, path, params, fixed, key, paged
    ("task_tags", "tags", "/task/tags", {}, {"tag_type": "task"}, ["tag_type", "id"]),
    ("reservation_tags", "tags", "/reservation/tags", {}, {"tag_type": "reservation"}, ["tag_type", "id"]),
    ("property_tags", "tags", "/property/tags", {}, {"tag_type": "property"}, ["tag_type", "id"]),
    ("people_active", "people", "/people", {"status": "active"}, {}, ["id"]),
    ("people_invited", "people", "/people", {"status": "invited"}, {}, ["id"]),
    ("people_inactive", "people", "/people", {"status": "inactive"}, {}, ["id"]),
    ("supplies", "supplies", "/supplies", {"limit": LIMIT}, {}, ["id"]),
    ("templates", "templates", "/companies/templates", {}, {}, ["id"]),
    ("subdepartments", "subdepartments", "/companies/subdepartments", {}, {}, ["id"]),
    ("properties", "properties", "/property", {"limit": LIMIT}, {}, ["id"]),
    ("reservations", "reservations", "/reservation", {"limit": LIMIT, "checkout_date_ge": "1970-01-01"}, {}, ["id"]),
)
CHILDREN = (
    # name, parent, path, params, parent column, key
    ("tasks", "properties", "/task/", {"limit": LIMIT, "home_id": "{id}"}, "home_id", ["id"]),
    ("property_contacts", "properties", "/property/{id}/contacts", {}, "property_id", ["property_id", "id"]),
    ("task_comments", "tasks", "/task/{id}/comments", {}, "task_id", ["task_id", "id"]),
    ("task_requirements", "tasks", "/task/{id}/requirements", {}, "task_id", None),
)
JSON = {"data_type": "json"}
KEPT = {
    "people": ["emails", "groups", "type_departments", "availability"],
    "properties": ["groups"],
    "reservations": ["flags"],
    "tasks": ["tags"],
    "task_requirements": ["photos", "action"],
}
STRAT = os.environ.get("X_S", "delete-insert")
PAR = os.environ.get("X_SRC", "0") == "1"

PAGES = {"type": "page_number", "base_page": 1, "page_param": "page", "total_path": "total_pages"}


class Counting(HTTPAdapter):
    calls = 0

    def send(self, *a: Any, **k: Any) -> Any:
        Counting.calls += 1
        return super().send(*a, **k)


def without_nul(response: Any, *a: Any, **k: Any) -> None:
    response._content = response.content.replace(b"\\u0000", b"")


def sync(job: Record) -> tuple[int, str]:
    Counting.calls = 0
    session = Client(raise_for_status=False).session
    session.mount("http://", Counting(pool_connections=IN_FLIGHT, pool_maxsize=IN_FLIGHT))
    resources = []
    for a in job["accounts"]:
        resources += account_resources(session, job["base_url"], a)
    source = rest_api_source({"client": {"base_url": job["base_url"] + "/public/inventory/v1", "session": session},
        "resources": resources}, name="api", parallelized=PAR)
    with tempfile.TemporaryDirectory(prefix="dlt-") as folder:
        os.environ["DLT_DATA_DIR"] = folder
        os.environ["DLT_PROJECT_DIR"] = folder
        c = parse_dsn(job["dsn"])
        cred = PostgresCredentials({"host": quote(c.get("host", ""), safe=""), "username": c["user"], "database": c["dbname"], "password": c.get("password", "none"), "port": int(c.get("port", 5432))})
        pipeline = dlt.pipeline("peer", pipelines_dir=folder, destination=postgres(cred), dataset_name=SCHEMA)
        info = pipeline.run(source, loader_file_format="csv")
        if os.environ.get("X_T"):
            import sys
            for s in pipeline.last_trace.steps:
                print(s.step, s.started_at, (s.finished_at - s.started_at).total_seconds(), file=sys.stderr)
    return Counting.calls, SCHEMA


def account_resources(session: Any, base_url: str, account: Record) -> list[Record]:
    code = account["code"]
    r = session.post(f"{base_url}/public/auth/v1/", json={n: account[n] for n in ("client_id", "client_secret")})
    auth = {"type": "api_key", "name": "authorization", "api_key": f"JWT {r.json()['access_token']}", "location": "header"}

    def resource(name: str, table: str, path: str, params: Record, key: Any, step: Callable[[Record], Record], **more: Any) -> Record:
        paged = "limit" in params
        kk = {"primary_key": ["region_code", *key]} if key else {"merge_key": ["region_code", "task_id"]}
        return {
            "name": f"{code}_{name}",
            "table_name": table,
            "write_disposition": {"disposition": "merge", "strategy": STRAT if key else "delete-insert"},
            **kk,
            "columns": {c: dict(JSON) for c in KEPT.get(table, [])},
            "max_table_nesting": 1,
            "endpoint": {"path": path, "params": params, "auth": auth,
                "paginator": PAGES if paged else "single_page",
                "data_selector": "results" if paged else "$",
                "response_actions": [without_nul]},
            "processing_steps": [{"map": step}],
            **more,
        }

    def adding(fixed: Record) -> Callable[[Record], Record]:
        def step(record: Record) -> Record:
            record.update(fixed)
            return record
        return step

    def below(parent: str, column: str) -> Callable[[Record], Record]:
        brought = f"_{code}_{parent}_id"
        def step(record: Record) -> Record:
            record["region_code"] = code
            record[column] = record.pop(brought)
            return record
        return step

    made = [resource(n, t, p, q, k, adding({"region_code": code, **f})) for n, t, p, q, f, k in LISTS]
    for n, parent, path, params, column, key in CHILDREN:
        there = f"{{resources.{code}_{parent}.id}}"
        made.append(resource(n, n, path.replace("{id}", there), {a: there if b == "{id}" else b for a, b in params.items()}, key,
            below(parent, column), include_from_parent=["id"], parallelized=True))
    return made
