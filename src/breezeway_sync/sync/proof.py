"""Asks for missing records at their own addresses, and deletes only with proof.

Lists leave records out, so a missing record is not deleted. Proof is a 404 in two different runs, while the same kind
of address answers for a listed record. Asking deletes nothing, so the run asks for every candidate, as fast as the
budget allows. If too many records are gone, the mass-deletion guard stops the deletion.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from breezeway_sync.core.errors import ApiError, BadAnswer, NotFound
from breezeway_sync.core.events import DeletionsNeedReview
from breezeway_sync.core.record_events import RecordsLeft
from breezeway_sync.entities.asking import LEFT, UNKNOWN, Control, KnownHomes
from breezeway_sync.entities.catalog import HOME
from breezeway_sync.entities.homes import home_of
from breezeway_sync.entities.model import Entity
from breezeway_sync.entities.rows import JsonObject, record_key
from breezeway_sync.sync.belonging import company_of
from breezeway_sync.sync.job import Job, each
from breezeway_sync.sync.ports import RecordLike

# A run asks for so many where there are more candidates than can be believed.
ASKED_AT_ONCE = 200
CHUNK_RECORDS = 200
# The newest may be gone as well: the mirror notices that only when it reads the whole list.
MAX_LISTED = 20
MAX_HOMES = 50


@dataclass(slots=True)
class _Answers:
    """What own addresses said: records, with the moment before each was asked, and 404s."""

    found: dict[int, tuple[RecordLike, datetime]] = field(default_factory=dict)
    gone: dict[int, datetime] = field(default_factory=dict)


async def settle_absent(job: Job) -> None:
    """Judge the records that the walks of this run did not show, and ask for them."""
    missing = await job.proofs.settle_absent(job.region, job.entity)
    job.findings.loaded.held = missing.held
    if job.entity.own_address:
        if missing.is_too_many:
            job.emit(RecordsLeft(job.region, job.name, missing.open))
            job.findings.note("records that left the lists at once and are being asked, newest first", missing.open)
        await _ask(job, ASKED_AT_ONCE if missing.is_too_many else None)
        if missing.held:  # some may have answered
            job.findings.loaded.held = await job.proofs.held(job.region, job.entity)
    if job.findings.loaded.held:
        job.emit(DeletionsNeedReview(job.region, job.name, job.findings.loaded.held))


async def _ask(job: Job, at_once: int | None) -> None:
    """Ask for candidates, and for hidden records whose time has come, with the calls that lists leave."""
    per_minute = job.settings.requests_per_minute
    limit = job.run_budget.left(per_minute)
    keys = await job.proofs.candidates(job.region, job.entity, job.settings.pace, limit, at_once or limit)
    gone: dict[int, datetime] = {}
    rest = iter(job.run_budget.take(keys, per_minute))
    while chunk := [*islice(rest, CHUNK_RECORDS)]:
        answers = await _asked(job, job.entity, chunk)
        gone |= answers.gone
        if answers.found:
            await _take(job, answers)
    if gone:
        await _judge(job, gone)


async def doubt(job: Job, keys: Sequence[int]) -> None:
    """Own addresses that answered 404 in passing: candidates for deletion, with their first proof where it is one."""
    await job.proofs.doubt(job.region, job.entity, keys)
    await _judge(job, dict.fromkeys(keys, job.clock.now()))


async def _judge(job: Job, gone: dict[int, datetime]) -> None:
    job.findings.note("own addresses that answered 404", len(gone))
    adopted = set(await job.proofs.retire_adopted(job.region, job.entity, [*gone]))
    job.findings.loaded.deleted += len(adopted)
    gone = {key: at for key, at in gone.items() if key not in adopted}
    if not gone:
        return
    control = await _control(job, [*gone])
    if control is not None:
        loaded = await job.proofs.gone(job.region, job.entity, gone, control)
        job.findings.loaded.deleted += loaded.deleted
        job.findings.loaded.held = loaded.held
    else:
        job.findings.note("404s that prove nothing, because no listed record's own address answered either")


async def _asked(job: Job, entity: Entity, keys: Iterable[int]) -> _Answers:
    """Ask for records at their own addresses. One whose address gave no usable answer is a problem, in neither set."""
    answers = _Answers()

    async def one(key: int) -> None:
        job.run_budget.asked += 1
        asked_at = job.clock.now()
        try:
            record = await job.ask(key, entity)
        except NotFound:
            answers.gone[key] = asked_at
        except ApiError as error:
            job.problem(job.record(key, entity), error)
        else:
            if record_key(record.value, entity.key.path) != key:
                job.problem(job.record(key, entity), _another(entity))
                return
            job.findings.answers += 1
            answers.found[key] = (record, asked_at)

    await each(keys, job.settings.workers, one, job.memory)
    return answers


def _another(entity: Entity) -> BadAnswer:
    return BadAnswer(
        "a record's own address answered with something else",
        endpoint=entity.own_address or "",
        expected="the record with that id",
        hint="what is stored of it stays; the next run asks again",
    )


async def _take(job: Job, answers: _Answers) -> None:
    """Store the records that own addresses brought. Those that now belong to another company have left."""
    strangers = await _strangers(job, {key: record.value for key, (record, _) in answers.found.items()})
    ours = {key: answer for key, answer in answers.found.items() if key not in strangers}
    if ours:
        await job.store(record for record, _ in ours.values())
        await job.proofs.answered(job.region, job.entity, {key: asked_at for key, (_, asked_at) in ours.items()})
    if strangers:
        loaded = await job.proofs.strangers(job.region, job.entity, strangers)
        job.findings.loaded.deleted += loaded.deleted


async def _strangers(job: Job, records: dict[int, JsonObject]) -> dict[int, tuple[int, int | None]]:
    """Those of these records that belong to another company: by record, its property and the company."""
    if job.entity is HOME:
        homes: dict[int, int | None] = {key: key for key in records}
    else:
        homes = {key: home_of(job.entity, record) for key, record in records.items()}
    named = {home for home in homes.values() if home is not None}
    known = await job.proofs.known(job.region, named)
    foreign: dict[int, int | None] = dict.fromkeys(known.excluded)
    if known.companies is not None:
        foreign |= await _foreign_companies(job, known, records, named)
    return {key: (home, foreign[home]) for key, home in homes.items() if home is not None and home in foreign}


async def _foreign_companies(
    job: Job, known: KnownHomes, records: dict[int, JsonObject], named: set[int]
) -> dict[int, int | None]:
    """The properties that say they belong to other companies. Those that the mirror does not know are asked for."""
    shown = records
    if job.entity is not HOME:
        unknown = sorted(named - known.mirrored - known.excluded)[:MAX_HOMES]
        answers = await _asked(job, HOME, unknown)
        shown = {key: record.value for key, (record, _) in answers.found.items()}
    return {key: company_of(HOME, record) for key, record in shown.items() if _is_foreign(record, known)}


def _is_foreign(record: JsonObject, known: KnownHomes) -> bool:
    """Whether a property says that it belongs to a company that is not the region's."""
    company = company_of(HOME, record)
    return known.companies is not None and company is not None and company not in known.companies


