"""Every mistake is named: key, source, shape, what was wanted and what to do; the value never."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from breezeway_sync.core.errors import ConfigurationError
from breezeway_sync.service.settings import load_settings

DSN = "postgresql://sync:pw@db.example/breezeway"
MINIMAL = f'database.dsn = "{DSN}"\nregions.nashville.company_id = 8558\n'


def failure(tmp_path: Path, text: str | bytes, environ: dict[str, str] | None = None) -> ConfigurationError:
    (tmp_path / "config.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigurationError) as caught:
        load_settings(environ=environ or {}, cwd=tmp_path)
    return caught.value


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        # a wrong type
        (
            'regions.a.company_id = "8558"',
            ["regions.a.company_id", "got text, wanted a whole number", "quotes"],
        ),
        (
            "api.page_size = 1.5",
            ["api.page_size", "got a number, wanted a whole number of at least 1", "100"],
        ),
        ("api.page_size = true", ["got true or false"]),
        (
            'history.entities = ["tasks", "task"]',
            ["history.entities", "a name that no entity has", "reservations, tasks"],
        ),
        ("history.retention_days = -1", ["history.retention_days", "at least 0"]),
        ("api.timeout_seconds = true", ["got true or false"]),
        ("database.auto_migrate = 1", ["got a whole number, wanted true or false"]),
        ('database.auto_migrate = "true"', ["got text, wanted true or false"]),
        ("regions.a.name = 1979-05-27", ["regions.a.name", "got a date or time"]),
        ("log.level = []", ["log.level", "got a list", "one of debug, info, warning, error"]),
        ("regions.a.client_id = {b = 1}", ["regions.a.client_id", "got a table"]),
        # a wrong number
        ("api.page_size = 0", ["got a whole number that is too small"]),
        ("api.requests_per_minute = 0", ["api.requests_per_minute", "of at least 1"]),
        ("api.auth_interval_seconds = -0.1", ["of at least 0"]),
        ("api.timeout_seconds = 0", ["above 0"]),
        ("api.timeout_seconds = nan", ["api.timeout_seconds"]),
        ("api.timeout_seconds = inf", ["api.timeout_seconds"]),
        ("sync.max_minutes = nan", ["sync.max_minutes"]),
        (f"api.page_size = 0x{'f' * 5000}", ["got a whole number that is too large"]),
        (f"api.timeout_seconds = 0x{'f' * 5000}", ["api.timeout_seconds"]),
        ("database.pool_size = 1", ["database.pool_size", "of at least 2"]),
        ("sync.batch_rows = 0", ["sync.batch_rows"]),
        ("sync.flush_seconds = 0", ["sync.flush_seconds"]),
        # a wrong text
        ('log.level = "loud"', ["log.level", "got text that is none of them"]),
        ('database.schema = "My-Schema"', ["database.schema", "identifier"]),
        ('database.schema = "pg_catalog"', ["keeps for itself"]),
        ('regions.a.client_secret = ""', ["regions.a.client_secret cannot be used", "got empty text"]),
        ('regions.a.client_secret = "x "', ["regions.a.client_secret", "white space"]),
        ('regions.a.client_id = "x\\u0000"', ["regions.a.client_id", "cannot be printed"]),
        ('regions.a.name = ""', ["regions.a.name", "got empty text"]),
        # unknown keys
        ("api.page_siz = 5", ["api.page_siz is no key", "Did you mean api.page_size?"]),
        ("page_size = 5", ["page_size is no key", "api.page_size"]),
        # pydantic-settings would read this name as an argument of its own.
        ('_env_file = "x"', ["_env_file is no key"]),
        ("[apii]\npage_size = 5", ["apii is no key", "Did you mean api?"]),
        ('source = "x"', ["source is no key"]),
        ("entities.peple.enabled = true", ["entities.peple is no key", "entities.people?"]),
        ("[entities.peple]", ["entities.peple is no key", "entities.people?"]),
        ('entities.tags.path = "/tags"', ["entities.tags.path is no key", "task_tags"]),
        ("regions.nashville.secret = 'x'", ["regions.nashville.secret is no key"]),
        ("regions.nashville.company_idd = 1", ["Did you mean regions.nashville.company_id?"]),
        ('"line\\nbreak" = 1', ["line\\nbreak is no key"]),
        # something else where a table belongs
        ("api = 5", ["api is no table", "got a whole number, wanted a table [api]"]),
        ("regions.x = 'secret'", ["regions.x is no table", "got text"]),
        ("[[regions]]\nname = 'x'", ["regions is no table", "got a list"]),
        ("entities.people = true", ["entities.people is no table"]),
        # regions
        ("[regions.all]", ["regions.all cannot be a region", "every region"]),
        ("[regions.Nashville]", ["regions.Nashville cannot be a region"]),
        ("[regions.a__b]", ["regions.a__b cannot be a region", "two underscores"]),
        (f"[regions.{'a' * 64}]", ["cannot be a region"]),
        # paths
        ('entities.people.path = "people"', ["entities.people.path", "starts with one /"]),
        ('entities.people.path = "//elsewhere.example/people"', ["entities.people.path"]),
        ('entities.people.path = "/people?limit=5"', ["entities.people.path"]),
        (
            'entities.people.path = "/people/{id}"',
            ["entities.people.path", "braces", "wanted a path without"],
        ),
        (
            'entities.task_comments.path = "/task/comments"',
            ["entities.task_comments.path", "exactly one {id}"],
        ),
        ('entities.task_requirements.path = "/t/{id}/{id}"', ["entities.task_requirements.path"]),
        ('entities.property_contacts.path = "/p/{home}"', ["entities.property_contacts.path"]),
    ],
)
def test_a_mistake_in_the_file_names_key_file_shape_and_cure(tmp_path: Path, text: str, fragments: list[str]) -> None:
    separator = "" if text.startswith("[[regions") else "[regions.nashville]\n"
    head = f'database.dsn = "{DSN}"\n' if not text.startswith("database") else ""
    error = failure(tmp_path, f"{head}{text}\n{separator}" if "regions" not in text else f"{head}{text}\n")
    assert str(tmp_path / "config.toml") in str(error)
    for fragment in fragments:
        assert fragment in str(error)


# --- variables ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "fragment"),
    [
        ("BREEZEWAY_SYNC_DATABASE__DNS", "BREEZEWAY_SYNC_DATABASE__DSN?"),
        ("BREEZEWAY_SYNC_API_PAGE_SIZE", "BREEZEWAY_SYNC_API__PAGE_SIZE?"),
        ("BREEZEWAY_SYNC_API", "is no key"),
        ("BREEZEWAY_SYNC_", "is no key"),
        ("BREEZEWAY_SYNC_API__PAGE_SIZE__X", "BREEZEWAY_SYNC_API__PAGE_SIZE?"),
        ("BREEZEWAY_SYNC_REGIONS__NASHVILLE", "is no key"),
        ("BREEZEWAY_SYNC_REGIONS__NASHVILLE__CLIENT_SECRT", "NASHVILLE__CLIENT_SECRET?"),
        ("BREEZEWAY_SYNC_ENTITIES__TAGS__PATH", "task_tags"),
        ("breezeway_sync_config", "is no key"),
    ],
)
def test_an_unknown_variable_is_a_mistake(tmp_path: Path, name: str, fragment: str) -> None:
    message = str(failure(tmp_path, MINIMAL, {name: "topsecret"}))
    assert name in message
    assert fragment in message
    assert "topsecret" not in message


def test_the_variables_of_the_tests_are_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(MINIMAL)
    environ = {
        "BREEZEWAY_SYNC_TEST_DSN": "x",
        "BREEZEWAY_SYNC_TEST_PG_BIN": "y",
        "BREEZEWAYSYNC": "z",
        "PATH": "/",
    }
    assert load_settings(environ=environ, cwd=tmp_path).api.page_size == 100


@pytest.mark.parametrize("text", ["many", "", "1.5", "1_000", "٣", "1" * 5000, "nan"])
def test_text_that_is_no_whole_number(tmp_path: Path, text: str) -> None:
    message = str(failure(tmp_path, MINIMAL, {"BREEZEWAY_SYNC_API__PAGE_SIZE": text}))
    assert "(environment variable BREEZEWAY_SYNC_API__PAGE_SIZE)" in message
    assert "wanted a whole number of at least 1" in message
    assert not text or f"got {text}" not in message


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999", "half", ""])
def test_text_that_is_no_number(tmp_path: Path, text: str) -> None:
    assert "api.timeout_seconds" in str(failure(tmp_path, MINIMAL, {"BREEZEWAY_SYNC_API__TIMEOUT_SECONDS": text}))


def test_a_key_given_twice_in_different_case(tmp_path: Path) -> None:
    environ = {"BREEZEWAY_SYNC_API__PAGE_SIZE": "5", "breezeway_sync_api__page_size": "6"}
    message = str(failure(tmp_path, MINIMAL, environ))
    assert "BREEZEWAY_SYNC_API__PAGE_SIZE" in message
    assert "breezeway_sync_api__page_size" in message


# --- what is missing ------------------------------------------------------------------------------


def test_a_missing_dsn_says_every_way_to_give_it(tmp_path: Path) -> None:
    message = str(failure(tmp_path, "[regions.nashville]\n"))
    for fragment in (
        "database.dsn is missing",
        "config.toml",
        "BREEZEWAY_SYNC_DATABASE__DSN",
        "database__dsn",
    ):
        assert fragment in message


def test_no_region_is_a_mistake(tmp_path: Path) -> None:
    assert "there is no region" in str(failure(tmp_path, f'database.dsn = "{DSN}"\n'))


@pytest.mark.parametrize(("given", "missing"), [("client_id", "client_secret"), ("client_secret", "client_id")])
def test_half_a_pair_is_a_mistake(tmp_path: Path, given: str, missing: str) -> None:
    environ = {f"BREEZEWAY_SYNC_REGIONS__NASHVILLE__{given.upper()}": "topsecret"}
    message = str(failure(tmp_path, MINIMAL, environ))
    assert f"regions.nashville.{missing} is missing" in message
    assert f"got regions.nashville.{given} alone" in message
    assert f"BREEZEWAY_SYNC_REGIONS__NASHVILLE__{given.upper()}" in message
    assert f"regions__nashville__{missing}" in message
    assert "topsecret" not in message


# --- the file as a whole --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        (b'[api]\npage_size = topsecret"', "line 2, column 13"),
        (b'a = "topsecret', "end of document"),
        (b"topsecret = 1\ntopsecret = 2\n", "line 2"),
        (b"a = " + b"9" * 5000, "too long"),
        (b"a = " + b"[" * 100_000, "too deep"),
        (b'a = "topsecret\xff"', "no UTF-8 text"),
    ],
)
def test_a_file_that_is_no_toml_gives_the_place_and_not_the_line(tmp_path: Path, text: bytes, fragment: str) -> None:
    error = failure(tmp_path, text)
    assert fragment in str(error)
    assert str(tmp_path / "config.toml") in str(error)
    shown = "".join(traceback.format_exception(error)).replace(Path(__file__).read_text("utf-8"), "")
    assert "topsecret" not in str(error)
    assert error.__context__ is None
    assert "TOMLDecodeError" not in shown


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(ConfigurationError, match="is a directory"):
        load_settings(environ={}, cwd=tmp_path)


def test_all_mistakes_come_at_once_a_line_each(tmp_path: Path) -> None:
    text = '[api]\npage_size = "topsecret"\nmax = 1\n[regions.a]\nclient_id = 5\n[regions.b]\nclient_id = "x"\n'
    message = str(failure(tmp_path, text, {"BREEZEWAY_SYNC_API__TIMEOUT_SECONDS": "soon", "BREEZEWAY_SYNC_X": "y"}))
    first, *lines = message.splitlines()
    assert first == "7 problems in the configuration:"
    names = (
        "BREEZEWAY_SYNC_X",
        "api.page_size",
        "api.timeout_seconds",
        "api.max",
        "database.dsn",
        "regions.a",
        "regions.b",
    )
    assert len(lines) == len(names)
    for line, name in zip(lines, names, strict=True):
        assert name in line


def test_a_mistake_has_no_pydantic_error_behind_it(tmp_path: Path) -> None:
    error = failure(tmp_path, MINIMAL + 'api.page_size = "topsecret"\n')
    assert error.__context__ is None
    assert error.__cause__ is None
