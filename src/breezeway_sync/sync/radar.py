"""After an entity was read: hold what its records looked like against what was known, and tell what changed."""

from __future__ import annotations

from breezeway_sync.core.errors import DatabaseError
from breezeway_sync.core.events import FieldChanged, Noticed
from breezeway_sync.entities.radar import compare, of_any_type
from breezeway_sync.entities.survey import Survey
from breezeway_sync.sync.job import Job


async def remember_fields(job: Job) -> None:
    """Compare and write down each survey of a job. Raises nothing: the records are stored whatever comes of this."""
    for name, survey in job.surveys.items():
        try:
            await _remember(job, name, survey)
        except DatabaseError as error:
            job.emit(Noticed(f"fields could not be compared: {error.message}", job.region, name))


async def _remember(job: Job, name: str, survey: Survey) -> None:
    if not survey.scopes():
        return
    called = next((one.child for one in job.entity.called if one.source.name == name), None)
    comparison = compare(
        await job.ledger.known_fields(job.region, name),
        survey,
        is_whole=name == job.name and _is_whole(job),
        now=job.clock.now(),
        of_any_type=of_any_type(job.entity, called),
    )
    if comparison.rows:
        await job.ledger.save_fields(job.region, name, comparison.rows)
    for change in comparison.changes:
        job.emit(FieldChanged(job.region, name, change.path, change.what.value, change.detail))


def _is_whole(job: Job) -> bool:
    """Whether all records were read, so that something can be missing from them."""
    findings = job.findings
    is_left_out = any(source.name in job.settings.disabled for source in job.entity.sources)
    return job.is_whole and not findings.problems and not findings.unavailable and not is_left_out
