"""Columns that the mirror derives, where parts of them are sent in unusual forms."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Rows
from tests.helpers import sandboxed


@pytest.mark.parametrize(
    ("guest", "name", "email", "phone"),
    [
        ({"first_name": "Ada", "last_name": "Guest"}, "Ada Guest", None, None),
        ({"first_name": "", "last_name": "Guest"}, "Guest", None, None),
        ({"first_name": "", "last_name": None}, None, None, None),
        ({"first_name": "Ada", "last_name": 5}, "Ada 5", None, None),
        ({"emails": ["a@example.com", "b@example.com"]}, None, "a@example.com", None),
        ({"phone_numbers": ["+1 555 0100", {"number": "2"}]}, None, None, "+1 555 0100"),
        ({"phone_numbers": [{"number": "+1 555 0100", "type": "mobile"}]}, None, None, "+1 555 0100"),
        ({"phone_numbers": [{"number": None}, "+1 555 0100"]}, None, None, None),
        ({"phone_numbers": [{"number": 15550100}]}, None, None, "15550100"),
    ],
    ids=str,
)
async def test_guests(
    dsn: str, rows: Rows, guest: dict[str, Any], name: str | None, email: str | None, phone: str | None
) -> None:
    async with sandboxed(dsn) as setup:
        account = setup.world.account("nashville")
        stay = next(iter(account.records("reservations")))
        account.put("reservations", {**stay, "guests": [guest, {}]})
        await setup.run(entity="reservations")
    found = rows(
        "SELECT guest_name, guest_email, guest_phone, is_primary FROM reservation_guests g "
        "JOIN reservations r ON r.id = g.reservation_pk WHERE r.reservation_id = %s ORDER BY ordinal",
        stay["id"],
    )
    assert [tuple(one.values()) for one in found] == [(name, email, phone, True), (None, None, None, False)]


@pytest.mark.parametrize(
    ("person", "name"),
    [
        ({"name": "Jo Tech", "first_name": "Ada", "last_name": "Guest"}, "Jo Tech"),
        ({"first_name": "Ada", "last_name": "Guest"}, "Ada Guest"),
        ({"name": None, "first_name": "Ada", "last_name": ""}, "Ada"),
        ({"name": "", "first_name": "Ada", "last_name": ""}, ""),
        ({"first_name": 5, "last_name": "Guest"}, "5 Guest"),
        ({"first_name": None, "last_name": None}, None),
    ],
    ids=str,
)
async def test_people(dsn: str, rows: Rows, person: dict[str, Any], name: str | None) -> None:
    async with sandboxed(dsn) as setup:
        account = setup.world.account("nashville")
        account.put("people", {"id": 777, "active": True, **person})
        await setup.run(entity="people")
    assert rows("SELECT person_name FROM people WHERE person_id = 777") == [{"person_name": name}]