async def _control(job: Job, gone: list[int]) -> Control | None:
    """What else answers in this run: a listed record's own address, and those of properties that decide over a 404.

    Where the region lists no other record of the entity, the property's own address has to answer, or that of another
    property where this one has left. None: listed records are gone by their own addresses as well, so that no 404
    proves anything.
    """
    candidates = await job.proofs.listed_records(job.region, job.entity, MAX_LISTED)
    listed = await _first_that_answers(job, candidates)
    if candidates and listed is None:
        return None
    homes = await job.proofs.homes(job.region, job.entity, gone)
    expected = {
        home.key for home in homes.values() if home.key is not None and (listed is None or home.known_state == UNKNOWN)
    }
    if not expected:
        return Control(listed)
    answers = await _asked(job, HOME, sorted(expected)[:MAX_HOMES])
    known = await job.proofs.known(job.region, expected)
    ours = {key for key, (record, _) in answers.found.items() if not _is_foreign(record.value, known)}
    has_left = listed is None and any(home.known_state == LEFT for home in homes.values())
    return Control(listed, frozenset(ours), await _home_that_answers(job) if has_left else None)


async def _home_that_answers(job: Job) -> int | None:
    """The first of the listed properties whose own address answers in this run."""
    for listed in await job.proofs.listed_records(job.region, HOME, MAX_LISTED):
        if (await _asked(job, HOME, [listed])).found:
            return listed
    return None


async def _first_that_answers(job: Job, records: Sequence[int]) -> int | None:
    """The first of these records whose own address answers in this run."""
    for listed in records:
        answers = await _asked(job, job.entity, [listed])
        if answers.found:
            await job.store(record for record, _ in answers.found.values())
            return listed
    return None
