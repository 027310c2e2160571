"""Values as they come over the wire, to what is in the table: decoded, fitted, sent by COPY, read by another driver."""

from __future__ import annotations

from typing import Any

import pytest

from breezeway_sync.entities.batch import Incoming, Loaded
from breezeway_sync.entities.decode import read_list
from tests.conftest import Rows
from tests.store.conftest import BY_NAME, Store

pytestmark = pytest.mark.store


async def sent(store: Store, entity: str, *bodies: str) -> Loaded:
    """One page of these records, as text."""
    page = read_list(f'{{"results": [{",".join(bodies)}]}}'.encode())
    incoming = [Incoming(item, store.next_order()) for item in page.items]
    return await store.loader.load("nashville", BY_NAME[entity], incoming)


async def kept(store: Store, rows: Rows, column: str, field: str, *values: str) -> list[tuple[Any, Any]]:
    """For every value (JSON text) what the column shows as text, and what `extra` holds under the field's name."""
    loaded = await sent(store, "tasks", *(f'{{"id": {n}, "{field}": {text}}}' for n, text in enumerate(values, 1)))
    assert (loaded.new, loaded.rejected) == (len(values), 0)
    found = rows(f"SELECT {column}::text AS c, extra->'{field}' AS e FROM tasks ORDER BY task_id")
    return [(one["c"], one["e"]) for one in found]


async def test_money(store: Store, rows: Rows) -> None:
    values = ['"1,250.00 USD"', '"USD 12.5"', '"-3 EUR"', "7", '"12,50 EUR"', '"1,2,3"', '"free"', '"$5"', '{"a": 1}']
    found = await kept(store, rows, "concat_ws(' ', rate_paid, rate_paid_currency)", "rate_paid", *values)
    assert found == [
        *(("1250.00 USD", None), ("12.5 USD", None), ("-3 EUR", None), ("7", None)),
        *(("", "12,50 EUR"), ("", "1,2,3"), ("", "free"), ("", "$5"), ("", {"a": 1})),
    ]


async def test_numbers(store: Store, rows: Rows) -> None:
    values = ["1e39", "-0", "-0.0", "12345678901234567890", "0.1", '"1e-20"', "NaN", "-Infinity", "1e400000", "true"]
    found = await kept(store, rows, "total_cost", "total_cost", *values)
    assert found == [
        *(("1" + "0" * 39, None), ("0", None), ("0.0", None), ("12345678901234567890", None), ("0.1", None)),
        *(("0.00000000000000000001", None), (None, "NaN"), (None, "-Infinity"), (None, "1E+400000"), (None, True)),
    ]


async def test_ids_beyond_64_bits(store: Store, rows: Rows) -> None:
    values = ["9223372036854775807", "9223372036854775808", "12345678901234567890", '"12345678901234567890"', "1e18"]
    found = await kept(store, rows, "home_id", "home_id", *values)
    assert found == [
        *(("9223372036854775807", None), (None, 9223372036854775808), (None, 12345678901234567890)),
        *((None, "12345678901234567890"), ("1" + "0" * 18, None)),
    ]
    loaded = await sent(store, "tasks", '{"id": 12345678901234567890}', '{"id": 6}')
    assert (loaded.new, loaded.rejected) == (1, 1)
    assert rows("SELECT payload FROM rejected_records") == [{"payload": {"id": 12345678901234567890}}]


async def test_days(store: Store, rows: Rows) -> None:
    values = ["0001-01-01", "9999-12-31", "2024-02-29", "2023-02-29", "0000-01-01", "10000-01-01", "infinity", "today"]
    found = await kept(store, rows, "scheduled_date", "scheduled_date", *(f'"{one}"' for one in values))
    assert found == [(one, None) if place < 3 else (None, one) for place, one in enumerate(values)]


async def test_times_of_day(store: Store, rows: Rows) -> None:
    values = ["23:59:59.999999", "00:00", "24:00:00", "23:59:60", "09:00:00+02:00", "allballs"]
    found = await kept(store, rows, "scheduled_time", "scheduled_time", *(f'"{one}"' for one in values))
    assert found == [
        *(("23:59:59.999999", None), ("00:00:00", None)),
        *((None, one) for one in values[2:]),
    ]


