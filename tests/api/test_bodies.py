"""How much of an answer is ever in memory: bodies are bounded while they are unpacked, and errors hold none of them."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Sequence

import httpx
import pytest

from breezeway_sync.api.answers import read_items
from breezeway_sync.api.bodies import NotPacked, TooLarge, read_body
from breezeway_sync.api.client import Tally
from breezeway_sync.api.decoding import LARGE_BYTES, DecodeTurn
from breezeway_sync.api.transport import RawAnswer
from breezeway_sync.core import errors
from breezeway_sync.core.errors import ApiError
from breezeway_sync.core.problems import Subject
from breezeway_sync.entities.decode import ListBody
from breezeway_sync.sync.status_rules import Findings

from .support import Service, account, script
from .virtual_time import run

MEGABYTE = 1024 * 1024


async def pieces_of(parts: Sequence[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        await asyncio.sleep(0)
        yield part


async def unpacked(
    parts: Sequence[bytes], encoding: str, most_bytes: int = MEGABYTE, large: asyncio.Lock | None = None
) -> bytes:
    with DecodeTurn(large or asyncio.Lock()) as turn:
        return await read_body(pieces_of(parts), encoding, most_bytes, turn)


def raw_deflate(body: bytes) -> bytes:
    squeezer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return squeezer.compress(body) + squeezer.flush()


TEXT = b'{"results": []}' * 1000


# Without their time: workers that run side by side name the same tests.
@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (TEXT, ""),
        (TEXT, "identity"),
        (gzip.compress(TEXT, mtime=0), "gzip"),
        (gzip.compress(TEXT, mtime=0), "X-GZip"),
        (gzip.compress(TEXT[:500], mtime=0) + gzip.compress(TEXT[500:], mtime=0), "gzip"),
        (gzip.compress(TEXT, mtime=0) + bytes(100), "gzip"),
        (zlib.compress(TEXT), "deflate"),
        (raw_deflate(TEXT), "deflate"),
    ],
)
@pytest.mark.parametrize("step", [1, 7, 100_000])
async def test_a_body_is_unpacked_however_it_is_cut(packed: bytes, encoding: str, step: int) -> None:
    parts = [packed[start : start + step] for start in range(0, len(packed), step)]
    assert await unpacked(parts, encoding) == TEXT


@pytest.mark.parametrize("encoding", ["", "gzip", "deflate"])
async def test_an_empty_body_is_empty_whatever_it_says(encoding: str) -> None:
    assert await unpacked([], encoding) == b""


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (b"no gzip", "gzip"),
        (gzip.compress(TEXT, mtime=0)[:-9], "gzip"),
        (b"\xff\xff\xff", "deflate"),
        (TEXT, "br"),
        (gzip.compress(gzip.compress(TEXT, mtime=0), mtime=0), "gzip, gzip"),
    ],
)
async def test_what_is_not_packed_as_it_says_is_refused(packed: bytes, encoding: str) -> None:
    with pytest.raises(NotPacked):
        await unpacked([packed], encoding)


@pytest.mark.parametrize("encoding", ["", "gzip", "deflate"])
async def test_a_body_beyond_its_bound_is_refused_before_it_is_in_memory(encoding: str) -> None:
    """64 MB of zeros are 64 KB packed: they come in one piece."""
    zeros = bytes(64 * MEGABYTE)
    whole = {"": zeros, "gzip": gzip.compress(zeros, 9), "deflate": zlib.compress(zeros, 9)}[encoding]
    del zeros
    parts = [whole] if encoding else [whole[:MEGABYTE]] * 64
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            await unpacked(parts, encoding)
        assert tracemalloc.get_traced_memory()[1] < 5 * MEGABYTE
    finally:
        tracemalloc.stop()


async def test_what_never_unpacks_to_anything_is_refused_too() -> None:
    """Empty blocks: packed bytes without end that hold nothing."""
    head, empty = gzip.compress(b"")[:10], b"\x00\x00\x00\xff\xff"
    with pytest.raises(TooLarge):
        await unpacked([head, *[empty * 1000] * 1000], "gzip")


async def test_large_bodies_come_one_after_the_other() -> None:
    large, most, under_way, peak = asyncio.Lock(), 8 * LARGE_BYTES, 0, 0

    async def drip() -> AsyncIterator[bytes]:
        nonlocal under_way, peak
        yield bytes(LARGE_BYTES + 1)
        under_way += 1
        peak = max(peak, under_way)
        for _ in range(5):
            await asyncio.sleep(0)
            yield bytes(100)
        under_way -= 1

    async def read() -> int:
        with DecodeTurn(large) as turn:
            return len(await read_body(drip(), "", most, turn))

    assert await asyncio.gather(*(read() for _ in range(5))) == [LARGE_BYTES + 501] * 5
    assert peak == 1
    assert not large.locked()


async def test_a_large_body_that_is_too_large_lets_the_next_one_in() -> None:
    large = asyncio.Lock()
    with pytest.raises(TooLarge):
        await unpacked([bytes(LARGE_BYTES + 1)] * 5, "", 3 * LARGE_BYTES, large)
    assert not large.locked()


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500, content=b"x" * MEGABYTE),
        httpx.Response(422, content=b'{"error": "unprocessable", "detail": "' + b"x" * MEGABYTE + b'"}'),
        httpx.Response(200, content=b'{"results": [' + b"x" * MEGABYTE),
        httpx.Response(200, content=b'{"results": ["' + b"\xff" * MEGABYTE),
        httpx.Response(200, content=b"<html>" + b"x" * MEGABYTE),
        httpx.Response(404, content=b"<html>" + b"x" * MEGABYTE),
    ],
    ids=["500", "422", "no JSON", "no text", "HTML", "404 in HTML"],
)
def test_errors_that_are_kept_hold_nothing_of_a_body(answer: httpx.Response) -> None:
    """Five kept errors of 1 MB bodies: less than 4 KB each is left."""
    service = Service(script(answer))
    findings = Findings()

    async def main() -> None:
        async with account(service) as setup:
            for number in range(5):
                for ask in (setup.api.record, setup.api.listing):
                    try:
                        await ask("/task/{id}", f"/task/{number}")
                    except ApiError as error:
                        findings.met(Subject("record", "tasks", number, f"task {number}"), error)
            service.seen.clear()

    run(main())  # what is made once is made
    findings.problems.clear()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        run(main())
        kept = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert len(findings.problems) == 5
    assert kept < 5 * 4096 + 100_000, f"{kept} bytes, of which 100 KB may be caches"
    assert all(error.__traceback__ is None and error.__cause__ is None for _, error in findings.problems)


def test_an_answer_that_is_too_large_is_not_asked_for_again() -> None:
    service = Service(script(httpx.Response(200, content=b"[" + b" " * 2 * MEGABYTE)))

    async def main() -> None:
        async with account(service, largest_body_bytes=MEGABYTE) as setup:
            with pytest.raises(errors.AnswerTooLarge, match="more than 1 MB unpacked") as caught:
                await setup.api.listing("/task/{id}/comments", "/task/7/comments")
            assert (caught.value.code, caught.value.retryable) == ("answer_too_large", False)
            assert setup.api.calls == 1

    run(main())


@pytest.mark.parametrize("body", [b"[" + b"{}," * 1_100_000 + b"{}]", b'{"results": [' + b"1," * 2_000_000 + b"1]}"])
def test_many_small_values_are_too_large_as_well(body: bytes) -> None:
    """What is 5 MB as text would be 200 MB as objects."""
    with pytest.raises(errors.AnswerTooLarge, match="values"):
        read_items("/people", RawAnswer(200, {}, body))


def test_an_answer_for_which_there_is_no_memory_costs_that_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(_body: bytes) -> ListBody:
        raise MemoryError

    monkeypatch.setattr("breezeway_sync.api.answers.read_list", none_left)
    with pytest.raises(errors.AnswerTooLarge, match="for this process"):
        read_items("/people", RawAnswer(200, {}, b"[]"))


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("can't start new thread"), OSError(24, "Too many open files")]
)
def test_a_call_for_which_there_is_nothing_left_may_succeed_later(error: Exception) -> None:
    service = Service(script(error, httpx.Response(200, json={"id": 1})))

    async def main() -> None:
        async with account(service) as setup:
            assert (await setup.api.record("/task/{id}", "/task/7")).value == {"id": 1}
            assert setup.api.calls == 2

    run(main())


def test_keys_that_stand_twice_are_counted_for_whoever_asks() -> None:
    tally = Tally()
    twice = b'{"id": 7, "name": "a", "name": "b"}'
    service = Service(script(httpx.Response(200, content=twice), httpx.Response(200, content=b"[" + twice + b"]")))

    async def main() -> None:
        async with account(service) as setup:
            assert (await setup.api.record("/task/{id}", "/task/7", tally=tally)).value["name"] == "b"
            await setup.api.listing("/people", "/people", tally=tally)

    run(main())
    assert (tally.calls, tally.repeats) == (2, 2)
