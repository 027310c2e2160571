"""The keys of the configuration: which exist, what each takes, and its name in every source.

A key is a tuple of parts: `("api", "page_size")`, `("regions", "nashville", "client_id")`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from breezeway_sync.service.settings.checks import LARGEST, Wanted
from breezeway_sync.service.settings.models import ENTITY_NAMES, PART_NAMES, WITHOUT_PATH, Settings

Key = tuple[str, ...]

ENV_PREFIX = "BREEZEWAY_SYNC_"
CONFIG_VARIABLE = "BREEZEWAY_SYNC_CONFIG"
# Names with our prefix that are no keys: the file itself, and where the tests find a PostgreSQL.
OTHER_VARIABLES = frozenset({CONFIG_VARIABLE, "BREEZEWAY_SYNC_TEST_DSN", "BREEZEWAY_SYNC_TEST_PG_BIN"})
SEPARATOR = "__"


def table_of(section: str) -> tuple[type[BaseModel], bool] | None:
    """The model of a section, and whether the section is a set of named tables of it; None: no section."""
    if section not in Settings.model_fields:
        return None
    annotation: Any = Settings.model_fields[section].annotation
    arguments = get_args(annotation)
    return (arguments[1], True) if arguments else (annotation, False)


def table_in(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    """The model of a table that stands within another (`[alerts.smtp]`); None when `name` is none."""
    kind: Any = model.model_fields[name].annotation if name in model.model_fields else None
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def field_of(key: Key) -> FieldInfo | None:
    """The field that a complete key names; None when there is no such key."""
    table = table_of(key[0]) if key else None
    if table is None:
        return None
    model = table_in(table[0], key[1]) if len(key) == 3 and not table[1] else table[0]
    if model is None or len(key) not in ((3,) if table[1] else (2, 3)) or _is_refused(key):
        return None
    return None if table_in(model, key[-1]) else model.model_fields.get(key[-1])


def _is_refused(key: Key) -> bool:
    if key[0] != "entities":
        return False
    return key[1] not in (*ENTITY_NAMES, *PART_NAMES) or (key[1] in WITHOUT_PATH and key[2] == "path")


def keys_of(section: str, names: Iterable[str]) -> Iterator[Key]:
    """Every key of a section; `names` are the tables of one that has named tables."""
    table = table_of(section)
    if table is None:
        return
    model, is_named = table
    for name in names if is_named else [None]:
        for field in _fields_below(model):
            key = (section, *field) if name is None else (section, name, *field)
            if not _is_refused(key):
                yield key


def _fields_below(model: type[BaseModel]) -> Iterator[Key]:
    """A table's own keys, then those of the tables in it, as TOML wants them."""
    yield from ((name,) for name in model.model_fields if table_in(model, name) is None)
    for name in model.model_fields:
        inner = table_in(model, name)
        yield from ((name, field) for field in (inner.model_fields if inner else ()))


def all_keys(region_codes: Iterable[str]) -> list[Key]:
    """Every key there is, for these regions."""
    names = {"regions": tuple(region_codes), "entities": (*ENTITY_NAMES, *PART_NAMES)}
    return [key for section in Settings.model_fields for key in keys_of(section, names.get(section, ()))]


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
    section, found, rest = name.lower().partition(SEPARATOR)
    if not found:
        return (section,)
    table = table_of(section)
    middle, found, last = rest.rpartition(SEPARATOR)
    is_deep = table is None or table[1] or table_in(table[0], middle) is not None
    return (section, middle, last) if found and is_deep else (section, rest)


def printable(name: str, limit: int = 80) -> str:
    """A name from outside, safe within one line of a message."""
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in name)
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


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


def wanted(field: FieldInfo) -> str:
    """What the key takes, in words: "a whole number of at least 1"."""
    for item in field.metadata:
        if isinstance(item, Wanted):
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
