"""Any configuration: it is used as it was written, or refused in our own words; nothing is passed over."""

from __future__ import annotations

import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from breezeway_sync.core.errors import ConfigurationError
from breezeway_sync.service.settings import Settings
from breezeway_sync.service.settings.keys import all_keys, field_of, kind_of
from tests.fuzz import examples
from tests.service.test_settings_shown import DSN, PLANTED, as_toml, outcome

REQUIRED = {("database", "dsn"): DSN, ("regions", "nashville", "company_id"): 8558}
TEXTS = st.sampled_from(
    ["/people", "/{id}/notes", "https://api.example", "breezeway", "debug", "INFO", "09:30", "ada@example.com", PLANTED]
)
BY_KIND: dict[Any, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(-1, 200),
    float: st.floats(0.1, 500.0) | st.integers(1, 9),
}
ANYTHING = st.one_of(*BY_KIND.values(), TEXTS, st.lists(st.sampled_from(["ada@example.com", PLANTED]), max_size=2))
KEYS = [key for key in all_keys(["nashville"]) if key not in REQUIRED]


@st.composite
def choices(draw: st.DrawFn) -> dict[tuple[str, ...], Any]:
    """Some keys with a value, mostly of the kind that they take."""
    keys = draw(st.lists(st.sampled_from(KEYS), max_size=3, unique=True))
    fields = {key: field_of(key) for key in keys}
    fitting = {key: BY_KIND.get(kind_of(field), TEXTS) if field else ANYTHING for key, field in fields.items()}
    return {key: draw(ANYTHING if draw(st.integers(0, 9)) == 0 else fits) for key, fits in fitting.items()}


def loaded(text: str | bytes, environ: dict[str, str] | None = None) -> Settings | ConfigurationError:
    with TemporaryDirectory() as folder:
        content = text if isinstance(text, bytes) else text.encode()
        (Path(folder) / "config.toml").write_bytes(content)
        return outcome(folder, environ or {})


def at(settings: Settings, key: tuple[str, ...]) -> Any:
    """What the settings say there."""
    found: Any = settings
    for part in key:
        found = found[part] if isinstance(found, dict) else getattr(found, part)
    return found.get_secret_value() if isinstance(found, SecretStr) else found


@examples(250)
@given(choices())
def test_what_is_accepted_is_what_was_written(chosen: dict[tuple[str, ...], Any]) -> None:
    document = {**REQUIRED, **chosen}
    settings = loaded("".join(f"{'.'.join(key)} = {as_toml(value)}\n" for key, value in document.items()))
    if isinstance(settings, ConfigurationError):
        assert PLANTED not in f"{settings}{settings!r}"
        # Named is at least one key that was chosen, or what stands beside it.
        assert any(key[0] in str(settings) for key in chosen)
        return
    for key, value in document.items():
        found = at(settings, key)
        same = value.lower() if isinstance(value, str) and isinstance(found, str) and found != value else value
        if isinstance(found, tuple):
            same = (same,) if isinstance(same, str) else tuple(same)
        assert found == same, key


@examples(150)
@given(
    st.binary(max_size=80)
    | st.sampled_from(
        [b"\xff\xfea\x00", b"a = " + b"[" * 20_000, b"a" * 100_000, b"a.b." * 3000 + b"c = 1", b"\xef\xbb\xbf"]
    )
    | st.builds(lambda start, end: start + end, st.just(b"[api]\n"), st.binary(max_size=40))
)
def test_any_bytes_are_a_configuration_or_refused(content: bytes) -> None:
    result = loaded(content, {"BREEZEWAY_SYNC_DATABASE__DSN": DSN})
    assert isinstance(result, Settings | ConfigurationError)
    try:
        is_toml = bool(tomllib.loads(content.decode("utf-8-sig")))
    except (ValueError, RecursionError):
        assert isinstance(result, ConfigurationError)
    else:
        assert isinstance(result, ConfigurationError) or is_toml


file_names = st.sampled_from(
    ["database__dsn", "regions__nashville__client_secret", "REGIONS__NASHVILLE__CLIENT_ID", "api__nonsense", "other"]
)


@examples(150)
@given(st.dictionaries(file_names, st.binary(max_size=20) | st.sampled_from([PLANTED.encode(), b"\xff", b"a\n"])))
def test_any_credential_file_is_used_or_refused(files: dict[str, bytes]) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / "config.toml").write_text("regions.nashville.company_id = 1\n", "utf-8")
        credentials = Path(folder) / "credentials"
        credentials.mkdir()
        for name, content in files.items():
            (credentials / name).write_bytes(content)
        settings = outcome(folder, {"CREDENTIALS_DIRECTORY": str(credentials)})
    if isinstance(settings, ConfigurationError):
        assert PLANTED not in f"{settings}{settings!r}"
        return
    region = settings.regions["nashville"]
    for name, found in (
        ("regions__nashville__client_secret", region.client_secret),
        ("REGIONS__NASHVILLE__CLIENT_ID", region.client_id),
        ("database__dsn", settings.database.dsn),
    ):
        written = files[name].decode().rstrip("\r\n") if name in files else None
        assert (found.get_secret_value() if found else None) == written
    assert "api__nonsense" not in files
