"""Reads the SQL files: numbered migrations and named queries. Also the names of the two schemas.

Readers use one schema. Bookkeeping tables live in `<schema>_internal`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from breezeway_sync.core.errors import ConfigurationError
from breezeway_sync.entities.missing_states import sql_places
from breezeway_sync.entities.model import Entity

INTERNAL_SUFFIX = "_internal"
_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_MIGRATION = re.compile(r"(\d{4})_(\w+)\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file. `checksum` is the SHA-256 of its text with line ends as in Unix."""

    version: int
    name: str
    text: str
    checksum: str


def sql_directory() -> Path:
    """`sql/` inside the installed package, or at the root of a checkout."""
    installed = Path(str(files("breezeway_sync"))) / "sql"
    checkout = Path(__file__).resolve().parents[3] / "sql"
    for place in (installed, checkout):
        if (place / "migrations").is_dir():
            return place
    raise ConfigurationError("the package is incomplete", actual="no directory sql/migrations", hint="install it again")


def read_migrations(directory: Path | None = None) -> tuple[Migration, ...]:
    """All migrations in order. Raises ConfigurationError when the numbers are not 1, 2, 3, …"""
    found = []
    for path in sorted((directory or sql_directory() / "migrations").glob("*.sql")):
        match = _MIGRATION.fullmatch(path.name)
        if not match:
            raise ConfigurationError("a migration's name", actual=path.name, expected="NNNN_name.sql")
        text = path.read_text(encoding="utf-8").replace("\r\n", "\n")
        found.append(Migration(int(match[1]), match[2], text, hashlib.sha256(text.encode()).hexdigest()))
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise ConfigurationError("migrations are not numbered 1, 2, 3, …", hint="give each number once")
    return tuple(found)


@cache
def _queries() -> dict[str, str]:
    texts: dict[str, str] = {}
    for path in sorted((sql_directory() / "queries").glob("*.sql")):
        _, *parts = _NAME.split(path.read_text(encoding="utf-8"))
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            if name in texts:
                raise ConfigurationError("a query's name is given twice", actual=name)
            texts[name] = text.strip()
    return texts


@cache
def query(name: str, schema: str, entity: Entity | None = None) -> str:
    """The text of a named query for a schema (a checked, plain identifier); see `_places`."""
    text = _queries()[name]
    places = {"{schema}": quote(schema), "{internal}": internal(schema), **sql_places()}
    places |= _places(entity) if entity else {}
    for place, value in places.items():
        text = text.replace(place, value)
    return text


def _places(entity: Entity) -> dict[str, str]:
    """What a query about any entity leaves open: its name, its table (`t` in the query) with the key, the first and
    the last day that a record is planned for, and whose list shows it (0: the region's)."""
    first, last = (f"t.{column}" for column in entity.planned) if entity.planned else ("NULL::date", "NULL::date")
    per = next((source.per for source in entity.sources if source.per), None)
    return {
        "{entity}": entity.name,
        "{table}": entity.table,
        "{key}": entity.key.name,
        "{first}": first,
        "{last}": last,
        "{list}": f"t.{per}" if per else "0::bigint",
    }


def internal_name(schema: str) -> str:
    """The schema of the bookkeeping, which no reader needs."""
    return schema + INTERNAL_SUFFIX


def internal(schema: str) -> str:
    """The same, quoted."""
    return quote(internal_name(schema))


def quote(identifier: str) -> str:
    """A quoted identifier."""
    return '"' + identifier.replace('"', '""') + '"'
