"""Migrations: each once, one process at a time, and never on somebody else's schema."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from breezeway_sync.cli import exits
from breezeway_sync.core.error_codes import ExitCode
from breezeway_sync.core.errors import ConfigurationError, DatabaseError, RightMissing, SchemaRefused
from breezeway_sync.store import migrate
from breezeway_sync.store.database import Database
from breezeway_sync.store.files import Migration, read_migrations
from breezeway_sync.store.migrate import LEDGER, Applied, SchemaState, pending

KNOWN = read_migrations()


def sync_state(*migrations: Migration) -> tuple[Applied, ...]:
    return tuple(Applied(one.version, one.name, one.checksum) for one in migrations)


async def test_runs_each_file_once(empty_dsn: str) -> None:
    async with Database(empty_dsn, "my_schema") as database:
        assert await migrate.check(database) == KNOWN
        assert await migrate.apply(database) == KNOWN
        assert await migrate.apply(database) == ()
        assert await migrate.check(database) == ()


async def test_only_one_of_many_runs_them(empty_dsn: str) -> None:
    async def one() -> int:
        async with Database(empty_dsn, "breezeway", pool_size=2) as database:
            return len(await migrate.apply(database))

    assert sum(await asyncio.gather(*(one() for _ in range(5)))) == len(KNOWN)


async def test_a_foreign_schema_is_not_touched(empty_dsn: str) -> None:
    with psycopg.connect(empty_dsn, autocommit=True) as connection:
        connection.execute(
            "CREATE SCHEMA breezeway CREATE TABLE tasks (id int) CREATE TABLE schema_migrations (version text)"
        )
        async with Database(empty_dsn, "breezeway") as database:
            with pytest.raises(SchemaRefused, match=r"schema_migrations, tasks"):
                await migrate.apply(database)
        tables = connection.execute("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'breezeway'")
        assert tables.fetchone() == (2,)


async def test_a_foreign_schema_of_the_bookkeepings_name_is_not_touched(empty_dsn: str) -> None:
    with psycopg.connect(empty_dsn, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA breezeway_internal CREATE TABLE wages (id int)")
        async with Database(empty_dsn, "breezeway") as database:
            with pytest.raises(SchemaRefused, match="wages"):
                await migrate.apply(database)
        assert connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'breezeway'").fetchone() == (0,)


@pytest.mark.parametrize("there", ["", "CREATE SCHEMA mirror AUTHORIZATION migrator"])
async def test_a_role_that_may_not_create_schemas_is_told_the_statements_and_they_suffice(
    empty_dsn: str, there: str
) -> None:
    with psycopg.connect(empty_dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE migrator LOGIN")
        connection.execute(there.encode())
        try:
            async with Database(empty_dsn.replace("postgres@", "migrator@", 1), "mirror") as database:
                with pytest.raises(RightMissing) as caught:
                    await migrate.apply(database)
                lines = re.findall(r'CREATE SCHEMA "\w+" AUTHORIZATION "\w+";', caught.value.message)
                assert len(lines) == (1 if there else 2)
                assert exits.of_error(caught.value) == ExitCode.OUT_OF_REACH
                for line in lines:
                    connection.execute(line.encode())
                assert await migrate.apply(database) == KNOWN
        finally:
            connection.execute("DROP OWNED BY migrator CASCADE; DROP ROLE migrator")


async def test_a_failing_file_leaves_nothing_of_itself_and_of_a_new_schema_nothing_at_all(empty_dsn: str) -> None:
    good, better, bad = (
        Migration(number, name, text, "c")
        for number, (name, text) in enumerate(
            [
                ("good", "CREATE TABLE a (x int)"),
                ("better", "CREATE TABLE b (x int)"),
                ("bad", "CREATE TABLE c (x int); SELECT 1/0"),
            ],
            start=1,
        )
    )

    async def kept(migrations: list[Migration]) -> list[str]:
        async with Database(empty_dsn, "breezeway") as database:
            if migrations[-1].name == bad.name:
                with pytest.raises(DatabaseError):
                    await migrate.apply(database, migrations)
            else:
                await migrate.apply(database, migrations)
            async with database.connection("looking") as connection:
                found = await connection.fetch(
                    "SELECT relname FROM pg_class WHERE relname IN ('a', 'b', 'c') ORDER BY 1"
                )
        return [row["relname"] for row in found]

    assert await kept([good, replace(bad, version=2)]) == []
    assert await kept([good]) == ["a"]
    assert await kept([good, better, bad]) == ["a", "b"]


async def test_a_migration_that_replaces_what_a_customers_view_uses_names_the_view_and_stops_before(
    empty_dsn: str,
) -> None:
    new = Migration(
        len(KNOWN) + 1, "new", "DROP FUNCTION require_fresh; CREATE FUNCTION require_fresh() RETURNS int RETURN 1;", "c"
    )
    async with Database(empty_dsn, "breezeway") as database:
        await migrate.apply(database)
        with psycopg.connect(empty_dsn, autocommit=True) as connection:
            connection.execute("CREATE SCHEMA reports")
            connection.execute(
                "CREATE VIEW reports.payroll AS SELECT breezeway.require_fresh('all', 'tasks', '2 hours') AS at"
            )
            with pytest.raises(SchemaRefused, match=r"view reports\.payroll depends on .*require_fresh"):
                await migrate.apply(database, [*KNOWN, new])
            assert await migrate.check(database) == ()
            connection.execute("DROP VIEW reports.payroll")
        assert await migrate.apply(database, [*KNOWN, new]) == (new,)


async def test_there_is_exactly_one_require_fresh(database: Database) -> None:
    async with database.connection("looking") as connection:
        assert await connection.fetchval("SELECT count(*) FROM pg_proc WHERE proname = 'require_fresh'") == 1


def test_refuses_a_newer_database() -> None:
    newer = sync_state(*KNOWN, replace(KNOWN[-1], version=len(KNOWN) + 1))
    with pytest.raises(SchemaRefused, match="newer"):
        pending(SchemaState(180000, newer, ()), KNOWN, "breezeway")


def test_refuses_a_changed_migration() -> None:
    with pytest.raises(SchemaRefused, match="another checksum"):
        pending(SchemaState(180000, sync_state(replace(KNOWN[0], checksum="other")), ()), KNOWN, "breezeway")


def test_refuses_an_old_server() -> None:
    with pytest.raises(SchemaRefused, match="15 or newer"):
        pending(SchemaState(140012, None, ()), KNOWN, "breezeway")


def test_names_the_tables_and_the_cure_of_a_foreign_schema() -> None:
    with pytest.raises(SchemaRefused) as caught:
        pending(SchemaState(150000, None, tuple(f"t{number}" for number in range(12))), KNOWN, "public")
    assert "t0, t1" in caught.value.message
    assert "2 more" in caught.value.message
    assert "database.schema" in caught.value.message


def test_goes_on_where_the_ledger_ends() -> None:
    assert pending(SchemaState(150000, sync_state(KNOWN[0]), ()), KNOWN, "x") == KNOWN[1:]


def test_numbers_must_not_leave_gaps(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_text("")
    (tmp_path / "0003_b.sql").write_text("")
    with pytest.raises(ConfigurationError, match="numbered"):
        read_migrations(tmp_path)


def test_the_ledgers_name_is_ours_alone() -> None:
    assert LEDGER.startswith("breezeway_sync")
