"""The tables of the configuration as frozen models: every key, its type, default, limits and meaning.

Documents, messages and `config show` are derived from this module.
"""

from __future__ import annotations

import warnings
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    SecretStr,
    model_validator,
)
from pydantic_core import PydanticCustomError

from breezeway_sync.core.sources import Companies
from breezeway_sync.core.text import enumerated
from breezeway_sync.entities.model import Interval
from breezeway_sync.entities.streams import STREAMS
from breezeway_sync.service.settings.checks import (
    FROZEN,
    HALF_PAIR,
    LARGEST,
    Expectation,
    check_base_url,
    check_companies,
    check_path,
    check_schema,
    check_secret,
    check_text,
    lower_case,
)
from breezeway_sync.service.settings.dsn import check_dsn

DAY_SECONDS = 86_400
YEAR_MINUTES = 525_600


def _usual(interval: Interval) -> str:
    """The entities that use this interval by default."""
    names = [stream.name.replace("_", " ") for stream in STREAMS.values() if stream.interval is interval]
    return f"{enumerated(names).capitalize()}." if names else "Nothing."


Secret = Annotated[
    SecretStr | None, AfterValidator(check_secret), Expectation("printable text without white space around it")
]


class ApiSettings(BaseModel):
    """How the Breezeway API is called."""

    model_config = FROZEN

    base_url: Annotated[
        str,
        AfterValidator(check_base_url),
        Expectation("an http:// or https:// address without credentials, query or fragment"),
    ] = Field(
        default="https://api.breezeway.io",
        description="Address of the API; a slash at its end is dropped. `http` is for the sandbox and proxies.",
    )
    requests_per_minute: int = Field(
        default=180, ge=1, le=LARGEST, description="Calls a minute, per account. The service allows 200."
    )
    auth_interval_seconds: float = Field(
        default=60.0,
        ge=0,
        le=DAY_SECONDS,
        description="Least time between two token calls of one account; the service allows one a minute. `0`: no wait.",
    )
    max_in_flight: int = Field(
        default=8,
        ge=1,
        le=LARGEST,
        description="Most open calls, per account. After a 429, a 403 in HTML, or answers that take three "
        "times as long as they did, half as many are made, then one more with each round of good answers.",
    )
    max_in_flight_total: int = Field(
        default=24,
        ge=1,
        le=LARGEST,
        description="Most open calls, all accounts together. The smaller of the two limits applies. "
        "The service's edge answers HTML 403 above a few dozen; after one, the limit is halved until calls succeed.",
    )
    page_size: int = Field(default=100, ge=1, le=LARGEST, description="Records asked for per page.")
    timeout_seconds: float = Field(
        default=30.0,
        gt=0,
        le=DAY_SECONDS,
        description="How long one call may wait for bytes. Pages of reservations took up to 15 s.",
    )


with warnings.catch_warnings():
    # The key is called `schema`, as is a deprecated classmethod of BaseModel that nothing here calls.
    warnings.filterwarnings("ignore", message='Field name "schema"', category=UserWarning)

    class DatabaseSettings(BaseModel):
        """Where the copy lives."""

        model_config = FROZEN

        dsn: Annotated[
            SecretStr,
            AfterValidator(check_dsn),
            Expectation(
                "postgresql://user:password@host:port/database, where @ : / ? # of the password "
                "are written %40 %3A %2F %3F %23"
            ),
        ] = Field(
            description="Address of the PostgreSQL database. It holds a password: prefer a variable or credential file."
        )
        schema: Annotated[
            str,
            AfterValidator(check_schema),
            Expectation("a lower-case letter or _, then up to 62 of a-z, 0-9 and _; not pg_…"),
        ] = Field(  # type: ignore[assignment]
            default="breezeway", description="Schema of all tables; created when it is missing."
        )
        auto_migrate: bool = Field(
            default=True,
            description="Bring the schema up to date at the start. `false`: refuse to start until "
            "`breezeway-sync migrate` was run.",
        )
        pool_size: int = Field(default=10, ge=2, le=1000, description="Most connections held at once.")


class RegionSettings(BaseModel):
    """One Breezeway account. A new region is a new table `[regions.<code>]` in the file, never code."""

    model_config = FROZEN

    name: Annotated[str, AfterValidator(check_text), Expectation("printable text without white space around it")] = (
        Field(default="", description="Name to show. Left out: the code as a title, `hilton_head` as `Hilton Head`.")
    )
    company_id: Annotated[
        int | tuple[int, ...] | Literal["all"] | None,
        BeforeValidator(check_companies),
        Expectation('a whole number of at least 1, a list of such numbers, or "all"'),
    ] = Field(
        default=None,
        description="The account's company at Breezeway, sent wherever an endpoint takes it; records of another one "
        'are not stored. A list names several companies, `"all"` means everything that the credentials see; with '
        "either, no company is sent. Left out: the company that the first reading shows; if it shows several, the "
        "region is not loaded and the message says what to write here.",
    )
    client_id: Secret = Field(
        default=None,
        description="Half of the account's credentials; never shown. Left out, with `client_secret`: "
        "the region's row in the table `api_tokens`.",
    )
    client_secret: Secret = Field(
        default=None, description="The other half. Only both together, each from any source, or neither."
    )

    @property
    def companies(self) -> Companies:
        """Whose records are wanted."""
        found = self.company_id
        if found is None or isinstance(found, str):
            return Companies(all=found is not None)
        return Companies.of((found,) if isinstance(found, int) else found)

    @model_validator(mode="after")
    def _has_both_halves(self) -> Self:
        if (self.client_id is None) != (self.client_secret is None):
            missing = "client_id" if self.client_id is None else "client_secret"
            raise PydanticCustomError(HALF_PAIR, "{missing}", {"missing": missing})
        return self


