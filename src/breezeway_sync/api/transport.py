"""HTTP itself: the only module that knows httpx and aiohttp, and the place where their errors become ours.

It uses httpx's requests and answers over aiohttp's connections. That takes a third to a fifth of the CPU time of
httpx's own, and has no pool that hangs after cancelled requests. httpx's client is not used: its redirects, cookies and
merging of addresses are not wanted here and cost a third of a call. Nothing here retries, follows redirects or stores
cookies (accounts share the connections).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Self
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from breezeway_sync import __version__
from breezeway_sync.api.bodies import NotPacked, TooLarge, read_body
from breezeway_sync.api.decoding import DecodeTurn
from breezeway_sync.api.results import Params
from breezeway_sync.core.errors import (
    AnswerTooLarge,
    ApiError,
    ApiUnreachable,
    BadAnswer,
    ConfigurationError,
    Refused,
)

OVERALL_TIMEOUTS = 4  # a call ends after so many times its timeout, however the answer drips in
LARGEST_BODY_BYTES = 64 * 1024 * 1024  # unpacked; pages of 100 records are 0.2 MB
KEPT_HEADERS = ("content-type", "retry-after")

_HEADERS = {
    "accept": "application/json",
    "accept-encoding": "gzip, deflate",
    "user-agent": f"breezeway-sync/{__version__}",
}


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An answer as it came: `headers` are lower-case and only those that matter, `body` is decompressed."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """One for all connections, as making it takes 15 ms: certifi's, or SSL_CERT_FILE or SSL_CERT_DIR."""
    return httpx.create_ssl_context()


def environment_proxy(base_url: str) -> httpx.Proxy | None:
    """The proxy that HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY give for this address.

    Asked for here because aiohttp's own `trust_env` also reads `.netrc`, whose entries collide with our
    Authorization header.
    """
    parts = urlsplit(base_url)
    proxies = getproxies()
    url = proxies.get(parts.scheme) or proxies.get("all")
    if not url or proxy_bypass(parts.netloc):
        return None
    url = url if "://" in url else f"http://{url}"
    if urlsplit(url).scheme not in ("http", "https"):
        raise ConfigurationError(
            "the environment's proxy cannot be used",
            actual=f"a proxy of the kind {urlsplit(url).scheme!r}",
            expected="http:// or https://",
            hint="correct HTTPS_PROXY, or exempt the host in NO_PROXY",
        )
    return httpx.Proxy(url)


