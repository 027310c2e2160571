"""What facts amount to, without a server."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from breezeway_sync.core.errors import AccountLocked, ApiUnreachable, DatabaseUnreachable
from breezeway_sync.service.doctor import FAIL, OK, WARN, DoctorFinding, condensed
from breezeway_sync.service.doctor import findings as judged
from breezeway_sync.service.doctor.host import free_bytes, is_time_synchronised, log_place, mode_of
from breezeway_sync.service.doctor.of_database import of_clock, of_migrations, of_rights, of_server
from breezeway_sync.store.doctor import MissingRight, ServerFacts

FACTS = ServerFacts(
    150_004, "15.4", "mirror", "sync", datetime(2026, 11, 20, tzinfo=UTC), False, False, 5_000_000, True, None
)


def levels(found: list[DoctorFinding]) -> dict[str, str]:
    return {one.subject: one.level for one in found}


def test_a_server_that_is_too_old_or_takes_no_writes() -> None:
    assert levels(of_server(FACTS)) == {"connection": OK, "version": OK}
    assert levels(of_server(replace(FACTS, version_number=140_011, version="14.11")))["version"] == FAIL
    assert levels(of_server(replace(FACTS, is_standby=True, is_read_only=True)))["writing"] == FAIL
    assert levels(of_server(replace(FACTS, is_read_only=True)))["writing"] == FAIL


@pytest.mark.parametrize(
    ("skew", "level", "words"),
    [
        (0.3, OK, "ahead of"),
        (-4.9, OK, "behind"),
        (6, WARN, "6 s ahead of"),
        (-299, WARN, "behind"),
        (3600, FAIL, "3600 s"),
    ],
)
def test_clocks(skew: float, level: str, words: str) -> None:
    found = of_clock(skew)
    assert found.level == level
    assert words in found.found
    assert (found.remedy is None) == (level == OK)


def test_a_missing_right_to_create_matters_only_where_a_migration_has_to_run() -> None:
    missing = [MissingRight("schema", "breezeway", "breezeway", "CREATE")]
    assert of_rights([], FACTS, is_current=True).level == OK
    assert of_rights(missing, FACTS, is_current=True).level == WARN
    assert of_rights(missing, FACTS, is_current=False).level == FAIL
    tables = [MissingRight("table", "breezeway", f"t{number}", "INSERT") for number in range(5)]
    assert "INSERT on table t0, t1, t2 and 2 more" in of_rights(tables, FACTS, is_current=True).found
    assert of_migrations((), "breezeway", auto_migrate=False).level == OK


@pytest.mark.parametrize(("free", "level"), [(10 * 1024**3, OK), (1024**3, WARN), (1024**2, FAIL)])
def test_room_on_a_disk(free: int, level: str) -> None:
    assert judged.of_disk("disk of the logs", "/var/log", free).level == level


def test_what_cannot_be_seen_is_said_and_is_no_fault() -> None:
    unseen = judged.of_unseen_disk(3 * 1024**3)
    assert unseen.level == OK
    assert "holds 3.0 GB" in unseen.found
    assert "is not visible from here" in unseen.found
    assert judged.of_time_sync(None).level == OK
    assert judged.of_time_sync(True).level == OK
    assert judged.of_time_sync(False).level == WARN


def test_an_error_becomes_a_finding_with_its_cure() -> None:
    away = judged.of_error("database", "server", DatabaseUnreachable("away", where="x", actual="y", hint="look at it"))
    assert away == DoctorFinding("database", "server", FAIL, "away (x): got y", "look at it")
    assert judged.of_error("endpoint", "a b", ApiUnreachable("no", endpoint="/task")).remedy == "try again later"
    assert judged.of_error("account", "a", AccountLocked("busy")).level == WARN


def test_endpoints_that_answer_are_one_line_for_people() -> None:
    several = [
        DoctorFinding("account", "a token", OK, "has one"),
        *(DoctorFinding("endpoint", f"a {name}", OK, "answers") for name in ("tags", "people")),
        DoctorFinding("endpoint", "a tasks", FAIL, "does not", "ask"),
        DoctorFinding("endpoint", "b tags", OK, "answers"),
    ]
    assert [(one.subject, one.level, one.found) for one in condensed(several)] == [
        ("a token", OK, "has one"),
        ("a", OK, "2 endpoints answer"),
        ("a tasks", FAIL, "does not"),
        ("b", OK, "1 endpoint answers"),
    ]


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (1536, "1.5 kB"), (50 * 1024**2, "50 MB"), (3 * 1024**4, "3.0 TB")]
)
def test_sizes(count: int, text: str) -> None:
    assert judged.size(count) == text


def test_this_machine(tmp_path: Path) -> None:
    assert is_time_synchronised() in ((True, False, None) if sys.platform == "linux" else (None,))
    assert (free_bytes(tmp_path) or 0) > 0
    assert free_bytes(tmp_path / "nowhere") is None
    assert log_place({}) == Path("/var/log")
    assert log_place({"LOGS_DIRECTORY": "/var/log/a:/var/log/b"}) == Path("/var/log/a")
    assert mode_of(None) is None
    assert mode_of(tmp_path / "nowhere") is None
    assert mode_of(tmp_path)
