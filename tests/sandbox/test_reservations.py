"""The reservation list and its filters (section 4 of the API page)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from breezeway_sync.sandbox import Sandbox
from breezeway_sync.sandbox.account import SandboxAccount
from breezeway_sync.sandbox.drift import drift

from .conftest import Client, Time, ids


async def test_reservations_without_dates_are_those_not_ended(
    client: Client, account: SandboxAccount, time: Time
) -> None:
    shown = await client.all_pages("/reservation", limit=30)
    today = str(time.present.date())
    assert set(ids(shown)) == {one["id"] for one in account.records("reservations") if one["checkout_date"] >= today}
    home = shown[0]["property_id"]
    of_home = await client.all_pages("/reservation", property_id=home)
    assert ids(of_home) == ids([one for one in shown if one["property_id"] == home])


@pytest.mark.parametrize("field", ["checkin_date", "checkout_date"])
@pytest.mark.parametrize("comparison", ["lt", "le", "gt", "ge"])
async def test_stay_filters(client: Client, account: SandboxAccount, field: str, comparison: str) -> None:
    drift(account, 150)
    compare = {"lt": str.__lt__, "le": str.__le__, "gt": str.__gt__, "ge": str.__ge__}[comparison]
    every = list(account.records("reservations"))
    for place in (0, 50, 100, len(every) - 1):
        day = every[place][field]
        shown = await client.all_pages("/reservation", limit=50, **{f"{field}_{comparison}": day})
        assert sorted(ids(shown)) == sorted(one["id"] for one in every if compare(one[field], day))
        assert len(set(ids(shown))) == len(shown)


async def test_overlap_window_and_several_properties(client: Client, account: SandboxAccount, time: Time) -> None:
    homes = list(account.ids("properties"))[:3]
    first, last = str(time.present.date()), str(time.present.date() + timedelta(days=30))
    shown = await client.all_pages("/reservation", checkin_date_le=last, checkout_date_ge=first, property_id=homes)
    assert shown
    assert set(ids(shown)) == {
        one["id"]
        for one in account.records("reservations")
        if one["checkin_date"] <= last and one["checkout_date"] >= first and one["property_id"] in homes
    }
    joined = ",".join(str(home) for home in homes)
    assert shown == await client.all_pages(
        "/reservation", checkin_date_le=last, checkout_date_ge=first, property_id=joined
    )


async def test_updated_reservations(client: Client, account: SandboxAccount, sandbox: Sandbox, time: Time) -> None:
    everything = await client.all_pages("/reservation", updated_at_ge="2000-01-01")
    assert len(everything) == account.count("reservations")
    for cut in ("2025-12-01", "2026-02-20", "2026-03-02"):
        after = await client.all_pages("/reservation", updated_at_ge=cut)
        before = await client.all_pages("/reservation", updated_at_lt=cut)
        assert sorted(ids(after) + ids(before)) == sorted(ids(everything))
    old = next(account.ids("reservations"))
    account.patch("reservations", old, note="changed")
    today = str(time.present.date())
    assert ids(await client.all_pages("/reservation", updated_at_ge=today)) == [old]
    # By whole days: a time of day is not looked at, unless that is switched on.
    assert ids(await client.all_pages("/reservation", updated_at_ge=f"{today}T23:00:00")) == [old]
    assert ids(await client.all_pages("/reservation", updated_at_gt=f"{today}T01:00:00")) == []
    sandbox.options.filter_time_part = True
    assert ids(await client.all_pages("/reservation", updated_at_ge=f"{today}T23:00:00")) == []
    assert ids(await client.all_pages("/reservation", updated_at_gt=f"{today}T11:59:59+00:00")) == [old]
    sandbox.options.dates_lift_default = False
    assert ids(await client.all_pages("/reservation", updated_at_ge=today)) == []


async def test_bad_dates_are_refused(client: Client) -> None:
    response = await client.get("/reservation", updated_at_gt="yesterday")
    assert response.status_code == 422


async def test_reservations_by_reference(client: Client, account: SandboxAccount) -> None:
    one = next(one for one in account.records("properties") if one["reference_property_id"])
    shown = await client.json(
        "/reservation/external-id",
        reference_property_id=one["reference_property_id"],
        checkout_date_ge="2000-01-01",
    )
    assert set(ids(shown)) == {
        stay["id"] for stay in account.records("reservations") if stay["property_id"] == one["id"]
    }
    assert (await client.get("/reservation/external-id")).status_code == 422
    stay = next(account.records("reservations"))
    reference = stay["reference_reservation_id"]
    assert await client.json(f"/reservation/external-id/{reference}") == stay
    assert await client.json(f"/reservation/external-id/{reference}", allow_multiple="true") == [stay]
    assert (await client.get("/reservation/external-id/other")).status_code == 404


async def test_tasks_of_a_reservation(client: Client, account: SandboxAccount) -> None:
    drift(account, 100)
    listed = [
        task
        for home in account.ids("properties")
        for task in await client.all_pages("/task/", home_id=home)
        if task["linked_reservation"]
    ]
    expected = listed[0]["linked_reservation"]["id"]
    shown = await client.json(f"/reservation/{expected}/tasks")
    assert set(ids(shown)) == {one["id"] for one in listed if one["linked_reservation"]["id"] == expected}
    assert (await client.get("/reservation/1/tasks")).status_code == 404
