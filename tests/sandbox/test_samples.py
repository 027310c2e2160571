"""Generated records have every field of the sample bodies, in every type that the samples show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from breezeway_sync.sandbox import Kind, World, demo_accounts, resized
from breezeway_sync.sandbox.account import SandboxAccount

SAMPLES = Path(__file__).parent / "samples"


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))


def shapes(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each place in a body with the type that stands there."""
    if isinstance(value, dict):
        yield path, "object"
        for key, inner in value.items():
            yield from shapes(inner, f"{path}.{key}")
    elif isinstance(value, list):
        yield path, "array"
        for inner in value:
            yield from shapes(inner, f"{path}[]")
    elif isinstance(value, bool):
        yield path, "bool"
    elif isinstance(value, int | float):
        yield path, "number"
    else:
        yield path, "null" if value is None else "string"


@pytest.fixture(scope="module")
def account() -> SandboxAccount:
    spec = resized(demo_accounts(1)[0], properties=120, tasks_per_property=20, people=40, supplies=60)
    return World([spec], anchor=date(2026, 3, 1)).account("nashville")


PAGES: list[tuple[str, Kind]] = [
    ("properties_page", "properties"),
    ("reservations_page_without_totals", "reservations"),
    ("tasks_page", "tasks"),
    ("supplies_page", "supplies"),
]
LISTS: list[tuple[str, Kind]] = [
    ("people", "people"),
    ("task_tags", "task_tags"),
    ("templates", "templates"),
    ("subdepartments", "subdepartments"),
]


def check(samples: list[Any], generated: list[Any]) -> None:
    found = {shape for record in generated for shape in shapes(record)}
    missing = {shape for record in samples for shape in shapes(record)} - found
    assert not missing
    always = set.intersection(*(set(record) for record in samples))
    for record in generated:
        assert always <= set(record)


@pytest.mark.parametrize(("name", "kind"), PAGES)
def test_records_of_pages_have_every_field(account: SandboxAccount, name: str, kind: Kind) -> None:
    check(sample(name)["results"], list(account.records(kind)))


@pytest.mark.parametrize(("name", "kind"), LISTS)
def test_records_of_lists_have_every_field(account: SandboxAccount, name: str, kind: Kind) -> None:
    check(sample(name), list(account.records(kind)))


def test_children_have_every_field(account: SandboxAccount) -> None:
    ids = list(account.ids("tasks"))
    check(sample("task_comments"), [one for task in ids for one in account.comments(task)])
    check(sample("task_requirements"), [one for task in ids for one in account.requirements(task)])


def test_awkward_values_occur(account: SandboxAccount) -> None:
    tasks = list(account.records("tasks"))
    found = {shape for record in tasks for shape in shapes(record)}
    assert {
        (".type_department", "object"),
        (".type_department", "string"),
        (".summary", "object"),
        (".requested_by", "null"),
        (".reference_property_id", "null"),
        (".reference_property_id", "string"),
        (".supplies[].id", "null"),
        (".costs[].id", "null"),
        (".template", "object"),
        (".template_name", "string"),
        (".scheduled_date", "null"),
        (".assignments[].employee_code", "number"),
    } <= found
    assert any("\u0000" in (record["description"] or "") for record in tasks)
    assert any(len(record["name"]) > 8192 for record in tasks)
    assert any(cost["cost"] >= 1e8 for record in tasks for cost in record["costs"])
    assert {"26:00:00"} < {record["total_time"] for record in tasks}
    assert {"0.05 USD", "1,250.00 USD", "120.00 USD"} < {record["rate_paid"] for record in tasks}
    assert any(record["updated_at"].endswith("+00:00") for record in tasks)
    assert not any("+" in record["created_at"] for record in tasks)
    done = [record for record in tasks if record["type_task_status"]["stage"] == "finished"]
    assert any(record["finished_at"] is None for record in done)
    responses = [one["response"] for task in account.ids("tasks") for one in account.requirements(task)]
    assert any(len(response or "") >= 10_000 for response in responses)
    comments = [one["comment"] for task in account.ids("tasks") for one in account.comments(task)]
    assert any("{{" in comment for comment in comments)


def test_awkward_properties_and_stays_occur(account: SandboxAccount) -> None:
    properties = list(account.records("properties"))
    inactive = sum(record["status"] == "inactive" for record in properties)
    assert 0.03 < inactive / len(properties) < 0.25
    referenced = sum(bool(record["reference_property_id"]) for record in properties)
    assert 0.5 < referenced / len(properties) < 0.8
    assert {record["reference_property_id"] for record in properties} >= {None, ""}
    assert any(len({p["id"] for p in r["photos"]}) < len(r["photos"]) for r in properties)
    assert 2.5 in {record.get("bathrooms") for record in properties}
    assert {str, float} <= {type(record["latitude"]) for record in properties}
    stays = list(account.records("reservations"))
    known = {record["id"] for record in properties}
    assert 0 < sum(record["property_id"] not in known for record in stays) < len(stays) / 50
    phones = [type(p) for record in stays for guest in record["guests"] for p in guest["phone_numbers"]]
    assert set(phones) == {str, dict}
    today = "2026-03-01"
    assert any(record["checkout_date"] < today for record in stays)
    assert any(record["checkin_date"] <= today <= record["checkout_date"] for record in stays)
    assert any(record["checkin_date"] > today for record in stays)


def test_links_lead_to_reservations_of_the_same_property(account: SandboxAccount) -> None:
    homes = {record["id"]: record["property_id"] for record in account.records("reservations")}
    tasks = list(account.records("tasks"))
    linked = [task for task in tasks if task["linked_reservation"]]
    assert 0.5 < len(linked) / len(tasks) < 0.7
    right = [task for task in linked if homes.get(task["linked_reservation"]["id"]) == task["home_id"]]
    assert 0.99 <= len(right) / len(linked) < 1


def test_task_tags_are_names_and_objects_of_the_list(account: SandboxAccount) -> None:
    listed = {(tag["id"], tag["name"]) for tag in account.records("task_tags")}
    used = [
        (tag["id"], tag["name"], name)
        for task in account.records("tasks")
        for tag, name in zip(task["task_tags"], task["tags"], strict=True)
    ]
    assert all(name == text for _id, name, text in used)
    outside = [tag for tag in used if tag[:2] not in listed]
    assert 0 < len(outside) < len(used) / 5


def test_moments_are_in_order_and_not_after_the_anchor(account: SandboxAccount) -> None:
    for task in account.records("tasks"):
        assert task["created_at"] <= task["updated_at"][:19] <= "2026-03-01T00:00:00"
        if task["finished_at"]:
            assert task["created_at"] <= task["started_at"] <= task["finished_at"] <= task["updated_at"][:19]
