"""The meaning of each answer: pure functions from status, headers and body to a value or an error.

Users of the live service met these statuses. Where the body decides (403 and 404), only a JSON object counts as an
answer of the API. A message contains nothing of a body except an error code that looks like an identifier.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from breezeway_sync.api.decoding import LARGE_BYTES
from breezeway_sync.api.transport import RawAnswer, too_large
from breezeway_sync.core.errors import (
    AnswerTooLarge,
    ApiError,
    ApiUnreachable,
    BadAnswer,
    EdgeBlocked,
    EmptyAnswer,
    Forbidden,
    NotFound,
    RateLimited,
    Refused,
    ServerFailed,
    Unauthorized,
)
from breezeway_sync.entities.decode import (
    BadBody,
    EmptyBody,
    Json,
    ListBody,
    Unreadable,
    describe,
    read_list,
    read_object,
)
from breezeway_sync.entities.repeats import count_repeats

LONGEST_HINT_SECONDS = 900.0  # the longest wait an answer can ask for; nobody reported more than a minute or so
# Values of an answer (commas and brackets, which texts may hold as well). Decoded each takes about 100 bytes, and an
# object 250: 64 MB of the smallest ones would be 1.5 GB. Pages of 100 records have 10,000.
MOST_VALUES = 2_000_000
LARGEST_ERROR_BYTES = 256 * 1024  # of a body that says what went wrong; those seen are below 1 KB
STALE_HINT_SECONDS = 5.0  # a moment further back than this tells of clocks that differ, not of a wait
_CODE = re.compile(r"[A-Za-z][A-Za-z_.-]{0,39}")
_Read = TypeVar("_Read")


def classify(endpoint: str, answer: RawAnswer, now: datetime) -> ApiError | None:
    """The error that an answer's status stands for, None when its body is to be read. `now` is UTC, aware."""
    status = answer.status
    if 200 <= status < 300:
        return None
    if status == 429:
        hint = retry_after_seconds(answer, now)
        return RateLimited("too many calls", endpoint=endpoint, retry_after_seconds=hint)
    if status >= 500:
        hint = retry_after_seconds(answer, now)
        actual = f"HTTP {status}"
        return ServerFailed("the API failed", endpoint=endpoint, status=status, actual=actual, retry_after_seconds=hint)
    if status in (408, 425):
        return ApiUnreachable("the API gave up waiting", endpoint=endpoint, status=status, actual=f"HTTP {status}")
    return _refusal(endpoint, answer)


def _refusal(endpoint: str, answer: RawAnswer) -> ApiError:
    """The error of a status below 500 that is neither an answer nor a request to wait."""
    spoken = error_object(answer.body)
    status, actual = answer.status, _actual(answer.status, spoken)
    if status == 401:
        return Unauthorized("the access token is not accepted", endpoint=endpoint, status=status, actual=actual)
    if status == 403 and spoken is None:
        return EdgeBlocked("blocked before the API", endpoint=endpoint, status=status, actual=actual, expected="JSON")
    if status == 403:
        hint = "ask Breezeway whether the account's plan and the credentials include it"
        return Forbidden("not permitted", endpoint=endpoint, status=status, actual=actual, hint=hint)
    if status == 404 and spoken is None:
        # A proxy or a half-deployed server says this too, and a 404 is what a deletion is known by: only
        # the API's own word may count as one.
        return BadAnswer("a 404 that is not the API's", endpoint=endpoint, status=status, expected="JSON")
    if status == 404:
        return NotFound("no such record or address", endpoint=endpoint, status=status, actual=actual)
    moved = "check base_url" if status < 400 else None
    return Refused("the API refused", endpoint=endpoint, status=status, actual=actual, hint=moved)


def error_object(body: bytes) -> dict[str, object] | None:
    """The JSON object that an error body is; None for anything else, and for what is too long to be one."""
    if len(body) > LARGEST_ERROR_BYTES:
        return None
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _actual(status: int, spoken: dict[str, object] | None) -> str:
    code = None if spoken is None else spoken.get("error")
    return f"HTTP {status} {code}" if isinstance(code, str) and _CODE.fullmatch(code) else f"HTTP {status}"


def retry_after_seconds(answer: RawAnswer, now: datetime) -> float | None:
    """How long a 429 or 5xx asks to wait, between 0 and `LONGEST_HINT_SECONDS`; None when it does not say.

    The auth service names a moment in the body, without zone and in UTC (seen live); the vendor also
    promises the header; data endpoints name nothing at all (seen live).
    """
    spoken = error_object(answer.body) or {}
    details = spoken.get("details")
    named = details.get("retry_after") if isinstance(details, dict) else None
    for hint in (_hint(named, now), _hint(answer.headers.get("retry-after"), now)):
        if hint is not None:
            return hint
    return None


def _hint(value: object, now: datetime) -> float | None:
    seconds = _number(value)
    if seconds is None and isinstance(value, str):
        moment = _moment(value)
        seconds = None if moment is None else (moment - now).total_seconds()
    if seconds is None or not math.isfinite(seconds) or seconds < -STALE_HINT_SECONDS:
        return None
    return min(max(seconds, 0.0), LONGEST_HINT_SECONDS)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _moment(text: str) -> datetime | None:
    """A moment as ISO 8601 or as an HTTP date; one without zone is UTC."""
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = parse(text.strip())
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError, IndexError, TypeError):
            continue
    return None


def read_items(endpoint: str, answer: RawAnswer) -> ListBody:
    """The items and totals of a list's answer. Raises EmptyAnswer or BadAnswer."""
    return _read(read_list, endpoint, answer)


def read_record(endpoint: str, answer: RawAnswer) -> dict[str, Json]:
    """The object of a single record's answer. Raises EmptyAnswer or BadAnswer."""
    value = _read(read_object, endpoint, answer)
    if isinstance(value, Unreadable):
        raise BadAnswer("a record that cannot be read", endpoint=endpoint, status=answer.status, actual=value.reason)
    return value


def repeats_of(answer: RawAnswer, value: object) -> int:
    """How many members of the answer's objects a later one of the same name has replaced."""
    return value.repeats if isinstance(value, ListBody) else count_repeats(answer.body, value)


def _read(read: Callable[[bytes], _Read], endpoint: str, answer: RawAnswer) -> _Read:
    if len(answer.body) > LARGE_BYTES and sum(map(answer.body.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise too_large(endpoint, answer.status, f"more than {MOST_VALUES:,} values")
    try:
        return read(answer.body)
    except EmptyBody as error:
        raise EmptyAnswer("an answer without a body", endpoint=endpoint, status=answer.status) from error
    except BadBody as error:
        raise bad_answer(endpoint, answer, str(error)) from error
    except MemoryError as error:
        raise AnswerTooLarge(
            "the answer is too large for this process",
            endpoint=endpoint,
            status=answer.status,
            actual=f"{len(answer.body)} bytes",
            hint="give the process more memory",
        ) from error


def bad_answer(endpoint: str, answer: RawAnswer, actual: str | None = None) -> BadAnswer:
    """The error for a body that is not what was asked for, described without quoting it."""
    actual = actual or describe(answer.body.strip())
    return BadAnswer("an answer that is none", endpoint=endpoint, status=answer.status, actual=actual)
