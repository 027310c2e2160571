"""Every command and query of docs/operations.md is run, against a real database and the simulated API."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from breezeway_sync.cli.postgres import find_programs
from breezeway_sync.core.error_codes import ERROR_RULES
from breezeway_sync.store.migrate import LEDGER
from tests.cli.support import write_config
from tests.conftest import Rows
from tests.helpers import sandboxed, tiny

PAGE = Path(__file__).resolve().parents[1] / "docs" / "operations.md"
README = Path(__file__).resolve().parents[1] / "README.md"
RULES = Path(__file__).resolve().parents[1] / "deploy" / "prometheus" / "rules.yml"
BLOCK = re.compile(r"```(sh|sql|psql)\n(.*?)```", re.DOTALL)
# What needs an init system as PID 1 is checked for its words only.
VERBS = {
    "systemctl": {"daemon-reload", "enable", "status", "restart", "reload"},
    "journalctl": {"-u", "--disk-usage", "--vacuum-time=30d"},
}


def blocks(kind: str) -> list[str]:
    text = PAGE.read_text(encoding="utf-8")
    return [body for found, body in BLOCK.findall(text) if found == kind]


def commands() -> list[str]:
    return list(dict.fromkeys(line for body in blocks("sh") for line in body.strip().splitlines()))


@pytest.mark.parametrize("statement", [one.strip() for body in blocks("sql") for one in body.split(";") if one.strip()])
def test_every_query_runs(rows: Rows, statement: str) -> None:
    rows(statement)


def readers_queries(page: Path = PAGE) -> list[str]:
    """What a page lets people ask of the database."""
    found = [body for kind, body in BLOCK.findall(page.read_text(encoding="utf-8")) if kind == "sql"]
    return [
        one.strip() for body in found for one in body.split(";") if one.strip().upper().startswith(("SELECT", "WITH"))
    ]


def relations(connection: psycopg.Connection[Any]) -> set[str]:
    found = connection.execute(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'breezeway'::regnamespace AND relkind IN ('r', 'v')"
    )
    return {row[0] for row in found.fetchall()}


def granted(connection: psycopg.Connection[Any], role: str) -> set[str]:
    found = connection.execute(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'breezeway'::regnamespace AND relkind IN ('r', 'v') "
        "AND has_table_privilege(%s, oid, 'SELECT')", (role,)
    )  # fmt: skip
    return {row[0] for row in found.fetchall()}


async def test_the_roles_may_do_what_they_are_for_and_no_more(empty_dsn: str, tmp_path: Path) -> None:
    owner, reader = "breezeway_sync", "breezeway_reader"
    owners_dsn = empty_dsn.replace("postgres@", f"{owner}@", 1)
    before, after, _ = blocks("psql")
    with psycopg.connect(empty_dsn, autocommit=True) as connection:
        try:
            connection.execute(before.encode())
            async with sandboxed(owners_dsn, tiny(1)) as setup:
                assert {one.status for one in (await setup.run()).outcomes} == {"success"}
            connection.execute(after.encode())
            connection.execute(f"SET ROLE {reader}; SET search_path TO breezeway")
            assert granted(connection, reader) == relations(connection) - {"api_tokens", LEDGER}
            for name in sorted(granted(connection, reader)):
                connection.execute(f"SELECT count(*) FROM {name}".encode())
            connection.execute("SELECT require_fresh('all', 'tasks', '1 hour'), as_of('all', 'tasks')")
            for statement in (*readers_queries(), *readers_queries(README)):
                connection.execute(statement.encode())
            for refused in ("SELECT FROM breezeway.api_tokens", "DELETE FROM breezeway.tasks",
                            "SELECT FROM breezeway_internal.missing_records"):  # fmt: skip
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(refused.encode())
            connection.execute("RESET ROLE")

            def tasks() -> tuple[object, ...] | None:
                return connection.execute("SELECT min(tableowner) FROM pg_tables WHERE tablename = 'tasks'").fetchone()

            assert backup("pg_dump", owners_dsn, tmp_path) == 0
            # The role may not make the schema again: what is there stays.
            assert backup("pg_restore", owners_dsn, tmp_path) != 0
            assert tasks() == (owner,)
            assert backup("pg_restore", empty_dsn, tmp_path, without="--no-owner ") == 0
            assert tasks() == (owner,)
        finally:
            connection.execute("RESET ROLE")
            for role in (reader, owner):
                connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_nothing_is_left_of_a_region_that_is_deleted(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn, tiny(2)) as setup:
        await setup.run()
        gone, kept = setup.settings.regions
    made, rest = blocks("psql")[2].replace("'gone'", f"'{gone}'").split("\\gexec")
    setting, made = made.split(";", 1)
    rows(setting)
    for statement in [*(str(row["format"]) for row in rows(made)), *rest.strip().split("\n")]:
        rows(statement)
    tables = [row["name"] for row in rows(
        "SELECT attrelid::regclass::text AS name FROM pg_attribute JOIN pg_class c ON c.oid = attrelid "
        "WHERE attname = 'region_code' AND relkind = 'r' "
        "AND relnamespace IN ('breezeway'::regnamespace, 'breezeway_internal'::regnamespace)"
    )]  # fmt: skip
    assert len(tables) > 30
    left = {name for name in tables if rows(f"SELECT 1 FROM {name} WHERE region_code = %s LIMIT 1", gone)}
    assert left == set()
    assert rows("SELECT 1 FROM tasks WHERE region_code = %s", kept)


def backup(program: str, dsn: str, folder: Path, *, without: str = "") -> int:
    """The exit code of the page's command, with a file of its own."""
    (line,) = [one for one in commands() if one.startswith(program)]
    line = line.replace("/tmp/", f"{folder}/").replace(without, "")
    environment = {**os.environ, "PATH": f"{programs()}:{os.environ['PATH']}", "DSN": dsn}
    return subprocess.run(["sh", "-c", line], env=environment, capture_output=True, check=False).returncode


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for programs that this machine must not really run."""
    for name in VERBS:
        program = tmp_path / name
        program.write_text("#!/bin/sh\nexit 0\n")
        program.chmod(0o755)
    yield tmp_path
    for name in ("/tmp/breezeway-sync.zip", "/tmp/breezeway.dump"):
        Path(name).unlink(missing_ok=True)


@pytest.mark.process
@pytest.mark.timeout(400)  # some forty commands, each a process of its own
async def test_every_command_runs(dsn: str, folder: Path) -> None:
    async with sandboxed(dsn, tiny(1)) as setup:
        await setup.run()
        account = {"requests_per_minute": "100000", "auth_interval_seconds": "0"}
        config = write_config(folder, setup.url, dsn, tiny(1), api="\n".join(f"{k} = {v}" for k, v in account.items()))
        environment = {
            **os.environ,
            "PATH": f"{folder}:{Path(sys.executable).parent}:{programs()}:{os.environ['PATH']}",
            "BREEZEWAY_SYNC_CONFIG": str(config),
            "DSN": dsn,
        }
        for command in commands():
            done = await asyncio.to_thread(
                subprocess.run, ["sh", "-c", command], env=environment, capture_output=True, text=True, check=False
            )
            # `alerts test` says that no channel is configured here, and doctor warns about the sandbox at most.
            allowed = {0, 78} if "alerts test" in command else {0}
            if (
                "problems accept" in command or "problems retry" in command
            ):  # of problems that this mirror does not have
                assert "no open problem has this id" in done.stderr
                allowed = {2}
            assert done.returncode in allowed, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"


def programs() -> Path:
    """pg_dump and pg_restore that fit the server under test."""
    found = find_programs()
    if not (found / "pg_dump").exists():
        other = shutil.which("pg_dump")
        assert other, "pg_dump is not installed"
        return Path(other).parent
    return found


@pytest.mark.parametrize("command", [one for one in commands() if one.split()[0] in VERBS])
def test_commands_of_the_init_system_are_spelled_right(command: str) -> None:
    program, verb, *_ = command.split()
    assert verb in VERBS[program]


def test_every_alert_has_its_remedy() -> None:
    headings = set(re.findall(r"^### (\S+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    anchors = set(re.findall(r"operations\.md#(\S+)", RULES.read_text(encoding="utf-8")))
    assert anchors
    assert anchors == headings


def test_every_error_code_names_a_section_of_the_runbook() -> None:
    headings = set(re.findall(r"^#{2,3} (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert {rule.remedy.section for rule in ERROR_RULES.values()} - headings == set()