class EntitySettings(BaseModel):
    """One entity, or one part of an entity that has an address of its own."""

    model_config = FROZEN

    path: Annotated[str | None, AfterValidator(check_path), Expectation("a path that starts with one /")] = Field(
        default=None,
        description="Path below `/public/inventory/v1` where it is read; `{id}` stands for the parent's id. "
        "Left out: the address that breezeway-sync knows.",
    )
    enabled: bool = Field(default=True, description="`false`: not read at all; rows already copied stay.")
    interval: Literal["hourly", "daily", "weekly"] | None = Field(
        default=None, description="How often `serve` reads it. Left out: the usual interval of the entity."
    )


class SyncSettings(BaseModel):
    """How much one run does, and in which portions."""

    model_config = FROZEN

    max_minutes: float | None = Field(
        default=None,
        gt=0,
        le=YEAR_MINUTES,
        description="Time limit for pending child reads in one run; the next run continues. Left out: no limit.",
    )
    batch_rows: int = Field(default=2000, ge=1, le=100_000, description="Rows written in one transaction.")
    flush_seconds: float = Field(
        default=1.5, gt=0, le=3600, description="Longest time that rows wait in a batch that is not full."
    )
    resume_minutes: float = Field(
        default=60.0,
        ge=0,
        le=YEAR_MINUTES,
        description="A run that begins within this time after an interrupted run does not repeat the lists that "
        "the interrupted run read completely; `run --full` always repeats them. `0`: every run does.",
    )
    overlap_hours: float = Field(
        default=24.0,
        ge=0,
        le=8760,
        description="Reservations and tasks are asked for what changed since the last complete reading, and so long "
        "before it: the service compares days, and nobody knows in which zone.",
    )
    full_scan_days: float = Field(
        default=7.0,
        ge=0,
        le=3650,
        description="Longest time between two full scans of a list, spread over a quarter of it. `0`: each run.",
    )
    window_days: int = Field(
        default=14,
        ge=0,
        le=3650,
        description="Every `window_hours`, runs read all tasks and stays planned within this many days before or after "
        "today.",
    )
    window_hours: float = Field(
        default=0.8,
        ge=0,
        le=8760,
        description="How often runs read the lists of `window_days`. Below one hour, every hourly run detects what "
        "left these lists.",
    )
    children_refresh_days: float = Field(
        default=30.0,
        ge=0,
        le=3650,
        description="All comments and requirements are asked for again in so long, a share each run, since it is not "
        "known whether a new comment changes its task. `0`: each time.",
    )
    hidden_refresh_days: float = Field(
        default=6.0,
        ge=0,
        le=3650,
        description="How often runs read hidden records, which lists leave out, at their own address; for those "
        "within `window_days`, every `window_hours`. `require_fresh` accepts 7 days by default.",
    )


class DeletesSettings(BaseModel):
    """The mass-deletion guard. When it stops a deletion, nothing is deleted before a person decides."""

    model_config = FROZEN

    guard_share: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="Largest share of a region's live records of an entity that may be deleted at once.",
    )
    guard_least_records: int = Field(
        default=20,
        ge=1,
        le=LARGEST,
        description="The guard never stops so few deletions at once, whatever their share.",
    )


class LogSettings(BaseModel):
    """What is logged."""

    model_config = FROZEN

    level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(lower_case)] = Field(
        default="info", description="Lowest level that is logged."
    )


class ScheduleSettings(BaseModel):
    """The length of the intervals of `breezeway-sync serve`."""

    model_config = FROZEN

    hourly_seconds: float = Field(default=3600.0, gt=0, le=YEAR_MINUTES * 60, description=_usual(Interval.HOURLY))
    daily_seconds: float = Field(default=86_400.0, gt=0, le=YEAR_MINUTES * 60, description=_usual(Interval.DAILY))
    weekly_seconds: float = Field(default=604_800.0, gt=0, le=YEAR_MINUTES * 60, description=_usual(Interval.WEEKLY))
    spread_seconds: float = Field(
        default=300.0,
        ge=0,
        le=DAY_SECONDS,
        description="After a start, overdue reads are spread over this time; a region that was never read begins "
        "at once.",
    )
    verify_seconds: float = Field(
        default=86_400.0,
        ge=0,
        le=YEAR_MINUTES * 60,
        description="How often a small sample of every region and entity is compared with the API while nobody reads "
        "the account. Scheduled reads come first. `0`: never.",
    )


class RetentionSettings(BaseModel):
    """How long history is kept."""

    model_config = FROZEN

    sync_log_days: float = Field(
        default=90.0,
        gt=0,
        le=36_500,
        description="How long rows of `etl_sync_log`, verification results and other history stay (docs/schema.md says "
        "for each table what is kept). The latest of each region and entity always stay.",
    )
