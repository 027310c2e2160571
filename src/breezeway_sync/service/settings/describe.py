"""The effective configuration as TOML for people: secrets masked, and where each value came from."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, SecretStr

from breezeway_sync.service.settings.dsn import MASK, masked_dsn
from breezeway_sync.service.settings.keys import Key, key_text, keys_of, printable, table_in, table_of
from breezeway_sync.service.settings.models import Settings


def describe(settings: Settings) -> str:
    """TOML text with every key: `page_size = 100  # default`. It holds no secret.

    A key without a value stands as a comment. The text can be read back, apart from what is masked.
    """
    source = printable(str(settings.source), 4096) if settings.source else "none"
    lines = [f"# file: {source}"]
    for section in Settings.model_fields:
        table = table_of(section)
        content: Any = getattr(settings, section)
        if table is None or not table[1]:
            lines += _table(settings, (section,), content)
            inner = [name for name in table[0].model_fields if table_in(table[0], name)] if table else []
            for name in inner:
                lines += _table(settings, (section, name), getattr(content, name))
        else:
            for name, model in content.items():
                lines += _table(settings, (section, name), model)
    return "\n".join(lines) + "\n"


def _table(settings: Settings, head: Key, model: BaseModel) -> list[str]:
    names = head[1:] or ()
    keys = [key for key in keys_of(head[0], names) if key[:-1] == head]
    return ["", f"[{key_text(head)}]", *(_line(settings, key, getattr(model, key[-1])) for key in keys)]


def _line(settings: Settings, key: Key, value: Any) -> str:
    origin = settings.origins.get(key, "default")
    if value is None:
        return f"# {key[-1]} is not set"
    came_from = "file" if settings.source and origin == printable(str(settings.source), 4096) else origin
    return f"{key[-1]} = {_shown(key, value)}  # {came_from}"


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
