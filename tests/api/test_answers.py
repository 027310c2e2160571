"""What each answer means."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway_sync.api.answers import (
    LONGEST_HINT_SECONDS,
    classify,
    read_items,
    read_record,
    retry_after_seconds,
)
from breezeway_sync.api.transport import RawAnswer
from breezeway_sync.core import errors
from breezeway_sync.core.errors import ApiError

NOW = datetime(2026, 7, 30, 21, 41, 0, tzinfo=UTC)
HTML = b"<html><body>blocked 4711</body></html>"
SPOKEN = b'{"error": "not_found", "description": "Task 4711 of Ada Guest not found"}'


@pytest.mark.parametrize(
    ("status", "body", "kind", "retryable"),
    [
        (401, b"", errors.Unauthorized, False),
        (401, HTML, errors.Unauthorized, False),
        (403, SPOKEN, errors.Forbidden, False),
        (403, HTML, errors.EdgeBlocked, True),
        (403, b"", errors.EdgeBlocked, True),
        (403, b"null", errors.EdgeBlocked, True),
        (404, SPOKEN, errors.NotFound, False),
        (404, HTML, errors.BadAnswer, True),
        (404, b"", errors.BadAnswer, True),
        (429, b"", errors.RateLimited, True),
        (500, HTML, errors.ServerFailed, True),
        (503, SPOKEN, errors.ServerFailed, True),
        (302, b"", errors.Refused, False),
        (400, SPOKEN, errors.Refused, False),
        (422, b'{"error": "unprocessable", "description": {}}', errors.Refused, False),
        (408, b"", errors.ApiUnreachable, True),
    ],
)
def test_status_and_body_decide(status: int, body: bytes, kind: type[ApiError], retryable: bool) -> None:
    error = classify("/task/{id}", RawAnswer(status, {}, body), NOW)
    assert type(error) is kind
    assert error.retryable is retryable
    assert error.status == status
    assert "4711" not in error.message
    assert "Ada" not in error.message


def test_an_answer_is_no_error() -> None:
    assert classify("/task/{id}", RawAnswer(200, {}, b"{}"), NOW) is None


def test_an_error_code_is_told_and_other_text_is_not() -> None:
    told = classify("/property", RawAnswer(422, {}, b'{"error": "unprocessable"}'), NOW)
    kept = classify("/property", RawAnswer(422, {}, b'{"error": "Ada Guest, +1 555 0100"}'), NOW)
    assert told is not None
    assert "unprocessable" in told.message
    assert kept is not None
    assert "Ada" not in kept.message


@pytest.mark.parametrize(
    ("header", "body", "seconds"),
    [
        (None, b'{"details": {"retry_after": "2026-07-30T21:41:58"}}', 58.0),
        (None, b'{"details": {"retry_after": "2026-07-30T21:41:58Z"}}', 58.0),
        (None, b'{"details": {"retry_after": "2026-07-30T23:41:58+02:00"}}', 58.0),
        (None, b'{"details": {"retry_after": 12}}', 12.0),
        ("17", b"", 17.0),
        ("17", b'{"details": {"retry_after": "soon"}}', 17.0),
        ("17", b'{"details": {"retry_after": "2026-07-30T21:41:58"}}', 58.0),
        ("Thu, 30 Jul 2026 21:41:30 GMT", b"", 30.0),
        ("86400", b"", LONGEST_HINT_SECONDS),
        ("0", b"", 0.0),
        (None, b'{"details": {"retry_after": "2026-07-30T21:40:58"}}', 0.0),
        (None, b'{"details": {"retry_after": "2026-07-30T20:41:58"}}', None),
        ("nan", b"", None),
        ("inf", b"", None),
        ("-90", b"", None),
        ("", b"", None),
        (None, b'{"details": {"retry_after": true}}', None),
        (None, b'{"details": "later"}', None),
        (None, HTML, None),
        (None, b"", None),
    ],
)
def test_how_long_a_429_asks_to_wait(header: str | None, body: bytes, seconds: float | None) -> None:
    headers = {} if header is None else {"retry-after": header}
    assert retry_after_seconds(RawAnswer(429, headers, body), NOW) == seconds


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "details", "retry_after", "id", "results", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)
BODIES = st.one_of(
    st.binary(max_size=60),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.builds(
        lambda value: json.dumps({"error": "x", "details": {"retry_after": value}}).encode(),
        st.text() | JSON | st.datetimes().map(str),
    ),
    st.sampled_from([b"[" * 100_000, b'{"a":' * 50_000, b"1" * 6000]),
)


@given(status=st.integers(100, 999), body=BODIES, header=st.none() | st.text(max_size=40))
def test_no_answer_raises_anything_unexpected(status: int, body: bytes, header: str | None) -> None:
    answer = RawAnswer(status, {} if header is None else {"retry-after": header}, body)
    error = classify("/property", answer, NOW)
    assert error is None or isinstance(error, ApiError)
    hint = retry_after_seconds(answer, NOW)
    assert hint is None or 0 <= hint <= LONGEST_HINT_SECONDS
    for read in (read_items, read_record):
        try:
            read("/property", answer)
        except errors.BadAnswer:
            continue


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", errors.EmptyAnswer),
        (b" \n", errors.EmptyAnswer),
        (b"null", errors.BadAnswer),
        (b'{"error": "inactive client"}', errors.BadAnswer),
        (HTML, errors.BadAnswer),
        (b'{"results": [{"id": 1}', errors.BadAnswer),
    ],
)
def test_a_body_that_is_no_answer_is_never_an_empty_list(body: bytes, kind: type[ApiError]) -> None:
    for read in (read_items, read_record):
        with pytest.raises(kind) as caught:
            read("/property", RawAnswer(200, {}, body))
        assert type(caught.value) is kind
        assert caught.value.status == 200


def test_bodies_are_read() -> None:
    listed = read_items("/property", RawAnswer(200, {}, b'{"results": [{"id": 1}], "total_pages": "3"}'))
    assert (listed.items, listed.total_pages) == (({"id": 1},), 3)
    assert read_record("/task/{id}", RawAnswer(200, {}, b'{"id": 1}')) == {"id": 1}
