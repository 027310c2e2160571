"""Reads from the database what `doctor` examines. It changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from breezeway_sync.entities.catalog import HOME
from breezeway_sync.entities.streams import PARENTS
from breezeway_sync.store.database import Database
from breezeway_sync.store.files import internal_name

MOST_REJECTIONS = 1000


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The server as this role sees it. `data_directory` is None where the role may not see it."""

    version_number: int
    version: str
    database: str
    role: str
    time: datetime
    is_standby: bool
    is_read_only: bool
    database_bytes: int
    is_local: bool
    data_directory: str | None


@dataclass(frozen=True, slots=True)
class MissingRight:
    """A right that the role lacks: on a `database`, `schema`, `table` or `view`."""

    kind: str
    schema: str | None
    """Where the relation is; None of a database."""
    name: str
    right: str


@dataclass(frozen=True, slots=True)
class MigrationLine:
    """A line of the migrations' ledger."""

    version: int
    name: str
    checksum: str
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that could not be stored, without its content."""

    region: str
    entity: str
    record_id: str
    reason: str
    first_seen_at: datetime
    last_seen_at: datetime
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class UnavailableSource:
    """An address that an account was found not to have."""

    region: str
    source: str
    reason: str
    since: datetime
    try_again_at: datetime


class Examination:
    """Questions about one schema and its server; each is one statement, or one for each kind of parent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def server(self) -> ServerFacts:
        (row,) = await self._database.fetch("server_facts")
        return ServerFacts(*row)

    async def missing_rights(self) -> list[MissingRight]:
        """Rights that running, migrating included, would need; works without any right on the schema."""
        schemas = [self._database.schema, internal_name(self._database.schema)]
        return [MissingRight(*row) for row in await self._database.fetch("missing_rights", schemas)]

    async def known_parents(self) -> dict[str, dict[str, int]]:
        """One live record per region of each entity that has lists per record, by `Entity.singular`."""
        found: dict[str, dict[str, int]] = {}
        for entity in dict.fromkeys((HOME, *PARENTS.values())):
            for row in await self._database.fetch("known_parents", entity=entity):
                if row["key"] is not None:
                    found.setdefault(row["region_code"], {})[entity.singular] = row["key"]
        return found

    async def migrations(self) -> list[MigrationLine]:
        return [MigrationLine(*row) for row in await self._database.fetch("migration_ledger")]

    async def rejections(self) -> list[Rejection]:
        """The latest, at most MOST_REJECTIONS."""
        return [Rejection(*row) for row in await self._database.fetch("rejections", MOST_REJECTIONS)]

    async def unavailable(self) -> list[UnavailableSource]:
        return [UnavailableSource(*row) for row in await self._database.fetch("unavailable_since")]

    async def secrets(self, regions: list[str]) -> set[str]:
        """Every value of api_tokens that must not be shown, for taking it out of texts."""
        names = ("client_id", "client_secret", "access_token", "refresh_token")
        rows = await self._database.fetch("read_tokens", regions)
        return {row[name] for row in rows for name in names if row[name]}
