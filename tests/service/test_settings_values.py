"""Addresses and paths, which can and which cannot be used; and the models without a load."""

from __future__ import annotations

from pathlib import Path

import pytest

from breezeway_sync.core.errors import ConfigurationError
from breezeway_sync.service.settings import RegionSettings, Settings, load_settings

DSN = "postgresql://sync:pw@db.example/breezeway"
MINIMAL = f'database.dsn = "{DSN}"\nregions.nashville.company_id = 8558\n'


def failure(tmp_path: Path, text: str | bytes, environ: dict[str, str] | None = None) -> ConfigurationError:
    (tmp_path / "config.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigurationError) as caught:
        load_settings(environ=environ or {}, cwd=tmp_path)
    return caught.value


@pytest.mark.parametrize(
    "url",
    [
        *(
            "ftp://h",
            "h.example",
            "https://",
            "https://u:topsecret@h",
            "https://h?key=topsecret",
            "https://h#x",
        ),
        *("https://h:0", "https://h:port", "http://[::1", "https://h/a b", "", " https://h", "https://h\t"),
    ],
)
def test_a_base_url_that_cannot_be_used(tmp_path: Path, url: str) -> None:
    error = failure(tmp_path, MINIMAL, {"BREEZEWAY_SYNC_API__BASE_URL": url})
    assert "api.base_url cannot be used" in str(error)
    assert "topsecret" not in str(error)


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://api.example/", "https://api.example"),
        ("http://127.0.0.1:8080/v1//", "http://127.0.0.1:8080/v1"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_a_base_url_loses_its_last_slash(tmp_path: Path, url: str, normal: str) -> None:
    (tmp_path / "config.toml").write_text(MINIMAL)
    settings = load_settings(environ={"BREEZEWAY_SYNC_API__BASE_URL": url}, cwd=tmp_path)
    assert settings.api.base_url == normal


@pytest.mark.parametrize("path", ["/v2/people", "/people/", "/a-b_c.d~e"])
def test_paths_that_can_be_used(tmp_path: Path, path: str) -> None:
    text = f'{MINIMAL}entities.people.path = "{path}"\nentities.task_comments.path = "/x/{{id}}{path}"\n'
    (tmp_path / "config.toml").write_text(text)
    entities = load_settings(environ={}, cwd=tmp_path).entities
    assert (entities["people"].path, entities["task_comments"].path) == (path, f"/x/{{id}}{path}")


@pytest.mark.parametrize(
    "dsn",
    [
        *("", "topsecret", "mysql://u:topsecret@h/d", "host=h password=topsecret", "postgresql:topsecret"),
        *("postgresql://u:top@secret@h/d", "postgresql://u:top/secret@h/d", "postgresql://u:top#secret@h/d"),
        *("postgresql://u:topsecret", "postgresql://u:topsecret@h:99999/d", "postgresql://h/d?password"),
        *("postgresql://u:top secret@h/d", "postgresql://u:topsecret@h/d\n", "postgresql://u:top?secret@h/d"),
        "postgresql://u@a,b/d?target_session_attrs=standby",
        "postgresql://u@a,b/d?sslmode=disable&target_session_attrs=read-only",
    ],
)
def test_a_dsn_that_cannot_be_used(tmp_path: Path, dsn: str) -> None:
    message = str(failure(tmp_path, MINIMAL, {"BREEZEWAY_SYNC_DATABASE__DSN": dsn}))
    assert "database.dsn cannot be used (environment variable BREEZEWAY_SYNC_DATABASE__DSN)" in message
    assert "topsecret" not in message


@pytest.mark.parametrize(
    "dsn",
    [
        *(
            "postgres://u:p%40w@h:5432/d?sslmode=require",
            "postgresql:///d?host=/run/postgresql",
            "postgresql://u@/d",
        ),
        *("postgresql://u:p@h1:5432,h2/d", "postgresql://u:p@[::1]:5432/d", "postgresql://h"),
        "postgresql://u@a,b/d?target_session_attrs=read-write",
        "postgresql://u@a:5432,[::1]:5433/d?target_session_attrs=primary",
    ],
)
def test_a_dsn_that_can_be_used(tmp_path: Path, dsn: str) -> None:
    (tmp_path / "config.toml").write_text(MINIMAL)
    settings = load_settings(environ={"BREEZEWAY_SYNC_DATABASE__DSN": dsn}, cwd=tmp_path)
    assert settings.database.dsn.get_secret_value() == dsn


# --- the models alone -----------------------------------------------------------------------------


def test_settings_are_frozen() -> None:
    settings = Settings.model_validate({"database": {"dsn": DSN}, "regions": {"a": {}}})
    with pytest.raises(ValueError, match="frozen"):
        settings.api.page_size = 5
    with pytest.raises(ValueError, match="frozen"):
        settings.regions["a"].company_id = 5


def test_settings_made_directly_read_no_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREEZEWAY_SYNC_API__PAGE_SIZE", "7")
    monkeypatch.setenv("API", '{"page_size": 8}')
    settings = Settings.model_validate({"database": {"dsn": DSN}, "regions": {"a": {}}})
    assert (settings.api.page_size, settings.source) == (100, None)


def test_one_load_leaves_nothing_behind_for_the_next(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(MINIMAL + "api.page_size = 7\n")
    assert load_settings(environ={}, cwd=tmp_path).api.page_size == 7
    assert Settings.model_validate({"database": {"dsn": DSN}, "regions": {"a": {}}}).api.page_size == 100


def test_a_pydantic_error_hides_its_input() -> None:
    with pytest.raises(ValueError, match="client_id") as caught:
        RegionSettings.model_validate({"client_secret": "topsecret"})
    assert "topsecret" not in str(caught.value)
