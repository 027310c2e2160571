"""The examination: every kind of finding, by really breaking that thing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from breezeway_sync.core.clock import SystemClock
from breezeway_sync.core.events import ignore
from breezeway_sync.core.sources import account_key
from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.service.doctor import FAIL, OK, WARN, DoctorFinding, Limits, diagnose
from breezeway_sync.service.doctor.findings import of_configuration
from breezeway_sync.service.settings import Settings, load_settings
from breezeway_sync.store import leases
from breezeway_sync.store.database import Database
from tests.conftest import Rows
from tests.helpers import sandboxed, tiny

SOURCES = {s.name for e in ENTITIES for s in (*e.sources, *(called.source for called in e.called))}
_roles = itertools.count(1)


async def examined(settings: Settings, **more: Any) -> list[DoctorFinding]:
    """What is found, without this machine's own matters."""
    diagnosis = await diagnose(settings, emit=ignore, tell=lambda _text: None, **more)
    return [one for one in diagnosis.findings if one.area != "host"]


def at(findings: list[DoctorFinding], area: str, subject: str) -> DoctorFinding:
    (found,) = [one for one in findings if (one.area, one.subject) == (area, subject)]
    return found


def bad(findings: list[DoctorFinding]) -> list[DoctorFinding]:
    return [one for one in findings if one.level != OK]


def changed(settings: Settings, section: str, **values: object) -> Settings:
    return settings.model_copy(update={section: getattr(settings, section).model_copy(update=values)})


def with_region(settings: Settings, code: str, **values: object) -> Settings:
    regions = {**settings.regions, code: settings.regions[code].model_copy(update=values)}
    return settings.model_copy(update={"regions": regions})


async def test_all_is_well_and_every_endpoint_was_asked_once(dsn: str) -> None:
    async with sandboxed(dsn, tiny(2)) as setup:
        await setup.run()
        setup.stats.reset()
        findings = await examined(setup.settings)
        assert setup.stats.token_calls == 0
        assert setup.stats.total == 2 * len(SOURCES)
    assert bad(findings) == []
    asked = {one.subject for one in findings if one.area == "endpoint"}
    assert asked == {f"{code} {source}" for code in ("nashville", "austin") for source in SOURCES}
    assert at(findings, "account", "austin credentials").found == "from the configuration"


async def test_before_the_first_run_children_cannot_be_asked_and_nothing_fails(dsn: str) -> None:
    async with sandboxed(dsn) as setup:
        findings = await examined(setup.settings)
    assert {one.subject for one in bad(findings)} == {
        f"nashville {name}" for name in ("tasks", "task_comments", "task_requirements", "property_contacts")
    }
    assert {one.level for one in bad(findings)} == {WARN}


async def test_wrong_credentials_fail_once_not_at_every_endpoint(dsn: str) -> None:
    async with sandboxed(dsn, tiny(2)) as setup:
        findings = await examined(with_region(setup.settings, "austin", client_secret=SecretStr("mistyped-1")))
    (token,) = [one for one in findings if one.level == FAIL]
    assert (token.area, token.subject) == ("account", "austin token")
    assert token.remedy
    assert "client_secret" in token.remedy
    assert "mistyped" not in str(findings)
    assert not [
        one for one in findings if one.area == "endpoint" and one.subject.startswith("austin ") and one.level == OK
    ]


