"""Health and status for programs.

`/health`: {status: ok|degraded|failing, live, ready, reasons[], remedies[], version, pid, owner, started_at,
uptime_seconds, draining, regions, late[], refused[], differing[], database: {reachable, migrated, error},
configuration: {source, error}}; `remedies` go with `reasons`, one each.

`/api/status`: {format: 1, now, read_at, age_seconds, error, status, headline, service: the content of `/health`,
freshness[], troubles[], runs[], leases[], tokens[], regions[], verification_results[]}. Lists hold the fields of
`core.report`. Ages and lateness in `freshness` are those of `now`; other seconds count from `read_at`. `troubles` are
{kind, title, hint, messages: [{message, places: [[region, entity]]}]}. Times are ISO 8601 in UTC.
"""

from __future__ import annotations

from dataclasses import asdict

from breezeway_sync.ops.health import Facts, HealthReport
from breezeway_sync.ops.troubles import TroubleGroup
from breezeway_sync.ops.view import View

FORMAT = 1


def health(facts: Facts, judgement: HealthReport) -> dict[str, object]:
    """What `/health` answers."""
    return {
        "status": judgement.status,
        "live": judgement.live,
        "ready": judgement.ready,
        "reasons": judgement.reasons,
        "remedies": judgement.remedies,
        "version": facts.version,
        "pid": facts.pid,
        "owner": facts.owner,
        "started_at": facts.started_at,
        "uptime_seconds": facts.uptime_seconds,
        "draining": facts.is_draining,
        "regions": facts.regions,
        "late": facts.late,
        "refused": facts.refused,
        "differing": facts.differing,
        "database": {
            "reachable": facts.database_reachable,
            "migrated": facts.database_migrated,
            "error": facts.database_error,
        },
        "configuration": {"source": facts.config_source, "error": facts.config_error},
    }


def status(view: View) -> dict[str, object]:
    """What `/api/status` answers."""
    report = view.report
    state, headline = view.headline()
    return {
        "format": FORMAT,
        "now": view.now,
        "read_at": report.read_at if report else None,
        "age_seconds": view.read_age_seconds if report else None,
        "error": view.error,
        "status": state,
        "headline": headline,
        "service": health(view.facts, view.judgement),
        "freshness": [
            {**asdict(one), "age_seconds": view.age_seconds(one), "is_late": view.is_late(one)}
            for one in view.freshness
        ],
        "troubles": [_trouble(one) for one in view.troubles],
        "runs": [asdict(one) for one in report.runs] if report else [],
        "leases": [asdict(one) for one in report.leases] if report else [],
        "tokens": [asdict(one) for one in report.tokens] if report else [],
        "regions": [asdict(one) for one in report.regions] if report else [],
        "verification_results": [asdict(one) for one in report.verifications] if report else [],
    }


def _trouble(one: TroubleGroup) -> dict[str, object]:
    messages = [{"message": message, "places": places} for message, places in one.messages.items()]
    return {
        "kind": one.remedy.name,
        "title": one.remedy.title,
        "hint": one.remedy.hint,
        "section": one.remedy.section,
        "messages": messages,
    }
