"""HTTP over real sockets: everything that can go wrong becomes one of our errors, and nothing wedges."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
import respx

from breezeway_sync.api.transport import RawAnswer, Transport, environment_proxy
from breezeway_sync.core import errors
from breezeway_sync.core.errors import ApiError, ConfigurationError

Reply = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Listener:
    """What a server on loopback heard, request by request."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.url = ""


@asynccontextmanager
async def serving(reply: Reply) -> AsyncIterator[Listener]:
    """A server that answers each request by `reply`, over and over on a connection that stays open."""
    listener = Listener()
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listener.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while not writer.is_closing():
                listener.requests.append(await reader.readuntil(b"\r\n\r\n"))
                await reply(reader, writer)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    listener.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield listener
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def says(answer: bytes, *, then: str = "keep") -> Reply:
    async def reply(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        if then == "close":
            writer.close()
        if then == "reset":
            writer.transport.abort()
        if then == "hang":
            await asyncio.sleep(60)

    return reply


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def ask(url: str, timeout_seconds: float = 5.0) -> RawAnswer:
    async with Transport(url, timeout_seconds) as transport:
        return await transport.send("GET", "/task/4711", endpoint="/task/{id}", params=[("home_id", 4711)])


async def test_an_answer_comes_whole_whatever_its_status() -> None:
    body = gzip.compress(b'{"id": 1}')
    head = ("content-encoding: gzip", "Retry-After: 7", "set-cookie: a=b", "location: /elsewhere")
    async with serving(says(http(body, "302 Found", *head))) as server, Transport(server.url, 5) as transport:
        for _ in range(2):
            answer = await transport.send(
                "GET",
                "/public/x/",
                endpoint="/x",
                params=[("property_id", 1), ("property_id", 2)],
                headers={"authorization": "JWT t"},
            )
            assert answer == RawAnswer(302, {"retry-after": "7"}, b'{"id": 1}')
    assert server.connections == 1
    first, second = (request.decode().lower() for request in server.requests)
    assert first.startswith("get /public/x/?property_id=1&property_id=2 http/1.1")
    assert "authorization: jwt t" in first
    assert "accept: application/json" in first
    assert "user-agent: breezeway-sync/" in first
    assert "cookie" not in second


@pytest.mark.parametrize(
    ("reply", "kind", "status"),
    [
        (says(b"", then="close"), errors.ApiUnreachable, None),
        (says(b"", then="reset"), errors.ApiUnreachable, None),
        (says(b"", then="hang"), errors.ApiUnreachable, None),
        (says(b"HTTP/1.1 200 OK\r\ncontent-le", then="close"), errors.ApiUnreachable, None),
        (says(b"SSH-2.0-OpenSSH\r\n\r\n", then="close"), errors.ApiUnreachable, None),
        (says(b"\x16\x03\x01 \x00\xff", then="close"), errors.ApiUnreachable, None),
        (says(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n[{", then="close"), errors.BadAnswer, 200),
        (says(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n[{", then="reset"), errors.BadAnswer, 200),
        (says(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n[{", then="hang"), errors.ApiUnreachable, 200),
        (
            says(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n[{}]\r\n9", then="close"),
            errors.BadAnswer,
            200,
        ),
        (
            says(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n[{}]\r\n", then="close"),
            errors.ApiError,
            None,
        ),
        (says(http(b"no gzip", "200 OK", "content-encoding: gzip")), errors.BadAnswer, 200),
    ],
)
async def test_what_goes_wrong_becomes_one_of_our_errors(
    reply: Reply, kind: type[ApiError], status: int | None
) -> None:
    async with serving(reply) as server:
        with pytest.raises(kind) as caught:
            await ask(server.url, 0.3)
    error = caught.value
    assert error.retryable
    assert status is None or error.status == status
    assert error.__cause__ is not None
    assert "4711" not in error.message
    assert "127.0.0.1" not in error.message
    assert len(server.requests) == 1, "nothing is repeated behind the limiter's back"


async def test_a_refused_connection_and_an_unknown_name() -> None:
    async with serving(says(b"")) as server:
        url = server.url
    with pytest.raises(errors.ApiUnreachable, match="refused"):
        await ask(url)
    with pytest.raises(errors.ApiUnreachable):
        await ask("http://no-such-host.invalid")


async def test_a_broken_kept_connection_is_not_retried_behind_our_back() -> None:
    answers = [says(http(b"[]")), says(b"", then="reset"), says(http(b"[]"))]

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answers.pop(0)(reader, writer)

    async with serving(reply) as server, Transport(server.url, 5) as transport:
        await transport.send("GET", "/x", endpoint="/x")
        with pytest.raises(errors.ApiUnreachable):
            await transport.send("GET", "/x", endpoint="/x")
        assert len(server.requests) == 2
        assert (await transport.send("GET", "/x", endpoint="/x")).status == 200


async def test_an_answer_that_drips_ends() -> None:
    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with serving(drip) as server:
        began = asyncio.get_running_loop().time()
        with pytest.raises(errors.ApiUnreachable, match="in time"):
            await ask(server.url, 0.1)
        assert asyncio.get_running_loop().time() - began < 2.0


BOMB = gzip.compress(bytes(10_000_000))
CHUNKS = b"".join(b"10000\r\n" + bytes(0x10000) + b"\r\n" for _ in range(100))


@pytest.mark.parametrize(
    "answer",
    [
        http(BOMB, "200 OK", "content-encoding: gzip"),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNKS,
        b"HTTP/1.1 200 OK\r\n\r\n" + CHUNKS,
        http(BOMB, "500 No", "content-encoding: gzip"),
    ],
    ids=["gzip", "chunked", "until the connection ends", "an error"],
)
async def test_a_body_without_end_is_refused(answer: bytes) -> None:
    async with serving(says(answer)) as server, Transport(server.url, 5, largest_body_bytes=100_000) as transport:
        with pytest.raises(errors.AnswerTooLarge, match="too large"):
            await transport.send("GET", "/x", endpoint="/x")


async def test_an_address_that_is_none() -> None:
    async with Transport("http://api.test", 5, http=httpx.MockTransport(lambda _: httpx.Response(200))) as t:
        with pytest.raises(errors.Refused) as caught:
            await t.send("GET", "/task/\x00", endpoint="/task/{id}")
        assert not caught.value.retryable


async def test_cancelled_requests_wedge_nothing() -> None:
    """Many calls are cancelled in every phase; then as many at once must be answered promptly."""

    async def slow(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.02)
        writer.write(http(b"[1]")[:-1])
        await asyncio.sleep(0.02)
        writer.write(b"]")

    async with serving(slow) as server, Transport(server.url, 10) as transport:

        async def send() -> int:
            return (await transport.send("GET", "/x", endpoint="/x")).status

        for turn in range(60):
            tasks = [asyncio.create_task(send()) for _ in range(10)]
            await asyncio.sleep(0.001 * turn)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio.timeout(5):
            assert await asyncio.gather(*(send() for _ in range(150))) == [200] * 150


async def test_connections_have_no_bound_of_their_own() -> None:
    """All of them must be there before one is answered: more than aiohttp's own bound of 100."""
    number, everybody = 120, asyncio.Event()

    async def reply(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(server.requests) == number:
            everybody.set()
        await everybody.wait()
        writer.write(http(b"[]"))

    async with serving(reply) as server, Transport(server.url, 10) as transport:
        asked = (transport.send("GET", "/x", endpoint="/x") for _ in range(number))
        assert {answer.status for answer in await asyncio.gather(*asked)} == {200}


async def test_a_wedged_pool_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = wedged_once()
    monkeypatch.setattr(Transport, "_make_network", lambda _self: httpx.MockTransport(handle))
    async with Transport("http://api.test", 5) as transport:
        before = transport._http
        with pytest.raises(errors.ApiUnreachable):
            await transport.send("GET", "/x", endpoint="/x")
        assert transport._http is not before
        assert (await transport.send("GET", "/x", endpoint="/x")).status == 200


def wedged_once() -> Callable[[httpx.Request], httpx.Response]:
    answers: list[httpx.Response | Exception] = [httpx.PoolTimeout("wedged"), httpx.Response(200)]

    def handle(_request: httpx.Request) -> httpx.Response:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return handle


async def test_a_request_through_respx() -> None:
    router = respx.Router()
    route = router.post("http://api.test/base/public/auth/v1/", json={"a": 1}).respond(200, json={"b": 2})
    async with Transport("http://api.test/base", 5, http=httpx.MockTransport(router.async_handler)) as transport:
        answer = await transport.send("POST", "/public/auth/v1/", endpoint="/public/auth/v1/", json={"a": 1})
    assert route.called
    assert answer.headers == {"content-type": "application/json"}


async def test_urls_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(says(http(b"[]"))) as server:
        await ask(server.url)
    assert "4711" not in "".join(record.getMessage() for record in caplog.records if record.levelno >= 20)


async def test_a_closed_transport_is_a_mistake_of_ours() -> None:
    with pytest.raises(RuntimeError, match="not open"):
        await Transport("http://api.test", 5).send("GET", "/x", endpoint="/x")


def test_the_environments_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    assert environment_proxy("https://api.test") is None
    monkeypatch.setenv("HTTPS_PROXY", "http://user:made-up@proxy.test:3128")
    proxy = environment_proxy("https://api.test")
    assert proxy is not None
    assert str(proxy.url) == "http://proxy.test:3128"
    assert environment_proxy("http://api.test") is None
    monkeypatch.setenv("NO_PROXY", "api.test")
    assert environment_proxy("https://api.test") is None
    monkeypatch.setenv("HTTPS_PROXY", "socks5://proxy.test")
    with pytest.raises(ConfigurationError, match="proxy"):
        environment_proxy("https://other.test")