async def test_credentials_that_nobody_gave_and_those_of_the_table(dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        pair = tiny()[0]
        bare = with_region(setup.settings, "nashville", client_id=None, client_secret=None)
        findings = await examined(bare)
        missing = at(findings, "account", "nashville credentials")
        assert (missing.level, missing.found) == (FAIL, "no credentials")
        assert not [one for one in findings if one.area == "endpoint"]
        rows(
            "INSERT INTO api_tokens (region_code, client_id, client_secret) VALUES ('nashville', %s, %s)",
            pair.client_id,
            pair.client_secret,
        )
        findings = await examined(bare)
    assert at(findings, "account", "nashville credentials").found == "from the api_tokens"
    assert at(findings, "account", "nashville token").level == OK


async def test_an_endpoint_that_the_account_does_not_have(dsn: str) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        setup.faults.add("404", path="/companies/templates")
        setup.faults.add("403_json", path=r"/reservation\?")
        setup.faults.add("empty", path="/contacts")
        setup.faults.add("404", path="/comments")
        findings = await examined(setup.settings)
    by_name = {one.subject: one for one in bad(findings)}
    assert set(by_name) == {
        f"nashville {name}" for name in ("templates", "reservations", "property_contacts", "task_comments")
    }
    templates, reservations = by_name["nashville templates"], by_name["nashville reservations"]
    assert (templates.level, reservations.level) == (WARN, FAIL)
    assert templates.remedy
    assert "entities.templates.enabled = false" in templates.remedy
    assert "HTTP 403" in reservations.found
    assert (
        by_name["nashville task_comments"].remedy == "the task asked for may be deleted: look again after the next run"
    )


async def test_an_endpoint_that_fails_and_one_that_hangs(dsn: str) -> None:
    async with sandboxed(dsn) as setup:
        await setup.run()
        setup.faults.add("422", path="/people")
        setup.faults.add("slow", path="/supplies", delay=5)
        findings = await examined(setup.settings, limits=Limits(call_seconds=1.0))
    assert {(one.subject, one.level) for one in bad(findings)} == {
        ("nashville people", FAIL),
        ("nashville supplies", FAIL),
    }
    assert at(findings, "endpoint", "nashville supplies").found == "no answer within 1 s"


async def test_an_api_that_is_away(dsn: str) -> None:
    async with sandboxed(dsn) as setup:
        findings = await examined(changed(setup.settings, "api", base_url="http://127.0.0.1:1"))
    token = at(findings, "account", "nashville token")
    assert token.level == FAIL
    assert "not reached" in token.found


async def test_what_is_switched_off_is_not_asked_and_another_path_is(dsn: str) -> None:
    async with sandboxed(dsn) as setup:
        entities: dict[str, Any] = dict(setup.settings.entities)
        for name in ("people", "task_tags", "tasks"):
            entities[name] = entities[name].model_copy(update={"enabled": False})
        entities["supplies"] = entities["supplies"].model_copy(update={"path": "/elsewhere"})
        findings = await examined(setup.settings.model_copy(update={"entities": entities}))
    asked = {one.subject.partition(" ")[2] for one in findings if one.area == "endpoint"}
    assert asked == SOURCES - {"people", "task_tags", "tasks", "task_comments", "task_requirements"}
    assert at(findings, "endpoint", "nashville supplies").level != OK


async def test_a_database_that_is_down() -> None:
    async with sandboxed("postgresql://sync:pw@127.0.0.1:1/mirror") as setup:
        findings = await examined(setup.settings)
    assert [one.area for one in findings] == ["configuration", "database"]
    connection = at(findings, "database", "connection")
    assert (connection.level, connection.remedy) == (FAIL, "check database.dsn and the server")


@pytest.mark.parametrize(("auto_migrate", "level"), [(True, WARN), (False, FAIL)])
async def test_a_schema_that_is_not_migrated_is_left_alone(empty_dsn: str, auto_migrate: bool, level: str) -> None:
    async with sandboxed(empty_dsn) as setup:
        findings = await examined(changed(setup.settings, "database", auto_migrate=auto_migrate))
        assert setup.stats.total == 0
    schema = at(findings, "schema", "breezeway")
    assert schema.level == level
    assert "breezeway-sync migrate" in (schema.remedy or "")
    assert at(findings, "account", "all").level == WARN
    with psycopg.connect(empty_dsn) as connection:
        assert connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'breezeway'").fetchone() == (0,)


async def test_a_schema_that_belongs_to_somebody_else(empty_dsn: str) -> None:
    with psycopg.connect(empty_dsn, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA breezeway; CREATE TABLE breezeway.theirs ()")
    async with sandboxed(empty_dsn) as setup:
        findings = await examined(setup.settings)
    assert at(findings, "schema", "breezeway").level == FAIL
    assert "belongs to something else" in at(findings, "schema", "breezeway").found


@pytest.fixture
def role(postgres: str) -> Iterator[str]:
    """A role that may log in and nothing else. Asked for before the database, so that it goes after it."""
    name = f"breezeway_sync_test_role_{next(_roles)}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
        yield name
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def as_role(settings: Settings, dsn: str, role: str) -> Settings:
    return changed(settings, "database", dsn=SecretStr(dsn.replace("postgres@", f"{role}@", 1)))


async def test_a_role_without_any_right(role: str, dsn: str) -> None:
    async with sandboxed(dsn) as setup:
        findings = await examined(as_role(setup.settings, dsn, role))
    rights = at(findings, "database", "rights")
    assert rights.level == FAIL
    for words in ("USAGE on schema breezeway", "INSERT on table", "SELECT on view"):
        assert words in rights.found
    assert f'GRANT USAGE ON SCHEMA "breezeway" TO "{role}"' in (rights.remedy or "")
    schema = at(findings, "schema", "breezeway")
    assert schema.level == FAIL
    assert "42501" in schema.found
    assert at(findings, "account", "all").level == WARN


async def test_the_rights_that_the_remedy_grants_are_enough(role: str, dsn: str, rows: Rows) -> None:
    async with sandboxed(dsn) as setup:
        limited = as_role(setup.settings, dsn, role)
        rights = at(await examined(limited), "database", "rights")
        for grant in (rights.remedy or "").split("; "):
            rows(grant)
        rows(f'REVOKE CREATE ON SCHEMA breezeway FROM "{role}"')
        findings = await examined(limited)
        assert (rights_now := at(findings, "database", "rights")).level == WARN
        assert rights_now.found == f'role "{role}" lacks CREATE on schema breezeway'
        assert not [one for one in findings if one.level == FAIL]
        setup.settings = limited
        assert {one.status for one in (await setup.run()).outcomes} == {"success"}


async def test_a_role_that_owns_both_empty_schemas_needs_no_right_on_the_database(role: str, empty_dsn: str) -> None:
    with psycopg.connect(empty_dsn, autocommit=True) as connection:
        for schema in ("breezeway", "breezeway_internal"):
            statement = sql.SQL("CREATE SCHEMA {} AUTHORIZATION {}")
            connection.execute(statement.format(sql.Identifier(schema), sql.Identifier(role)))
    async with sandboxed(empty_dsn) as setup:
        setup.settings = as_role(setup.settings, empty_dsn, role)
        assert at(await examined(setup.settings), "database", "rights").level == OK
        assert {one.status for one in (await setup.run()).outcomes} == {"success"}


async def test_a_role_in_an_empty_database_needs_to_make_the_schema(role: str, empty_dsn: str) -> None:
    async with sandboxed(empty_dsn) as setup:
        findings = await examined(as_role(setup.settings, empty_dsn, role))
    rights = at(findings, "database", "rights")
    assert (rights.level, "CREATE on database" in rights.found) == (FAIL, True)


async def test_a_database_that_takes_no_writes(dsn: str, rows: Rows) -> None:
    name = rows("SELECT current_database()::text AS name")[0]["name"]
    rows(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    async with sandboxed(dsn) as setup:
        findings = await examined(setup.settings)
    assert at(findings, "database", "writing").level == FAIL


async def test_an_account_that_another_process_works_is_no_fault(
    database: Database, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.2)
    other = leases.Owner("elsewhere, process 1", "elsewhere|boot|namespace|1|1")
    async with sandboxed(dsn) as setup:
        key = account_key(setup.url, tiny()[0].client_id)
        async with leases.hold(
            database, key, clock=SystemClock(), wait_seconds=0, drain_seconds=0, emit=ignore, owner=other
        ):
            findings = await examined(setup.settings, wait_seconds=0)
        assert setup.stats.total == 0
    held = at(findings, "account", "nashville")
    assert held.level == WARN
    assert "elsewhere, process 1" in held.found


async def test_a_budget_that_another_process_used_up_is_left_as_it_was(dsn: str, rows: Rows) -> None:
    """Examining takes its turn like any other work, and hands on what it found."""
    async with sandboxed(dsn) as setup:
        await setup.run()
        rows("UPDATE account_leases SET paused_until = now() + interval '30 s'")
        findings = await examined(setup.settings, limits=Limits(call_seconds=1.0))
    assert {one.found for one in findings if one.area == "endpoint"} == {"no answer within 1 s"}
    left = (
        "SELECT extract(epoch FROM greatest(next_call_at, paused_until) - now())::float8 AS seconds FROM account_leases"
    )
    assert rows(left)[0]["seconds"] > 20


async def test_secrets_in_a_file_for_everybody(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    text = '[database]\ndsn = "postgresql://a:b@127.0.0.1:1/c"\n[api]\nbase_url = "http://api.example"\n[regions.one]\n'
    file.write_text(text, encoding="utf-8")
    settings = load_settings(file, environ={}, cwd=tmp_path)
    assert {one.subject for one in of_configuration(settings, 0o644) if one.level == WARN} == {"file", "api.base_url"}
    assert {one.subject for one in of_configuration(settings, 0o640) if one.level == WARN} == {"api.base_url"}
    elsewhere = {"BREEZEWAY_SYNC_DATABASE__DSN": "postgresql://a:b@127.0.0.1:1/c"}
    file.write_text("[regions.one]\n", encoding="utf-8")
    settings = load_settings(file, environ=elsewhere, cwd=tmp_path)
    assert [one.level for one in of_configuration(settings, 0o644)] == [OK]


async def test_a_proxy_that_cannot_be_used(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with sandboxed(dsn) as setup:
        monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1")
        monkeypatch.setenv("no_proxy", "")
        findings = await examined(setup.settings)
    assert at(findings, "configuration", "proxy").level == FAIL
