"""The small calls that show which lists an account has, and the meaning of their answers. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from breezeway_sync.core.errors import ApiError, NotFound
from breezeway_sync.entities.catalog import ENTITIES, HOME
from breezeway_sync.entities.model import AnswerShape, Company, Source
from breezeway_sync.service.doctor.findings import ENDPOINT, FAIL, OK, WARN, DoctorFinding, of_error, said
from breezeway_sync.service.settings import Settings
from breezeway_sync.sync.status_rules import means_unavailable

# Without one of these there is no mirror to speak of.
ESSENTIAL = frozenset(source.name for entity in ENTITIES if entity.is_essential for source in entity.sources)


@dataclass(frozen=True, slots=True)
class Probe:
    """One call. `parent` names the kind of record whose children it asks for, None for a list."""

    region: str
    source: Source
    path: str
    params: tuple[tuple[str, str | int], ...]
    parent: str | None = None

    @property
    def subject(self) -> str:
        return f"{self.region} {self.source.name}"


def probes(settings: Settings, region: str, known: Mapping[str, int]) -> tuple[list[Probe], list[DoctorFinding]]:
    """The calls for a region, and a finding for each address that cannot be asked yet; `known` are ids by singular."""
    calls: list[Probe] = []
    unasked: list[DoctorFinding] = []
    for source, parent in _sources(settings):
        needed = parent or (HOME.singular if source.per else None)
        given = known.get(needed or "")
        if needed and given is None:
            unasked.append(_not_asked(region, source, needed))
            continue
        path = (settings.entities[source.name].path or source.path).replace("{id}", str(given))
        params = () if parent else _params(settings, region, source, given)
        calls.append(Probe(region, source, path, params, parent))
    return calls, unasked


def _sources(settings: Settings) -> Iterator[tuple[Source, str | None]]:
    """Every source that is read, with the kind of its parent where its path names one."""
    for entity in ENTITIES:
        if settings.entities[entity.name].enabled:
            yield from ((one, None) for one in entity.sources if settings.entities[one.name].enabled)
        for called in entity.called:
            is_read = called.source.name in settings.entities and settings.entities[called.source.name].enabled
            # Pending child reads are made with their entity, the others are an entity of their own.
            if is_read and (settings.entities[entity.name].enabled or not called.pending_reads):
                yield called.source, entity.singular


def _params(
    settings: Settings, region: str, source: Source, parent_id: int | None
) -> tuple[tuple[str, str | int], ...]:
    company = settings.regions[region].companies.only
    params: list[tuple[str, str | int]] = []
    if source.company is not Company.NONE and company is not None:
        params.append((source.company.value, company))
    params += [*source.always, *source.variants[0]]
    if source.per and parent_id is not None:
        params.append((source.per, parent_id))
    if source.shape is AnswerShape.PAGES:
        params += [("limit", 1), ("page", 1)]
    return tuple(params)


def _not_asked(region: str, source: Source, parent: str) -> DoctorFinding:
    return DoctorFinding(
        ENDPOINT,
        f"{region} {source.name}",
        WARN,
        f"not called: the mirror has no {parent} yet",
        "try again after the first run",
    )


def of_answer(probe: Probe, error: ApiError | None, seconds: float) -> DoctorFinding:
    """The finding of one call; `seconds` is what it took, waiting for its turn included."""
    if error is None:
        return DoctorFinding(ENDPOINT, probe.subject, OK, f"answers, {seconds:.1f} s")
    if not means_unavailable(error, empty_counts=probe.source.empty_means_unavailable):
        return of_error(ENDPOINT, probe.subject, error)
    name = probe.source.name
    if probe.parent and isinstance(error, NotFound):
        gone = f"the {probe.parent} asked for may be deleted: look again after the next run"
        return DoctorFinding(ENDPOINT, probe.subject, WARN, said(error), gone)
    remedy = (
        f"ask Breezeway whether the account includes it; entities.{name}.path sets another address, "
        f"entities.{name}.enabled = false leaves it out"
    )
    return DoctorFinding(ENDPOINT, probe.subject, FAIL if name in ESSENTIAL else WARN, said(error), remedy)
