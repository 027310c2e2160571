"""The end: after two undisturbed full runs the mirror is the truth, by the path of `tests.truth`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from breezeway_sync.sandbox.account import SandboxAccount
from breezeway_sync.sandbox.spec import AccountSpec, Kind
from tests.convergence.evidence import Evidence
from tests.convergence.rules import expected_live, says_deleted
from tests.convergence.watcher import Live
from tests.truth.api import READERS, Client, Served, ids_of
from tests.truth.checks import column_differences, item_differences, rebuild_differences, tag_links
from tests.truth.compare import Region
from tests.truth.contract import CHILDREN, TOP, Table
from tests.truth.mirror import Mirror

TAG_KINDS: dict[str, Kind] = {"task": "task_tags", "reservation": "reservation_tags", "property": "property_tags"}
ITEMS = tuple(child for child in CHILDREN if child.order != "link")
LINKS = tuple(child for child in CHILDREN if child.order == "link")


def read_truth(url: str, spec: AccountSpec, homes: set[int]) -> Served:
    """What one account serves; tasks also of `homes`, properties that lists do not show but the mirror has."""
    client, found = Client(url, spec), Served()
    try:
        for read in READERS.values():
            read(client, found)
        for home in sorted(homes - set(ids_of(found.properties))):
            tasks = client.pages("/task/", home_id=home)
            found.tasks += tasks
            for number in ids_of(tasks):
                found.comments[number] = client.get(f"/task/{number}/comments") or []
                found.requirements[number] = client.get(f"/task/{number}/requirements") or []
    finally:
        client.close()
    return found


def faults_of(
    account: SandboxAccount, truth: Served, mirror: Mirror, live: Live, used: set[Any], evidence: Evidence
) -> Iterator[str]:
    """Everything in which one region's mirror is not as it must be.

    `live` is what was live when the end began, `used` are the tags that were in use then.
    """
    for name in ("tasks", "reservations", "properties"):
        records = truth.records[name]
        records[:] = [record for record in records if not says_deleted(name, record)]
    region = Region(account.code, truth, mirror)
    missing = {table.name: list(_missing(region, account, table, live, used, evidence)) for table in TOP}
    for table in TOP:
        yield from missing[table.name]
    if any(missing.values()):
        return
    for table in TOP:
        yield from column_differences(region, table)
        yield from rebuild_differences(region, table)
    for child in ITEMS:
        yield from item_differences(region, child)
    for child in LINKS:
        yield from _tag_link_differences(region, child)


def _missing(
    region: Region, account: SandboxAccount, table: Table, live: Live, used: set[Any], evidence: Evidence
) -> Iterator[str]:
    rows = region.rows(table)
    served = {key for key, _record in region.records(table)}
    known = {key for name, code, key in live if (name, code) == (table.name, region.code)}
    found = {key for key, row in rows.items() if row["deleted_at"] is None}
    existing = {key for key in known if _exists(account, table, key)}
    expected = expected_live(table.name, served, known, existing)
    if table.name == "tags":
        expected |= used_tags(region.mirror, region.code)
        found -= used - expected  # one that has just lost its last record is still to be missed twice
    # Nobody asks again for what lists leave out and whose own address has said twice that it is not there.
    lied = {key for key in known - served if (region.code, table.name, key) in evidence.lied}
    expected, found = expected - lied, found - lied
    if expected - found:
        yield f"{region.code} {table.name}: {sorted(expected - found)} are not live"
    if found - expected:
        yield f"{region.code} {table.name}: {sorted(found - expected)} are live"


def _exists(account: SandboxAccount, table: Table, key: Any) -> bool:
    if table.name == "tags":
        return account.exists(TAG_KINDS[key[0]], key[1])
    kind: Kind = table.name  # type: ignore[assignment]  # tables are named like kinds
    return account.exists(kind, key) and not says_deleted(table.name, account.get(kind, key))


def used_tags(mirror: Mirror, region: str) -> set[Any]:
    """Tags on live records."""
    tags = {row["id"]: (row["tag_type"], row["tag_id"]) for row in mirror.of("tags", region)}
    found = set()
    for table in TOP:
        live = {row["id"] for row in mirror.of(table.name, region) if row["deleted_at"] is None}
        for child in LINKS:
            if child in table.lists:
                found |= {tags[row["tag_pk"]] for row in mirror.of(child.name, region) if row[child.parent] in live}
    return found


def _tag_link_differences(region: Region, child: Table) -> Iterator[str]:
    expected = tag_links(region, child)
    parents = {parent for parent, _tag in expected}
    table = next(one for one in TOP if child in one.lists)
    rows = region.rows(table)
    served = {rows[key]["id"] for key, _record in region.records(table)} | parents
    found = {(row[child.parent], row["tag_pk"]) for row in region.mirror.of(child.name, region.code)}
    found = {link for link in found if link[0] in served}
    if found != expected:
        yield f"{region.code} {child.name}: {sorted(found ^ expected)} are in one of mirror and truth only"
