"""What people see of the settings: `config show`, messages, repr; and no secret in any of it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breezeway_sync.core.errors import ConfigurationError
from breezeway_sync.service.settings import Settings, describe, load_settings, masked_dsn
from breezeway_sync.service.settings.keys import (
    all_keys,
    env_name,
)

DSN = "postgresql://sync:pw@db.example/breezeway"
PLANTED = "Pl4ntedS3cret"


# --- config show ----------------------------------------------------------------------------------


def test_the_description_shows_every_key_with_its_source_and_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[api]\npage_size = 50\n[regions.nashville]\nname = "Na\\"sh\\u007f"\n')
    (tmp_path / "creds").mkdir()
    (tmp_path / "creds" / "regions__nashville__client_secret").write_text(PLANTED)
    environ = {
        "CREDENTIALS_DIRECTORY": str(tmp_path / "creds"),
        "BREEZEWAY_SYNC_REGIONS__NASHVILLE__CLIENT_ID": PLANTED,
        "BREEZEWAY_SYNC_DATABASE__DSN": f"postgresql://sync:{PLANTED}@db/x?sslmode=require&password={PLANTED}",
    }
    file.write_text('[api]\npage_size = 50\n[regions.nashville]\nname = "Na\\"sh"\n')
    loaded = load_settings(environ=environ, cwd=tmp_path)
    text = describe(loaded)
    lines = text.splitlines()
    assert f"# file: {file}" in lines
    assert "page_size = 50  # file" in lines
    assert "max_in_flight = 8  # default" in lines
    assert 'client_id = "***"  # environment variable BREEZEWAY_SYNC_REGIONS__NASHVILLE__CLIENT_ID' in lines
    credential = tmp_path / "creds" / "regions__nashville__client_secret"
    assert f'client_secret = "***"  # credential file {credential}' in lines
    assert 'dsn = "postgresql://sync:***@db/x?sslmode=require&password=***"' in text
    assert PLANTED not in text + repr(loaded) + str(loaded)
    read_back = tomllib.loads(text)
    assert read_back["regions"]["nashville"]["name"] == 'Na"sh'
    assert all(read_back[section] is not None for section in Settings.model_fields)


def test_the_description_of_a_configuration_without_secrets_reads_back_the_same(tmp_path: Path) -> None:
    text = '[database]\ndsn = "postgresql://h/d"\n[regions.a]\ncompany_id = 5\n[sync]\nmax_minutes = 3\n'
    (tmp_path / "config.toml").write_text(text)
    first = load_settings(environ={}, cwd=tmp_path)
    (tmp_path / "again.toml").write_text(describe(first), "utf-8")
    again = load_settings(Path("again.toml"), environ={}, cwd=tmp_path)
    assert first.model_dump() == again.model_dump()


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("postgresql://u:p@h:5432/d", "postgresql://u:***@h:5432/d"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("postgresql://h/d", "postgresql://h/d"),
        ("postgresql://u:p@h1:1,h2/d", "postgresql://u:***@h1:1,h2/d"),
        ("postgresql://u:S@S@h/d", "postgresql://***"),
        ("postgresql://u:S/S@h/d", "postgresql://***"),
        ("postgresql://u:S?S@h/d", "postgresql://***"),
        ("postgresql://S/S@h/d", "postgresql://***"),
        ("mysql://u:S@h/d", "***"),
        ("postgresql://u:S", "postgresql://***"),
        ("postgresql://h/d?password=S&sslmode=require", "postgresql://h/d?password=***&sslmode=require"),
        ("postgresql://h/d?PassWord=S", "postgresql://h/d?PassWord=***"),
        ("postgresql://h/d?sslpassword=S&S", "postgresql://h/d?sslpassword=***&***"),
        ("postgresql://h/d?sslmode=x#S", "postgresql://***"),
        ("postgresql://h/d#S", "postgresql://***"),
        ("host=h password=S dbname=d", "host=h password=*** dbname=d"),
        (r"host=h password='S \' S' user=u", "host=h password=*** user=u"),
        ("host = h password = S", "host=h password=***"),
        ("host=h password='S", "***"),
        ("S", "***"),
        ("", "***"),
    ],
)
def test_a_dsn_is_shown_without_anything_that_may_be_secret(dsn: str, shown: str) -> None:
    assert masked_dsn(dsn) == shown


@given(
    st.text("aS@:/?#=&% '\\", max_size=20).map(lambda text: f"{PLANTED}{text}{PLANTED}"),
    st.sampled_from(["postgresql://u:{}@h/d", "postgresql://h/d?password={}", "postgresql://u:x@h/d?passfile={}"]),
)
def test_no_password_however_odd_is_shown_whole_or_in_part(password: str, form: str) -> None:
    shown = masked_dsn(form.format(password))
    # Behind an unescaped & a parameter of a harmless name may begin; none does in this alphabet.
    assert PLANTED not in shown


# --- no secret anywhere, whatever the document ----------------------------------------------------

SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from(["", "x", "/people", "https://h", "breezeway", "info", "{id}"]),
    st.text(max_size=8),
    st.just(PLANTED),
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner))
CODES = st.sampled_from(["nashville", "b", "all", "B", "a__b", "a_"])
KEYS = [*sorted({key[-1] for key in all_keys(["nashville"])}), "nonsense", "clientsecret"]


def tables(names: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    table = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4)
    return st.dictionaries(names, table | SCALARS, max_size=3)


DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        **{
            section: st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4) | SCALARS for section in ("api", "sync")
        },
        "log": st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=2),
        "database": st.just({"dsn": f"postgresql://u:{PLANTED}@h/d"})
        | st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=3),
        "regions": tables(CODES) | st.just({"nashville": {"client_id": PLANTED, "client_secret": PLANTED}}),
        "entities": tables(st.sampled_from(["people", "tags", "task_comments", "nonsense"])),
        "nonsense": VALUES,
    },
)


def as_toml(value: Any) -> str:
    """One value as inline TOML."""
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return "{" + ", ".join(f"{as_toml(key)} = {as_toml(inner)}" for key, inner in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(as_toml, value)) + "]"
        case str():
            # TOML has \\U00000000 for everything; JSON's surrogate pairs are no TOML.
            return '"' + "".join(f"\\U{ord(character):08x}" for character in value) + '"'
    return repr(value)


def outcome(folder: str, environ: Mapping[str, str]) -> Settings | ConfigurationError:
    try:
        return load_settings(environ=environ, cwd=Path(folder))
    except ConfigurationError as error:
        return error


def check_outcome(folder: str, text: str, environ: Mapping[str, str]) -> None:
    """It loads, or says why in our own words; and the planted secret is in neither."""
    (Path(folder) / "config.toml").write_text(text, "utf-8")
    result = outcome(folder, environ)
    if isinstance(result, ConfigurationError):
        assert PLANTED not in f"{result}{result!r}{vars(result)}"
        assert result.__context__ is None
        return
    shown = describe(result)
    tomllib.loads(shown)
    names = [region.name for region in result.regions.values()]
    public = f"{result.api}{result.entities}{names}{result.database.schema}{result.alerts}"
    assert PLANTED in public or PLANTED not in shown + repr(result)


@settings(max_examples=300, deadline=None)
@given(DOCUMENTS)
def test_any_document_of_our_kind_loads_or_is_refused_without_its_secrets(document: dict[str, Any]) -> None:
    text = "".join(f"{key} = {as_toml(value)}\n" for key, value in document.items())
    assert tomllib.loads(text).keys() == document.keys()
    with TemporaryDirectory() as folder:
        check_outcome(folder, text, {})


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(['"', "'", "[", "]", "{", "}", "=", "\n", ".", "#", "\\", "a", "api", PLANTED, "1", ","]))
)
def test_any_text_loads_or_is_refused_without_its_secrets(parts: list[str]) -> None:
    text = "".join(parts)
    try:
        names_the_planted = PLANTED in keys_text(tomllib.loads(text))
    except ValueError:
        names_the_planted = False
    with TemporaryDirectory() as folder:
        if not names_the_planted:  # keys are named, values are not
            check_outcome(folder, text, {"BREEZEWAY_SYNC_DATABASE__DSN": DSN})


def keys_text(value: Any) -> str:
    """Every key in a document."""
    if isinstance(value, list):
        return " ".join(map(keys_text, value))
    return " ".join(f"{key} {keys_text(inner)}" for key, inner in value.items()) if isinstance(value, dict) else ""


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([env_name(key) for key in all_keys(["nashville"])] + ["BREEZEWAY_SYNC_NONSENSE"]),
        st.sampled_from(["", "1", "true", "nan", PLANTED, f"postgresql://u:{PLANTED}@h/d", "\udcff", "a\0b"]),
        max_size=6,
    )
)
def test_any_environment_loads_or_is_refused_without_its_secrets(environ: dict[str, str]) -> None:
    with TemporaryDirectory() as folder:
        check_outcome(folder, "[regions.nashville]\n", environ)
