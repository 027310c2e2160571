"""The unit: what systemd itself says of it, and what must stand in it."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from breezeway_sync.api.transport import LARGEST_BODY_BYTES
from breezeway_sync.core.error_codes import ExitCode
from breezeway_sync.ops.connections import MOST_CONNECTIONS
from breezeway_sync.service.settings import load_settings
from tests.cli.support import COMMAND, environment

DEPLOY = Path(__file__).parents[2] / "deploy" / "systemd"
UNIT = DEPLOY / "breezeway-sync.service"
ANALYZE = shutil.which("systemd-analyze")
HIGHEST_EXPOSURE = 1.5

needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")


@pytest.fixture(scope="module")
def unit() -> dict[str, dict[str, list[str]]]:
    """Section -> directive -> its values in order."""
    sections: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    section = ""
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            sections[section][name].append(value)
    return sections


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The root of a made-up machine that has the unit, the programs it starts, and the targets it hangs on."""
    units = tmp_path / "etc/systemd/system"
    units.mkdir(parents=True)
    shutil.copy(UNIT, units)
    for target in ("sysinit", "basic", "shutdown", "network-online", "multi-user"):
        (units / f"{target}.target").write_text(f"[Unit]\nDescription={target}\n", encoding="utf-8")
    for program in ("opt/breezeway-sync/bin/breezeway-sync", "bin/kill"):
        place = tmp_path / program
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("#!/bin/sh\n", encoding="utf-8")
        place.chmod(0o755)
    return tmp_path


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    assert ANALYZE is not None
    return subprocess.run(
        [ANALYZE, *arguments], capture_output=True, text=True, check=False, env={**environment(), "LC_ALL": "C.UTF-8"}
    )


@needs_systemd
def test_systemd_finds_nothing_wrong_with_it(machine: Path) -> None:
    done = analyze("verify", f"--root={machine}", machine / "etc/systemd/system/breezeway-sync.service")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_systemd
def test_systemd_would_find_a_mistake(machine: Path) -> None:
    copy = machine / "etc/systemd/system/breezeway-sync.service"
    copy.write_text(copy.read_text(encoding="utf-8").replace("WatchdogSec=60", "WatchdogSec=often"), encoding="utf-8")
    done = analyze("verify", f"--root={machine}", copy)
    assert "Failed to parse sec value" in done.stderr


@needs_systemd
def test_little_is_exposed(machine: Path) -> None:
    done = analyze("security", "--offline=true", "--no-pager", f"--root={machine}", "breezeway-sync.service")
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= HIGHEST_EXPOSURE


def test_what_must_stand_in_it(unit: dict[str, dict[str, list[str]]]) -> None:
    service, head = unit["Service"], unit["Unit"]
    assert (service["Type"], service["NotifyAccess"]) == (["notify"], ["main"])
    assert service["ExecStart"][0].endswith("/breezeway-sync serve")
    assert service["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert int(service["WatchdogSec"][0]) >= 30
    assert 20 < int(service["TimeoutStopSec"][0]) <= 40
    assert service["Restart"] == ["on-failure"]
    assert service["RestartPreventExitStatus"] == [str(ExitCode.CONFIGURATION)]
    assert service["SuccessExitStatus"] == [str(ExitCode.TERMINATED)]
    # A limit that could never be met would let it start over for ever.
    assert int(head["StartLimitBurst"][0]) * int(service["RestartSec"][0]) < 600
    assert head["StartLimitIntervalSec"] == ["10min"]
    assert "network-online.target" in head["After"][0]
    assert head["Wants"] == ["network-online.target"]
    assert unit["Install"]["WantedBy"] == ["multi-user.target"]


def test_what_it_takes_of_the_machine_is_bounded(unit: dict[str, dict[str, list[str]]]) -> None:
    service = unit["Service"]
    units = {"M": 2**20, "G": 2**30}
    high, most = (int(service[name][0][:-1]) * units[service[name][0][-1]] for name in ("MemoryHigh", "MemoryMax"))
    assert 6 * LARGEST_BODY_BYTES <= high < most <= 2 * 2**30
    assert int(service["LimitNOFILE"][0]) >= 16 * MOST_CONNECTIONS


def test_what_must_not_stand_in_it(unit: dict[str, dict[str, list[str]]]) -> None:
    service = unit["Service"]
    assert not set(service) & {"ProcSubset", "ProtectProc", "PrivateNetwork", "IPAddressDeny", "DynamicUser"}
    assert set(service["RestrictAddressFamilies"][0].split()) == {"AF_INET", "AF_INET6", "AF_UNIX"}
    assert "LoadCredential" not in service


def test_its_user_is_the_one_that_sysusers_makes(unit: dict[str, dict[str, list[str]]]) -> None:
    text = (DEPLOY / "breezeway-sync.sysusers.conf").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if line and not line.startswith("#")]
    kind, name, *_ = line.split()
    assert kind == "u"
    assert unit["Service"]["User"] == unit["Service"]["Group"] == [name]


def credentials_of_unit() -> dict[str, str]:
    pairs = re.findall(r"^#LoadCredential=(\w+):(\S+)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: path for name, path in pairs if name != "regions"}


def test_the_credentials_it_shows_are_ones_that_the_program_reads(tmp_path: Path) -> None:
    shown = credentials_of_unit()
    assert len(shown) == 3
    for name, path in shown.items():
        assert path.endswith(f"/{name}")
        value = "postgresql://sync@localhost/mirror" if name == "database__dsn" else "made-up"
        (tmp_path / name).write_text(value + "\n", encoding="utf-8")
    settings = load_settings(environ={"CREDENTIALS_DIRECTORY": str(tmp_path)}, cwd=tmp_path)
    region = settings.regions["nashville"]
    assert region.client_id is not None
    assert region.client_id.get_secret_value() == "made-up"


SET_MDWE, GET_MDWE, REFUSE_EXEC_GAIN = 65, 66, 1


def refuses_written_code() -> bool:
    """Whether this kernel has the switch by which memory is kept from becoming code (Linux 6.3)."""
    libc = ctypes.CDLL(None, use_errno=True)
    return hasattr(libc, "prctl") and libc.prctl(GET_MDWE, 0, 0, 0, 0) >= 0


WITHOUT_NEW_CODE = """
import ctypes, os, sys
assert ctypes.CDLL(None).prctl({set}, {refuse}, 0, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.process
@pytest.mark.skipif(not refuses_written_code(), reason="the kernel has no PR_SET_MDWE")
def test_every_library_works_without_memory_that_becomes_code() -> None:
    """What MemoryDenyWriteExecute= asks of CPython and of all that the service imports."""
    program = WITHOUT_NEW_CODE.format(set=SET_MDWE, refuse=REFUSE_EXEC_GAIN)
    modules = "aiohttp, apscheduler, asyncpg, httpx, msgspec, prometheus_client, pydantic, ssl, starlette, uvicorn"
    python = str(COMMAND.with_name("python"))
    use = (
        f"import {modules}, breezeway_sync.service.runner; ssl.create_default_context(); import ctypes; "
        "assert ctypes.CDLL(None).prctl(66, 0, 0, 0, 0) == 1"
    )
    done = subprocess.run([python, "-c", program, python, "-c", use], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
