"""What the list of properties showed under another company: remembered, so that its tasks and stays are left out."""

from __future__ import annotations

from breezeway_sync.sync.job import Job
from breezeway_sync.sync.ports import Sources


async def settle_left_out(job: Job, sources: Sources) -> None:
    """Remember which homes are another company's now; the mirror's own among them have left, and the list proves it."""
    before, shown = job.belonging.left_out_homes, job.sifted
    own = job.gate.own if job.gate is not None else set()
    news = {key: company for key, company in shown.left_out.items() if key not in before}
    job.belonging.left_out_homes = (before | news.keys()) - own
    job.belonging.known_homes |= own
    if news or shown.came_back:
        job.findings.loaded.add(await sources.leave_out(job.region, news, sorted(shown.came_back)))
