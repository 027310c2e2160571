"""Commands that read nothing from the API: configuration, schema, version."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from pathlib import Path

import psycopg
import pytest

import breezeway_sync
from breezeway_sync.cli.main import main
from tests.cli.support import Starter, without_a_listener, write_config
from tests.helpers import tiny

pytestmark = pytest.mark.process

DSN = "postgresql://sync:pw@127.0.0.1:1/breezeway"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration whose database and API nobody serves."""
    return write_config(tmp_path, "http://127.0.0.1:1", DSN, tiny(2))


async def test_version_as_command_and_as_module(start: Starter) -> None:
    both = [start("version"), start.program(sys.executable, "-m", "breezeway_sync", "version")]
    for finished in [await one.end() for one in both]:
        assert (finished.code, finished.out, finished.err) == (0, f"{breezeway_sync.__version__}\n", "")


async def test_help_names_every_command(start: Starter) -> None:
    finished = await start.done("--help")
    assert finished.code == 0
    for name in (
        "run",
        "serve",
        "status",
        "token",
        "rejects",
        "doctor",
        "migrate",
        "config",
        "demo",
        "sandbox",
        "version",
    ):
        assert f" {name} " in finished.out


async def test_config_check_and_show(start: Starter, config: Path) -> None:
    check, show = start("config", "check", "-c", config), start("config", "show", "-c", config)
    checked, shown = await check.end(), await show.end()
    assert (checked.code, checked.err) == (0, "")
    assert checked.out == f"{config}: 2 regions, no problem found\n"
    assert (shown.code, shown.err) == (0, "")
    assert "[regions.austin]" in shown.out
    assert "page_size = 100  # default" in shown.out
    assert ":pw@" not in shown.out


async def test_the_configuration_is_found_by_variable_and_in_the_folder(start: Starter, config: Path) -> None:
    by_variable = start("config", "check", variables={"BREEZEWAY_SYNC_CONFIG": str(config)})
    assert (await by_variable.end()).code == 0
    config.rename(config.with_name("config.toml"))  # noqa: ASYNC240 - a moment
    assert (await start.done("config", "check")).code == 0


