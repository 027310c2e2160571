"""Prints the effective configuration as TOML: secrets masked, and the source of each value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from breezeway_sync.service.settings.dsn import MASK, masked_dsn
from breezeway_sync.service.settings.keys import all_keys, key_text, printable_path
from breezeway_sync.service.settings.models import Key, Settings


def describe(settings: Settings) -> str:
    """TOML text with every key: `page_size = 100  # default`. It holds no secret.

    A key without a value stands as a comment. The text can be read back, apart from what is masked.
    """
    lines = [f"# file: {printable_path(settings.source) if settings.source else 'none'}"]
    head: Key = ()
    for key in all_keys(settings.regions):
        if key[:-1] != head:
            head = key[:-1]
            lines += ["", f"[{key_text(head)}]"]
        value, origin = _value(settings, key), settings.origins.get(key, "default")
        lines.append(f"# {key[-1]} is not set" if value is None else f"{key[-1]} = {_shown(key, value)}  # {origin}")
    return "\n".join(lines) + "\n"


def _value(settings: Settings, key: Key) -> Any:
    found: Any = settings
    for part in key:
        found = found[part] if isinstance(found, Mapping) else getattr(found, part)
    return found


def _shown(key: Key, value: Any) -> str:
    if isinstance(value, SecretStr):
        is_address = key == ("database", "dsn")
        return _quoted(masked_dsn(value.get_secret_value()) if is_address else MASK)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(repr(one) if isinstance(one, int) else _quoted(str(one)) for one in value) + "]"
    return repr(value) if isinstance(value, int | float) else _quoted(str(value))


def _quoted(text: str) -> str:
    """A basic string; JSON's escapes are TOML's, but for DEL, which TOML wants escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
