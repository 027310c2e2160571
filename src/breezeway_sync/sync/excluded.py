"""Remembers the properties of other companies, to leave out their tasks and reservations."""

from __future__ import annotations

from breezeway_sync.sync.gate import Gate
from breezeway_sync.sync.job import Job
from breezeway_sync.sync.ports import Sources


async def settle_left_out(job: Job, gate: Gate, sources: Sources) -> None:
    """Remember the homes that another company has now. The list proves that the mirror's own among them have left."""
    before, shown = job.belonging.excluded_homes, job.sifted
    news = {key: company for key, company in shown.excluded.items() if key not in before}
    job.belonging.excluded_homes = (before | news.keys()) - gate.own
    job.belonging.known_homes |= gate.own
    if news or shown.came_back:
        job.findings.loaded.add(await sources.leave_out(job.region, news, sorted(shown.came_back)))
