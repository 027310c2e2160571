"""Pages whose bytes are damaged, through to PostgreSQL: each item is a row or kept, and can be brought again."""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from breezeway_sync.entities.batch import Incoming
from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.decode import BadBody, ListBody, Unreadable, read_list
from breezeway_sync.entities.plan import plan_of
from breezeway_sync.entities.validate import ValidRecord, reject, stored_item, validate
from tests.conftest import Rows
from tests.entities.strategies import dirty_values, json_values, records
from tests.fuzz import examples
from tests.store.conftest import BY_NAME, Store
from tests.store.test_retry import retried

TASK = {
    "id": 1,
    "home_id": 10,
    "name": "Turnover \u00e9\U0001f600",
    "rate_paid": "1,250.00 USD",
    "created_at": "2026-01-30T18:07:54",
    "total_cost": 12.5,
    "photos": [{"id": 4, "url": "https://img.example/4"}],
    "task_tags": [{"id": 3, "name": "frost"}],
    "type_task_status": {"code": "created", "name": "Created"},
    "note": None,
}
_JUNK = st.binary(max_size=4) | st.sampled_from(
    [
        b'"',
        b"\\",
        b"}",
        b"]",
        b",",
        b"\x00",
        b"\\ud800",
        b"\\u0000",
        b"\xff",
        b"NaN",
        b"1e999999",
        b"9" * 30,
        b"tru",
        b":",
    ]
)


@st.composite
def damaged(draw: st.DrawFn) -> list[bytes]:
    """Tasks 1 to 5 as text; one or two of them with something put in, taken out or in place of something."""
    texts = [json.dumps({**TASK, "id": number}, ensure_ascii=draw(st.booleans())).encode() for number in range(1, 6)]
    for _ in range(draw(st.integers(1, 2))):
        which = draw(st.integers(0, 4))
        text = texts[which]
        place = draw(st.integers(1, len(text) - 1))
        gone = draw(st.integers(0, 3))
        texts[which] = text[:place] + draw(_JUNK) + text[min(place + gone, len(text) - 1) :]
    return texts


@examples(60)
@given(damaged(), st.booleans())
async def test_damaged_bytes_cost_at_most_their_item(store: Store, rows: Rows, texts: list[bytes], bare: bool) -> None:
    body = b"[" + b",".join(texts) + b"]"
    page: ListBody | None = None
    with suppress(BadBody):  # brackets and quotes in the wrong place may make one thing of the whole
        page = read_list(body if bare else b'{"results":' + body + b"}")
    if page is None:
        return
    store.events.clear()  # shown with a failing example
    rows("TRUNCATE tasks, tags, rejected_records, pending_child_reads CASCADE")
    incoming = [Incoming(item, store.next_order()) for item in page.items]
    loaded = await store.loader.load("nashville", BY_NAME["tasks"], incoming)
    stored = {one["task_id"] for one in rows("SELECT task_id FROM tasks")}
    kept = rows("SELECT record_id FROM rejected_records ORDER BY 1")
    assert loaded.read == len(page.items)
    assert loaded.new == len(stored)
    shown = [item["id"] for item in page.items if isinstance(item, dict) and "id" in item]
    assert {number for number in shown if isinstance(number, int) and abs(number) < 2**63} <= stored
    # Items that are equal, or have one id, are one.
    assert len(stored) + len(kept) <= len(page.items)
    assert (loaded.rejected == 0) == (kept == [])
    if kept:
        # Nothing has changed meanwhile: what could not be stored still cannot, and nothing is added or lost.
        assert {one.is_open for one in await retried(store)} == {True}
        assert rows("SELECT record_id FROM rejected_records ORDER BY 1") == kept
        assert {one["task_id"] for one in rows("SELECT task_id FROM tasks")} == stored


@examples(100)
@given(st.sampled_from(ENTITIES).flatmap(lambda entity: st.tuples(st.just(entity), records(entity))))
def test_what_is_kept_is_what_was_sent(pair: tuple[Any, dict[str, Any]]) -> None:
    """A rejection's payload, brought again, has the hash that the record had; but for numbers beyond NUMERIC."""
    entity, record = pair
    plan = plan_of(entity)
    first = validate(plan, {**record, "id": 7})
    assert isinstance(first, ValidRecord)
    rejection = reject({**record, "id": 7}, "made up", 7)
    again = validate(plan, stored_item(rejection.payload, rejection.reason))
    assert isinstance(again, ValidRecord)
    if not any(abs(number.adjusted()) > 10_000 for number in _decimals(record)):
        assert again.payload_hash == first.payload_hash


def _decimals(value: Any) -> list[Decimal]:
    if isinstance(value, dict):
        return [found for item in value.values() for found in _decimals(item)]
    if isinstance(value, list):
        return [found for item in value for found in _decimals(item)]
    return [value] if isinstance(value, Decimal) and value.is_finite() else []


@given(json_values | dirty_values | st.text(), st.sampled_from(["not an object", "nested too deeply", "made up"]))
def test_nothing_raises_for_any_kept_payload(value: Any, reason: str) -> None:
    payload = reject(value, reason).payload
    json.loads(payload)
    assert not isinstance(stored_item(payload, reason), Unreadable) or isinstance(value, str)
