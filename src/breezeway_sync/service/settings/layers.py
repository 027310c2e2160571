"""The three sources: file, credentials directory, environment. Each becomes a flat layer of keys.

pydantic-settings merges the layers; its own sources are not used, because they decode the text of
nested values as JSON (a client secret of digits would become a number) and pass over unknown names.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

from breezeway_sync.core.errors import ConfigurationError
from breezeway_sync.service.settings.keys import (
    ENV_PREFIX,
    OTHER_VARIABLES,
    SEPARATOR,
    Key,
    field_of,
    is_secret,
    key_from_name,
    keys_of,
    kind_of,
    printable,
    table_in,
    table_of,
)
from breezeway_sync.service.settings.models import Settings

TRUE = frozenset({"true", "1", "yes"})
FALSE = frozenset({"false", "0", "no"})
WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,19}")
NUMBER = re.compile(r"[+-]?([0-9]{1,19}(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class Unknown:
    """A key that is in a source and means nothing.

    `name` is that of the variable (without prefix) or credential file, None for a key of the file;
    `shape` says what the file holds there.
    """

    key: Key
    origin: str
    name: str | None = None
    shape: str = ""


@dataclass(slots=True)
class Layer:
    """What one source gave: values by key, where each came from, and what was wrong on the way."""

    values: dict[Key, Any] = field(default_factory=dict)
    origins: dict[Key, str] = field(default_factory=dict)
    unknown: list[Unknown] = field(default_factory=list)
    problems: list[ConfigurationError] = field(default_factory=list)

    def put(self, key: Key, value: Any, origin: str) -> None:
        """Take one value over; secrets are wrapped at once, so that nothing on the way can show them."""
        known = field_of(key)
        if known is not None and is_secret(known) and isinstance(value, str):
            value = SecretStr(value)
        self.values[key] = value
        self.origins[key] = origin

    def put_text(self, name: str, text: str, origin: str) -> None:
        """Take over text that stands for a key's value; `name` is the key's name without prefix."""
        key = key_from_name(name)
        known = field_of(key)
        if known is None:
            self.unknown.append(Unknown(key, origin, name=name))
        elif key in self.values:
            self.problems.append(
                ConfigurationError(
                    "the same key is given twice",
                    where=origin,
                    got="two names that differ in upper and lower case only",
                    cure=f"keep one of it and {self.origins[key]}",
                )
            )
        else:
            self.put(key, converted(text, known), origin)


class LayerSource(PydanticBaseSettingsSource):
    """A layer as pydantic-settings takes it: nested dicts."""

    def __init__(self, layer: Layer) -> None:
        super().__init__(Settings)
        self._layer = layer

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        """One section; asked for by the base class, not by pydantic-settings itself."""
        return self().get(field_name), field_name, True

    def __call__(self) -> dict[str, Any]:
        """Every section that the layer says something about."""
        tree: dict[str, Any] = {}
        for key, value in self._layer.values.items():
            table = tree
            for part in key[:-1]:
                table = table.setdefault(part, {})
            table.setdefault(key[-1], value)
        return tree


def shape_of(value: Any) -> str:
    """What a value is, in words that say nothing of its content."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, str):
        return "text" if value else "empty text"
    shapes = (
        (bool, "true or false"),
        (int, "a whole number"),
        (float, "a number"),
        (dict, "a table"),
        (list, "a list"),
    )
    return next((words for kind, words in shapes if isinstance(value, kind)), "a date or time")


def converted(text: str, known: FieldInfo) -> Any:
    """Text as the kind the field holds, where it reads as one; else as it is, for the model to refuse."""
    kind, word = kind_of(known), text.strip().lower()
    if kind is bool and word in TRUE | FALSE:
        return word in TRUE
    if kind is int and WHOLE_NUMBER.fullmatch(word):
        return int(word)
    if kind is float and NUMBER.fullmatch(word):
        return float(word)
    return text


# --- the environment ------------------------------------------------------------------------------