BROKEN = {
    "not TOML": "[api\npage_size = 1\n",
    "a typing error": "[apy]\npage_size = 1\n",
    "a wrong value": "[api]\npage_size = 0\n",
    "nothing": "",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
async def test_a_bad_configuration_is_78_for_every_command(start: Starter, tmp_path: Path, text: str) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(text, encoding="utf-8")
    commands = (["run"], ["migrate"], ["migrate", "--check"], ["config", "check"], ["config", "show"])
    for finished in [await one.end() for one in [start(*words, "-c", bad) for words in commands]]:
        assert (finished.code, finished.out) == (78, "")
        assert finished.err.startswith("breezeway-sync: ")
        assert "Traceback" not in finished.err


def test_a_file_that_may_not_be_read_is_a_bad_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """78, which systemd does not try again, and not 2. Root may read everything, so the answer is made up."""
    hidden = tmp_path / "hidden.toml"
    hidden.write_bytes(b"\xff")
    monkeypatch.setattr(os, "access", lambda *_args, **_more: False)
    monkeypatch.setattr(sys, "argv", ["breezeway-sync", "config", "check", "-c", str(hidden)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 78
    assert "the configuration file cannot be read" in capsys.readouterr().err


def test_a_full_disk_under_the_output_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["breezeway-sync", "version"])
    full = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115 - its closing fails, too
    monkeypatch.setattr(sys, "stdout", full)
    with pytest.raises(SystemExit) as ended:
        main()
    with contextlib.suppress(OSError):
        full.close()
    assert ended.value.code == 1
    assert "the result cannot be written" in capsys.readouterr().err


async def test_a_missing_configuration_is_78_and_names_the_places(start: Starter, tmp_path: Path) -> None:
    named, found = start("run", "-c", tmp_path / "none.toml"), start("config", "check")
    for finished, words in ((await named.end(), "none.toml"), (await found.end(), "config.toml")):
        assert (finished.code, finished.out) == (78, "")
        assert words in finished.err


async def test_unknown_names_are_usage_and_name_the_known(start: Starter, config: Path) -> None:
    region, entity = start("run", "nashvile", "-c", config), start("run", "all", "task", "-c", config)
    for finished, words in (
        (await region.end(), ('unknown region "nashvile"', '"nashville"?', "austin, nashville, or all")),
        (await entity.end(), ('unknown entity "task"', '"tasks"?', "properties, property_contacts, reservations")),
    ):
        assert (finished.code, finished.out) == (2, "")
        assert all(one in finished.err for one in words)


async def test_a_wrong_line_of_arguments_is_usage(start: Starter, config: Path) -> None:
    wrong = (["walk"], ["run", "--wait", "-1", "-c", config], ["run", "--fast"], ["sandbox", "--regions", "9"])
    for finished in [await one.end() for one in [start(*words) for words in wrong]]:
        assert (finished.code, finished.out) == (2, "")
        assert "Usage" in finished.err


async def test_migrate_checks_then_runs_then_has_nothing_to_do(start: Starter, tmp_path: Path, empty_dsn: str) -> None:
    config = write_config(tmp_path, "http://127.0.0.1:1", empty_dsn, tiny())
    steps = [await start.done("migrate", *more, "-c", config) for more in (["--check"], [], ["--check"], [])]
    assert [one.code for one in steps] == [1, 0, 0, 0]
    numbers = [line.split(": ")[1][:4] for line in steps[0].out.splitlines()]
    assert numbers == [f"{number:04d}" for number in range(1, len(numbers) + 1)]
    assert steps[1].out == steps[0].out.replace("to run:", "ran:")
    assert steps[2].out == steps[3].out == 'schema "breezeway" is up to date\n'


REFUSED_SCHEMAS = {
    "foreign": ("CREATE SCHEMA breezeway; CREATE TABLE breezeway.theirs ()", "belongs to something else"),
    "altered": (
        "UPDATE breezeway.breezeway_sync_migrations SET checksum = 'other' WHERE version = 1",
        "another checksum",
    ),
    "newer": (
        "INSERT INTO breezeway.breezeway_sync_migrations (version, name, checksum) VALUES (999, 'x', 'x')",
        "is newer than this program",
    ),
}


@pytest.fixture(params=REFUSED_SCHEMAS)
def refused_schema(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A database that must not be touched, and what is said about it."""
    dsn: str = request.getfixturevalue("empty_dsn" if request.param == "foreign" else "dsn")
    statement, words = REFUSED_SCHEMAS[request.param]
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement.encode())
    return dsn, words


async def test_a_schema_that_is_not_ours_is_78(start: Starter, tmp_path: Path, refused_schema: tuple[str, str]) -> None:
    dsn, words = refused_schema
    config = write_config(tmp_path, "http://127.0.0.1:1", dsn, tiny())
    for finished in [await one.end() for one in (start("run", "-c", config), start("migrate", "-c", config))]:
        assert (finished.code, finished.out) == (78, "")
        assert words in finished.err
        assert "nothing was changed" in finished.err


async def test_an_old_schema_without_auto_migrate_is_78(start: Starter, tmp_path: Path, empty_dsn: str) -> None:
    config = write_config(tmp_path, "http://127.0.0.1:1", empty_dsn, tiny(), more="auto_migrate = false")
    finished = await start.done("run", "-c", config)
    assert (finished.code, finished.out) == (78, "")
    assert "breezeway-sync migrate" in finished.err


async def test_an_unreachable_database_is_3(start: Starter, tmp_path: Path) -> None:
    dsn = f"postgresql://sync:pw@127.0.0.1:{without_a_listener()}/breezeway"
    config = write_config(tmp_path, "http://127.0.0.1:1", dsn, tiny())
    for finished in [await one.end(20) for one in (start("run", "-c", config), start("migrate", "-c", config))]:
        assert (finished.code, finished.out) == (3, "")
        assert "PostgreSQL cannot be reached" in finished.err
        assert "127.0.0.1" in finished.err
        assert "pw@" not in finished.err
        assert "Traceback" not in finished.err


async def test_an_option_that_the_server_does_not_know_is_told_as_one(
    start: Starter, tmp_path: Path, empty_dsn: str
) -> None:
    config = write_config(tmp_path, "http://127.0.0.1:1", f"{empty_dsn}&connect_timeout=3", tiny())
    finished = await start.done("migrate", "--check", "-c", config)
    assert (finished.code, finished.out) == (3, "")
    assert "what follows the ? in database.dsn" in finished.err


async def test_a_busy_port_of_the_sandbox_is_78(start: Starter) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        finished = await start.done("sandbox", "--port", port)
    assert (finished.code, finished.out) == (78, "")
    assert port in finished.err
    assert "Address already in use" in finished.err
