"""What a difference is called, and which values count as the same."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from breezeway_sync.core.verification import Class, Difference, VerificationResult
from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.comparison import ClaimedState, LastRead, LastScans
from breezeway_sync.entities.model import ColumnKind
from breezeway_sync.sync.verify.classify import last_read, of_called, of_gone, of_missing, of_unlike
from breezeway_sync.sync.verify.values import normal, same, same_money

LAST = LastRead(datetime(2026, 11, 20, 12, tzinfo=UTC), 100)
BEFORE, KEPT, AFTER = "2026-11-20T09:00:00", "2026-11-19T09:00:00+00:00", "2026-11-20T13:00:00Z"


@pytest.mark.parametrize(
    ("changed", "kept", "is_as_loaded", "kind"),
    [
        (AFTER, KEPT, None, Class.LATE),
        (BEFORE, KEPT, None, Class.UNEXPLAINED),  # that read should have brought it
        ("2026-11-19T09:00:00Z", KEPT, False, Class.WRONG),
        (AFTER, KEPT, True, Class.WRONG),  # the row's own time was changed by hand
        (None, None, True, Class.WRONG),
        (None, None, False, Class.LATE),
        (None, None, None, Class.UNEXPLAINED),
    ],
)
def test_what_differs(changed: str | None, kept: str | None, is_as_loaded: bool | None, kind: Class) -> None:
    assert of_unlike({"updated_at": changed}, kept, LAST, is_as_loaded=is_as_loaded) is kind


def test_what_is_missing() -> None:
    assert of_missing({"created_at": AFTER}, 7, LAST) is Class.LATE
    assert of_missing({"created_at": BEFORE}, 700, LAST) is Class.MISSING
    assert of_missing({}, 101, LAST) is Class.LATE
    assert of_missing({}, 99, LAST) is Class.MISSING
    assert of_missing({"created_at": AFTER}, 7, LastRead(None, None)) is Class.MISSING


def test_what_differs_in_a_list_with_a_call_of_its_own() -> None:
    assert of_called([], LAST, is_pending_read=True) is Class.LATE
    assert of_called([{"created_at": AFTER}], LAST, is_pending_read=False) is Class.LATE
    assert of_called([{"created_at": BEFORE}, {"response": "x"}], LAST, is_pending_read=False) is Class.WRONG


def test_a_certificate_is_as_good_as_its_worst_difference() -> None:
    def result(*kinds: Class, error: str | None = None) -> str:
        differences = tuple(Difference("tasks", "1", "", kind) for kind in kinds)
        return VerificationResult("north", "tasks", KNOWN, 1, differences=differences, error=error).result

    assert result() == "proved"
    assert result(Class.LATE) == "late"
    assert result(Class.LATE, error="x") == "incomplete"
    assert result(error="x") == "incomplete"
    for kind in (Class.MISSING, Class.SURPLUS, Class.WRONG, Class.UNEXPLAINED):
        assert result(Class.LATE, kind) == "failed"


KNOWN = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "api", "mirror", "expected"),
    [
        (ColumnKind.NUMERIC, "12.50", Decimal("12.5"), True),
        (ColumnKind.NUMERIC, 12.5, Decimal("12.51"), False),
        (ColumnKind.BIGINT, "42", 42, True),
        (ColumnKind.TEXT, 42, "42", True),
        (ColumnKind.TEXT, "42.0", "42", False),
        (ColumnKind.TIMESTAMP, "2026-11-20T09:00:00", "2026-11-20T10:00:00+01:00", True),
        (ColumnKind.TIMESTAMP, "2026-11-20T09:00:00", "2026-11-20T09:00:01+00:00", False),
        (ColumnKind.TIME, "16:00", "16:00:00", True),
        (ColumnKind.BOOLEAN, True, 1, False),
        (ColumnKind.TEXT, "a\0b", "ab", True),
        (ColumnKind.TEXT, "a", None, False),
    ],
)
def test_when_values_are_the_same(kind: ColumnKind, api: object, mirror: object, expected: bool) -> None:
    assert same(kind, api, mirror) is expected


def test_money_and_the_normal_form() -> None:
    assert same_money("1,250.00 USD", Decimal(1250), "USD")
    assert not same_money("1,250.00 USD", Decimal(1250), "EUR")
    assert same_money("12.5", Decimal("12.50"), None)
    assert normal({"a": None, "b": {"c": None}}) is None
    assert normal([1, 2]) != normal([2, 1])
    assert normal({"a": True}) != normal({"a": 1})


TASKS = next(entity for entity in ENTITIES if entity.name == "tasks")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
FRESH, OLD = NOON, datetime(2026, 11, 14, 12, tzinfo=UTC)
ROW = {"home_id": 7, "payload_hash": "00"}


def known(notified_at: datetime | None = None, **absent: datetime | None) -> ClaimedState:
    gone = {} if notified_at is None else {"1": notified_at}
    by_key = {("", int(key[1:])): at for key, at in absent.items()}
    return ClaimedState({("tasks", 7): LastScans(FRESH, OLD)}, by_key, gone, 9)


def test_each_record_goes_by_its_own_list_and_what_lists_leave_out_by_its_own_address() -> None:
    assert last_read(TASKS, known(), None, 1, ROW) == LastRead(FRESH, 9)
    assert last_read(TASKS, known(), None, 1, {"home_id": 8}).watermark is None
    assert last_read(TASKS, known(_1=OLD), None, 1, ROW).watermark == OLD
    never_asked = last_read(TASKS, known(_1=None), None, 1, ROW)
    assert of_unlike({"updated_at": BEFORE}, KEPT, never_asked, is_as_loaded=None) is Class.LATE
    assert of_unlike({"updated_at": KEPT}, KEPT, never_asked, is_as_loaded=None) is Class.WRONG


@pytest.mark.parametrize(
    ("known_state", "row", "kind"),
    [
        (known(), ROW, Class.LATE),  # only a walk over the whole list would notice
        (known(FRESH), ROW, Class.LATE),  # found gone before, and no such walk since
        (known(datetime(2026, 11, 14, 11, tzinfo=UTC)), ROW, Class.SURPLUS),  # that walk should have noted it
        (known(datetime(2026, 11, 14, 11, tzinfo=UTC), _1=None), ROW, Class.LATE),  # it did
        (known(), {**ROW, "payload_hash": None}, Class.SURPLUS),  # it never came from the API
    ],
)
def test_what_the_api_does_not_have_any_more(known_state: ClaimedState, row: dict[str, object], kind: Class) -> None:
    assert of_gone(TASKS, known_state, None, 1, row) is kind
