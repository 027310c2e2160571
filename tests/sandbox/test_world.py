"""Pure functions of the seed, edits on top, memory for the edits only."""

from __future__ import annotations

import json
import tracemalloc
from datetime import date
from random import Random

import pytest

from breezeway_sync.sandbox import KINDS, World, demo_accounts, resized
from breezeway_sync.sandbox.account import SandboxAccount
from breezeway_sync.sandbox.drift import drift
from breezeway_sync.sandbox.listing import IdListing

from .conftest import Time

DAY = date(2026, 3, 1)


def bodies(world: World) -> list[bytes | None]:
    made: list[bytes | None] = []
    for account in world.accounts.values():
        for kind in KINDS:
            made += [account.body(kind, record_id) for record_id in account.ids(kind)]
        for task in account.ids("tasks"):
            made += [account.child_body("comments", task), account.child_body("requirements", task)]
        made += [account.child_body("contacts", one) for one in account.ids("properties")]
    return made


def test_same_seed_same_bytes() -> None:
    specs = demo_accounts(2, "tiny")
    first = bodies(World(specs, seed=3, anchor=DAY))
    assert first == bodies(World(specs, seed=3, anchor=DAY))
    assert first != bodies(World(specs, seed=4, anchor=DAY))


def test_accounts_share_ids_but_not_contents() -> None:
    world = World(demo_accounts(2, "small"), anchor=DAY)
    one, other = world.account("nashville"), world.account("austin")
    for kind in KINDS:
        shared = set(one.ids(kind)) & set(other.ids(kind))
        assert shared, kind
    task = next(one.ids("tasks"))
    assert one.get("tasks", task)["report_url"] != other.get("tasks", task)["report_url"]


def test_ids_are_unique_and_lead_back() -> None:
    account = World(demo_accounts(1, "medium"), anchor=DAY).account("nashville")
    for kind in KINDS:
        ids = list(account.ids(kind))
        assert len(set(ids)) == len(ids) == account.count(kind)
        assert all(account.exists(kind, record_id) for record_id in ids)
        assert account.get(kind, ids[-1])["id"] == ids[-1]
        assert account.find(kind, ids[-1] + 10**9) is None
    assert max(account.ids("tasks")) > 10**8


def test_mean_of_tasks_per_property() -> None:
    spec = resized(demo_accounts(1)[0], properties=10, tasks_per_property=7)
    account = World([spec], anchor=DAY).account("nashville")
    counts = [len(account.listing("tasks", home)) for home in account.ids("properties")]
    assert sum(counts) == 70
    assert min(counts) == 0
    assert max(counts) == 18


def test_a_huge_world_costs_nothing() -> None:
    specs = [resized(spec, properties=250, tasks_per_property=200_000) for spec in demo_accounts(8, "large")]
    tracemalloc.start()
    world = World(specs, anchor=DAY)
    for account in world.accounts.values():
        home = next(account.ids("properties"))
        listing = account.listing("tasks", home)
        page = listing.page(100_000, 100, descending=False)
        assert [account.get("tasks", task)["home_id"] for task in page] == [home] * 100
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000


def test_put_patch_delete_hide(account: SandboxAccount, time: Time) -> None:
    home = next(account.ids("properties"))
    before = len(account.listing("tasks", home))
    assert account.put("tasks", {"id": 5, "home_id": home, "odd": float("nan")}) == 5
    assert len(account.listing("tasks", home)) == before + 1
    assert account.body("tasks", 5) == b'{"id":5,"home_id":%d,"odd":NaN}' % home
    assert account.comments(5) == []
    task = next(iter(account.listing("tasks", home)))
    changed = account.patch("tasks", task, name="other")
    assert account.get("tasks", task) == changed
    assert changed["updated_at"] == "2026-03-10T12:00:00+00:00"
    time.pass_by(60)
    assert account.patch("tasks", task, touch=False, name="x")["updated_at"] == changed["updated_at"]
    account.hide("tasks", task)
    assert task not in account.listing("tasks", home)
    assert account.get("tasks", task)["name"] == "x"
    account.show("tasks", task)
    assert next(iter(account.listing("tasks", home))) == task
    count = account.count("tasks")
    account.delete("tasks", task)
    assert account.find("tasks", task) is None
    assert account.child_body("comments", task) is None
    assert account.count("tasks") == count - 1 == len(list(account.records("tasks")))
    with pytest.raises(KeyError):
        account.delete("tasks", task)
    account.put("tasks", changed)
    assert account.get("tasks", task)["name"] == "other"
    assert next(iter(account.listing("tasks", home))) == task


