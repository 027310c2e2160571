"""Writes one archive for support: what happened and the present state, without secrets and data.

It consists of texts that are made without secrets and payloads. Every text also goes through `scrub`, which removes
each secret that the configuration and api_tokens hold.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import sys
import zipfile
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from re import match
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, SecretStr

from breezeway_sync import __version__
from breezeway_sync.core.errors import BreezewaySyncError
from breezeway_sync.service.doctor.findings import DoctorFinding, said
from breezeway_sync.service.runner import open_database
from breezeway_sync.service.settings import Settings, describe
from breezeway_sync.service.settings.dsn import MASK
from breezeway_sync.store.database import Database
from breezeway_sync.store.doctor import Examination
from breezeway_sync.store.status import DAY_SECONDS, Status

SECTION_SECONDS = 30.0
MOST_RUNS = 10_000
SHORTEST_SECRET = 4  # shorter ones are parts of words
ABOUT = """What breezeway-sync says of itself, gathered by `breezeway-sync doctor --bundle`.

findings.json        what the examination found
versions.json        of the program, of Python and of the libraries
settings.toml        the effective configuration, secrets masked
runs.json            the log of the last 24 hours (etl_sync_log)
freshness.json       every region and entity against its freshness target
regions.json         pending child reads and open rejections
tokens.json          when tokens end and what went wrong last; no token
leases.json          who works which account
rejections.json      records that could not be stored, without their content
unavailable.json     addresses that an account does not have
migrations.json      which migrations made the schema
server.json          the PostgreSQL server

There is no secret in it, no payload, and nothing about guests. A section that could not be read says why.
"""


async def write_bundle(path: Path, findings: Sequence[DoctorFinding], settings: Settings | None) -> None:
    """Gather everything and write it to `path`, readable by its owner only. Raises BundleFailed."""
    members: dict[str, object] = {"findings.json": [asdict(one) for one in findings], "versions.json": versions()}
    secrets: set[str] = set()
    if settings is not None:
        secrets = secrets_of(settings)
        members["settings.toml"] = describe(settings)
        try:
            async with open_database(settings) as database:
                secrets |= await _known_to(database, list(settings.regions))
                members |= await _sections(database)
        except BreezewaySyncError as error:
            members["database.json"] = {"not read": said(error)}
    _write(path, {name: scrub(content, secrets) for name, content in members.items()})


class BundleFailed(BreezewaySyncError):
    """The archive could not be written."""


async def _known_to(database: Database, regions: list[str]) -> set[str]:
    """Secrets of api_tokens; a table that cannot be read cannot be shown either."""
    try:
        async with asyncio.timeout(SECTION_SECONDS):
            return await Examination(database).secrets(regions)
    except (BreezewaySyncError, TimeoutError):
        return set()


async def _sections(database: Database) -> dict[str, object]:
    status, examination = Status(database), Examination(database)
    sections: Mapping[str, Callable[[], Awaitable[object]]] = {
        "runs.json": lambda: status.recent_runs(MOST_RUNS, DAY_SECONDS),
        "freshness.json": status.freshness,
        "regions.json": status.regions,
        "tokens.json": status.tokens,
        "leases.json": status.leases,
        "rejections.json": examination.rejections,
        "unavailable.json": examination.unavailable,
        "migrations.json": examination.migrations,
        "server.json": examination.server,
    }
    found: dict[str, object] = {}
    for name, read in sections.items():
        try:
            async with asyncio.timeout(SECTION_SECONDS):
                found[name] = plain(await read())
        except TimeoutError:
            found[name] = {"not read": f"no answer within {SECTION_SECONDS:.0f} s"}
        except BreezewaySyncError as error:
            found[name] = {"not read": said(error)}
    return found


def _write(path: Path, members: Mapping[str, object]) -> None:
    try:
        # Removed first: an older file would keep its own permissions.
        path.unlink(missing_ok=True)
        with (
            os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            archive.writestr("README.txt", ABOUT)
            for name, content in members.items():
                text = content if isinstance(content, str) else json.dumps(content, indent=2, ensure_ascii=False)
                archive.writestr(name, text)
    except OSError as error:
        raise BundleFailed(
            "the bundle cannot be written",
            where=str(path),
            actual=error.strerror or type(error).__name__,
            hint="name a file in a folder that you may write to",
        ) from error


# --- pure -----------------------------------------------------------------------------------------


def plain(value: object) -> object:
    """Reports as JSON takes them."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value.isoformat() if isinstance(value, datetime) else value


def scrub(value: object, secrets: Iterable[str]) -> object:
    """The same with every secret as ***, wherever in a text it stands."""
    if isinstance(value, str):
        # Longest first: one may be a part of another.
        for secret in sorted(secrets, key=len, reverse=True):
            if len(secret) >= SHORTEST_SECRET:
                value = value.replace(secret, MASK)
        return value
    if isinstance(value, dict):
        return {scrub(key, secrets): scrub(one, secrets) for key, one in value.items()}
    return [scrub(one, secrets) for one in value] if isinstance(value, list) else value


def secrets_of(model: BaseModel) -> set[str]:
    """Every secret of the configuration, and the password that the database's address holds."""
    found: set[str] = set()
    for name in type(model).model_fields:
        value = getattr(model, name)
        for one in value.values() if isinstance(value, Mapping) else [value]:
            if isinstance(one, BaseModel):
                found |= secrets_of(one)
            elif isinstance(one, SecretStr):
                found |= _halves(one.get_secret_value())
    return found


def _halves(secret: str) -> set[str]:
    if "://" not in secret:
        return {secret}
    try:
        password = urlsplit(secret).password
    except ValueError:
        password = None
    return {secret, *((password, unquote(password)) if password else ())}


def versions() -> dict[str, str]:
    """The program, Python, the machine, and every library that is needed."""
    found = {"breezeway-sync": __version__, "python": sys.version.split()[0], "platform": platform.platform()}
    try:
        needed = requires("breezeway-sync") or []
    except PackageNotFoundError:
        needed = []
    for requirement in needed:
        name = match(r"[\w.-]+", requirement)
        if name is None or "extra ==" in requirement:
            continue
        try:
            found[name[0]] = version(name[0])
        except PackageNotFoundError:
            found[name[0]] = "not installed"
    return found
