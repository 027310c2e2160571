"""Merges the sources into one tree: the file, overridden key by key by credential files and environment variables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from breezeway_sync.core.errors import ConfigurationError
from breezeway_sync.service.settings.checks import REGION_CODE
from breezeway_sync.service.settings.keys import all_keys, field_of, key_from_name, printable_path
from breezeway_sync.service.settings.models import FILE, Key, Provenance
from breezeway_sync.service.settings.sources import Text


@dataclass(slots=True)
class Given:
    """What the sources give, before anything is validated, and what was wrong with them.

    `tree` holds values as TOML has them, below the parts of their keys; `texts` says which of them came as text, and
    from where: all others are the file's. `unknown` are texts for keys that there are not.
    """

    file: Path | None
    tree: dict[str, Any] = field(repr=False)
    texts: dict[Key, str] = field(default_factory=dict)
    unknown: list[Text] = field(default_factory=list)
    problems: list[ConfigurationError] = field(default_factory=list)

    def lay(self, texts: Iterable[Text]) -> None:
        """Put the texts of one source over what weaker sources give."""
        own: dict[Key, str] = {}
        for one in texts:
            key = key_from_name(one.name)
            known = field_of(key)
            if known is None:
                self.unknown.append(one)
            elif key in own:
                self.problems.append(
                    ConfigurationError(
                        "the same key is given twice",
                        where=one.origin,
                        actual="two names that differ in upper and lower case only",
                        hint=f"keep one of it and {own[key]}",
                    )
                )
            else:
                own[key] = one.origin
                self._put(key, one.read_as(known), one.origin)

    def _put(self, key: Key, value: Any, origin: str) -> None:
        table = self.tree
        for part in key[:-1]:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                return  # what stands where a table belongs stays there, for the model to refuse
        table[key[-1]] = value
        self.texts[key] = origin

    def take_private(self) -> list[str]:
        """Take the names out of the tree that pydantic-settings would read as its own arguments."""
        private = [name for name in self.tree if name.startswith("_")]
        for name in private:
            del self.tree[name]
        return private

    def value(self, key: Key) -> Any:
        """What is given for a key or table; None when nothing is."""
        found: Any = self.tree
        for part in key:
            found = found.get(part) if isinstance(found, dict) else None
        return found

    @property
    def source(self) -> str | None:
        """The file for people, None without one."""
        return None if self.file is None else printable_path(self.file)

    def origin(self, key: Key) -> str | None:
        """Where the key, or the first key below it, came from; else the file."""
        return next((origin for known, origin in self.texts.items() if known[: len(key)] == key), self.source)

    @property
    def region_codes(self) -> list[str]:
        """The regions that any source mentions, as far as their codes can be used."""
        regions = self.tree.get("regions")
        return [code for code in regions if REGION_CODE.fullmatch(code)] if isinstance(regions, dict) else []

    @property
    def provenance(self) -> Provenance:
        """Where each key that is given came from."""
        given = (key for key in all_keys(self.region_codes) if self.value(key) is not None)
        return Provenance(self.file, {key: self.texts.get(key, FILE) for key in given})
