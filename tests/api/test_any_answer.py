"""Any answer at all, from the data addresses and from the auth service: an end, in our own words, without secrets."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
from hypothesis import given
from hypothesis import strategies as st

from breezeway_sync.api.answers import LONGEST_HINT_SECONDS, retry_after_seconds
from breezeway_sync.api.auth_answers import LONGEST_LIFE, read_token
from breezeway_sync.api.retry import CALLS
from breezeway_sync.api.transport import RawAnswer
from breezeway_sync.core.errors import ApiError
from breezeway_sync.core.tokens import Token
from tests.fuzz import examples

from .support import PAIR, Handler, Service, account
from .virtual_time import START, run

PLANTED = "Planted4711"
END = "/auth/v1/"
PAGES = 6

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from([PLANTED, f"{PLANTED}\n", f"{PLANTED}\x00é", "86400", "1e400", "-1", "NaN", "9" * 5000, ""]),
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner))

# --- tokens ---------------------------------------------------------------------------------------

token_bodies = st.fixed_dictionaries(
    {}, optional={"access_token": scalars, "refresh_token": scalars, "expires_in": scalars, "error": values}
).map(lambda value: json.dumps(value).encode())
kept_tokens = st.none() | st.builds(
    lambda days: Token("old-access", "old-refresh", START + timedelta(hours=1), START - timedelta(days=days)),
    st.integers(0, 60),
)


@examples(200)
@given(st.sampled_from([200, 200, 200, 201, 401, 403, 429, 500]), token_bodies, kept_tokens)
def test_a_token_is_what_was_sent_or_the_error_quotes_none(status: int, body: bytes, kept: Token | None) -> None:
    actual = read_token(END, RawAnswer(status, {}, body), START, kept)
    sent = json.loads(body)
    if isinstance(actual, ApiError):
        assert PLANTED not in f"{actual}{actual!r}{actual.message}"
        return
    assert status < 300
    assert actual.access_token == sent["access_token"]
    assert actual.access_token.isascii()
    assert actual.access_token.isprintable()
    assert actual.refresh_token in (sent.get("refresh_token"), kept.refresh_token if kept else None)
    assert START < actual.expires_at <= START + LONGEST_LIFE
    assert PLANTED not in repr(actual)


# --- how long to wait -----------------------------------------------------------------------------

moments = st.datetimes() | st.datetimes(timezones=st.timezones())
dates = st.builds(
    lambda moment, form: moment.strftime(form),
    st.datetimes(),
    st.sampled_from(
        ["%Y-%m-%dT%H:%M:%S", "%a, %d %b %Y %H:%M:%S GMT", "%d %b %y %H:%M:%S -0000", "%A, %d-%b-%y %H:%M"]
    ),
)
numbers = st.from_regex(r"-?[0-9]{1,25}(\.[0-9]{1,5})?(e[0-9]{1,4})?", fullmatch=True)
odd_text = st.text(st.sampled_from("0123456789 +-:,.TZMonJanGMT٣\ud800\x00"), max_size=30)
hints = moments.map(str) | dates | numbers | odd_text | st.sampled_from(["inf", "nan", "-0", "1_0", "0x10", " 7 "])


@examples(300)
@given(hints, values | hints, st.booleans())
def test_a_wait_is_bounded_whatever_asks_for_it(header: str, named: Any, in_body: bool) -> None:
    body = json.dumps({"details": {"retry_after": named}}).encode() if in_body else b""
    seconds = retry_after_seconds(RawAnswer(429, {"retry-after": header}, body), START)
    assert seconds is None or 0 <= seconds <= LONGEST_HINT_SECONDS


# --- a whole reading ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Odd:
    """An answer, in pieces as they come over the wire."""

    status: int
    headers: dict[str, str]
    pieces: tuple[bytes, ...]

    def answer(self) -> httpx.Response:
        async def come() -> AsyncIterator[bytes]:
            for piece in self.pieces:
                yield piece

        return httpx.Response(self.status, headers=self.headers, content=come())


pages = st.fixed_dictionaries(
    {"results": st.lists(st.fixed_dictionaries({"id": st.integers(1, 9) | scalars}) | values, max_size=4)},
    optional=dict.fromkeys(("page", "limit", "total_pages", "total_results"), scalars),
)
bodies = st.one_of(
    pages.map(lambda value: json.dumps(value).encode()),
    values.map(lambda value: json.dumps(value).encode()),
    token_bodies,
    st.binary(max_size=30),
    st.sampled_from(
        [b"", b"null", b"<html>" + PLANTED.encode(), b"[" * 50_000, zlib.compress(b"{}"), b"\xff\xfe{\x00"]
    ),
)
headers = st.fixed_dictionaries(
    {},
    optional={
        "content-encoding": st.sampled_from(["gzip", "deflate", "br", "zstd", "identity", PLANTED]),
        "content-type": st.sampled_from(["application/json", "text/html; charset=nonsense", PLANTED]),
        "retry-after": st.sampled_from(["0", "1", "30", "-5", "soon", "Thu, 30 Jul 2026 21:41:58 GMT", "9" * 30]),
        "location": st.just(f"https://elsewhere.example/{PLANTED}"),
        "set-cookie": st.just(f"a={PLANTED}"),
    },
)
statuses = st.sampled_from([200, 200, 200, 200, 204, 302, 400, 401, 403, 404, 408, 422, 429, 500, 503])
odd_answers = st.builds(Odd, statuses, headers, bodies.map(lambda body: (body[:7], body[7:])))


def told(*answers: Odd) -> Handler:
    """One after the other, the last one again and again."""
    left = list(answers)
    return lambda _request: (left.pop(0) if len(left) > 1 else left[0]).answer()


@examples(60)
@given(st.lists(odd_answers, min_size=1, max_size=PAGES), st.none() | st.lists(odd_answers, min_size=1, max_size=3))
def test_any_answers_end_a_reading_in_bounded_calls_and_time(data: list[Odd], auth: list[Odd] | None) -> None:
    async def main() -> None:
        service = Service(told(*data), None if auth is None else told(*auth))
        async with account(service, page_size=3) as setup:
            began = asyncio.get_running_loop().time()
            errors = [error for read in (_pages, _list, _record) if (error := await failure(read(setup.api)))]
            shown = "".join(f"{error}{error!r}" for error in errors)
            assert PLANTED not in shown
            assert PAIR.client_secret not in shown
            assert PLANTED not in str(setup.events)
            # Each answer may cost all its attempts, and the last one is repeated once to be told from the others.
            assert len(service.seen) <= (PAGES + 4) * CALLS.attempts
            assert asyncio.get_running_loop().time() - began < 10 * 3600

    run(main())


async def failure(reading: Awaitable[None]) -> ApiError | None:
    """What the reading ended with, if it was one of our errors; another one fails the test."""
    try:
        await reading
    except ApiError as error:
        return error
    return None


async def _pages(api: Any) -> None:
    async for page in api.pages("/supplies", "/supplies"):
        assert isinstance(page.items, tuple)


async def _list(api: Any) -> None:
    await api.listing("/people", "/people")


async def _record(api: Any) -> None:
    await api.record("/task/{id}", "/task/4711")
