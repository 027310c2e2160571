"""Processes that end with the test that started them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.cli.support import Stage, Starter, staged, starter
from tests.conftest import Rows, as_url, made_database
from tests.helpers import tiny


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    """Starts the command."""
    with starter(tmp_path) as started:
        yield started


@pytest.fixture
async def stage(start: Starter, dsn: str) -> AsyncIterator[Stage]:
    """One tiny account, a mirror without anything in it, and the command."""
    async with staged(start, dsn, tiny()) as ready:
        yield ready


@pytest.fixture
def second_dsn(postgres: str, migrated: str) -> Iterator[str]:
    """Another migrated, empty database."""
    with made_database(postgres, migrated) as made:
        yield as_url(made)


@pytest.fixture
def second_rows(second_dsn: str) -> Iterator[Rows]:
    """As `rows`, of the second database."""
    with psycopg.connect(second_dsn, autocommit=True, row_factory=dict_row) as connection:
        connection.execute("SET search_path TO breezeway, breezeway_internal")

        def fetch(statement: str, *values: object) -> list[dict[str, Any]]:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

        yield fetch
