"""Two servers of one past behind one address: what happens on the second one is not known to the first, nor the other
way round."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from breezeway_sync.cli import postgres as programs

SOCKET = ".s.PGSQL.5432"


@dataclass
class Server:
    """A PostgreSQL in a folder of its own."""

    folder: Path
    server: Any

    @property
    def dsn(self) -> str:
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        with psycopg.connect(self.dsn, autocommit=True, row_factory=dict_row) as connection:
            connection.execute("SET search_path TO breezeway, breezeway_internal")
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def freeze(self, *, thawed: bool = False) -> None:
        """Neither it nor its connections answer, nor do they end; or they go on."""
        process = self.server._process
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii")
        for pid in (process.pid, *map(int, children.split())):
            os.kill(pid, signal.SIGCONT if thawed else signal.SIGSTOP)

    def copy_to(self, folder: Path) -> Server:
        """A second server as this one is now, made while it runs, as a standby or a backup is."""
        copied = Server(folder, programs._Server(programs.find_programs(), folder))
        data, there = self.folder / "data", folder / "data"
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute("SELECT pg_backup_start('copy', fast => true)")
            without = shutil.ignore_patterns("postmaster.pid", "postmaster.opts", "pg_wal")
            shutil.copytree(data, there, ignore=without)
            row = connection.execute("SELECT labelfile FROM pg_backup_stop(wait_for_archive => false)").fetchone()
            shutil.copytree(data / "pg_wal", there / "pg_wal")
        assert row is not None
        (there / "backup_label").write_text(row[0], encoding="utf-8")
        with (there / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(f"unix_socket_directories = '{folder}'\n")
        for path in (there, *there.rglob("*")):
            shutil.chown(path, *_owner(data))
        there.chmod(0o700)
        copied.server.start()
        return copied


def _owner(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_uid, found.st_gid


@dataclass
class Address:
    """A port on the loopback that leads to one server, and to another from some moment on."""

    port: int = 0
    target: Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def dsn(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres?sslmode=disable"

    def lead_to(self, server: Server, *, breaking: bool = True) -> None:
        """New connections go to `server`; with `breaking` those that are open end."""
        self.target = server
        for writer in list(self._open) if breaking else ():
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.target is None:
            writer.transport.abort()  # nothing is there yet
            return
        there, here = await asyncio.open_unix_connection(str(self.target.folder / SOCKET))
        self._open |= {writer, here}
        try:
            await asyncio.wait(
                [asyncio.ensure_future(_pump(reader, here)), asyncio.ensure_future(_pump(there, writer))],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            for one in (writer, here):
                self._open.discard(one)
                one.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def address_of(server: Server) -> AsyncIterator[Address]:
    """An address that leads to `server`, to begin with."""
    address = Address(target=server)
    listening = await asyncio.start_server(address.serve, "127.0.0.1", 0)
    address.port = listening.sockets[0].getsockname()[1]
    try:
        yield address
    finally:
        listening.close()
        for writer in list(address._open):
            writer.transport.abort()


@contextmanager
def a_server() -> Iterator[Server]:
    """An empty server."""
    with programs._folder() as folder:
        server = Server(folder, programs._Server(programs.find_programs(), folder))
        server.server.create(programs._ALWAYS)
        server.server.start()
        try:
            yield server
        finally:
            server.server.stop()


@contextmanager
def a_place() -> Iterator[Path]:
    """A folder for a copy; whatever was started there is stopped by its own fixture."""
    with programs._folder() as folder:
        yield folder