def test_a_moved_task_is_listed_at_its_new_property(account: SandboxAccount) -> None:
    old, new = list(account.ids("properties"))[:2]
    task = next(iter(account.listing("tasks", old)))
    account.patch("tasks", task, home_id=new)
    assert task not in account.listing("tasks", old)
    assert list(account.listing("tasks", new))[-1] == task
    account.patch("tasks", task, home_id=old)
    assert next(iter(account.listing("tasks", old))) == task
    assert task not in account.listing("tasks", new)
    assert account.count("tasks") == len(list(account.ids("tasks")))


def test_raw_bytes_are_served_as_they_are(account: SandboxAccount) -> None:
    home = next(account.ids("properties"))
    raw = b'{"id": 77, "name": "\\ud800", "x": Infinity'
    account.put_raw("tasks", 77, raw, home_id=home)
    assert account.body("tasks", 77) == raw
    assert 77 in account.listing("tasks", home)
    assert 77 not in {record.get("id") for record in account.records("tasks")}
    task = next(iter(account.listing("tasks", home)))
    account.put_raw("tasks", task, b"null")
    assert task in account.listing("tasks", home)


def test_a_record_without_an_id_is_listed(account: SandboxAccount) -> None:
    first = account.put("supplies", {"name": "no id"})
    second = account.put("supplies", {"id": "text", "name": "other"})
    assert first != second
    assert list(account.listing("supplies"))[-2:] == [first, second]


def test_children_can_be_set(account: SandboxAccount) -> None:
    task = next(account.ids("tasks"))
    account.set_comments(task, [{"id": 1, "comment": "\ud800", "created_at": None}])
    account.set_requirements(task, [])
    account.set_contacts(next(account.ids("properties")), [{"name": "Ada"}])
    assert account.child_body("comments", task) == b'[{"id":1,"comment":"\\ud800","created_at":null}]'
    assert account.requirements(task) == []
    assert account.contacts(next(account.ids("properties"))) == [{"name": "Ada"}]


def test_drift_is_reproducible_and_does_what_it_says(time: Time) -> None:
    def drifted() -> tuple[SandboxAccount, list[tuple[str, str, int]]]:
        account = World(demo_accounts(1, "small"), seed=2, now=time).account("nashville")
        return account, [*drift(account, 400, Random(5))]

    account, edits = drifted()
    again, same = drifted()
    assert edits == same
    assert [*account.records("tasks")] == [*again.records("tasks")]
    assert len(edits) == 400
    assert {action for action, _kind, _id in edits} >= {"status", "comment", "new", "delete", "hide", "move"}
    for action, kind, record_id in edits:
        if action == "delete":
            assert not account.exists(kind, record_id)  # type: ignore[arg-type]
    for kind in KINDS:
        assert account.count(kind) == len([*account.records(kind)])
    json.dumps([*account.records("reservations")])


def test_drift_without_records_ends() -> None:
    spec = resized(demo_accounts(1)[0], properties=0, people=0, supplies=0, task_tags=0)
    account = World([spec], anchor=DAY).account("nashville")
    assert drift(account, 5) == []
    assert [*account.records("tasks")] == []


def test_listing_against_a_plain_list() -> None:
    rng = Random(1)
    listing = IdListing(50, lambda place: place * 2, lambda one: one // 2 if one % 2 == 0 and one < 100 else None)
    plain = [place * 2 for place in range(50)]
    for step in range(400):
        one = rng.randrange(120)
        if one in plain:
            listing.remove(one)
            plain.remove(one)
        elif one % 2 == 0 and one < 100:
            listing.add(one)
            plain = sorted([p for p in plain if p % 2 == 0 and p < 100] + [one]) + [
                p for p in plain if p % 2 or p >= 100
            ]
        else:
            listing.add(one)
            plain.append(one)
        assert len(listing) == len(plain)
        assert (one in listing) == (one in plain)
        offset, limit = rng.randrange(70), rng.randrange(1, 30)
        assert listing.page(offset, limit, descending=False) == plain[offset : offset + limit], step
        assert listing.page(offset, limit, descending=True) == plain[::-1][offset : offset + limit], step
