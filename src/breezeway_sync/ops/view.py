"""Updates a report to the present: ages have grown since it was read, and lateness with them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from breezeway_sync.core.outcome import FAILED, PARTIAL
from breezeway_sync.core.report import Freshness
from breezeway_sync.ops.health import Facts, HealthReport, judge
from breezeway_sync.ops.troubles import Place, TroubleGroup, find, latest_ended
from breezeway_sync.ops.watch import StatusReport
from breezeway_sync.ops.words import count

STALE_SECONDS = 120.0


@dataclass(frozen=True)
class View:
    """Facts and the latest report that could be had; `failure` tells why there is none, or none newer."""

    facts: Facts
    report: StatusReport | None
    failure: str | None

    @property
    def now(self) -> datetime:
        return self.facts.now

    @cached_property
    def judgement(self) -> HealthReport:
        return judge(self.facts)

    @property
    def read_age_seconds(self) -> float:
        """How old the report is; 0 without one."""
        return 0.0 if self.report is None else max(0.0, (self.now - self.report.read_at).total_seconds())

    @property
    def error(self) -> str | None:
        """Why there is no newer report; None when this one is as new as it should be."""
        if self.failure or self.report is None:
            return self.failure or "the status has not been read yet"
        if self.report.database_error:
            return self.report.database_error
        return "the status was not read in time" if self.read_age_seconds > STALE_SECONDS else None

    @cached_property
    def freshness(self) -> tuple[Freshness, ...]:
        return () if self.report is None else self.report.freshness

    @cached_property
    def region_names(self) -> dict[str, str]:
        """Names by code; a region without one has its code."""
        return {one.region: one.region_name or one.region for one in self.freshness}

    @cached_property
    def asked(self) -> tuple[Freshness, ...]:
        """Without what is off."""
        return tuple(one for one in self.freshness if not one.is_off)

    @cached_property
    def late(self) -> frozenset[Place]:
        return frozenset((one.region, one.entity) for one in self.freshness if self.is_late(one))

    @cached_property
    def troubles(self) -> list[TroubleGroup]:
        report = self.report
        return [] if report is None else find(self.freshness, report.runs, self.late, report.verifications)

    @cached_property
    def differing(self) -> int:
        """How many regions and entities were found to differ from the API."""
        return 0 if self.report is None else sum(one.is_differing for one in self.report.verifications)

    @cached_property
    def ended_status(self) -> dict[Place, str]:
        """How the latest run that ended did, where one has."""
        ended = latest_ended(self.report.runs) if self.report else {}
        known = {place: run.status for place, run in ended.items()}
        seen = {(f.region, f.entity): f.status for f in self.freshness if f.status and f.status != "running"}
        return known | seen

    def age_seconds(self, one: Freshness) -> float | None:
        """The age of a mirror now; None where it has never been read."""
        return None if one.age_seconds is None else one.age_seconds + self.read_age_seconds

    def is_late(self, one: Freshness) -> bool:
        age = self.age_seconds(one)
        return not one.is_off and (one.is_late or age is None or age > one.freshness_target_seconds)

    def headline(self) -> tuple[str, str]:
        """The state of it all ("ok", "degraded", "failing") and a sentence that says it."""
        regions = count(len({one.region for one in self.freshness}), "region")
        if not self.judgement.live:
            return "failing", "The service is stuck"
        if not self.facts.database_reachable:
            return "failing", "The database is lost"
        if not self.facts.database_migrated:
            return "failing", "The database is not migrated"
        if self.report is None:
            return "degraded", "The status is not known yet"
        if not self.freshness:
            return "degraded", "Nothing is mirrored yet"
        if self.late:
            return "degraded", f"{len(self.late)} of {len(self.asked)} are late"
        if self.differing:
            return "degraded", f"{count(self.differing, 'mirror')} of {len(self.asked)} differ from the API"
        hurt = sum(status in (FAILED, PARTIAL) for status in self.ended_status.values())
        if hurt:
            return "degraded", f"{regions}, all fresh; {count(hurt, 'run')} incomplete"
        return "ok" if self.judgement.status == "ok" else "degraded", f"{regions}, all fresh"
