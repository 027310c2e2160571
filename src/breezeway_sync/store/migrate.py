"""Brings a schema to this version: numbered files, each once, one process at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from breezeway_sync.core.errors import DatabaseBusy, RightMissing, SchemaRefused
from breezeway_sync.store.database import Connection, Database
from breezeway_sync.store.files import Migration, internal, internal_name, quote, read_migrations

LEDGER = "breezeway_sync_migrations"
OLDEST_SERVER = 150_000
LOCK_WAIT_SECONDS = 60.0
LOCK_POLL_SECONDS = 0.25
# Any number that nobody else uses; with the schema's name it makes the key of the lock.
_LOCK_CLASS = 1_852_990_827


@dataclass(frozen=True, slots=True)
class Applied:
    """A line of the ledger."""

    version: int
    name: str
    checksum: str


@dataclass(frozen=True, slots=True)
class SchemaState:
    """What was found in the database: `applied` is None where there is no ledger of ours."""

    server_version: int
    applied: tuple[Applied, ...] | None
    foreign_relations: tuple[str, ...]


def pending(state: SchemaState, known: Sequence[Migration], schema: str) -> tuple[Migration, ...]:
    """The migrations still to run. Raises SchemaRefused for a database that must not be touched."""
    if state.server_version < OLDEST_SERVER:
        raise SchemaRefused(
            "this PostgreSQL is too old",
            actual=f"version {state.server_version // 10_000}",
            expected="15 or newer",
            hint="use a newer server",
        )
    if state.applied is None:
        if state.foreign_relations:
            names = ", ".join(state.foreign_relations[:10])
            more = len(state.foreign_relations) - 10
            raise SchemaRefused(
                f'schema "{schema}" belongs to something else',
                actual=f"tables {names}" + (f" and {more} more" if more > 0 else ""),
                expected="an empty schema, or one that breezeway-sync made",
                hint="set another name in database.schema; nothing was changed",
            )
        return tuple(known)
    for line, migration in zip(state.applied, known, strict=False):
        if (line.version, line.checksum) != (migration.version, migration.checksum):
            raise SchemaRefused(
                f'schema "{schema}" was made by a different migration {line.version}',
                actual=f"{line.version:04d}_{line.name} with another checksum",
                expected=f"{migration.version:04d}_{migration.name}",
                hint="install the version that made it, or use another schema; nothing was changed",
            )
    if len(state.applied) > len(known):
        raise SchemaRefused(
            f'schema "{schema}" is newer than this program',
            actual=f"migration {state.applied[-1].version}",
            expected=f"at most {len(known)}",
            hint="install a newer breezeway-sync; nothing was changed",
        )
    return tuple(known[len(state.applied) :])


async def check(database: Database) -> tuple[Migration, ...]:
    """The migrations that `apply` would run; changes nothing."""
    async with database.transaction("checking the schema") as connection:
        return pending(await _state(connection, database.schema), read_migrations(), database.schema)


async def apply(database: Database, migrations: Sequence[Migration] | None = None) -> tuple[Migration, ...]:
    """Run what is pending and return it: a new schema in one transaction, an upgrade file by file.

    Others that migrate at the same time are waited for, at most LOCK_WAIT_SECONDS (DatabaseBusy).
    """
    known = read_migrations() if migrations is None else migrations
    done: list[Migration] = []
    waited = 0.0
    while True:
        async with database.transaction("migrating") as connection:
            if await connection.fetchval(
                "SELECT pg_try_advisory_xact_lock($1, hashtext($2))", _LOCK_CLASS, database.schema
            ):
                state = await _state(connection, database.schema)
                todo = pending(state, known, database.schema)
                if not todo:
                    return tuple(done)
                # Of an upgrade what is done stays if a later file fails; of a new schema there is nothing to keep.
                for migration in todo if state.applied is None else todo[:1]:
                    await _run(connection, database.schema, migration)
                    done.append(migration)
                continue
        # Polled, not blocked in: a session that waits inside the lock deadlocks with concurrent index builds.
        if waited >= LOCK_WAIT_SECONDS:
            raise DatabaseBusy(
                "another process is migrating", where=database.schema, actual=f"no end after {waited:.0f} s"
            )
        await asyncio.sleep(LOCK_POLL_SECONDS)
        waited += LOCK_POLL_SECONDS


async def _run(connection: Connection, schema: str, migration: Migration) -> None:
    await connection.execute("SET LOCAL statement_timeout = 0")
    await _make_schemas(connection, (schema, internal_name(schema)))
    await connection.execute(f"SET LOCAL search_path TO {quote(schema)}, {internal(schema)}")
    await connection.execute(
        f"CREATE TABLE IF NOT EXISTS {LEDGER} (version INT PRIMARY KEY, name TEXT NOT NULL, "
        "checksum TEXT NOT NULL, applied_at TIMESTAMPTZ NOT NULL DEFAULT now())"
    )
    try:
        await connection.execute(migration.text, timeout=3600)
    except asyncpg.DependentObjectsStillExistError as error:
        raise SchemaRefused(
            f"migration {migration.version:04d}_{migration.name} must replace what other views or functions use",
            where=f'schema "{schema}"',
            actual=", ".join((error.detail or "their names are in the log of PostgreSQL").splitlines()),
            hint="drop them, run `breezeway-sync migrate`, and make them again; nothing was changed",
        ) from error
    await connection.execute(
        f"INSERT INTO {quote(schema)}.{LEDGER} (version, name, checksum) VALUES ($1, $2, $3)",  # noqa: S608 - names only
        migration.version,
        migration.name,
        migration.checksum,
    )


async def _make_schemas(connection: Connection, names: Sequence[str]) -> None:
    """Create those that are not there. Raises RightMissing with the statements for whoever may create them."""
    # CREATE SCHEMA IF NOT EXISTS asks for CREATE on the database also where the schema is there and the role owns it.
    found = await connection.fetch("SELECT nspname::text AS name FROM pg_namespace WHERE nspname = ANY ($1)", names)
    missing = [name for name in names if name not in {row["name"] for row in found}]
    if not missing:
        return
    facts = await connection.fetchrow(
        "SELECT has_database_privilege(current_database(), 'CREATE') AS may_create, current_user::text AS role"
    )
    if facts is not None and not facts["may_create"]:
        lines = " ".join(f"CREATE SCHEMA {quote(name)} AUTHORIZATION {quote(facts['role'])};" for name in missing)
        raise RightMissing(
            "the role may not create schemas in this database",
            actual=f"role {facts['role']} without CREATE on the database",
            expected=f"the schemas {' and '.join(names)}",
            hint=f"as a superuser or the owner of the database: {lines} Then run `breezeway-sync migrate` again",
        )
    for name in missing:
        await connection.execute(f"CREATE SCHEMA {quote(name)}")


async def _state(connection: Connection, schema: str) -> SchemaState:
    version = int(await connection.fetchval("SHOW server_version_num"))
    relations = await connection.fetch(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') ORDER BY c.relname",
        [schema, internal_name(schema)],
    )
    names = tuple(str(row["relname"]) for row in relations)
    if LEDGER not in names:
        return SchemaState(version, None, names)
    lines = await connection.fetch(
        f"SELECT version, name, checksum FROM {quote(schema)}.{LEDGER} ORDER BY version"  # noqa: S608 - names only
    )
    return SchemaState(version, tuple(Applied(**dict(line)) for line in lines), ())
