"""What is wrong, a line each: key, source, shape of what came, what was wanted, what to do.

Never a value: it may be a secret, or a secret in the wrong place. pydantic's own text is not used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from breezeway_sync.core.errors import ConfigurationError
from breezeway_sync.service.settings.checks import (
    HALF_PAIR,
    INCOMPLETE,
    NO_REGION,
    REGION_CODE,
    UNFIT,
    UNFIT_ENTITY,
)
from breezeway_sync.service.settings.keys import (
    ENV_PREFIX,
    Key,
    all_keys,
    closest,
    credential_name,
    default_text,
    env_name,
    field_of,
    key_text,
    keys_of,
    printable,
    table_of,
    type_name,
    wanted,
)
from breezeway_sync.service.settings.layers import Unknown, shape_of
from breezeway_sync.service.settings.models import READ_PER_PARENT, WITHOUT_PATH, Settings

TOO = {
    "greater_than": "too small",
    "greater_than_equal": "too small",
    "less_than": "too large",
    "less_than_equal": "too large",
    "finite_number": "not finite",
    "literal_error": "none of them",
}


@dataclass(frozen=True, slots=True)
class Merged:
    """Every value with where it came from, after the highest source won; `file` is None without one."""

    values: Mapping[Key, Any]
    origins: Mapping[Key, str]
    file: str | None

    def origin(self, key: Key) -> str | None:
        """Where the key, or the first key below it, came from; else the file."""
        below = (origin for known, origin in self.origins.items() if known[: len(key)] == key)
        return self.origins.get(key) or next(below, self.file)

    @property
    def region_codes(self) -> list[str]:
        """The regions that any source mentions, as far as their codes can be used."""
        codes = dict.fromkeys(key[1] for key in self.values if key[0] == "regions")
        return [code for code in codes if REGION_CODE.fullmatch(code)]


def as_one(problems: list[ConfigurationError]) -> ConfigurationError:
    """One error of several: a line each."""
    if len(problems) == 1:
        return problems[0]
    lines = "".join(f"\n  {problem.message}" for problem in problems)
    return ConfigurationError(f"{len(problems)} things are wrong with the configuration:{lines}")


def no_file(places: Iterable[str]) -> ConfigurationError:
    """Nothing was found, and the environment does not make up for it."""
    return ConfigurationError(
        "there is no configuration file",
        wanted=f"one of {', '.join(places)}",
        cure="make one, or name one with --config or BREEZEWAY_SYNC_CONFIG",
    )


# --- what a source holds that is no key -----------------------------------------------------------


def of_unknown(unknown: Unknown, merged: Merged) -> ConfigurationError:
    """A key, variable or credential file that means nothing, with the one that was probably meant."""
    key = unknown.key
    if len(key) == 3 and key[0] == "entities" and key[1] in WITHOUT_PATH and key[2] == "path":
        return ConfigurationError(
            f"{key_text(key)} is no key",
            where=unknown.origin,
            cure="take it out; its parts, task_tags, reservation_tags and property_tags, have a path each",
        )
    if unknown.name is not None:
        return _of_unknown_name(unknown.name, unknown.origin, merged)
    if _is_table(key):
        return ConfigurationError(
            f"{key_text(key)} is no table",
            where=unknown.origin,
            got=unknown.shape,
            wanted=f"a table [{key_text(key)}]",
            cure="write its keys below such a line",
        )
    keys = all_keys({*merged.region_codes, *(key[1:2] if key[0] == "regions" else ())})
    known = {*Settings.model_fields, *map(key_text, keys), *(key_text(known[:-1]) for known in keys)}
    meant = closest(key_text(key), sorted(known))
    return ConfigurationError(
        f"{key_text(key)} is no key",
        where=unknown.origin,
        cure=f"did you mean {meant}?" if meant else "take it out",
    )


def _is_table(key: Key) -> bool:
    """Whether the key is that of a section, or of a named table in one."""
    return (len(key) == 1 and table_of(key[0]) is not None) or any(
        known[:-1] == key for known in keys_of(key[0], key[1:2])
    )


def _of_unknown_name(name: str, origin: str, merged: Merged) -> ConfigurationError:
    is_variable = origin.startswith("environment")
    known = [(env_name if is_variable else credential_name)(key) for key in all_keys(merged.region_codes)]
    meant = closest(ENV_PREFIX + name.upper() if is_variable else name.lower(), known)
    return ConfigurationError(
        "a name that is no key",
        where=origin,
        wanted=f"{ENV_PREFIX}SECTION__KEY" if is_variable else "section__key",
        cure=f"did you mean {meant}?" if meant else "take it out",
    )


# --- what the models refuse -----------------------------------------------------------------------


def of_validation(error: ValidationError, merged: Merged) -> list[ConfigurationError]:
    """Every complaint of the models in our words."""
    details = error.errors(include_input=False, include_context=False, include_url=False)
    return [problem for detail in details for problem in _of_detail(detail, merged)]


def is_incomplete(error: ValidationError) -> bool:
    """Whether something is missing, as opposed to wrong."""
    details = error.errors(include_input=False, include_context=False, include_url=False)
    return any(detail["type"] in ("missing", NO_REGION) for detail in details)


def _of_detail(detail: ErrorDetails, merged: Merged) -> list[ConfigurationError]:
    key = tuple(part for part in detail["loc"] if isinstance(part, str))
    match detail["type"]:
        case "missing":
            return [_missing(missing, merged) for missing in _required(key)]
        case kind if kind == INCOMPLETE:
            return [_missing((*key, name), merged) for name in detail["msg"].split()]
        case kind if kind == NO_REGION:
            return [_no_region(merged)]
        case kind if kind == HALF_PAIR:
            return [_half_pair(key, detail["msg"], merged)]
        case kind if kind == UNFIT_ENTITY:
            return [_unfit_entity(detail["msg"], merged)]
        case kind if key[-1] == "[key]":
            return [_unfit_code(key[:-1], detail["msg"], merged)]
    return [_unfit_value(key, detail, merged)]


def _required(key: Key) -> list[Key]:
    """A missing section means its required keys."""
    if field_of(key):
        return [key]
    below = ((known, field_of(known)) for known in keys_of(key[0], ()))
    return [known for known, field in below if field is not None and field.is_required()]


def _ways(key: Key) -> str:
    return f"set it in the file, as {env_name(key)} or as the credential file {credential_name(key)}"


def _missing(key: Key, merged: Merged) -> ConfigurationError:
    field = field_of(key)
    return ConfigurationError(
        f"{key_text(key)} is missing",
        where=merged.file,
        wanted=wanted(field) if field else None,
        cure=_ways(key),
    )


def _no_region(merged: Merged) -> ConfigurationError:
    return ConfigurationError(
        "there is no region",
        where=merged.file,
        wanted="a table [regions.<code>] for each account",
        cure=f"add one, or set {ENV_PREFIX}REGIONS__<CODE>__COMPANY_ID",
    )


def _half_pair(region: Key, missing: str, merged: Merged) -> ConfigurationError:
    key = (*region, missing)
    other = (*region, "client_secret" if missing == "client_id" else "client_id")
    return ConfigurationError(
        f"{key_text(key)} is missing",
        where=merged.origin(other),
        got=f"{key_text(other)} alone",
        wanted="both or neither",
        cure=_ways(key),
    )


def _unfit_entity(message: str, merged: Merged) -> ConfigurationError:
    name, _, shape = message.partition(" ")
    key = ("entities", name, "path")
    if field_of(key) is None:
        return ConfigurationError(f"entities.{printable(name)} is no key", where=merged.origin(key[:2]), got=shape)
    per_parent = (
        "a path with exactly one {id}, the parent's id" if name in READ_PER_PARENT else "a path without { and }"
    )
    return ConfigurationError(
        f"{key_text(key)} cannot be used",
        where=merged.origin(key),
        got=shape,
        wanted=per_parent,
        cure="correct it, or take it out for the usual address",
    )


def _unfit_code(key: Key, shape: str, merged: Merged) -> ConfigurationError:
    return ConfigurationError(
        f"{key_text(key)} cannot be a region",
        where=merged.origin(key),
        got=shape,
        wanted="a code of a letter, then up to 62 of a-z, 0-9 and single _; not the word all",
        cure="rename the table; the name that people see is its key `name`",
    )


def _unfit_value(key: Key, detail: ErrorDetails, merged: Merged) -> ConfigurationError:
    field = field_of(key)
    shape = shape_of(merged.values.get(key))
    if detail["type"] == UNFIT:
        shape = detail["msg"]
    elif detail["type"] in TOO:
        shape = f"{shape} that is {TOO[detail['type']]}"
    cure = "correct it"
    if field is not None and shape == "text" and type_name(field) != "text" and merged.origin(key) == merged.file:
        cure = "write it without quotes"
    elif field is not None and not field.is_required():
        default = default_text(field)
        cure = f"correct it, or take it out{f' for the default, {default}' if default else ''}"
    return ConfigurationError(
        f"{key_text(key)} cannot be used",
        where=merged.origin(key),
        got=shape,
        wanted=wanted(field) if field else None,
        cure=cure,
    )
