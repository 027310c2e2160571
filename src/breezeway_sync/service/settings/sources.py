"""The three sources: a TOML file, and texts by name from the credentials directory and the environment.

pydantic-settings is not used: its sources decode the text of nested values as JSON (a client secret of digits would
become a number), ignore unknown names, and read no environment except that of the process.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from breezeway_sync.core.errors import ConfigurationError
from breezeway_sync.service.settings.keys import (
    ENV_PREFIX,
    OTHER_VARIABLES,
    SEPARATOR,
    credential_name,
    env_name,
    kind_of,
    printable,
    printable_path,
)
from breezeway_sync.service.settings.models import Key, Settings

TRUE = frozenset({"true", "1", "yes"})
FALSE = frozenset({"false", "0", "no"})
WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,19}")
NUMBER = re.compile(r"[+-]?([0-9]{1,19}(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class Text:
    """Text for one key. `name` is that of the variable (without prefix) or credential file, `origin` is for people,
    and `name_of` gives the name of any key in the same source."""

    name: str
    text: str = field(repr=False)
    origin: str
    name_of: Callable[[Key], str]

    def read_as(self, known: FieldInfo) -> Any:
        """The text as the kind that the field holds, where it reads as one; else as it is, for the model to refuse."""
        kind, word = kind_of(known), self.text.strip().lower()
        if kind is bool and word in TRUE | FALSE:
            return word in TRUE
        if kind is int and WHOLE_NUMBER.fullmatch(word):
            return int(word)
        if kind is float and NUMBER.fullmatch(word):
            return float(word)
        return self.text


def variables(environ: Mapping[str, str]) -> Iterator[Text]:
    """Every variable with our prefix, in any case."""
    for name in sorted(environ):
        if name.upper().startswith(ENV_PREFIX) and name not in OTHER_VARIABLES:
            origin = f"environment variable {printable(name, 200)}"
            yield Text(name[len(ENV_PREFIX) :], environ[name], origin, env_name)


def credentials(environ: Mapping[str, str], cwd: Path, problems: list[ConfigurationError]) -> Iterator[Text]:
    """Every file of `$CREDENTIALS_DIRECTORY` whose name begins with a section of ours and `__`.

    What cannot be read is added to `problems`.
    """
    named = environ.get("CREDENTIALS_DIRECTORY")
    if not named:
        return
    folder = cwd / named
    try:
        paths = sorted(folder.iterdir())
    except (OSError, ValueError) as error:
        what, hint = "the credentials directory cannot be read", "correct CREDENTIALS_DIRECTORY, or unset it"
        problems.append(ConfigurationError(what, where=printable_path(folder), actual=_reason_of(error), hint=hint))
        return
    for path in paths:
        section, found, _ = path.name.partition(SEPARATOR)
        if not found or section.lower() not in Settings.model_fields:
            continue
        origin = f"credential file {printable_path(path)}"
        try:
            yield Text(path.name, path.read_bytes().decode("utf-8").rstrip("\r\n"), origin, credential_name)
        except (OSError, UnicodeDecodeError) as error:
            expected = "a readable file of UTF-8 text"
            problems.append(
                ConfigurationError(
                    "a credential cannot be read", where=origin, actual=_reason_of(error), expected=expected
                )
            )


def read_file(path: Path) -> dict[str, Any]:
    """The TOML file as a tree. Raises ConfigurationError, which holds nothing of the file's content."""
    # Raised outside the handlers: the parser's and the decoder's errors hold the file's content.
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        problem = ConfigurationError(
            "the configuration file cannot be read",
            where=printable_path(path),
            actual=_reason_of(error),
            expected="a readable file of UTF-8 text",
            hint="correct its permissions or encoding, or name another file with --config",
        )
    except (ValueError, RecursionError) as error:
        problem = ConfigurationError(
            "the configuration file is not valid TOML",
            where=printable_path(path),
            actual=_position_of(error),
            expected='lines such as: key = "text"',
            hint="correct that line; texts need quotes, numbers and true or false none",
        )
    raise problem


def _position_of(error: Exception) -> str:
    """Where the parser stopped; its own words are left out, for they quote the file."""
    found = re.search(r"\(at (line \d+, column \d+|end of document)\)\Z", str(error))
    return f"a mistake at {found[1]}" if found else "a number too long or tables too deep"


def _reason_of(error: Exception) -> str:
    """Why something could not be read, without its content."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "bytes that are no UTF-8 text" if isinstance(error, UnicodeDecodeError) else "a name that is no path"
