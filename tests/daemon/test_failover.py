"""The service while its database takes no writes, and after an older copy has taken its place."""

from __future__ import annotations

import asyncio
import signal
from contextlib import ExitStack

import pytest

from tests.cli.support import Starter, until
from tests.daemon.support import Daemon, configured, eventually, ids_differ, logged, ready, schedule, serve
from tests.failover import Server, a_place, a_server, address_of
from tests.helpers import sandboxed, tiny

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

BOTH = "SELECT DISTINCT region_code, entity_type FROM etl_sync_log WHERE sync_status = 'success' AND id > %s"


def writes(server: Server, *, allowed: bool) -> None:
    """What a provider does to a database whose disk is full, and a cluster manager to a primary that it demotes."""
    server.rows(f"ALTER SYSTEM SET default_transaction_read_only = {'off' if allowed else 'on'}")
    server.rows("SELECT pg_reload_conf()")


async def ended(daemon: Daemon) -> None:
    daemon.running.send(signal.SIGTERM)
    finished = await daemon.running.end(25)
    assert finished.code == 0, finished.err[-2000:]
    assert daemon.lines("crashed") == []


async def test_a_database_that_takes_no_writes_is_lost_and_all_that_failed_is_tried_again_soon(start: Starter) -> None:
    with a_server() as server:
        async with sandboxed(server.dsn, tiny(1)) as setup:
            config, port = configured(start.folder, setup.url, server.dsn, tiny(1), schedule(3600, 86400, 604800))
            daemon = serve(start, config, port)
            await ready(daemon)
            setup.options.latency_seconds = 0.2  # so that the first cycle is under way
            await until(lambda: daemon.count("cycle_started") > 0, 20, "no cycle begins")
            writes(server, allowed=False)
            await logged(daemon, "database_lost")
            assert "(read-only)" in daemon.lines("database_lost")[0]["reason"]
            assert (await daemon.answer("/health/ready"))[0] == 503
            await logged(daemon, "cycle_finished")
            setup.options.latency_seconds = 0
            writes(server, allowed=True)
            await ready(daemon, 30)
            accounts = list(setup.world.accounts.values())
            await until(lambda: len(server.rows(BOTH, 0)) == 9, 60, "not everything is tried again")
            assert ids_differ(server.rows, accounts) == []
            await ended(daemon)
        assert [one["event"] for one in daemon.lines("database_lost", "database_back")] == [
            "database_lost",
            "database_back",
        ]


async def test_a_service_that_is_led_to_a_standby_says_so_and_begins_when_it_is_promoted(start: Starter) -> None:
    with a_server() as server:
        writes(server, allowed=False)
        async with sandboxed(server.dsn, tiny(1)) as setup:
            config, port = configured(start.folder, setup.url, server.dsn, tiny(1), schedule(3600, 86400, 604800))
            daemon = serve(start, config, port)
            await logged(daemon, "database_lost")
            assert "(read-only)" in daemon.lines("database_lost")[0]["reason"]
            assert (await daemon.answer("/health/ready"))[0] == 503
            writes(server, allowed=True)
            await ready(daemon, 40)
            await ended(daemon)


async def test_what_an_older_copy_lacks_is_read_again_at_once_also_what_is_due_once_a_week(start: Starter) -> None:
    """The copy was made after the migrations, and took over while nothing was under way."""
    with ExitStack() as stack:
        server = stack.enter_context(a_server())
        async with sandboxed(server.dsn, tiny(1)) as setup, address_of(server) as address:
            config, port = configured(start.folder, setup.url, address.dsn, tiny(1), schedule(3600, 86400, 604800))
            start("migrate", "-c", config)
            await until(lambda: server.rows("SELECT to_regclass('etl_sync_log') AS made") != [{"made": None}], 30, "!")
            copy = await asyncio.to_thread(server.copy_to, stack.enter_context(a_place()))
            stack.callback(copy.server.stop)
            daemon = serve(start, config, port)
            await until(lambda: len(server.rows(BOTH, 0)) == 9, 60, "the first reading does not end")
            address.lead_to(copy)
            await logged(daemon, "database_replaced")
            accounts = list(setup.world.accounts.values())

            async def follows() -> bool:
                return len(copy.rows(BOTH, 0)) == 9 and not ids_differ(copy.rows, accounts)

            await eventually(follows, 60, "what is gone is not read again")
            assert daemon.count("database_replaced") == 1
            await ended(daemon)


async def test_a_frozen_primary_named_first_keeps_nobody_from_its_successor(start: Starter) -> None:
    """Its connections stay open and its port takes new ones: it only says nothing."""
    with ExitStack() as stack:
        server = stack.enter_context(a_server())
        async with sandboxed(server.dsn, tiny(1)) as setup, address_of(server) as first, address_of(server) as second:
            both = f"postgresql://postgres@127.0.0.1:{first.port},127.0.0.1:{second.port}/postgres?sslmode=disable"
            second.target = None
            config, port = configured(start.folder, setup.url, both, tiny(1), schedule(2, 3, 4))
            daemon = serve(start, config, port)
            await until(lambda: daemon.count("cycle_finished") > 1, 60, "the first readings do not end")
            copy = await asyncio.to_thread(server.copy_to, stack.enter_context(a_place()))
            stack.callback(copy.server.stop)
            server.freeze()
            stack.callback(lambda: server.freeze(thawed=True))
            second.lead_to(copy, breaking=False)
            await logged(daemon, "database_back", within=90)
            finished = daemon.count("cycle_finished")
            await until(lambda: daemon.count("cycle_finished") > finished + 2, 150, "no cycle on the successor")
            assert not ids_differ(copy.rows, list(setup.world.accounts.values()))
            await ended(daemon)
