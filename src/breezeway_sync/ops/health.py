"""Decides whether the daemon lives and is ready, and what an operator should do. Pure.

It asks for a restart only where one could help: when the event loop or the work is stuck. A late region, rejected
credentials or a lost database stay the same after a restart, so health shows them and leaves `live` unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

LOOP_STUCK_SECONDS = 30.0
RUNNER_STUCK_SECONDS = 1800.0  # twice the longest pause that a 429 can ask for
NAMED_LATE = 5

State = Literal["ok", "degraded", "failing"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the daemon knows of itself at this moment; ages in seconds, times aware and in UTC.

    `runner_age_seconds` counts from the last sign of progress (any event of the work under way) or from
    the end of a wait that is intended; None while nothing is under way. `late` and `refused` are ready to
    be shown: "nashville tasks", and the codes of regions whose credentials were rejected; so are `differing`, whose
    latest comparison with the API found something else than a delay.
    `config_error` tells why a reload was not applied.
    """

    now: datetime
    started_at: datetime
    uptime_seconds: float
    version: str
    pid: int
    owner: str
    loop_age_seconds: float
    runner_age_seconds: float | None
    database_reachable: bool
    database_migrated: bool
    database_error: str | None
    is_draining: bool
    regions: int
    requests_per_minute: int
    config_source: str | None
    config_error: str | None
    late: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """Something that is not as it should be, and what to do about it."""

    subject: Literal["loop", "work", "database", "credentials", "late", "differs", "configuration", "stopping"]
    what: str
    hint: str
    state: State


@dataclass(frozen=True, slots=True)
class HealthReport:
    """`live`: a restart would not help. `ready`: work can be done. `status`: the worst of the findings."""

    live: bool
    ready: bool
    status: State
    findings: tuple[HealthFinding, ...]

    @property
    def reasons(self) -> list[str]:
        return [one.what for one in self.findings]

    @property
    def remedies(self) -> list[str]:
        return [one.hint for one in self.findings]


def judge(facts: Facts) -> HealthReport:
    """The health report. Findings that need an operator come first."""
    stuck = _stuck(facts)
    database = _database(facts)
    findings = (*stuck, *database, *_rest(facts))
    states = {one.state for one in findings}
    status: State = "failing" if "failing" in states else "degraded" if states else "ok"
    return HealthReport(
        live=not stuck, ready=not (stuck or database or facts.is_draining), status=status, findings=findings
    )


def _stuck(facts: Facts) -> tuple[HealthFinding, ...]:
    found = []
    if facts.loop_age_seconds > LOOP_STUCK_SECONDS:
        what = f"the event loop was blocked for {facts.loop_age_seconds:.0f} s"
        found.append(
            HealthFinding("loop", what, "restart the service; check whether the machine lacks CPU or memory", "failing")
        )
    age = facts.runner_age_seconds
    if age is not None and age > RUNNER_STUCK_SECONDS:
        what = f"the current work made no progress for {age / 60:.0f} min"
        found.append(
            HealthFinding("work", what, "restart the service; committed data stays, the rest is read again", "failing")
        )
    return tuple(found)


def _database(facts: Facts) -> tuple[HealthFinding, ...]:
    if not facts.database_reachable:
        why = f": {facts.database_error}" if facts.database_error else ""
        hint = "check that PostgreSQL runs and that database.dsn is correct; the service then continues by itself"
        return (HealthFinding("database", f"the database is lost{why}", hint, "failing"),)
    if not facts.database_migrated:
        why = f": {facts.database_error}" if facts.database_error else ""
        hint = "run `breezeway-sync migrate`, or set database.auto_migrate = true"
        return (HealthFinding("database", f"the schema of the database is not up to date{why}", hint, "failing"),)
    return ()


def _named(places: tuple[str, ...]) -> str:
    more = f" and {len(places) - NAMED_LATE} more" if len(places) > NAMED_LATE else ""
    return ", ".join(places[:NAMED_LATE]) + more


def _rest(facts: Facts) -> tuple[HealthFinding, ...]:
    found = []
    if facts.refused:
        hint = "the status page shows the reason; usually client_id and client_secret are wrong or not active"
        found.append(HealthFinding("credentials", f"no token for {', '.join(facts.refused)}", hint, "degraded"))
    if facts.late:
        hint = "the status page shows each reason; a restart does not help"
        found.append(HealthFinding("late", f"{len(facts.late)} late: {_named(facts.late)}", hint, "degraded"))
    if facts.differing:
        what = f"{len(facts.differing)} differ from the API: {_named(facts.differing)}"
        hint = "`breezeway-sync verify REGION ENTITY --all --repair` reads differing records again and verifies them"
        found.append(HealthFinding("differs", what, hint, "degraded"))
    if facts.config_error:
        what = f"the changed configuration is not in effect: {facts.config_error}"
        found.append(
            HealthFinding(
                "configuration", what, "correct it and reload; until then the previous settings apply", "degraded"
            )
        )
    if facts.is_draining:
        hint = "wait: it ends when the current batches are committed"
        found.append(HealthFinding("stopping", "the service is stopping", hint, "degraded"))
    return tuple(found)
