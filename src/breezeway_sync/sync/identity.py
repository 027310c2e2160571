"""Decides whether the configured source may be read for a region, and on which conditions. Pure.

The rows of a region are a copy of one source. A new client_id for the same companies is the same source; the next list
of properties must confirm it. Another company or address is another source: a person must adopt it first. An adoption
switches the mass-deletion guard off only for the first complete scan of each list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from breezeway_sync.core.errors import (
    BreezewaySyncError,
    RegionRetired,
    SameSource,
    SourceChanged,
    SourceTaken,
    SourceUnclear,
)
from breezeway_sync.core.sources import Companies, Identity, RegionSource, SourceState


@dataclass(frozen=True, slots=True)
class SourceCheck:
    """On which conditions a region is read.

    `identity` is what its rows are to be a copy of, with the stored companies where none is configured. Not
    `is_confirmed`: properties are read first, and nothing is stored before they show that it is the right source.
    `is_new_client`: what is remembered of the source is reset then. `must_know`: a known property must be shown.
    """

    identity: Identity
    is_confirmed: bool = False
    is_new_client: bool = False
    must_know: bool = True
    has_live: bool = False
    """Whether the mirror has live properties: an empty list shows none of them."""


def validate(region: str, expected: Identity, known_state: SourceState) -> SourceCheck:
    """The conditions for a region. Raises RegionRetired, SourceTaken and SourceChanged."""
    if known_state.is_retired:
        raise RegionRetired(
            "this region is retired, nothing was read",
            where=region,
            hint=f"remove it from the configuration, or reactivate it with `breezeway-sync regions adopt {region}`",
        )
    source = known_state.source
    if source is None:
        if known_state.twin is not None:
            raise taken(region, known_state.twin)
        return SourceCheck(expected)
    if source.confirmed_at is None and source.adopted_at is None:
        return _begun_only(region, expected, source, known_state.twin)
    have, companies = source.identity, _companies(expected, source)
    if have.address != expected.address:
        raise changed(region, f"the API at {expected.address}", f"the API at {have.address}")
    if have.companies.is_known and companies != have.companies:
        raise changed(region, f"company_id {companies.words}", f"company_id {have.companies.words}")
    is_same = have.account == expected.account
    return SourceCheck(
        replace(expected, companies=companies),
        is_confirmed=source.confirmed_at is not None
        and source.blocked_why is None
        and is_same
        and companies == have.companies,
        is_new_client=not is_same,
        # A person took this source for the region's own: it may be another one altogether.
        must_know=source.adopted_at is None or not is_same or known_state.has_properties,
        has_live=known_state.has_live,
    )


def _begun_only(region: str, expected: Identity, source: RegionSource, twin: str | None) -> SourceCheck:
    """A source that never showed a property: what is configured now takes its place."""
    if twin is not None:
        raise taken(region, twin)
    return SourceCheck(expected, is_new_client=source.identity != expected)


def is_rightful(expected: Identity, known_state: SourceState, refused: BreezewaySyncError) -> bool:
    """Whether a region is a copy of this source already: then it is another one that has its credentials by mistake."""
    have = known_state.source
    return (
        isinstance(refused, SameSource)
        and have is not None
        and have.confirmed_at is not None
        and have.identity.account == expected.account
        and bool(have.identity.companies.ids)
    )


def _companies(expected: Identity, source: RegionSource) -> Companies:
    return expected.companies if expected.companies.is_known else source.identity.companies


@dataclass(frozen=True, slots=True)
class Shown:
    """What a whole list of properties showed: ids of the region's own, and how many name which company, of these and of
    those that were left out."""

    ids: Collection[int]
    companies: Mapping[int, int]
    excluded: Mapping[int, int]


def confirm(region: str, admission: SourceCheck, shown: Shown, known: Collection[int]) -> SourceCheck:
    """The admission as the whole list of properties makes it. Raises SourceUnclear and SourceChanged.

    `known` are the properties that the mirror has or had.
    """
    identity = admission.identity
    if not identity.companies.is_known:
        if len(shown.companies) > 1:
            raise _several(region, shown.companies)
        identity = replace(identity, companies=Companies.of(shown.companies))
    is_doubtful = bool(shown.ids or shown.excluded) or not admission.is_confirmed or admission.has_live
    if admission.must_know and known and is_doubtful and not set(known) & set(shown.ids):
        raise changed(
            region,
            f"a list of {len(shown.ids)} properties without any known property",
            f"some of the {len(known)} known properties",
        )
    if not shown.ids and shown.excluded:
        raise _none_of_them(region, identity.companies, shown.excluded)
    if not shown.ids and admission.must_know and not admission.is_confirmed:
        raise _nothing(region, identity.companies)
    return replace(admission, identity=identity)


def changed(region: str, actual: str, expected: str) -> SourceChanged:
    """The error of a region whose configured source is not its own."""
    return SourceChanged(
        "the source of this region has changed, nothing was read",
        where=region,
        actual=actual,
        expected=expected,
        hint=f"put client_id, company_id or address right, or accept the new source with "
        f"`breezeway-sync regions adopt {region}`: the next run reads all of it and marks other rows as deleted",
    )


def taken(region: str, twin: str) -> SourceTaken:
    """The error of a new region whose company another region already mirrors."""
    return SourceTaken(
        f"the region {twin} is a copy of the same company, nothing was read",
        where=region,
        hint=f"`breezeway-sync regions rename {twin} {region}` keeps its rows under the new code, "
        f"`breezeway-sync regions retire {twin}` takes it out",
    )


def _several(region: str, companies: Mapping[int, int]) -> SourceUnclear:
    by_count = Counter(companies).most_common()
    first, every = by_count[0][0], ", ".join(str(company) for company in sorted(companies))
    return SourceUnclear(
        "the credentials see several companies, and none is configured: nothing was stored",
        where=region,
        actual=", ".join(f"{count} properties of company {company}" for company, count in by_count),
        hint=f"write in [regions.{region}] one of: `company_id = {first}`, `company_id = [{every}]`, "
        '`company_id = "all"`',
    )


def _nothing(region: str, companies: Companies) -> SourceUnclear:
    """Wrong credentials and a wrong company show an empty list too: it tells no source from another."""
    return SourceUnclear(
        "the list of properties is empty, nothing was stored",
        where=region,
        actual="no property",
        expected="a property" if companies.only is None else f"a property of company {companies.only}",
        hint=f"correct company_id in [regions.{region}], or its credentials; where the account has no property yet, "
        f"say so with `breezeway-sync regions adopt {region}`",
    )


def _none_of_them(region: str, companies: Companies, excluded: Mapping[int, int]) -> BreezewaySyncError:
    return SourceUnclear(
        "no property belongs to the configured company, nothing was stored",
        where=region,
        actual=", ".join(f"{count} properties of company {company}" for company, count in sorted(excluded.items())),
        expected=f"company_id {companies.words}",
        hint=f"correct company_id in [regions.{region}], or its credentials",
    )
