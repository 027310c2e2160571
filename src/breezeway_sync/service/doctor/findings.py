"""Turns gathered facts into findings: what is wrong, how bad it is, what helps. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from breezeway_sync.core.errors import AccountLocked, BreezewaySyncError, ConfigurationError
from breezeway_sync.service.settings import Settings
from breezeway_sync.service.settings.keys import all_keys, is_secret
from breezeway_sync.service.settings.models import FILE

Level = Literal["ok", "warn", "fail"]
OK: Level = "ok"
WARN: Level = "warn"
FAIL: Level = "fail"

CONFIGURATION = "configuration"
DATABASE = "database"
SCHEMA = "schema"
ACCOUNT = "account"
ENDPOINT = "endpoint"
HOST = "host"

LITTLE_BYTES = 2 * 1024**3
NOTHING_BYTES = 200 * 1024**2
READABLE_BY_ALL = 0o004
_HERE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """One thing that was looked at. `remedy` says what to do, None where nothing has to be done."""

    area: str
    subject: str
    level: Level
    found: str
    remedy: str | None = None


def of_error(area: str, subject: str, error: BreezewaySyncError) -> DoctorFinding:
    """The finding for an error, with its hint as the remedy. A busy account is not a fault."""
    level = WARN if isinstance(error, AccountLocked) else FAIL
    later = "try again later" if error.retryable else "see the message"
    return DoctorFinding(area, subject, level, said(error), error.hint or later)


def said(error: BreezewaySyncError) -> str:
    """The error's message without what to do."""
    return BreezewaySyncError(error.what, where=error.where, actual=error.actual, expected=error.expected).message


def too_late(area: str, subject: str, seconds: float) -> DoctorFinding:
    """A look that did not end in its time."""
    return DoctorFinding(
        area, subject, FAIL, f"no answer within {seconds:.0f} s", "check whether it hangs, and try again"
    )


def condensed(findings: Sequence[DoctorFinding]) -> tuple[DoctorFinding, ...]:
    """For people: the endpoints of a region that answer are one line, at the place of the first of them."""
    counts: dict[str, int] = {}
    for one in findings:
        if one.area == ENDPOINT and one.level == OK:
            region = one.subject.partition(" ")[0]
            counts[region] = counts.get(region, 0) + 1
    shown: list[DoctorFinding] = []
    for one in findings:
        region = one.subject.partition(" ")[0]
        if one.area != ENDPOINT or one.level != OK:
            shown.append(one)
        elif count := counts.pop(region, 0):
            answers = f"{count} endpoint{'s' if count != 1 else ''} answer{'s' if count == 1 else ''}"
            shown.append(DoctorFinding(ENDPOINT, region, OK, answers))
    return tuple(shown)


# --- configuration --------------------------------------------------------------------------------


def of_unusable_configuration(error: ConfigurationError) -> DoctorFinding:
    """Nothing can be looked at without it."""
    return DoctorFinding(CONFIGURATION, "settings", FAIL, said(error), error.hint or "correct what the message names")


def of_configuration(settings: Settings, file_mode: int | None) -> list[DoctorFinding]:
    """What a configuration that can be read still has against it. `file_mode`: None without a file."""
    source = str(settings.source) if settings.source else "environment and credentials"
    count = len(settings.regions)
    found = [DoctorFinding(CONFIGURATION, "settings", OK, f"{source}: {count} region{'s' if count != 1 else ''}")]
    if file_mode is not None and file_mode & READABLE_BY_ALL and _has_secrets_of_file(settings):
        found.append(
            DoctorFinding(
                CONFIGURATION,
                "file",
                WARN,
                "it holds secrets, and everybody on this machine may read it",
                f"chmod o-r {settings.source}, or move the secrets into a credentials directory",
            )
        )
    address = urlsplit(settings.api.base_url)
    if address.scheme == "http" and address.hostname not in _HERE:
        found.append(
            DoctorFinding(
                CONFIGURATION, "api.base_url", WARN, "credentials and data travel unencrypted", "use https:// there"
            )
        )
    return found


def _has_secrets_of_file(settings: Settings) -> bool:
    keys = all_keys(settings.regions).items()
    return any(is_secret(field) and settings.origins.get(key) == FILE for key, field in keys)


# --- this machine ---------------------------------------------------------------------------------


def of_disk(subject: str, place: str, free_bytes: int) -> DoctorFinding:
    """Room on a disk."""
    level = FAIL if free_bytes < NOTHING_BYTES else WARN if free_bytes < LITTLE_BYTES else OK
    remedy = None if level == OK else f"free space on the disk of {place}"
    return DoctorFinding(HOST, subject, level, f"{size(free_bytes)} free at {place}", remedy)


def of_unseen_disk(database_bytes: int) -> DoctorFinding:
    """The database's disk, where it cannot be seen: SQL does not tell how much room there is."""
    holds = f"the database holds {size(database_bytes)}; the free space on its server's disk is not visible from here"
    return DoctorFinding(HOST, "disk of the database", OK, holds, "watch it on the server")


def of_time_sync(is_synchronised: bool | None) -> DoctorFinding:
    """Whether the kernel says that this clock is kept right; None where it cannot be asked."""
    if is_synchronised is None:
        return DoctorFinding(HOST, "time", OK, "this machine does not report whether its clock is synchronised")
    if is_synchronised:
        return DoctorFinding(HOST, "time", OK, "the clock is synchronised")
    return DoctorFinding(
        HOST, "time", WARN, "this machine's clock is not synchronised", "run chrony or systemd-timesyncd here"
    )


def size(count: float) -> str:
    """Bytes for people."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TB"
