"""A mirror of the programmable API, and hours that pass by moving all stored times back."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
import pytest

from breezeway_sync.api import retry
from breezeway_sync.core.clock import Clock
from breezeway_sync.core.events import Event
from breezeway_sync.core.outcome import Outcome
from breezeway_sync.entities.streams import NAMES
from breezeway_sync.sandbox.server import running
from breezeway_sync.service import runner
from breezeway_sync.service.runner import RunReport, RunRequest
from breezeway_sync.service.settings import Settings
from tests.claims.api import Api, Company
from tests.cli.support import COMMAND, environment
from tests.conftest import Rows
from tests.truth.contract import BY_NAME

OURS = ("synced_at", "deleted_at", "system_created_at", "system_updated_at")


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err


def _toml(tables: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in tables.items():
        if not isinstance(value, dict):
            yield f"{name} = {json.dumps(value)}"
    for name, value in tables.items():
        if isinstance(value, dict):
            yield f"[{prefix}{name}]"
            yield from _toml(value, f"{prefix}{name}.")


@dataclass
class Place:
    """`regions` are tables of the configuration; what is changed in them counts from the next run on."""

    api: Api
    url: str
    dsn: str
    rows: Rows
    folder: Path
    regions: dict[str, dict[str, Any]] = field(default_factory=dict)
    more: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def settings(self) -> Settings:
        return Settings.model_validate(self.tables())

    def tables(self) -> dict[str, Any]:
        """The configuration."""
        settings: dict[str, Any] = {
            "api": {"base_url": self.url, "requests_per_minute": 1_000_000, "auth_interval_seconds": 0},
            "database": {"dsn": self.dsn},
            "regions": self.regions,
        }
        for name, values in self.more.items():
            settings[name] = {**settings.get(name, {}), **values}
        return settings

    def add(self, code: str, number: int, *, homes: int = 2, tasks: int = 4, client: str | None = None) -> Company:
        """A region with a company of its own: so many homes with so many tasks and one stay each."""
        company = self.api.company(number, client=client)
        for home in range(number * 1000, number * 1000 + homes):
            self.api.put(company, "properties", home)
            self.api.put(company, "reservations", home + 500, property_id=home)
            for task in range(tasks):
                self.api.put(company, "tasks", home * 100 + task, home_id=home)
        for kind in (
            "people",
            "supplies",
            "templates",
            "subdepartments",
            "task_tags",
            "reservation_tags",
            "property_tags",
        ):
            self.api.put(company, kind, number * 10 + len(kind))
        self.regions[code] = self.region(number, client=client)
        return company

    def region(self, number: int, *, client: str | None = None, company_id: Any = ...) -> dict[str, Any]:
        """The table of a region in the configuration."""
        name = client or f"client-{number}"
        table = {"client_id": name, "client_secret": self.api.secrets[name], "company_id": company_id}
        if company_id is ...:
            table["company_id"] = number
        return {name: value for name, value in table.items() if value is not None}

    async def run(
        self, region: str = "all", entity: str = "all", *, clock: Clock | None = None, **request: Any
    ) -> RunReport:
        settings = self.settings()
        regions = tuple(settings.regions) if region == "all" else (region,)
        entities = NAMES if entity == "all" else (entity,)
        return await runner.run(
            settings, RunRequest(regions, entities, **request), emit=self.events.append, clock=clock
        )

    async def runs(self, times: int, *, hours: float = 1.0) -> RunReport:
        """So many runs, so many hours apart; the last one's report."""
        for _ in range(times):
            self.later(hours)
            report = await self.run()
        return report

    def later(self, hours: float) -> None:
        """Everything that is stored is so much older."""
        found = self.rows(
            "SELECT c.table_schema || '.' || c.table_name AS name, c.table_name AS short, "
            "array_agg(c.column_name::text) AS columns "
            "FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name) "
            "WHERE c.table_schema LIKE 'breezeway%%' AND t.table_type = 'BASE TABLE' "
            "AND c.data_type = 'timestamp with time zone' GROUP BY 1, 2"
        )
        for table in found:
            columns = [one for one in table["columns"] if table["short"] not in BY_NAME or one in OURS]
            moved = ", ".join(f'"{one}" = "{one}" - interval \'{hours} hours\'' for one in columns)
            if moved:
                self.rows(f"UPDATE {table['name']} SET {moved}")

    def live(self, table: str, column: str, region: str | None = None) -> set[Any]:
        """The keys of live rows, of a region or of all."""
        where = "" if region is None else f" AND region_code = '{region}'"
        return {one["key"] for one in self.rows(f"SELECT {column} AS key FROM {table} WHERE deleted_at IS NULL{where}")}

    def tasks(self, region: str | None = None) -> set[int]:
        return self.live("tasks", "task_id", region)

    def homes(self, region: str | None = None) -> set[int]:
        return self.live("properties", "property_id", region)

    def stays(self, region: str | None = None) -> set[int]:
        return self.live("reservations", "reservation_id", region)

    def refusal(self, region: str = "all", entity: str = "tasks", more: str = "") -> str | None:
        """What require_fresh says within two hours; None where it lets pass."""
        try:
            self.rows(f"SELECT require_fresh('{region}', '{entity}', '2 hours'{more})")
        except psycopg.Error as error:
            if error.sqlstate != "BZ001":
                raise
            return str(error)
        return None

    async def command(self, *arguments: str, settings: dict[str, Any] | None = None) -> Done:
        """The command in a process of its own, with this configuration, or another one."""
        file = self.folder / "config.toml"
        tables = self.tables() if settings is None else settings
        file.write_text("\n".join(_toml(tables)), encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            COMMAND, *arguments, "--config", str(file), stdin=DEVNULL, stdout=PIPE, stderr=PIPE, cwd=self.folder,
            env={**environment(), "HOME": str(self.folder)},
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(), 60)
        return Done(process.returncode or 0, out.decode(), err.decode())


def statuses(report: RunReport, region: str | None = None) -> dict[str, str]:
    """How the entities of a region ended."""
    return {one.entity: one.status for one in report.outcomes if region in (None, one.region)}


def not_green(report: RunReport, region: str | None = None) -> list[Outcome]:
    return [one for one in report.outcomes if one.status != "success" and region in (None, one.region)]


def without_pauses() -> AbstractContextManager[Any]:
    """As many attempts as ever, without the pauses between them."""
    return patch.multiple(
        retry,
        CALLS=replace(retry.CALLS, first_seconds=0.01, longest_seconds=0.01),
        EMPTY_ANSWERS=replace(retry.EMPTY_ANSWERS, first_seconds=0.01),
        LIMITED_PAUSE_SECONDS=0.01,
        LIMITED_JITTER_SECONDS=0.0,
    )


@pytest.fixture
async def place(dsn: str, rows: Rows, tmp_path: Path) -> AsyncIterator[Place]:
    api = Api()
    with without_pauses():
        async with running(api.app) as url:
            yield Place(api, url, dsn, rows, tmp_path)
