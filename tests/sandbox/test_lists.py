"""Lists: pages, envelopes, order, filters (sections 3 and 4 of the API page)."""

from __future__ import annotations

from datetime import date

import pytest

from breezeway_sync.sandbox import Sandbox
from breezeway_sync.sandbox.account import SandboxAccount

from .conftest import Client, ids


async def test_envelope_and_default_limit(client: Client, account: SandboxAccount) -> None:
    home = list(account.ids("properties"))[3]
    page = await client.json("/task/", home_id=home)
    assert {key: page[key] for key in page if key != "results"} == {
        "limit": 100,
        "page": 1,
        "total_pages": 1,
        "total_results": 63,
    }
    assert len(page["results"]) == 63


async def test_newest_first_by_default(client: Client, account: SandboxAccount) -> None:
    ascending = await client.all_pages("/property", limit=7, sort_order="asc")
    assert ids(ascending) == list(account.ids("properties"))
    assert await client.all_pages("/property", limit=3) == ascending[::-1]
    assert ascending == list(account.records("properties"))


async def test_past_the_end_is_an_empty_page(client: Client) -> None:
    page = await client.json("/supplies", page=99)
    assert page["results"] == []
    assert page["page"] == 99


@pytest.mark.parametrize(
    ("name", "value"),
    [("limit", "0"), ("limit", "x"), ("page", "0"), ("sort_order", "up"), ("sort_by", "wifi_name")],
)
async def test_impossible_pages_are_refused(client: Client, name: str, value: str) -> None:
    response = await client.get("/property", **{name: value})
    assert response.status_code == 422
    assert list(response.json()["description"]) == [name]


async def test_clamped_limits(client: Client, sandbox: Sandbox) -> None:
    sandbox.options.max_limit = 4
    page = await client.json("/property", limit=10)
    assert (page["limit"], len(page["results"]), page["total_pages"]) == (4, 4, 5)
    sandbox.options.echo_clamped_limit = False
    page = await client.json("/property", limit=10)
    assert (page["limit"], len(page["results"])) == (10, 4)


async def test_totals_can_lack_or_lie(client: Client, sandbox: Sandbox) -> None:
    sandbox.options.omit_totals = True
    assert set(await client.json("/reservation")) == {"limit", "page", "results"}
    assert set(await client.json("/supplies")) == {"limit", "page", "results"}
    assert "total_pages" in await client.json("/property")
    sandbox.options.total_pages = 1
    assert (await client.json("/property", limit=2))["total_pages"] == 1
    sandbox.options.ignore_page_on = {"/property"}
    assert (await client.json("/property", limit=2, page=2))["page"] == 1


async def test_sorted_by_other_fields(client: Client) -> None:
    names = [one["name"] for one in await client.all_pages("/property", sort_by="name", sort_order="asc")]
    assert names == sorted(names)
    stays = await client.all_pages("/reservation", checkout_date_ge="2000-01-01", sort_by="checkin_date", limit=80)
    days = [one["checkin_date"] for one in stays]
    assert days == sorted(days, reverse=True)
    supplies = await client.all_pages("/supplies", sort_by="updated_at", sort_order="asc")
    assert [one["updated_at"] for one in supplies] == sorted(one["updated_at"] for one in supplies)


async def test_company_filter(client: Client) -> None:
    assert (await client.json("/property", company_id=8558))["total_results"] == 20
    assert (await client.json("/property", company_id=1))["total_results"] == 0
    assert (await client.json("/supplies", company_id=1))["total_results"] == 0
    assert (await client.json("/reservation", company_id=1))["total_results"] == 0


@pytest.mark.parametrize(
    "path", ["/people", "/companies/subdepartments", "/companies/templates", "/task/tags", "/property/tags"]
)
async def test_bare_lists_know_no_pages(client: Client, path: str) -> None:
    listed = await client.json(path)
    assert isinstance(listed, list)
    assert listed == await client.json(path, limit=1, page=2)


async def test_people_by_status(client: Client, account: SandboxAccount, sandbox: Sandbox) -> None:
    by_status = {
        status: ids(await client.json("/people", status=status)) for status in ("active", "invited", "inactive")
    }
    assert all(by_status.values())
    assert sorted(one for listed in by_status.values() for one in listed) == list(account.ids("people"))
    assert ids(await client.json("/people")) == by_status["active"]
    sandbox.options.everyone_without_status = True
    assert len(await client.json("/people")) == account.count("people")
    assert (await client.get("/people", status="gone")).status_code == 422
    account.patch("people", by_status["active"][0], active=False)
    assert by_status["active"][0] in ids(await client.json("/people", status="inactive"))


async def test_foreign_companies(client: Client) -> None:
    templates = await client.get("/companies/templates", company_id=1)
    assert (templates.status_code, templates.content) == (200, b"")
    assert await client.json("/companies/templates", company_id=8558)
    assert await client.json("/companies/subdepartments", company_id=1)
    assert await client.json("/task/tags", company_id=1) == []
    assert (await client.json("/companies"))[0]["id"] == 8558


async def test_single_records_and_children(client: Client, account: SandboxAccount) -> None:
    for kind, path in (("properties", "property"), ("reservations", "reservation"), ("people", "people")):
        one = next(account.records(kind))  # type: ignore[arg-type]
        assert await client.json(f"/{path}/{one['id']}") == one
        assert (await client.get(f"/{path}/1")).status_code == 404
        assert (await client.get(f"/{path}/x")).status_code == 404
    for task in account.records("tasks"):
        if task["task_tags"]:
            break
    assert await client.json(f"/task/{task['id']}") == task
    assert await client.json(f"/task/{task['id']}/tags") == task["task_tags"]
    assert await client.json(f"/task/{task['id']}/comments") == account.comments(task["id"])
    assert await client.json(f"/task/{task['id']}/requirements") == account.requirements(task["id"])
    one = next(one for one in account.records("properties") if one["reference_property_id"])
    assert await client.json(f"/property/{one['id']}/contacts") == account.contacts(one["id"])
    assert isinstance(await client.json(f"/property/{one['id']}/tags"), list)
    reference = one["reference_property_id"]
    assert await client.json("/property/external-id", reference_property_id=reference) == [one]
    contacts = await client.json(f"/property/external-id/{reference}/contacts")
    assert contacts == account.contacts(one["id"])
    account.patch("properties", one["id"], reference_property_id="moved")
    assert await client.json("/property/external-id", reference_property_id=reference) == []
    assert ids(await client.json("/property/external-id", reference_property_id="moved")) == [one["id"]]


async def test_writing_is_refused(client: Client) -> None:
    for method, path in (("POST", "/task"), ("DELETE", "/task/1"), ("PATCH", "/property/1")):
        response = await client.http.request(method, f"/public/inventory/v1{path}")
        assert response.status_code == 405
        assert set(response.json()) == {"error", "description"}
    assert (await client.get("/person")).status_code == 404


async def test_the_anchor_is_the_first_of_the_month(sandbox: Sandbox) -> None:
    assert sandbox.world.anchor == date(2026, 3, 1)
