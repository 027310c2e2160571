"""The access token of one account: from memory, from the token store, by refresh, or by credentials.

The auth service allows one call a minute. A call during that limit extends it (seen live). So every attempt, also one
that fails, is first reserved in the token store. This spaces the calls across processes.
"""

from __future__ import annotations

import asyncio

from breezeway_sync.api.auth_answers import Effort, How, first_way, read_token, usable
from breezeway_sync.api.limits import GlobalLimiter
from breezeway_sync.api.transport import Transport
from breezeway_sync.core.clock import Clock
from breezeway_sync.core.errors import ApiError, ApiUnreachable, RateLimited
from breezeway_sync.core.events import Emit, TokenFailed, TokenObtained
from breezeway_sync.core.tokens import Credentials, Token, TokenStore

CREDENTIALS_PATH = "/public/auth/v1/"  # the slash belongs to the documented path
REFRESH_PATH = "/public/auth/v1/refresh"  # and here there is none

TURN_INTERVALS = 5  # a turn for a token call is waited for so many intervals …
TURN_EXTRA_SECONDS = 300.0  # … and this long
SHORTEST_WAIT_SECONDS = 0.1
FAILURE_STANDS_SECONDS = 300.0  # for so long no further attempt is made after one that failed for good


class Authenticator:
    """Gives the account's access token; calls of the auth service are made one at a time.

    `interval_seconds` is the least time between two token calls. Token calls use the flight but not the
    account's data budget. Raises CredentialsRejected (an operator must act), other ApiErrors when the
    auth service does not answer, and what the vault raises.
    """

    def __init__(
        self,
        account: str,
        credentials: Credentials,
        token_store: TokenStore,
        transport: Transport,
        clock: Clock,
        *,
        interval_seconds: float,
        emit: Emit,
        global_limiter: GlobalLimiter,
    ) -> None:
        self._account = account
        self._credentials = credentials
        self._token_store = token_store
        self._transport = transport
        self._clock = clock
        self._interval_seconds = interval_seconds
        self._emit = emit
        self._global_limiter = global_limiter
        self._lock = asyncio.Lock()
        self._held: Token | None = None
        self._failures = 0
        self._failure: ApiError | None = None
        self._failed_at: float | None = None

    async def token(self) -> str:
        """An access token that has not expired."""
        return await self._give(None)

    async def renew(self, rejected_access: str) -> str:
        """A token other than the one that a 401 has just rejected; asked for once, however many ask."""
        return await self._give(rejected_access)

    async def _give(self, rejected_access: str | None) -> str:
        if self._held is not None and usable(self._held, self._clock.now(), rejected_access):
            return self._held.access_token
        failures = self._failures
        async with self._lock:
            if self._held is not None and usable(self._held, self._clock.now(), rejected_access):
                return self._held.access_token
            if self._failure is not None and self._failures != failures:
                # Somebody asked while we waited for the lock: their failure is ours, not a new attempt.
                raise self._failure.with_traceback(None)
            try:
                self._held = await self._obtain(rejected_access)
            except ApiError as error:
                await self._report(error)
                raise
            return self._held.access_token

    async def _obtain(self, rejected_access: str | None) -> Token:
        """A token by the cheapest way that works, or the error of the last one tried."""
        known = await self._token_store.load()
        if known is not None and usable(known, self._clock.now(), rejected_access):
            return self._obtained(known, "stored")
        self._check_failure()
        how = first_way(known, self._clock.now())
        effort = Effort()
        turn_until = asyncio.get_running_loop().time() + self._patience_seconds()
        while True:
            stored = await self._wait_for_turn(rejected_access, turn_until)
            if stored is not None:
                return self._obtained(stored, "stored")
            try:
                return await self._ask(how, known)
            except ApiError as error:
                if isinstance(error, RateLimited) or error.retry_after_seconds:
                    await self._token_store.postpone(error.retry_after_seconds or self._interval_seconds)
                again = effort.after(how, error)
                if again is None:
                    raise
                how = again

    def _patience_seconds(self) -> float:
        return TURN_INTERVALS * self._interval_seconds + TURN_EXTRA_SECONDS

    async def _wait_for_turn(self, rejected_access: str | None, until: float) -> Token | None:
        """Return None with the turn for a token call, or the token somebody else got meanwhile."""
        loop = asyncio.get_running_loop()
        while (seconds := await self._token_store.reserve_call(self._interval_seconds)) > 0:
            seconds = max(seconds, SHORTEST_WAIT_SECONDS)
            if loop.time() + seconds > until:
                raise ApiUnreachable(
                    "no turn for a token call",
                    endpoint=CREDENTIALS_PATH,
                    actual=f"{seconds:.0f} s more to wait",
                    expected=f"at most {self._patience_seconds():.0f} s in all",
                    hint="see whether other processes use the same credentials",
                )
            await asyncio.sleep(seconds)
            stored = await self._token_store.load()
            if stored is not None and usable(stored, self._clock.now(), rejected_access):
                return stored
        return None

    async def _ask(self, how: How, known: Token | None) -> Token:
        """One call of the auth service; the token it gives is kept before anything else happens."""
        async with self._global_limiter:
            if how == "refresh" and known is not None:
                endpoint, headers = REFRESH_PATH, {"authorization": f"JWT {known.refresh_token}"}
                answer = await self._transport.send("POST", endpoint, endpoint=endpoint, headers=headers)
            else:
                endpoint, pair = CREDENTIALS_PATH, self._credentials
                body = {"client_id": pair.client_id, "client_secret": pair.client_secret}
                answer = await self._transport.send("POST", endpoint, endpoint=endpoint, json=body)
        token = read_token(endpoint, answer, self._clock.now(), known)
        if isinstance(token, ApiError):
            raise token
        self._held = token
        await self._token_store.save(token)
        return self._obtained(token, how)

    def _obtained(self, token: Token, how: str) -> Token:
        self._failure = self._failed_at = None
        self._emit(TokenObtained(self._account, how))
        return token

    def _check_failure(self) -> None:
        """Fail at once while a failure stands: every attempt costs a minute, and would most likely fail again."""
        if self._failed_at is None or self._failure is None:
            return
        if asyncio.get_running_loop().time() - self._failed_at < FAILURE_STANDS_SECONDS:
            raise self._failure.with_traceback(None)

    async def _report(self, error: ApiError) -> None:
        """Remember a failure for those who wait, and tell operators; a standing one was told before."""
        self._failures += 1
        if error is self._failure:
            return
        self._failure = error
        self._failed_at = asyncio.get_running_loop().time()
        self._emit(TokenFailed(self._account, error.message))
        await self._token_store.record_failure(error.message)
