"""`demo` and `sandbox`: they show what they promise and leave nothing behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from breezeway_sync.core.error_codes import ExitCode
from tests.cli.support import Running, Starter, fetched, until
from tests.conftest import Rows

pytestmark = pytest.mark.process

SUM = re.compile(r"^all((?: +[\d,]+){6}) *$", re.MULTILINE)
REGIONS = ("nashville", "austin", "smoky")


@pytest.fixture
def run_budget() -> Iterator[Path]:
    """A folder for temporary files that everybody may enter, as PostgreSQL under root needs it."""
    folder = Path(tempfile.mkdtemp(prefix="bwcli-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def living_in(folder: Path) -> list[str]:
    """Processes that were started with this folder or stand in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_text(encoding="utf-8", errors="replace")
            place = str((process / "cwd").readlink())
        except OSError:  # ended meanwhile, or somebody else's
            continue
        if str(folder) in line or place.startswith(str(folder)):
            found.append(f"{process.name} {line}")
    return found


async def nothing_is_left(run_budget: Path, start: Starter) -> None:
    await until(lambda: not living_in(run_budget), 5, "processes are left")
    assert os.listdir(run_budget) == []  # noqa: PTH208 - a name is enough
    assert {name.partition(".")[2] for name in os.listdir(start.folder)} == {"out", "err"}  # noqa: PTH208


async def test_demo_mirrors_twice_and_leaves_nothing(start: Starter, run_budget: Path) -> None:
    finished = await start.done("demo", within=90, variables={"TMPDIR": str(run_budget)})
    assert finished.code == ExitCode.OK, finished.err
    first, second = finished.out.split("second run")
    new, updated, unchanged, deleted, rejected, first_calls = counts(first)
    assert new > 1000
    assert (updated, unchanged, deleted, rejected) == (0, 0, 0, 0)
    # The second run reads what changed, and finds that nothing did.
    new, updated, unchanged, deleted, rejected, calls = counts(second)
    assert (new, updated, deleted, rejected) == (0, 0, 0, 0)
    assert unchanged > 0
    assert calls < first_calls / 10
    for code in REGIONS:
        assert re.search(rf"^{code} +properties +success", first, re.MULTILINE)
    for part in (first, second):
        assert "failed" not in part
        assert "partial" not in part
    assert "v_task_reservation_linkage" in first
    assert "\x1b" not in finished.out + finished.err
    await nothing_is_left(run_budget, start)


def counts(text: str) -> list[int]:
    """The line of sums of a table."""
    (found,) = SUM.findall(text)
    return [int(number.replace(",", "")) for number in found.split()]


async def kept_up(start: Starter, run_budget: Path) -> Running:
    running = start("demo", "--keep", variables={"TMPDIR": str(run_budget)})
    is_decided = lambda: "simulated API:" in running.out or running.popen.poll() is not None  # noqa: E731
    await until(is_decided, 90, "the demonstration is not up")
    assert running.popen.poll() is None, running.err
    return running


@pytest.mark.parametrize("signals", [1, 3], ids=["once", "impatiently"])
async def test_demo_can_be_kept_until_it_is_interrupted(start: Starter, run_budget: Path, signals: int) -> None:
    running = await kept_up(start, run_budget)
    ((options, dsn),) = re.findall(r"PGOPTIONS='([^']+)' psql '([^']+)'", running.out)
    (url,) = re.findall(r"control: (\S+)\)", running.out)
    with psycopg.connect(dsn, options=options) as connection:
        assert connection.execute("SELECT count(*) > 0 FROM tasks").fetchone() == (True,)
    assert (await fetched(url))["total"] > 0
    assert living_in(run_budget)
    for _ in range(signals):
        running.send(signal.SIGINT)
        await until(lambda: running.popen.poll() is not None or living_in(run_budget), 1, "nobody is there")
    assert (await running.end(20)).code == ExitCode.INTERRUPTED
    await nothing_is_left(run_budget, start)


@pytest.mark.parametrize("kind", ["INT", "TERM", "Ctrl-C"])
async def test_demo_ended_while_it_starts_leaves_nothing(start: Starter, run_budget: Path, kind: str) -> None:
    """A terminal sends Ctrl-C to the programs as well that the demonstration has started and waits for."""
    running = start("demo", variables={"TMPDIR": str(run_budget)})
    await until(lambda: list(run_budget.iterdir()), 20, "PostgreSQL is not started")
    if kind == "Ctrl-C":
        os.killpg(running.pid, signal.SIGINT)
    else:
        running.send(signal.Signals[f"SIG{kind}"])
    assert (await running.end(20)).code == (ExitCode.TERMINATED if kind == "TERM" else ExitCode.INTERRUPTED)
    await nothing_is_left(run_budget, start)


async def test_sandbox_prints_a_configuration_that_run_takes(start: Starter, dsn: str, rows: Rows) -> None:
    sizes = ("--regions", "2", "--properties", "2", "--tasks", "3", "--reservations", "2")
    serving = start("sandbox", "--port", "0", *sizes)
    await until(lambda: serving.out.count("client_secret") == 2 and serving.out.endswith("\n"), 20, "it does not serve")
    printed = tomllib.loads(serving.out)
    assert list(printed["regions"]) == ["nashville", "austin"]
    config = start.folder / "printed.toml"
    config.write_text(serving.out, encoding="utf-8")
    finished = await start.done("run", "-c", config, variables={"BREEZEWAY_SYNC_DATABASE__DSN": dsn})
    assert finished.code == ExitCode.OK, finished.out
    accounts = await fetched(f"{printed['api']['base_url']}/_sandbox/accounts")
    truth = {one["code"]: one["counts"]["tasks"] for one in accounts}
    kept = rows("SELECT region_code, count(*) n FROM tasks GROUP BY 1")
    assert {one["region_code"]: one["n"] for one in kept} == truth
    serving.send(signal.SIGTERM)
    assert (await serving.end(10)).code == ExitCode.TERMINATED
    assert "Traceback" not in serving.err


async def test_sandbox_without_limits_serves_until_it_is_interrupted(start: Starter) -> None:
    serving = start("sandbox", "--port", "0", "--regions", "1", "--no-limits", "--latency-ms", "5")
    await until(lambda: "client_secret" in serving.out, 20, "it does not serve")
    url = tomllib.loads(serving.out)["api"]["base_url"]
    options = await fetched(f"{url}/_sandbox/options")
    assert (options["data_calls"], options["auth_interval_seconds"], options["max_concurrency"]) == (None, None, None)
    assert options["latency_seconds"] == 0.005
    serving.send(signal.SIGINT)
    assert (await serving.end(10)).code == ExitCode.INTERRUPTED