def environment_layer(environ: Mapping[str, str]) -> Layer:
    """Every variable with our prefix, in any case."""
    layer = Layer()
    for name in sorted(environ):
        if name.upper().startswith(ENV_PREFIX) and name not in OTHER_VARIABLES:
            layer.put_text(name[len(ENV_PREFIX) :], environ[name], f"environment variable {printable(name, 200)}")
    return layer


# --- the credentials directory --------------------------------------------------------------------


def credentials_layer(environ: Mapping[str, str], cwd: Path) -> Layer:
    """Every file of `$CREDENTIALS_DIRECTORY` whose name begins with a section of ours and `__`."""
    layer = Layer()
    named = environ.get("CREDENTIALS_DIRECTORY")
    if not named:
        return layer
    folder = cwd / named
    try:
        paths = sorted(folder.iterdir())
    except (OSError, ValueError) as error:
        layer.problems.append(
            ConfigurationError(
                "the credentials directory cannot be read",
                where=printable(str(folder), 4096),
                got=reason_of(error),
                cure="correct CREDENTIALS_DIRECTORY, or unset it",
            )
        )
        return layer
    for path in paths:
        section, found, _ = path.name.partition(SEPARATOR)
        if found and table_of(section.lower()) is not None:
            _read_credential(layer, path)
    return layer


def _read_credential(layer: Layer, path: Path) -> None:
    origin = f"credential file {printable(str(path), 4096)}"
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        layer.problems.append(
            ConfigurationError(
                "a credential cannot be read",
                where=origin,
                got=reason_of(error),
                wanted="a readable file of UTF-8 text",
            )
        )
        return
    layer.put_text(path.name, text.rstrip("\r\n"), origin)


# --- the file -------------------------------------------------------------------------------------


def file_layer(path: Path) -> Layer:
    """Every key of the TOML file. Raises ConfigurationError when it cannot be read as TOML at all."""
    layer = Layer()
    origin = printable(str(path), 4096)
    for key, value in _flat(_parsed(path, origin)):
        if field_of(key) is None and not _is_bare_table(key, value):
            layer.unknown.append(Unknown(key, origin, shape=shape_of(value)))
        else:
            layer.put(key, value, origin)
    return layer


def _flat(document: dict[str, Any]) -> Iterator[tuple[Key, Any]]:
    """Keys with their values, as deep as our keys go; a table without keys comes as itself."""
    for section, content in document.items():
        table = table_of(section)
        if table is None or not isinstance(content, dict):
            yield (section,), content
            continue
        for name, value in content.items():
            is_table = table[1] or table_in(table[0], name) is not None
            if is_table and isinstance(value, dict) and value:
                yield from (((section, name, last), inner) for last, inner in value.items())
            else:
                yield (section, name), value


def _is_bare_table(key: Key, value: Any) -> bool:
    """`[regions.nashville]` with nothing below it is a region all the same; likewise an entity."""
    return len(key) == 2 and value == {} and any(known[:-1] == key for known in keys_of(key[0], [key[1]]))


def _parsed(path: Path, origin: str) -> dict[str, Any]:
    # Raised outside the handlers: the parser's and the decoder's errors hold the file's content.
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        problem = ConfigurationError(
            "the configuration file cannot be read",
            where=origin,
            got=reason_of(error),
            wanted="a readable file of UTF-8 text",
            cure="correct its permissions or encoding, or name another file with --config",
        )
    except (ValueError, RecursionError) as error:
        problem = ConfigurationError(
            "the configuration file is not valid TOML",
            where=origin,
            got=_position_of(error),
            wanted='lines such as: key = "text"',
            cure="correct that line; texts need quotes, numbers and true or false none",
        )
    raise problem


def _position_of(error: Exception) -> str:
    """Where the parser stopped; its own words are left out, for they quote the file."""
    found = re.search(r"\(at (line \d+, column \d+|end of document)\)\Z", str(error))
    return f"a mistake at {found[1]}" if found else "a number too long or tables too deep"


def reason_of(error: Exception) -> str:
    """Why something could not be read, without its content."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "bytes that are no UTF-8 text" if isinstance(error, UnicodeDecodeError) else "a name that is no path"
