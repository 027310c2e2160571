"""Where settings come from: which file, which source wins, how text becomes a value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from breezeway_sync.core.errors import ConfigurationError
from breezeway_sync.service.settings import ENTITY_NAMES, PART_NAMES, Settings, load_settings, locate

DSN = "postgresql://sync:pw@db.example/breezeway"
ENOUGH = {"BREEZEWAY_SYNC_DATABASE__DSN": DSN, "BREEZEWAY_SYNC_REGIONS__NASHVILLE__COMPANY_ID": "8558"}
MINIMAL = f'[database]\ndsn = "{DSN}"\n[regions.nashville]\ncompany_id = 8558\n'


@pytest.fixture(autouse=True)
def system_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "etc" / "config.toml"
    monkeypatch.setattr(locate, "SYSTEM_FILE", path)
    return path


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def loaded(tmp_path: Path, text: str, environ: Mapping[str, str] | None = None) -> Settings:
    put(tmp_path / "work" / "config.toml", text)
    return load_settings(environ=environ or {}, cwd=tmp_path / "work")


def failure(tmp_path: Path, text: str, environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, text, environ)
    return str(caught.value)


# --- the file -------------------------------------------------------------------------------------


def test_the_defaults_are_the_documented_ones(tmp_path: Path) -> None:
    settings = loaded(tmp_path, MINIMAL)
    assert settings.api.model_dump() == {
        "base_url": "https://api.breezeway.io",
        "requests_per_minute": 180,
        "auth_interval_seconds": 60,
        "max_in_flight": 8,
        "max_in_flight_total": 24,
        "page_size": 100,
        "timeout_seconds": 30,
    }
    assert settings.database.dsn.get_secret_value() == DSN
    assert (settings.database.schema, settings.database.auto_migrate, settings.database.pool_size) == (
        "breezeway",
        True,
        10,
    )
    assert settings.sync.model_dump() == {
        "max_minutes": None,
        "batch_rows": 2000,
        "flush_seconds": 1.5,
        "resume_minutes": 60.0,
        "overlap_hours": 24.0,
        "full_scan_days": 7.0,
        "window_days": 14,
        "window_hours": 0.8,
        "children_refresh_days": 30.0,
        "hidden_refresh_days": 6.0,
    }
    assert settings.deletes.model_dump() == {"guard_share": 0.05, "guard_least_records": 20}
    assert settings.log.level == "info"
    assert list(settings.entities) == [*ENTITY_NAMES, *PART_NAMES]
    assert all(entity.enabled and entity.path is None for entity in settings.entities.values())
    region = settings.regions["nashville"]
    assert (region.name, region.company_id, region.client_id, region.client_secret) == (
        "Nashville",
        8558,
        None,
        None,
    )


def test_the_places_are_tried_in_order(tmp_path: Path, system_file: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "xdg"), "HOME": str(tmp_path / "home")}
    put(system_file, MINIMAL)
    assert load_settings(environ=environ, cwd=tmp_path).source == system_file
    xdg = put(tmp_path / "xdg" / "breezeway-sync" / "config.toml", MINIMAL)
    assert load_settings(environ=environ, cwd=tmp_path).source == xdg
    here = put(tmp_path / "config.toml", MINIMAL)
    assert load_settings(environ=environ, cwd=tmp_path).source == here
    named = put(tmp_path / "named.toml", MINIMAL)
    environ["BREEZEWAY_SYNC_CONFIG"] = "named.toml"
    assert load_settings(environ=environ, cwd=tmp_path).source == named
    argument = put(tmp_path / "argument.toml", MINIMAL)
    assert load_settings(Path("argument.toml"), environ=environ, cwd=tmp_path).source == argument


@pytest.mark.parametrize("config_home", [{}, {"XDG_CONFIG_HOME": ""}, {"XDG_CONFIG_HOME": "relative"}])
def test_without_a_usable_xdg_folder_it_is_dot_config(tmp_path: Path, config_home: dict[str, str]) -> None:
    path = put(tmp_path / "home" / ".config" / "breezeway-sync" / "config.toml", MINIMAL)
    assert load_settings(environ={"HOME": str(tmp_path / "home"), **config_home}, cwd=tmp_path).source == path


@pytest.mark.parametrize("by_argument", [True, False])
def test_a_named_file_must_exist_even_where_another_does(tmp_path: Path, by_argument: bool) -> None:
    put(tmp_path / "config.toml", MINIMAL)
    environ = dict(ENOUGH) if by_argument else {**ENOUGH, "BREEZEWAY_SYNC_CONFIG": "absent.toml"}
    with pytest.raises(ConfigurationError) as caught:
        load_settings(Path("absent.toml") if by_argument else None, environ=environ, cwd=tmp_path)
    assert str(tmp_path / "absent.toml") in str(caught.value)
    assert ("--config" if by_argument else "BREEZEWAY_SYNC_CONFIG") in str(caught.value)


def test_no_file_names_every_place(tmp_path: Path, system_file: Path) -> None:
    home = tmp_path / "home"
    with pytest.raises(ConfigurationError) as caught:
        load_settings(environ={"HOME": str(home)}, cwd=tmp_path)
    message = str(caught.value)
    for place in (tmp_path / "config.toml", home / ".config/breezeway-sync/config.toml", system_file):
        assert str(place) in message
    assert "database.dsn is missing" in message
    assert "there is no region" in message


def test_the_environment_alone_is_enough(tmp_path: Path) -> None:
    settings = load_settings(environ=ENOUGH, cwd=tmp_path)
    assert settings.source is None
    assert settings.regions["nashville"].company_id == 8558


def test_a_place_that_may_not_be_looked_into_counts_as_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A chmod would not hold root back.
    hidden = tmp_path / "home"
    original = Path.stat

    def stat(path: Path, *, follow_symlinks: bool = True) -> object:
        if path.is_relative_to(hidden):
            raise PermissionError(13, "Permission denied")
        return original(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", stat)
    assert load_settings(environ={**ENOUGH, "HOME": str(hidden)}, cwd=tmp_path).source is None


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    assert loaded(tmp_path, "\ufeff" + MINIMAL).regions["nashville"].company_id == 8558


def test_a_region_needs_nothing_but_its_table(tmp_path: Path) -> None:
    settings = loaded(tmp_path, f'[database]\ndsn = "{DSN}"\n[regions.hilton_head]\n')
    assert settings.regions["hilton_head"].name == "Hilton Head"


def test_two_regions_may_share_a_client_id(tmp_path: Path) -> None:
    pair = 'client_id = "same"\nclient_secret = "s"\n'
    settings = loaded(tmp_path, f'[database]\ndsn = "{DSN}"\n[regions.a]\n{pair}[regions.b]\n{pair}')
    assert settings.regions["a"].client_id == settings.regions["b"].client_id


# --- precedence -----------------------------------------------------------------------------------


def test_environment_beats_credentials_beats_file_key_by_key(tmp_path: Path) -> None:
    put(tmp_path / "creds" / "api__page_size", "20\n")
    put(tmp_path / "creds" / "api__max_in_flight", "21\n")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path / "creds"), "BREEZEWAY_SYNC_API__MAX_IN_FLIGHT": "31"}
    text = MINIMAL + "[api]\npage_size = 10\nmax_in_flight = 11\nmax_in_flight_total = 12\n"
    api = loaded(tmp_path, text, environ).api
    assert (api.max_in_flight_total, api.page_size, api.max_in_flight) == (12, 20, 31)


@pytest.mark.parametrize("text", ["api = 5\n", "regions = []\n", "alerts.smtp = 'x'\n"])
def test_what_stands_where_a_table_belongs_is_a_mistake_under_a_stronger_source_too(tmp_path: Path, text: str) -> None:
    names = ("API__PAGE_SIZE", "REGIONS__NASHVILLE__COMPANY_ID", "ALERTS__SMTP__PORT")
    environ = {**ENOUGH, **{f"BREEZEWAY_SYNC_{name}": "7" for name in names}}
    message = failure(tmp_path, text, environ)
    assert f"is no table in {tmp_path}/work/config.toml: got " in message


def test_the_halves_of_a_pair_may_come_from_different_sources(tmp_path: Path) -> None:
    put(tmp_path / "creds" / "regions__nashville__client_secret", "hush\r\n")
    environ = {
        "CREDENTIALS_DIRECTORY": str(tmp_path / "creds"),
        "BREEZEWAY_SYNC_REGIONS__NASHVILLE__CLIENT_ID": "id-1",
    }
    region = loaded(tmp_path, MINIMAL, environ).regions["nashville"]
    assert region.client_id is not None
    assert region.client_secret is not None
    assert (region.client_id.get_secret_value(), region.client_secret.get_secret_value()) == ("id-1", "hush")
    assert region.company_id == 8558


def test_the_process_environment_is_not_read_when_one_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREEZEWAY_SYNC_API__PAGE_SIZE", "7")
    monkeypatch.setenv("API", '{"page_size": 8}')
    assert loaded(tmp_path, MINIMAL).api.page_size == 100


def test_the_process_environment_and_folder_are_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**ENOUGH, "BREEZEWAY_SYNC_API__PAGE_SIZE": "7"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("BREEZEWAY_SYNC_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    path = put(tmp_path / "config.toml", MINIMAL)
    settings = load_settings()
    assert (settings.api.page_size, settings.source) == (7, path)


# --- text as values -------------------------------------------------------------------------------


def test_variables_are_read_in_any_case(tmp_path: Path) -> None:
    environ = {"breezeway_sync_Api__Page_Size": "9", "BREEZEWAY_SYNC_REGIONS__HILTON_HEAD__NAME": "HH"}
    settings = loaded(tmp_path, MINIMAL, environ)
    assert settings.api.page_size == 9
    assert settings.regions["hilton_head"].name == "HH"


@pytest.mark.parametrize("secret", ["12345678", "true", "null", '{"a": 1}', "[1]", "1e5", "a b", "__"])
def test_a_secret_stays_the_text_it_is(tmp_path: Path, secret: str) -> None:
    environ = {
        "BREEZEWAY_SYNC_REGIONS__NASHVILLE__CLIENT_ID": secret,
        "BREEZEWAY_SYNC_REGIONS__NASHVILLE__CLIENT_SECRET": secret,
    }
    region = loaded(tmp_path, MINIMAL, environ).regions["nashville"]
    assert region.client_id is not None
    assert region.client_id.get_secret_value() == secret


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("YES", True), ("1", True), ("false", False), ("no", False), ("0", False)],
)
def test_truth_values_from_text(tmp_path: Path, text: str, value: bool) -> None:
    assert loaded(tmp_path, MINIMAL, {"BREEZEWAY_SYNC_DATABASE__AUTO_MIGRATE": text}).database.auto_migrate is value


@pytest.mark.parametrize(("text", "value"), [("5", 5.0), ("0.5", 0.5), ("1e1", 10.0), (" 2 ", 2.0)])
def test_numbers_from_text(tmp_path: Path, text: str, value: float) -> None:
    assert loaded(tmp_path, MINIMAL, {"BREEZEWAY_SYNC_API__TIMEOUT_SECONDS": text}).api.timeout_seconds == value


def test_level_in_any_case(tmp_path: Path) -> None:
    assert loaded(tmp_path, MINIMAL, {"BREEZEWAY_SYNC_LOG__LEVEL": "INFO"}).log.level == "info"


def test_a_code_may_end_with_an_underscore(tmp_path: Path) -> None:
    environ = {"BREEZEWAY_SYNC_REGIONS__NORTH___COMPANY_ID": "5"}
    assert loaded(tmp_path, MINIMAL, environ).regions["north_"].company_id == 5


# --- the credentials directory --------------------------------------------------------------------


def test_unrelated_credential_files_are_left_alone(tmp_path: Path) -> None:
    for name in ("tls.key", "api", "other__thing", "..data"):
        put(tmp_path / "creds" / name, "secret")
    (tmp_path / "creds" / "folder").mkdir()
    put(tmp_path / "creds" / "database__dsn", DSN + "\n")
    text = "[regions.nashville]\n"
    settings = loaded(tmp_path, text, {"CREDENTIALS_DIRECTORY": str(tmp_path / "creds")})
    assert settings.database.dsn.get_secret_value() == DSN


def test_an_unknown_credential_of_ours_is_a_mistake(tmp_path: Path) -> None:
    put(tmp_path / "creds" / "regions__nashville__client_secrt", "topsecret")
    message = failure(tmp_path, MINIMAL, {"CREDENTIALS_DIRECTORY": str(tmp_path / "creds")})
    assert str(tmp_path / "creds" / "regions__nashville__client_secrt") in message
    assert "regions__nashville__client_secret?" in message
    assert "topsecret" not in message


def test_a_credential_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "creds" / "regions__nashville__client_id").mkdir(parents=True)
    (tmp_path / "creds" / "regions__nashville__client_secret").write_bytes(b"top\xffsecret")
    message = failure(tmp_path, MINIMAL, {"CREDENTIALS_DIRECTORY": str(tmp_path / "creds")})
    assert "is a directory" in message
    assert "no UTF-8 text" in message
    assert "secret\\" not in message
    assert "top" not in message.replace(str(tmp_path), "")


def test_a_credentials_directory_that_is_not_there(tmp_path: Path) -> None:
    message = failure(tmp_path, MINIMAL, {"CREDENTIALS_DIRECTORY": str(tmp_path / "absent")})
    assert str(tmp_path / "absent") in message
    assert "CREDENTIALS_DIRECTORY" in message


def test_an_empty_credentials_variable_is_none(tmp_path: Path) -> None:
    assert loaded(tmp_path, MINIMAL, {"CREDENTIALS_DIRECTORY": ""}).regions
