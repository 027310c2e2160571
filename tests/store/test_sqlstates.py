"""What each SQLSTATE of a real server comes to; and that a server without room is known by that until it has some."""

from __future__ import annotations

import pytest

from breezeway_sync.core import errors
from breezeway_sync.core.errors import DatabaseError, DatabaseFull
from breezeway_sync.store.database import Database
from breezeway_sync.store.sqlstates import Meaning, meaning_of
from tests.conftest import Rows

pytestmark = pytest.mark.store

# Every code of these classes that PostgreSQL 18 knows.
STATES = {
    errors.DatabaseUnreachable: (
        *("08000", "08001", "08003", "08004", "08006", "08007", "08P01", "57P01", "57P02", "57P03", "57P04", "57P05"),
        *("28000", "28P01", "3D000"),
    ),
    errors.DatabaseReadOnly: ("25006",),
    errors.DatabaseFull: ("53100",),
    errors.DatabaseBusy: (
        *("25P03", "25P04", "40001", "40P01", "53000", "53200", "53300", "53400", "55006", "55P03", "57000", "57014"),
        *("58000", "58030"),
    ),
    errors.DataRefused: ("22001", "23505", "54000"),
    errors.DatabaseError: (
        *("25000", "25001", "25P01", "25P02", "55000", "55P02", "55P04", "58P01", "58P02", "58P03"),
        *("42501", "42704", "XX000", "XX001"),
    ),
}


def refuse_new_tables(rows: Rows) -> None:
    """Nothing can be staged any more: as on a disk on which only what is there already can be changed."""
    rows(
        "CREATE FUNCTION public.no_room() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$"
    )
    rows(
        "CREATE EVENT TRIGGER no_room ON ddl_command_start WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS') "
        "EXECUTE FUNCTION public.no_room()"
    )


@pytest.mark.parametrize(("kind", "state"), [(kind, one) for kind, states in STATES.items() for one in states])
async def test_every_state_has_its_meaning(database: Database, kind: type[DatabaseError], state: str) -> None:
    with pytest.raises(DatabaseError, match=state) as caught:
        async with database.transaction("testing") as connection:
            await connection.execute(f"DO $$ BEGIN RAISE EXCEPTION 'quoted' USING ERRCODE = '{state}'; END $$")
    assert type(caught.value) is kind
    assert "quoted" not in caught.value.message
    # What passes by itself is tried again; only what nobody can wait for is not.
    assert caught.value.retryable is (kind not in (errors.DataRefused, errors.DatabaseError))


def test_the_longest_beginning_decides() -> None:
    assert [meaning_of(one) for one in ("53", "53999", "53100")] == [Meaning.BUSY, Meaning.BUSY, Meaning.FULL]
    assert meaning_of("") is Meaning.REFUSED


async def test_a_server_without_room_takes_no_writes_until_it_has_some(database: Database, rows: Rows) -> None:
    await database.check_writable("looking")
    refuse_new_tables(rows)
    await database.check_writable("looking")  # nobody has met it yet, and nothing is written only to look
    with pytest.raises(DatabaseFull, match="no room"):
        async with database.transaction("testing") as connection:
            await connection.execute("CREATE TEMPORARY TABLE staged (id int) ON COMMIT DROP")
    before = await database.fetch_row("writability")
    for _ in range(2):
        with pytest.raises(DatabaseFull):
            await database.check_writable("looking")
    rows("DROP EVENT TRIGGER no_room")
    await database.check_writable("looking")
    assert await database.fetch_row("writability") == before


async def test_no_other_server_is_looked_for_where_one_has_no_room(database: Database, rows: Rows) -> None:
    async def backend() -> int:
        async with database.connection("testing") as connection:
            found: int = await connection.fetchval("SELECT pg_backend_pid()")
            return found

    first = await backend()
    refuse_new_tables(rows)
    with pytest.raises(DatabaseFull):
        async with database.transaction("testing") as connection:
            await connection.execute("CREATE TEMPORARY TABLE staged (id int) ON COMMIT DROP")
    assert await backend() == first
