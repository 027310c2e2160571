"""Tokens and the spacing of token calls, across processes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from breezeway_sync.core.tokens import Credentials, Token
from breezeway_sync.store.token_store import PostgresTokenStore, stored_credentials
from tests.conftest import Rows
from tests.store.conftest import Store

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def token(name: str, at: datetime = NOW) -> Token:
    return Token(name, f"refresh {name}", at + timedelta(hours=24), at)


def token_store(store: Store, *regions: str) -> PostgresTokenStore:
    return PostgresTokenStore(store.database, store.lease.account, regions or ("nashville",))


async def test_a_token_is_kept_for_every_region_of_the_account(store: Store, rows: Rows) -> None:
    shared = token_store(store, "nashville", "austin")
    assert await shared.load() is None
    assert await shared.reserve_call(60) == 0
    await shared.save(token("a"))
    await shared.save(token("b", NOW + timedelta(hours=1)))
    assert await shared.load() == token("b", NOW + timedelta(hours=1))
    found = rows(
        "SELECT region_code, company_id, access_token, token_generation_count n, last_error FROM api_tokens ORDER BY 1"
    )
    assert [tuple(one.values()) for one in found] == [("austin", 8561, "b", 2, None), ("nashville", 8558, "b", 2, None)]


async def test_null_by_hand_in_one_region_forces_a_new_token(store: Store, rows: Rows) -> None:
    shared = token_store(store, "nashville", "austin")
    assert await shared.reserve_call(60) == 0
    await shared.save(token("a"))
    rows("UPDATE api_tokens SET access_token = NULL, refresh_token = NULL WHERE region_code = 'austin'")
    assert await shared.load() is None


async def test_a_region_added_later_does_not_force_one(store: Store) -> None:
    assert await token_store(store).reserve_call(60) == 0
    await token_store(store).save(token("a"))
    assert await token_store(store, "nashville", "austin").load() == token("a")


async def test_a_token_of_the_pair_of_before_is_not_taken(store: Store, rows: Rows) -> None:
    assert await token_store(store).reserve_call(60) == 0
    await token_store(store).save(token("a"))
    rows("INSERT INTO account_leases (account) VALUES ('another pair')")
    other = PostgresTokenStore(store.database, "another pair", ("nashville",))
    assert await other.load() is None
    assert await other.reserve_call(60) == 0
    await other.save(token("b"))
    assert await other.load() == token("b")


async def test_a_token_put_there_by_hand_is_taken(store: Store, rows: Rows) -> None:
    rows("INSERT INTO api_tokens (region_code, access_token) VALUES ('nashville', 'by hand')")
    found = await token_store(store).load()
    assert found is not None
    assert found.access_token == "by hand"


async def test_saving_leaves_credentials_and_clears_the_error(store: Store, rows: Rows) -> None:
    rows("INSERT INTO api_tokens (region_code, client_id, client_secret) VALUES ('nashville', 'me', 'made-up')")
    await token_store(store).record_failure("refused")
    assert rows("SELECT last_error FROM api_tokens") == [{"last_error": "refused"}]
    await token_store(store).save(token("a"))
    assert rows("SELECT client_id, client_secret, last_error FROM api_tokens") == [
        {"client_id": "me", "client_secret": "made-up", "last_error": None}
    ]
    assert await stored_credentials(store.database, ["nashville", "austin"]) == {
        "nashville": Credentials("me", "made-up")
    }


async def test_only_one_of_many_may_call_per_interval(store: Store, rows: Rows) -> None:
    one = token_store(store)
    waits = await asyncio.gather(*(one.reserve_call(60) for _ in range(8)))
    assert min(waits) == 0
    assert all(59 < wait <= 60 for wait in sorted(waits)[1:])
    rows("UPDATE account_leases SET next_token_call_at = now()")
    assert await one.reserve_call(0) == 0
    assert await one.reserve_call(0) == 0


async def test_a_turn_further_away_than_any_is_a_wrong_clocks(store: Store, rows: Rows) -> None:
    one = token_store(store)
    await one.postpone(900)
    assert await one.reserve_call(60) > 890
    rows("UPDATE account_leases SET next_token_call_at = now() + interval '8 hours'")
    assert await one.reserve_call(60) == 0
    assert 59 < await one.reserve_call(60) <= 60
    rows("UPDATE account_leases SET next_token_call_at = now() + interval '8 hours'")
    assert await one.reserve_call(86_400) > 28_000


async def test_postponing_never_shortens(store: Store) -> None:
    one = token_store(store)
    await one.postpone(300)
    await one.postpone(10)
    assert await one.reserve_call(60) > 290
