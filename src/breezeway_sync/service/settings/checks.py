"""Checks of single values. They are pure, and the models attach them to their fields.

A check returns the normalised value, or raises `PydanticCustomError`. Its message gives the *shape* of the value ("text
with white space in it"), never the value: it may be a secret in the wrong place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import ConfigDict, SecretStr
from pydantic_core import PydanticCustomError

REGION_CODE = re.compile(r"[a-z][a-z0-9_]{0,62}")
SCHEMA_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
LONGEST_SCHEMA_NAME = 54
PATH = re.compile(r"/(?!/)[!-~]*")
PARENT_ID = "{id}"
EVERY_COMPANY = "all"
LARGEST = 2**63 - 1  # TOML's and PostgreSQL's bigint; not a limit anybody meets
COMPANIES = re.compile(r"[0-9]{1,19}(?:\s*,\s*[0-9]{1,19})+")
UNFIT = "unfit"
UNFIT_ENTITY = "unfit_entity"
HALF_PAIR = "half_pair"
NO_REGION = "no_region"
INCOMPLETE = "incomplete"
FROZEN = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a field takes, in words, where type and bounds do not say it; hung on the annotation."""

    text: str


def unfit(shape: str) -> PydanticCustomError:
    """The error of a value that has the right type and the wrong form."""
    return PydanticCustomError(UNFIT, "{shape}", {"shape": shape})


def flaw_of_text(text: str) -> str | None:
    """The shape of a text that cannot be a secret, name or address; None when it may."""
    if not text:
        return "empty text"
    if text != text.strip():
        return "text with white space at its start or end"
    if not text.isprintable():
        return "text with characters that cannot be printed"
    return None


def flaw_of_address(text: str) -> str | None:
    """As `flaw_of_text`, for what may hold no space either."""
    return flaw_of_text(text) or ("text with white space in it" if " " in text else None)


def check_text(text: str) -> str:
    """A name to show: not empty, printable, no white space around it."""
    if flaw := flaw_of_text(text):
        raise unfit(flaw)
    return text


def check_secret(secret: SecretStr | None) -> SecretStr | None:
    """A client id or secret: an empty one is a mistake, not an absent one."""
    if secret is not None and (flaw := flaw_of_text(secret.get_secret_value())):
        raise unfit(flaw)
    return secret


def check_base_url(url: str) -> str:
    """An http(s) address without credentials, query or fragment, returned without a slash at its end."""
    if flaw := flaw_of_address(url):
        raise unfit(flaw)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise unfit("an address whose host or port cannot be read") from None
    if parts.scheme not in ("http", "https"):
        raise unfit("text that does not start with http:// or https://")
    if "@" in parts.netloc:
        raise unfit("an address with credentials in it")
    if "?" in url or "#" in url:
        raise unfit("an address with a query or fragment")
    if not parts.hostname or port == 0:
        raise unfit("an address without a host, or with port 0")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def check_companies(value: Any) -> Any:
    """One id of a company, several ids, or "all". A list becomes a tuple in its order; text with commas is a list."""
    if value is None or value == EVERY_COMPANY:
        return value
    if isinstance(value, str):
        if not COMPANIES.fullmatch(value.strip()):
            raise unfit("text" if value else "empty text")
        value = [int(part) for part in value.split(",")]
    if not isinstance(value, list | tuple):
        return _check_company(value)
    if not value:
        raise unfit("an empty list")
    if len({*value}) < len(value):
        raise unfit("a list that names a company twice")
    return tuple(_check_company(one) for one in value)


def _check_company(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        shapes = {bool: "true or false", float: "a number", dict: "a table", str: "text", list: "a list"}
        raise unfit(shapes.get(type(value), "a date or time"))
    if value < 1 or value > LARGEST:
        raise unfit(f"a whole number that is too {'small' if value < 1 else 'large'}")
    return value


def check_schema(name: str) -> str:
    """A plain PostgreSQL identifier that is not one of the server's own schemas."""
    if not SCHEMA_NAME.fullmatch(name):
        raise unfit("text that is no plain lower-case identifier")
    if len(name) > LONGEST_SCHEMA_NAME:
        raise unfit(
            f"a name of more than {LONGEST_SCHEMA_NAME} characters: PostgreSQL takes 63, and `_internal` is added"
        )
    if name.startswith("pg_") or name == "information_schema":
        raise unfit("a name that PostgreSQL keeps for itself")
    return name


def check_region_code(code: str) -> str:
    """A region's code; `__` separates the parts of variable names and `all` means every region."""
    if not REGION_CODE.fullmatch(code):
        raise unfit("a code of another form")
    if "__" in code:
        raise unfit("a code with two underscores in a row")
    if code == "all":
        raise unfit("the word that means every region")
    return code


def check_path(path: str | None) -> str | None:
    """A path below base_url, without query or fragment."""
    if path is None:
        return None
    if not PATH.fullmatch(path) or "?" in path or "#" in path:
        raise unfit("text that is no path")
    return path


def lower_case(value: Any) -> Any:
    """Words such as INFO in lower case; everything else as it is."""
    return value.lower() if isinstance(value, str) else value
