"""Describes mistakes in the configuration, a line each: key, source, shape of the value, what is expected, what to do.

Never the value: it may be a secret, or a secret in the wrong place. pydantic's own text is not used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from breezeway_sync.core.errors import ConfigurationError
from breezeway_sync.service.settings.checks import HALF_PAIR, INCOMPLETE, NO_REGION, UNFIT, UNFIT_ENTITY
from breezeway_sync.service.settings.keys import (
    ENV_PREFIX,
    all_keys,
    closest,
    credential_name,
    default_text,
    env_name,
    expected,
    field_of,
    key_from_name,
    key_text,
    printable_path,
    type_name,
)
from breezeway_sync.service.settings.merge import Given
from breezeway_sync.service.settings.models import WITHOUT_PATH, Key, Settings
from breezeway_sync.service.settings.sources import Text

TOO = {
    "greater_than": "too small",
    "greater_than_equal": "too small",
    "less_than": "too large",
    "less_than_equal": "too large",
    "finite_number": "not finite",
    "literal_error": "none of them",
}
# What pydantic says of something else than a table: for a model, and for a set of named tables.
NO_TABLE = ("model_type", "dict_type")
KEY = "[key]"
"""Where pydantic puts what is wrong with the name of a table, and not with the table."""


def as_one(problems: list[ConfigurationError]) -> ConfigurationError:
    """One error of several: a line each."""
    if len(problems) == 1:
        return problems[0]
    lines = "".join(f"\n  {problem.message}" for problem in problems)
    return ConfigurationError(f"{len(problems)} problems in the configuration:{lines}")


def no_file(places: Iterable[Path]) -> ConfigurationError:
    """Nothing was found, and the environment does not make up for it."""
    return ConfigurationError(
        "there is no configuration file",
        expected=f"one of {', '.join(map(printable_path, places))}",
        hint="make one, or name one with --config or BREEZEWAY_SYNC_CONFIG",
    )


def of_unknown(text: Text, given: Given) -> ConfigurationError:
    """A variable or credential file that names no key, with the one that was probably meant."""
    key = key_from_name(text.name)
    if key in {("entities", name, "path") for name in WITHOUT_PATH}:
        return _no_path(key, text.origin)
    meant = closest(text.name_of((text.name.lower(),)), map(text.name_of, all_keys(given.region_codes)))
    return ConfigurationError(
        "a name that is no key",
        where=text.origin,
        expected=text.name_of(("section", "key")),
        hint=f"did you mean {meant}?" if meant else "take it out",
    )


def of_validation(error: ValidationError, given: Given) -> list[ConfigurationError]:
    """Every complaint of the models in our words."""
    return [problem for detail in _details(error) for problem in _of_detail(detail, given)]


def is_incomplete(error: ValidationError) -> bool:
    """Whether something is missing, as opposed to wrong."""
    return any(detail["type"] in ("missing", NO_REGION) for detail in _details(error))


def _details(error: ValidationError) -> list[ErrorDetails]:
    return error.errors(include_input=False, include_context=False, include_url=False)


# --- what the models refuse -----------------------------------------------------------------------


def _of_detail(detail: ErrorDetails, given: Given) -> list[ConfigurationError]:
    key = tuple(part for part in detail["loc"] if isinstance(part, str))
    if detail["type"] == INCOMPLETE:
        return [_missing((*key, name), detail, given) for name in detail["msg"].split()]
    if key[-1] == KEY and detail["type"] == UNFIT:
        return [_unfit_code(key[:-1], detail, given) if key[0] == "regions" else no_key(key[:-1], given)]
    return [_BY_KIND.get(detail["type"], _unfit_value)(key, detail, given)]


def _ways(key: Key) -> str:
    return f"set it in the file, as {env_name(key)} or as the credential file {credential_name(key)}"


def _missing(key: Key, _detail: ErrorDetails, given: Given) -> ConfigurationError:
    field = field_of(key)
    return ConfigurationError(
        f"{key_text(key)} is missing",
        where=given.source,
        expected=expected(field) if field else None,
        hint=_ways(key),
    )


def no_key(key: Key, given: Given) -> ConfigurationError:
    """The error for an unknown name in the file; it suggests the closest key."""
    keys = all_keys(given.region_codes)
    known = {*Settings.model_fields, *map(key_text, keys), *(key_text(one[:-1]) for one in keys)}
    meant = closest(key_text(key), sorted(known))
    return ConfigurationError(
        f"{key_text(key)} is no key",
        where=given.origin(key),
        hint=f"did you mean {meant}?" if meant else "take it out",
    )


def _no_table(key: Key, _detail: ErrorDetails, given: Given) -> ConfigurationError:
    return ConfigurationError(
        f"{key_text(key)} is no table",
        where=given.origin(key),
        actual=shape_of(given.value(key)),
        expected=f"a table [{key_text(key)}]",
        hint="write its keys below such a line",
    )


def _no_region(_key: Key, _detail: ErrorDetails, given: Given) -> ConfigurationError:
    return ConfigurationError(
        "there is no region",
        where=given.source,
        expected="a table [regions.<code>] for each account",
        hint=f"add one, or set {ENV_PREFIX}REGIONS__<CODE>__COMPANY_ID",
    )


def _half_pair(region: Key, detail: ErrorDetails, given: Given) -> ConfigurationError:
    key = (*region, detail["msg"])
    other = (*region, "client_secret" if detail["msg"] == "client_id" else "client_id")
    return ConfigurationError(
        f"{key_text(key)} is missing",
        where=given.origin(other),
        actual=f"{key_text(other)} alone",
        expected="both or neither",
        hint=_ways(key),
    )


def _unfit_entity(entities: Key, detail: ErrorDetails, given: Given) -> ConfigurationError:
    name, last, shape, fitting = detail["msg"].split("\n")
    key = (*entities, name, last)
    if field_of(key) is None:
        return _no_path(key, given.origin(key))
    return ConfigurationError(
        f"{key_text(key)} cannot be used",
        where=given.origin(key),
        actual=shape,
        expected=fitting,
        hint="correct it, or take it out for what is usual",
    )


def _no_path(key: Key, where: str | None) -> ConfigurationError:
    return ConfigurationError(
        f"{key_text(key)} is no key",
        where=where,
        hint="take it out; its parts, task_tags, reservation_tags and property_tags, have a path each",
    )


def _unfit_code(key: Key, detail: ErrorDetails, given: Given) -> ConfigurationError:
    return ConfigurationError(
        f"{key_text(key)} cannot be a region",
        where=given.origin(key),
        actual=detail["msg"],
        expected="a code of a letter, then up to 62 of a-z, 0-9 and single _; not the word all",
        hint="rename the table; the name that people see is its key `name`",
    )


def _unfit_value(key: Key, detail: ErrorDetails, given: Given) -> ConfigurationError:
    field, shape = field_of(key), shape_of(given.value(key))
    if detail["type"] == UNFIT:
        shape = detail["msg"]
    elif detail["type"] in TOO:
        shape = f"{shape} that is {TOO[detail['type']]}"
    hint = "correct it"
    if field is not None and shape == "text" and type_name(field) != "text" and key not in given.texts:
        hint = "write it without quotes"
    elif field is not None and not field.is_required():
        default = default_text(field)
        hint = f"correct it, or take it out{f' for the default, {default}' if default else ''}"
    return ConfigurationError(
        f"{key_text(key)} cannot be used",
        where=given.origin(key),
        actual=shape,
        expected=expected(field) if field else None,
        hint=hint,
    )


def shape_of(value: Any) -> str:
    """What a value is, in words that say nothing of its content."""
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


_BY_KIND: Mapping[str, Callable[[Key, ErrorDetails, Given], ConfigurationError]] = {
    "missing": _missing,
    "extra_forbidden": lambda key, _detail, given: no_key(key, given),
    NO_REGION: _no_region,
    HALF_PAIR: _half_pair,
    UNFIT_ENTITY: _unfit_entity,
    **dict.fromkeys(NO_TABLE, _no_table),
}
