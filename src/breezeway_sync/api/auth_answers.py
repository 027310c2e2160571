"""The meaning of the auth service's answers, and the next step after each: pure functions.

The service also refuses with HTTP 200: `{"error": "inactive client"}` for a pair that is wrong or not active yet, and
`null` for a wrong client_secret (both seen live).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeGuard

from breezeway_sync.api.answers import LARGEST_ERROR_BYTES, bad_answer, classify
from breezeway_sync.api.transport import RawAnswer
from breezeway_sync.core.errors import (
    ApiError,
    CredentialsRejected,
    EdgeBlocked,
    EmptyAnswer,
    NotFound,
    RateLimited,
    passes,
)
from breezeway_sync.core.retry import RetryPolicy
from breezeway_sync.core.tokens import Token

How = Literal["refresh", "credentials"]

ACCESS_LIFE = timedelta(hours=24)  # documented; the answer's `expires_in` is not, and wins when it is there
LONGEST_LIFE = timedelta(days=366)
REFRESH_LIFE = timedelta(days=29)  # documented are 30 days; a day less for clocks that differ
MARGIN = timedelta(minutes=30)
MARGIN_SHARE = 10  # … but never more than a tenth of a token's life
# The vault spaces the attempts: each after the first costs a minute, after a 429 or more.
CREDENTIALS_RETRIES = RetryPolicy(attempts=2)  # when the service does not answer
LIMITED_RETRIES = RetryPolicy(attempts=3)  # when it answers 429

_SENDABLE = re.compile(r"[!-~]+")  # what can stand in a header
_REJECTING = (400, 401, 403, 422)


def read_token(endpoint: str, answer: RawAnswer, now: datetime, kept: Token | None) -> Token | ApiError:
    """The new token pair, or the error that the answer stands for.

    An answer without a refresh token leaves the one of `kept` in place, with its age.
    """
    failure = classify(endpoint, answer, now)
    if failure is not None:
        return _rejection(endpoint, answer.status, failure)
    if not answer.body.strip():
        return EmptyAnswer("an answer without a body", endpoint=endpoint, status=answer.status)
    if len(answer.body) > LARGEST_ERROR_BYTES:
        return bad_answer(endpoint, answer, f"{len(answer.body)} bytes")  # no token pair, and decoded in the loop
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        return bad_answer(endpoint, answer)
    if value is None or (isinstance(value, dict) and "error" in value and "access_token" not in value):
        return rejected(endpoint, answer.status)
    access = value.get("access_token") if isinstance(value, dict) else None
    if not is_sendable(access):
        return bad_answer(endpoint, answer, "no access_token")
    refresh, refreshed_at = value.get("refresh_token"), now
    if not is_sendable(refresh):
        refresh, refreshed_at = (kept.refresh_token, kept.refreshed_at) if kept else (None, now)
    return Token(access, refresh, now + _life(value.get("expires_in")), refreshed_at)


def _rejection(endpoint: str, status: int, failure: ApiError) -> ApiError:
    if status in _REJECTING and not isinstance(failure, EdgeBlocked):
        return rejected(endpoint, status)
    if isinstance(failure, NotFound):
        return NotFound(failure.what, endpoint=endpoint, status=status, hint="check base_url")
    return failure


def rejected(endpoint: str, status: int | None) -> CredentialsRejected:
    """The one error that only an operator can cure."""
    return CredentialsRejected(
        "the credentials are wrong, unknown or not active yet",
        endpoint=endpoint,
        status=status,
        hint="compare client_id and client_secret with what Breezeway issued, and ask Breezeway "
        "whether the pair is active",
    )


def is_sendable(value: object) -> TypeGuard[str]:
    """Whether a token can stand in a header at all."""
    return isinstance(value, str) and _SENDABLE.fullmatch(value) is not None


def _life(expires_in: object) -> timedelta:
    """`expires_in` in seconds as number or text; the documented 24 h for anything that is no such life."""
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float | str):
        return ACCESS_LIFE
    try:
        life = timedelta(seconds=float(expires_in))
    except (ValueError, OverflowError):
        return ACCESS_LIFE
    return life if timedelta() < life <= LONGEST_LIFE else ACCESS_LIFE


def usable(token: Token | None, now: datetime, rejected_access: str | None) -> bool:
    """Whether a token may be sent: not the one just rejected, and not about to expire."""
    if token is None or token.access_token == rejected_access or not is_sendable(token.access_token):
        return False
    life = max(token.expires_at - token.refreshed_at, timedelta())
    return now < token.expires_at - min(MARGIN, life / MARGIN_SHARE)


def first_way(token: Token | None, now: datetime) -> How:
    """Refresh while there is a refresh token young enough, else ask with the credentials."""
    if token is None or not is_sendable(token.refresh_token):
        return "credentials"
    return "refresh" if now - token.refreshed_at < REFRESH_LIFE else "credentials"


@dataclass(slots=True)
class Effort:
    """What was tried for one token; `after` says how to go on."""

    failed: int = 0
    limited: int = 0

    def after(self, how: How, error: ApiError) -> How | None:
        """The next way to ask, None to give up.

        A refresh is tried once: whatever it failed of, the refresh token may be used up by it. A 429
        used nothing up.
        """
        if isinstance(error, RateLimited):
            self.limited += 1
            return how if LIMITED_RETRIES.allows(self.limited) else None
        if how == "refresh":
            return "credentials"
        self.failed += 1
        return how if passes(error) and CREDENTIALS_RETRIES.allows(self.failed) else None