MOMENTS = {
    "0001-01-01T00:00:00Z": "0001-01-01 00:00:00",
    "9999-12-31T23:59:59.999999": "9999-12-31 23:59:59.999999",
    "2026-01-30T18:07:54": "2026-01-30 18:07:54",
    "2026-01-30T18:07:54+14:00": "2026-01-30 04:07:54",
    "2026-01-30T18:07:54-12:00": "2026-01-31 06:07:54",
    "2026-01-30T18:07:54+05:45": "2026-01-30 12:22:54",
    "2026-01-30T18:07:54-00:00": "2026-01-30 18:07:54",
    # The night in which clocks of the United States are put back: local times occur twice, these do not.
    "2026-11-01T01:30:00-05:00": "2026-11-01 06:30:00",
    "2026-11-01T01:30:00-06:00": "2026-11-01 07:30:00",
    "2026-11-01T01:30:00": "2026-11-01 01:30:00",
    # And the one in which 02:30 does not exist there.
    "2026-03-08T02:30:00": "2026-03-08 02:30:00",
    "2026-03-08T02:30:00-06:00": "2026-03-08 08:30:00",
}
NO_MOMENTS = (
    "2026-01-30T24:00:00", "2016-12-31T23:59:60Z", "2026-01-30T18:07:54+24:00", "9999-12-31T23:59:59-00:01",
    "0001-01-01T00:00:00+00:01", "2026-01-30T18:07:54 Europe/Paris", "infinity", "2026-01-30T18:07:54.1234567Z",
)  # fmt: skip


@pytest.mark.parametrize("zone", ["UTC", "America/Chicago"])
async def test_moments_whatever_the_zone_of_machine_and_database(
    store: Store, rows: Rows, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    import time

    database = rows("SELECT current_database() AS name")[0]["name"]
    rows(f"ALTER DATABASE {database} SET timezone = '{zone}'")
    with monkeypatch.context() as machine:
        machine.setenv("TZ", zone)
        time.tzset()
        found = await kept(
            store,
            rows,
            "(created_at AT TIME ZONE 'UTC')",
            "created_at",
            *(f'"{one}"' for one in (*MOMENTS, *NO_MOMENTS)),
        )
    time.tzset()
    assert found == [*((one, None) for one in MOMENTS.values()), *((None, one) for one in NO_MOMENTS)]


async def test_characters_and_depth(store: Store, rows: Rows) -> None:
    deep = "[" * 6000 + "]" * 6000
    long = "é" * 1_000_000
    loaded = await sent(
        store,
        "tasks",
        '{"id": 1, "name": "a\\u0000b", "odd\\u0000": "\\ud83d"}',
        '{"id": 2, "name": "\\udc00x\\ud800", "description": "\\ud83d\\ude00"}',
        f'{{"id": 3, "name": "{long}", "bill_to": "{long}", "odd": {{"inner": "{long}"}}}}',
        f'{{"id": 4, "odd": {deep}}}',
        '{"id": 5, "name": "tab\there\x01"}',
        f'{{"id": 6, "odd": {deep[5700:-5700]}}}',
    )
    assert (loaded.new, loaded.rejected, loaded.changed_characters) == (5, 1, 5)
    found = {one["task_id"]: one for one in rows("SELECT task_id, task_name, description, bill_to, extra FROM tasks")}
    assert (found[1]["task_name"], found[1]["extra"]) == ("ab", {"odd": "\ufffd"})
    assert (found[2]["task_name"], found[2]["description"]) == ("\ufffdx\ufffd", "\U0001f600")
    assert (found[3]["task_name"], found[3]["bill_to"], found[3]["extra"]) == (long, long, {"odd": {"inner": long}})
    assert found[5]["task_name"] == "tab\there\x01"
    assert rows("SELECT jsonb_typeof(extra->'odd'->0->0) AS t FROM tasks WHERE task_id = 6") == [{"t": "array"}]
    rejected = rows("SELECT record_id, payload #>> '{}' AS text FROM rejected_records")
    # Without an id that could be read, but whole.
    assert [deep in one["text"] for one in rejected] == [True]
