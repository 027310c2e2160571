"""The keys of the configuration: which exist, what each takes, and its name in every source.

A key is a tuple of parts: `("api", "page_size")`, `("regions", "nashville", "client_id")`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from breezeway_sync.service.settings.checks import LARGEST, Expectation
from breezeway_sync.service.settings.models import ENTITY_NAMES, PART_NAMES, WITHOUT_PATH, Key, Settings

ENV_PREFIX = "BREEZEWAY_SYNC_"
CONFIG_VARIABLE = "BREEZEWAY_SYNC_CONFIG"
# Names with our prefix that are no keys: the file itself, and where the tests find a PostgreSQL.
OTHER_VARIABLES = frozenset({CONFIG_VARIABLE, "BREEZEWAY_SYNC_TEST_DSN", "BREEZEWAY_SYNC_TEST_PG_BIN"})
SEPARATOR = "__"


def all_keys(region_codes: Iterable[str]) -> dict[Key, FieldInfo]:
    """Every key there is, for these regions, with its field; a table's own keys before those of the tables in it."""
    names = {"regions": tuple(region_codes), "entities": (*ENTITY_NAMES, *PART_NAMES)}
    keys = _below((), Settings, names)
    return {key: field for key, field in keys if key[-1] != "path" or key[1] not in WITHOUT_PATH}


def _below(head: Key, model: type[BaseModel], names: Mapping[str, Key]) -> Iterator[tuple[Key, FieldInfo]]:
    tables = {name: inner for name, field in model.model_fields.items() if (inner := table_of(field))}
    yield from (((*head, name), field) for name, field in model.model_fields.items() if name not in tables)
    for name, inner in tables.items():
        for below in ((one,) for one in names[name]) if name in names else ((),):
            yield from _below((*head, name, *below), inner, names)


def table_of(field: FieldInfo) -> type[BaseModel] | None:
    """The model of a field that is a table, or a set of named tables; None for a key."""
    kinds = (field.annotation, *get_args(field.annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def field_of(key: Key) -> FieldInfo | None:
    """The field that a complete key names; None when there is no such key."""
    return all_keys(key[1:2]).get(key)


# --- names ----------------------------------------------------------------------------------------


def key_text(key: Key) -> str:
    """The key as it is written in the file: `regions.nashville.client_id`."""
    return ".".join(printable(part) for part in key)


def env_name(key: Key) -> str:
    """The key's environment variable."""
    return ENV_PREFIX + SEPARATOR.join(key).upper()


def credential_name(key: Key) -> str:
    """The key's file in the credentials directory."""
    return SEPARATOR.join(key)


def key_from_name(name: str) -> Key:
    """The key that a variable (without prefix) or credential file names, in any case.

    The first and the last `__` part it, so that a region's code may begin or end with an underscore.
    """
    section, _, rest = name.lower().partition(SEPARATOR)
    middle, _, last = rest.rpartition(SEPARATOR)
    return tuple(part for part in (section, middle, last) if part)


def printable(name: str, limit: int = 80) -> str:
    """A name from outside, safe within one line of a message."""
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in name)
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


def printable_path(path: Path) -> str:
    """A path, safe within one line of a message."""
    return printable(str(path), limit=4096)


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant."""
    found = difflib.get_close_matches(name[:200], list(known), n=1, cutoff=0.6)
    return found[0] if found else None


# --- what a key takes -----------------------------------------------------------------------------


def kind_of(field: FieldInfo) -> Any:
    """int, float, bool, str or SecretStr; Literal[…] as it is. `… | None` counts as what it may hold."""
    arguments = get_args(field.annotation)
    if NoneType not in arguments:
        return field.annotation
    return next(kind for kind in arguments if kind is not NoneType)


def is_secret(field: FieldInfo) -> bool:
    """Whether the value must never be shown."""
    return kind_of(field) is SecretStr


def type_name(field: FieldInfo) -> str:
    """The kind in words: "whole number", "number", "true or false", "text"."""
    names = {int: "whole number", float: "number", bool: "true or false"}
    return names.get(kind_of(field), "text")


def expected(field: FieldInfo) -> str:
    """What the key takes, in words: "a whole number of at least 1"."""
    for item in field.metadata:
        if isinstance(item, Expectation):
            return item.text
    kind = kind_of(field)
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(get_args(kind))
    text = type_name(field)
    return (text if kind is bool else f"a {text}") + _bounds(field)


def _bounds(field: FieldInfo) -> str:
    bounds = []
    for item in field.metadata:
        if isinstance(item, Ge):
            bounds.append(f"of at least {item.ge}")
        elif isinstance(item, Gt):
            bounds.append(f"above {item.gt}")
        elif isinstance(item, Le) and item.le != LARGEST:
            bounds.append(f"up to {item.le}")
    return " " + ", ".join(bounds) if bounds else ""


def default_text(field: FieldInfo) -> str | None:
    """The default as TOML; None when there is none (a key that must be given, or may be left out)."""
    default = field.default
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, int | float):
        return f"{default:g}" if isinstance(default, float) else str(default)
    return f'"{default}"' if isinstance(default, str) and default else None
