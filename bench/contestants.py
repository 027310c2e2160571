"""One sync by whoever is measured, and what it did to the database and asked of the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench import database
from bench.ground import Ground, Peer
from bench.measured import Figure, Sample
from bench.processes import Failed, measure, python
from bench.server import Api
from bench.shapes import world
from breezeway_sync.entities.streams import NAMES

#: No budget: the product's own limit is out of the way, as the service's is.
UNLIMITED = {"requests_per_minute": 100_000_000, "auth_interval_seconds": 0}
#: Parts that cost a call for each property or task.
CALLED = ("task_comments", "task_requirements", "property_contacts")


def ours(
    api: Api,
    dsn: str,
    *,
    full: bool = False,
    settings: Mapping[str, Any] = UNLIMITED,
    entities: Sequence[str] = NAMES,
    disabled: Sequence[str] = (),
) -> Sample:
    """One run of the product; `settings` replace defaults of [api], `disabled` is switched off in the configuration."""
    given = {
        "base_url": api.url,
        "dsn": dsn,
        "accounts": _credentials(api),
        "api": dict(settings),
        "entities": list(entities),
        "disabled": list(disabled),
        "full": full,
    }
    return _observed(api, dsn, python("bench.product"), given)


def theirs(peer: Peer, ground: Ground, api: Api, dsn: str) -> Sample:
    """One sync by a peer."""
    return _observed(api, dsn, peer.command(ground, api.url, _credentials(api), dsn))


def _credentials(api: Api) -> list[dict[str, Any]]:
    names = ("code", "name", "company_id", "client_id", "client_secret")
    return [{name: getattr(one, name) for name in names} for one in api.accounts]


def _observed(api: Api, dsn: str, command: Sequence[str], given: Mapping[str, object] | None = None) -> Sample:
    database.settle(dsn)
    before = database.read(dsn)
    api.reset()
    sample = measure(command, given)
    after = database.read(dsn)
    told = {f"api_{name}": float(value) for name, value in api.stats().items()}
    return Sample(
        {**sample.numbers, **database.between(before, after), **told}, {**database.row_counts(dsn), **sample.rows}
    )


def check_complete(sample: Sample, api: Api) -> None:
    """Raises Failed unless the tables hold every property, reservation and task of the simulated accounts."""
    made = world(api.shape).accounts.values()
    for kind in ("properties", "reservations", "tasks"):
        expected = sum(one.count(kind) for one in made)
        if sample.rows.get(kind) != expected:
            raise Failed(f"{sample.rows.get(kind)} rows in the table {kind}, wanted {expected}: this sync is no sync")


class Collected:
    """Samples as they come, figures at the end."""

    def __init__(self, scenario: str) -> None:
        self._scenario = scenario
        self._samples: dict[tuple[str, str, str], list[Sample]] = {}
        self._notes: dict[tuple[str, str, str], str] = {}

    def add(self, case: str, size: str, contestant: str, sample: Sample) -> None:
        self._samples.setdefault((case, size, contestant), []).append(sample)

    def note(self, case: str, size: str, contestant: str, text: str) -> None:
        """What a reader has to know, as why it was not run."""
        self._samples.setdefault((case, size, contestant), [])
        self._notes[(case, size, contestant)] = text

    def figures(self) -> list[Figure]:
        return [
            Figure(self._scenario, *key, tuple(samples), self._notes.get(key, ""))
            for key, samples in self._samples.items()
        ]
