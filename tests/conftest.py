"""A real PostgreSQL for the session, and a fresh database for each test that wants one."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql
from psycopg.rows import dict_row

from breezeway_sync.cli.postgres import throwaway_postgres
from breezeway_sync.store import migrate
from breezeway_sync.store.database import Database

settings.register_profile(
    "suite",
    deadline=None,  # these machines are noisy; speed is measured elsewhere
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
)
# For a night: other examples each time, hundreds of times as many (`--hypothesis-profile long --timeout 0`).
settings.register_profile("long", parent=settings.get_profile("suite"), derandomize=False, max_examples=20_000)
settings.load_profile("suite")

Rows = Callable[..., list[dict[str, Any]]]

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The DSN of a server; the one in BREEZEWAY_SYNC_TEST_DSN, or one that is thrown away."""
    with throwaway_postgres() as dsn:
        yield dsn


@contextmanager
def made_database(server: str, template: str = "template1") -> Iterator[str]:
    """The DSN of a new database, dropped at the end."""
    name = f"breezeway_sync_test_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
        try:
            yield psycopg.conninfo.make_conninfo(server, dbname=name)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def as_url(conninfo: str) -> str:
    """A DSN as the configuration takes it."""
    from urllib.parse import quote, urlencode

    parts = psycopg.conninfo.conninfo_to_dict(conninfo)
    name = quote(str(parts.pop("dbname")))
    user = quote(str(parts.pop("user", "postgres")))
    password = f":{quote(str(parts.pop('password')))}" if "password" in parts else ""
    return f"postgresql://{user}{password}@/{name}?{urlencode(parts)}"


@pytest.fixture(scope="session")
def migrated(postgres: str) -> Iterator[str]:
    """The name of a migrated database that others are copied from."""
    with made_database(postgres) as dsn:

        async def prepare() -> None:
            async with Database(as_url(dsn), "breezeway") as database:
                await migrate.apply(database)

        asyncio.run(prepare())
        yield str(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"])


@pytest.fixture
def empty_dsn(postgres: str) -> Iterator[str]:
    """A database without anything."""
    with made_database(postgres) as dsn:
        yield as_url(dsn)


@pytest.fixture
def dsn(postgres: str, migrated: str) -> Iterator[str]:
    """A migrated, empty database."""
    with made_database(postgres, migrated) as dsn:
        yield as_url(dsn)


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """The same, opened as the product opens it."""
    async with Database(dsn, "breezeway") as opened:
        yield opened


@pytest.fixture
def rows(dsn: str) -> Iterator[Rows]:
    """Rows of any SQL through another driver than the product's; the search path is the mirror's schema."""
    with psycopg.connect(dsn, autocommit=True, row_factory=dict_row) as connection:
        connection.execute("SET search_path TO breezeway, breezeway_internal")

        def fetch(statement: str, *values: object) -> list[dict[str, Any]]:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

        yield fetch
