"""Compares the fields of an entity's records with the stored field profile, and reports schema drift as events."""

from __future__ import annotations

from breezeway_sync.core.errors import DatabaseError
from breezeway_sync.core.events import FieldChanged, OperatorNotice
from breezeway_sync.entities.drift import compare, of_any_type
from breezeway_sync.entities.field_profile import FieldProfile
from breezeway_sync.sync.job import Job


async def remember_fields(job: Job) -> None:
    """Compare and write down each survey of a job. Raises nothing: the records are stored whatever comes of this."""
    for name, profile in job.surveys.items():
        try:
            await _remember(job, name, profile)
        except DatabaseError as error:
            job.emit(OperatorNotice(f"fields could not be compared: {error.message}", job.region, name))


async def _remember(job: Job, name: str, profile: FieldProfile) -> None:
    if not profile.scopes():
        return
    called = next((one.child for one in job.entity.called if one.source.name == name), None)
    comparison = compare(
        await job.sync_state.known_fields(job.region, name),
        profile,
        is_full=name == job.name and _is_full(job),
        now=job.clock.now(),
        of_any_type=of_any_type(job.entity, called),
    )
    if comparison.rows:
        await job.sync_state.save_fields(job.region, name, comparison.rows)
    for change in comparison.changes:
        job.emit(FieldChanged(job.region, name, change.path, change.what.value, change.detail))


def _is_full(job: Job) -> bool:
    """Whether all records were read, so that something can be missing from them."""
    findings = job.findings
    is_excluded = any(source.name in job.settings.disabled for source in job.entity.sources)
    return job.is_full and not findings.problems and not findings.unavailable and not is_excluded
