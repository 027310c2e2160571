"""Finds the company of each home that a list of reservations names and that no list of properties has shown.

If one pair of credentials serves several regions, its list of reservations may show those of all regions. The run asks
once for an unknown home, and remembers it if it belongs to another company. A home that no company shows makes an
orphan.
"""

from __future__ import annotations

from collections.abc import Iterable

from breezeway_sync.core.errors import ApiError, NotFound
from breezeway_sync.entities.batch import Incoming
from breezeway_sync.entities.catalog import HOME
from breezeway_sync.entities.homes import home_path
from breezeway_sync.sync.belonging import company_of, home_of
from breezeway_sync.sync.job import Job, each

# More unknown homes than that in one run mean that the list is another account's.
MOST_ASKED = 500


async def learn_homes(job: Job, incoming: Iterable[Incoming]) -> None:
    """Ask for the unknown homes of a page. From now on the region leaves out those of other companies."""
    belonging, entity = job.belonging, job.entity
    sources = job.sources
    if sources is None or not belonging.is_shared or home_path(entity) is None or not belonging.companies.ids:
        return
    named = {home for one in incoming if (home := home_of(entity, one.item)) is not None}
    unknown = sorted(named - belonging.known_homes - belonging.excluded_homes - belonging.asked_homes)
    memory = max(0, MOST_ASKED - len(belonging.asked_homes))
    news: dict[int, int | None] = {}

    async def ask(home: int) -> None:
        belonging.asked_homes.add(home)
        try:
            record = await job.ask(home, HOME)
        except NotFound:
            return
        except ApiError as error:
            job.problem(job.record(home, HOME), error)
            return
        company = company_of(HOME, record.value)
        if not belonging.companies.takes(company):
            news[home] = company

    await each(unknown[:memory], job.settings.workers, ask, job.memory)
    if news:
        await sources.leave_out(job.region, news, [])
        belonging.excluded_homes |= news.keys()
