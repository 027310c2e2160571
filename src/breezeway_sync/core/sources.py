"""The source of a region: API address, credentials, companies. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


def normalised(address: str) -> str:
    """An address of the API as it is compared: lower-case scheme and host, no default port, no slash at the end."""
    parts = urlsplit(address)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    port = "" if parts.port in (None, _PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"


def account_key(address: str, client_id: str) -> str:
    """The account's name in tables, logs and metrics: equal for equal addresses and client ids, and neither itself."""
    return hashlib.sha256(f"{normalised(address)} {client_id}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Companies:
    """Whose records are stored: those of these companies (`ids`, rising), of `all` that the pair sees, or unsaid."""

    ids: tuple[int, ...] = ()
    all: bool = False

    @classmethod
    def of(cls, ids: Iterable[int] | None, *, all_: bool = False) -> Self:
        """From a list in any order, or none."""
        return cls(tuple(sorted(set(ids or ()))), all_)

    @property
    def is_known(self) -> bool:
        return self.all or bool(self.ids)

    @property
    def only(self) -> int | None:
        """The one company, where it is one."""
        return self.ids[0] if len(self.ids) == 1 else None

    def takes(self, company: int | None) -> bool:
        """Whether a record of this company belongs here; a record that names none does."""
        return company is None or not self.ids or company in self.ids

    def overlaps(self, other: Companies) -> bool:
        """Whether a record could belong to both; where nobody said which, it could."""
        return not (self.ids and other.ids) or bool(set(self.ids) & set(other.ids))

    @property
    def words(self) -> str:
        """As it is written in the configuration."""
        if self.all:
            return '"all"'
        if not self.ids:
            return "none"
        return str(self.ids[0]) if self.only is not None else f"[{', '.join(map(str, self.ids))}]"


@dataclass(frozen=True, slots=True)
class Identity:
    """A source by its names: the normalised address, the account (`account_key`), the companies."""

    address: str
    account: str
    companies: Companies


@dataclass(frozen=True, slots=True)
class RegionSource:
    """What a region is a copy of, as it is stored.

    `confirmed_at` None: no reading of properties has shown yet that it is the right one. `blocked_why`: why nothing is
    read. `adopted_at`: when a person took it for the region's own.
    """

    identity: Identity
    confirmed_at: datetime | None = None
    blocked_why: str | None = None
    adopted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SourceState:
    """What is known of a region before it is read: its source (None: never read), whether a person retired it, whether
    properties of this source were read whole, and another region that has the same company (None: none has)."""

    source: RegionSource | None
    is_retired: bool
    has_properties: bool
    twin: str | None = None
    is_shared: bool = False
    """Whether other regions are read with the same pair."""
    has_live: bool = False
    """Whether the mirror has live properties of the region."""
