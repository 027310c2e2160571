"""The types of the catalog: what the API sends, and where the mirror stores it.

Literals only. `plan` compiles the declarations, `store.sql` turns them into SQL.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class ColumnKind(Enum):
    """What a column takes. The value is its PostgreSQL type."""

    BIGINT = "bigint"
    TEXT = "text"
    NUMERIC = "numeric"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp with time zone"
    DATE = "date"
    TIME = "time without time zone"
    JSON = "jsonb"
    MONEY = "numeric, text"
    """An amount with its currency in one text, "120.00 USD": the column and `<column>_currency`."""


class DerivationRule(Enum):
    """How a convenience column is derived from the record it stands beside."""

    FULL_NAME = "first_name and last_name, empty parts dropped"
    FIRST_EMAIL = "the first item of emails, if it is text"
    FIRST_PHONE = "the first item of phone_numbers if it is text, else its number"
    IS_FIRST = "whether the item is the first of its list"


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a record. `path` is dotted (`type_task_status.code`); `column` defaults to it.

    `also` are further addresses of the same value, tried in turn where the first brings nothing.
    """

    path: str
    kind: ColumnKind
    column: str = ""
    also: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.column or self.path


@dataclass(frozen=True, slots=True)
class Derived:
    """A convenience column; fills itself only where no field has brought a value for it."""

    column: str
    kind: ColumnKind
    rule: DerivationRule


@dataclass(frozen=True, slots=True)
class Child:
    """A list whose items have a table of their own.

    `items` is the list's name in its parent (or the last part of the address that lists it), `key` the
    item's id; without one the place in the list is the key (`ordinal`). With `key_may_be_null`
    the items without id are told apart by their place among themselves. `position` names the column that
    keeps the place of an item's first appearance, where order is data.
    """

    items: str
    table: str
    key: Field | None
    fields: tuple[Field, ...]
    derived: tuple[Derived, ...] = ()
    key_may_be_null: bool = False
    position: str | None = None


@dataclass(frozen=True, slots=True)
class TagLinks:
    """A list of tags on a record, kept as links to the rows of `target` with one value of its discriminator."""

    items: str
    table: str
    tag_type: str
    # Not part of how rows are made of records, which is what the version of a plan stands for.
    target: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Link:
    """A reference to another table: `column` follows the id in `by` to `target`'s row in the same region."""

    column: str
    by: str
    target: str


class Interval(Enum):
    """How often something is usually read: a row of the settings' table `schedule`."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"


class AnswerShape(Enum):
    """How an address answers."""

    PAGES = "pages of an envelope"
    LIST = "one bare array"


class Company(Enum):
    """Under which name an address takes the company's id."""

    NONE = ""
    COMPANY_ID = "company_id"


@dataclass(frozen=True, slots=True)
class DateFilter:
    """A parameter that narrows a list to some days: from one day on, or between two (`is_pair`)."""

    param: str
    is_pair: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """An address that lists records.

    `path` is below /public/inventory/v1. `variants` are parameter sets that are each asked for and added
    up; `always` goes with every call. `per` names the query parameter that takes the parent's id (one
    walk per parent), or the path contains `{id}`. `discriminator` is the value of the entity's
    discriminator column for what comes from here. `empty_means_unavailable`: a 200 without a body tells
    that the account does not have this. `may_be_missing`: some accounts do not have it. `changed` narrows to what
    changed since a day; without it the list is read whole each time. `dated` are the parameters, in place of
    those of the same name, that narrow it to what falls between two days, `{since}` and `{until}`.
    """

    name: str
    path: str
    shape: AnswerShape
    company: Company = Company.NONE
    always: tuple[tuple[str, str], ...] = ()
    variants: tuple[tuple[tuple[str, str], ...], ...] = ((),)
    per: str | None = None
    discriminator: str | None = None
    empty_means_unavailable: bool = False
    may_be_missing: bool = False
    changed: DateFilter | None = None
    dated: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CalledChild:
    """Children that cost a call of their own per parent.

    Without an `interval` they are owed: the parent's transaction writes down that they must be read, and only for
    parents that are new or changed. With one, all parents are asked each time, under the name of the source, which is
    scheduled, logged and compared as entities are; their parent is the home of the catalog.
    """

    source: Source
    child: Child
    interval: Interval | None = None

    @property
    def pending_reads(self) -> bool:
        """Whether only new and changed parents are asked."""
        return self.interval is None


@dataclass(frozen=True, slots=True, eq=False)
class Entity:
    """One resource of the API, from its addresses to its tables. There is one of each: it equals only itself.

    `singular` names it in key columns (`task` -> `task_pk`); `interval` is how often it is usually read.
    `is_essential`: an account without it is none that can be mirrored. `own_address` answers for one record, and only
    its 404 proves a deletion (without one: two whole walks that do not show the record).
    `deleted_when` is the column and the value by which a record says of itself that it is deleted,
    `planned` the columns of the first and the last day that `Source.dated` narrows by. `stamps` are the paths of
    the moments that every record has of when it was made and last changed. `company` is where a record names its
    company. `keeps_own_times`: the table has system_created_at and system_updated_at, the mirror's own.
    """

    name: str
    table: str
    singular: str
    key: Field
    interval: Interval
    fields: tuple[Field, ...]
    sources: tuple[Source, ...]
    is_essential: bool = False
    derived: tuple[Derived, ...] = ()
    children: tuple[Child, ...] = ()
    called: tuple[CalledChild, ...] = ()
    tags: tuple[TagLinks, ...] = ()
    links: tuple[Link, ...] = ()
    discriminator: str | None = None
    own_address: str | None = None
    deleted_when: tuple[str, str] | None = None
    planned: tuple[str, str] | None = None
    stamps: tuple[str, ...] = ()
    keeps_own_times: bool = False
    company: str | None = None

    @property
    def pk(self) -> str:
        """The column by which children refer to this entity's row."""
        return f"{self.singular}_pk"
