"""The names of keys, the example at the root and the page in the docs: each says the same as the models."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from breezeway_sync.core.errors import ConfigurationError
from breezeway_sync.service.settings import Settings, load_settings
from breezeway_sync.service.settings.keys import (
    all_keys,
    credential_name,
    env_name,
    field_of,
    is_secret,
    key_from_name,
)

ROOT = Path(__file__).parents[2]
DSN = "postgresql://sync:pw@db.example/breezeway"


def test_every_key_is_found_by_each_of_its_names() -> None:
    keys = all_keys(["nashville", "hilton_head", "north_"])
    assert len(keys) == len(set(keys))
    for key in keys:
        assert field_of(key) is not None
        assert key_from_name(credential_name(key)) == key
        assert key_from_name(env_name(key).removeprefix("BREEZEWAY_SYNC_")) == key


def test_the_secrets_are_exactly_these() -> None:
    fields = {key: field_of(key) for key in all_keys(["nashville"])}
    assert {key for key, field in fields.items() if field is not None and is_secret(field)} == {
        ("alerts", "smtp", "password"),
        ("alerts", "webhook", "url"),
        ("database", "dsn"),
        ("regions", "nashville", "client_id"),
        ("regions", "nashville", "client_secret"),
    }


def test_the_example_loads_as_it_is_once_the_dsn_is_given() -> None:
    file = ROOT / "config.toml"
    loaded = load_settings(file, environ={"BREEZEWAY_SYNC_DATABASE__DSN": DSN}, cwd=ROOT)
    assert {code: (region.company_id, region.name) for code, region in loaded.regions.items()} == {
        "nashville": (8558, "Nashville"),
        "austin": (8561, "Austin"),
        "smoky": (8399, "Smoky Mountains"),
        "hilton_head": (12314, "Hilton Head"),
        "breckenridge": (10530, "Breckenridge"),
        "sea_ranch": (14717, "Sea Ranch"),
        "mammoth": (14720, "Mammoth"),
        "hill_country": (8559, "Hill Country"),
    }
    assert all(region.client_id is None for region in loaded.regions.values())
    with pytest.raises(ConfigurationError, match=r"database\.dsn is missing"):
        load_settings(file, environ={}, cwd=ROOT)


def test_what_the_example_has_commented_out_is_valid_and_the_default(tmp_path: Path) -> None:
    text = (ROOT / "config.toml").read_text("utf-8")
    switched_on = re.sub(r"^# (?=\[|[a-z_]+ = )", "", text, flags=re.MULTILINE)
    assert 'client_id = "…"' in re.sub("^#.*", "", switched_on, flags=re.MULTILINE)
    (tmp_path / "config.toml").write_text(switched_on, "utf-8")
    loaded = load_settings(environ={}, cwd=tmp_path)
    plain = Settings.model_validate({"database": {"dsn": DSN}, "regions": {"a": {}}})
    assert (loaded.api, loaded.log) == (plain.api, plain.log)
    assert loaded.database.model_dump(exclude={"dsn"}) == plain.database.model_dump(exclude={"dsn"})
    assert loaded.sync.model_dump(exclude={"max_minutes"}) == plain.sync.model_dump(exclude={"max_minutes"})


def test_the_page_names_every_key_in_every_way() -> None:
    spec = importlib.util.spec_from_file_location("configuration_page", ROOT / "tests" / "docs" / "configuration.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page: str = module.render()
    for key in all_keys(["<region>"]):
        if key[0] == "entities":
            key = ("entities", "<name>", key[-1])
        field = field_of(("entities", "people", key[-1]) if key[0] == "entities" else key)
        assert field is not None
        assert field.description
        assert field.description in page
        for name in (f"#### `{key[-1]}`", f"`{env_name(key)}`", f"`{credential_name(key)}`"):
            assert name in page
    assert (ROOT / "config.toml").read_text("utf-8").strip() in page
    assert "PydanticUndefined" not in page