async def _send_once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from repeating a GET by itself, which would go past the limiter.

    It repeats after exactly these two errors, unless they say that no connection was made.
    """
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError("connection lost") from error


class Transport:
    """Sends one request and brings its whole answer. An async context manager; `http` replaces the network.

    `timeout_seconds` bounds connecting, and each wait for a piece of the answer; a whole call ends after
    `OVERALL_TIMEOUTS` times that. `largest_body_bytes` bounds an answer, unpacked.
    """

    def __init__(
        self,
        base_url: str,
        timeout_seconds: float,
        *,
        http: httpx.AsyncBaseTransport | None = None,
        largest_body_bytes: int = LARGEST_BODY_BYTES,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._extensions = {"timeout": httpx.Timeout(timeout_seconds, pool=None).as_dict()}
        self._largest_body_bytes = largest_body_bytes
        self._large = asyncio.Lock()
        self._given = http
        self._http: httpx.AsyncBaseTransport | None = None

    async def __aenter__(self) -> Self:
        self._http = self._given or self._make_network()
        return self

    async def __aexit__(self, *_: object) -> None:
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    def turn(self) -> DecodeTurn:
        """For one call with `send`: held beyond it, nothing else that is large is brought or decoded meanwhile."""
        return DecodeTurn(self._large)

    async def send(
        self,
        method: str,
        path: str,
        *,
        endpoint: str,
        params: Params = (),
        headers: Mapping[str, str] = MappingProxyType({}),
        json: object = None,
        turn: DecodeTurn | None = None,
    ) -> RawAnswer:
        """The answer, whatever its status. `path` is relative to the base URL; `endpoint` names it in errors.

        A large one takes `turn`, or without it one of this call alone.
        Raises ApiUnreachable without an answer, BadAnswer for one that broke off or is not what its
        encoding says, AnswerTooLarge, and Refused for an address that is none.
        """
        http = self._http
        if http is None:
            raise RuntimeError("the transport is not open: use it as an async context manager")
        seen = _Progress()
        try:
            async with asyncio.timeout(self._timeout_seconds * OVERALL_TIMEOUTS):
                request = httpx.Request(
                    method,
                    f"{self._base_url}{path}{'?' if params else ''}{urlencode(params)}",
                    headers={**_HEADERS, **headers},
                    json=json,
                    extensions=self._extensions,
                )
                with self.turn() as own:
                    return await self._exchange(http, request, endpoint, seen, turn or own)
        except _FAILURES as error:
            if isinstance(error, httpx.PoolTimeout):
                await self._rebuild(http)
            raise _explain(error, endpoint, seen.status) from error

    async def _exchange(
        self, http: httpx.AsyncBaseTransport, request: httpx.Request, endpoint: str, seen: _Progress, turn: DecodeTurn
    ) -> RawAnswer:
        response = await http.handle_async_request(request)
        try:
            seen.status = response.status_code
            if not isinstance(response.stream, httpx.AsyncByteStream):
                raise TypeError("a transport that answers at once is none of ours")
            # The stream itself: httpx would unpack a whole piece at once, however much it holds.
            encoding = response.headers.get("content-encoding", "")
            body = await read_body(response.stream, encoding, self._largest_body_bytes, turn)
        except TooLarge:
            actual = f"more than {self._largest_body_bytes // 2**20} MB unpacked"
            raise too_large(endpoint, response.status_code, actual) from None
        finally:
            await response.aclose()
        kept = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
        return RawAnswer(response.status_code, kept, body)

    def _make_network(self) -> httpx.AsyncBaseTransport:
        """Connections without a bound of their own: `Budget` and `Flight` bound the calls.

        A bounded pool is what wedges after cancelled requests; for httpx-aiohttp `max_connections=None`
        would mean aiohttp's 100, so the connector is made here.
        """
        proxy = environment_proxy(self._base_url)  # refused before anything is open
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=_tls()),
            cookie_jar=aiohttp.DummyCookieJar(),
            middlewares=(_send_once,),
            timeout=aiohttp.ClientTimeout(total=None),
        )
        return AiohttpTransport(verify=_tls(), client=session, proxy=proxy)

    async def _rebuild(self, wedged: httpx.AsyncBaseTransport) -> None:
        """Start over with new connections, once for all calls that met the same wedged pool."""
        if self._http is wedged and self._given is None:
            self._http = self._make_network()
            await wedged.aclose()


def too_large(endpoint: str, status: int, actual: str) -> AnswerTooLarge:
    """The error for an answer that no address of the API should bring."""
    hint = "nothing of it was stored; ask Breezeway what this address should bring"
    return AnswerTooLarge("the answer is too large", endpoint=endpoint, status=status, actual=actual, hint=hint)


def out_of_means(endpoint: str, status: int | None) -> ApiUnreachable:
    """The error for a call that this process had no memory or thread for."""
    return ApiUnreachable("the API was not reached", endpoint=endpoint, status=status, actual=_OUT_OF_MEANS)


@dataclass(slots=True)
class _Progress:
    """How far a call came: the status once there is one."""

    status: int | None = None


_TOO_LATE = "no answer in time"
_OUT_OF_MEANS = "this process had no memory or thread for it"
_FAILURES = (
    *(httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError, NotPacked),
    # Of memory, and of a thread for the resolver, for which CPython has no error of its own.
    *(MemoryError, RuntimeError),
)
_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "the host's name was not resolved"),
    (aiohttp.ClientConnectorCertificateError, "the server's certificate is not trusted"),
    (ssl.SSLCertVerificationError, "the server's certificate is not trusted"),
    (ssl.SSLError, "TLS failed"),
    (aiohttp.ClientProxyConnectionError, "no connection to the proxy"),
    (aiohttp.ClientHttpProxyError, "the proxy refused"),
    (TimeoutError, _TOO_LATE),
    (aiohttp.ServerDisconnectedError, "the connection was closed without an answer"),
    (ConnectionRefusedError, "the connection was refused"),
    (ConnectionResetError, "the connection was reset"),
    (aiohttp.ClientConnectorError, "no connection"),
    (aiohttp.ClientPayloadError, "the answer broke off"),
    (httpx.ConnectError, "no connection"),
    (httpx.RemoteProtocolError, "no HTTP"),
    (aiohttp.ClientResponseError, "no HTTP"),
    (aiohttp.ClientConnectionError, "the connection was lost"),
    (httpx.TimeoutException, _TOO_LATE),
    (MemoryError, _OUT_OF_MEANS),
    (RuntimeError, _OUT_OF_MEANS),
)


def _explain(error: BaseException, endpoint: str, status: int | None) -> ApiError:
    """Our error for one of a library; worded by the kinds in its chain, never by its text, which has URLs."""
    chain = _causes(error)
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return Refused("the address is none", endpoint=endpoint, hint="check base_url and the path")
    kinds = (words for kind, words in _WORDS if any(isinstance(link, kind) for link in chain))
    words = next(kinds, "it failed")
    if status is None or words in (_TOO_LATE, _OUT_OF_MEANS):
        return ApiUnreachable("the API was not reached", endpoint=endpoint, status=status, actual=words)
    if isinstance(error, NotPacked):
        words = "a body that is not compressed as it says"
    return BadAnswer("the answer is not whole", endpoint=endpoint, status=status, actual=words)


def _causes(error: BaseException) -> tuple[BaseException, ...]:
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__
    return tuple(chain)
