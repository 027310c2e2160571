"""Finds regions of one configuration that would be copies of the same source, and says what they share. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations

from breezeway_sync.core.errors import ConfigurationError, SameSource
from breezeway_sync.core.sources import Companies
from breezeway_sync.core.tokens import Credentials
from breezeway_sync.service.settings.models import Settings

Twins = tuple[str, str, str, bool]
"""Two regions that cannot both be read, why, and whether they would be the same."""


def of_twins(settings: Settings, credentials: Mapping[str, Credentials]) -> list[ConfigurationError]:
    """What keeps regions from being read beside each other, as far as these credentials tell; each region is named."""
    companies = _companies(settings)
    found = (*twins(companies, credentials), *copies(companies, credentials))
    return list(dict.fromkeys(_by_region(found).values()))


def refusals(settings: Settings, credentials: Mapping[str, Credentials]) -> dict[str, ConfigurationError]:
    """The regions that cannot be read beside another one of their account, each with the problem that names both."""
    return _by_region(twins(_companies(settings), credentials))


def _companies(settings: Settings) -> dict[str, Companies]:
    return {code: region.companies for code, region in settings.regions.items()}


def _by_region(found: Iterable[Twins]) -> dict[str, ConfigurationError]:
    problems: dict[str, ConfigurationError] = {}
    for one, other, why, is_same in found:
        problem = (SameSource if is_same else ConfigurationError)(
            f"regions.{one} and regions.{other} cannot both be read",
            actual=why,
            expected="one region for each company of a client_id",
            hint="take one of them out, or correct its client_id, client_secret or company_id",
        )
        problems.setdefault(one, problem)
        problems.setdefault(other, problem)
    return problems


def pairs_of(settings: Settings) -> dict[str, Credentials]:
    """The credentials that the configuration holds, by region."""
    return {
        code: Credentials(region.client_id.get_secret_value(), region.client_secret.get_secret_value())
        for code, region in settings.regions.items()
        if region.client_id and region.client_secret
    }


def twins(companies: Mapping[str, Companies], credentials: Mapping[str, Credentials]) -> Iterator[Twins]:
    """Each pair of regions of one account that cannot both be read; all are at one address.

    Regions share a client_id only with the same secret, and only when each says which companies are its own.
    """
    for one, other in combinations(companies, 2):
        first, second = credentials.get(one), credentials.get(other)
        if first is None or second is None or first.client_id != second.client_id:
            continue
        if first.client_secret != second.client_secret:
            yield one, other, "the same client_id with different secrets: one of them is wrong", False
        elif companies[one].overlaps(companies[other]):
            yield one, other, f"the same client_id, and {_shared(companies[one], companies[other])}", True


def copies(companies: Mapping[str, Companies], credentials: Mapping[str, Credentials]) -> Iterator[Twins]:
    """Each pair of regions of different accounts that name the same company: the one that begins later is not read.

    Whose credentials are not known counts as another account: whatever they are, the company is the same.
    """
    for one, other in combinations(companies, 2):
        first, second = credentials.get(one), credentials.get(other)
        is_one_account = first is not None and second is not None and first.client_id == second.client_id
        if not is_one_account and set(companies[one].ids) & set(companies[other].ids):
            yield one, other, _shared(companies[one], companies[other]), True


def _shared(one: Companies, other: Companies) -> str:
    both = sorted(set(one.ids) & set(other.ids))
    if both:
        return f"both company_id {', '.join(map(str, both))}: everything would be mirrored twice"
    return "not both a company_id of their own: everything would be mirrored twice"
