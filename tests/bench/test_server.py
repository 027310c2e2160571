"""The bench's API answers as the sandbox does, remembers only what it may, and forgets what changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.request import Request, urlopen

import pytest

from bench.server import Api, serving
from bench.shapes import Shape, world

pytestmark = pytest.mark.process

SHAPE = Shape(2, 3, 6, 2)
BASE = "/public/inventory/v1"


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with serving(SHAPE) as running:
        yield running


def token(api: Api, nth: int) -> str:
    spec = api.accounts[nth]
    sent = json.dumps({"client_id": spec.client_id, "client_secret": spec.client_secret}).encode()
    with urlopen(Request(f"{api.url}/public/auth/v1/", sent)) as answer:
        return str(json.load(answer)["access_token"])


def get(api: Api, path: str, access: str) -> bytes:
    with urlopen(Request(api.url + BASE + path, headers={"Authorization": f"JWT {access}"})) as answer:
        body: bytes = answer.read()
    return body


def test_remembered_answers_belong_to_an_account_and_end_with_a_change(api: Api) -> None:
    first, other = world(SHAPE).accounts.values()
    task = next(first.ids("tasks"))
    lists = [f"/task/?limit=100&home_id={one}" for one in first.ids("properties")]
    mine, again, theirs = token(api, 0), token(api, 0), token(api, 1)
    before = [get(api, path, mine) for path in lists]
    comments = get(api, f"/task/{task}/comments", mine)
    assert comments == first.child_body("comments", task)
    assert [get(api, path, again) for path in lists] == before, "with a new token of the same account"
    assert {get(api, path, theirs) for path in lists}.isdisjoint(before), "of the other account, at the same addresses"

    changed = api.change_tasks(0.5, seed=3)
    names = [item["name"] for path in lists for item in json.loads(get(api, path, mine))["results"]]
    assert names.count("Changed 3") == round(first.count("tasks") * 0.5)
    assert changed == sum(round(one.count("tasks") * 0.5) for one in (first, other))
    assert get(api, f"/task/{task}/comments", mine) == comments


def test_calls_are_counted_whoever_answers_them(api: Api) -> None:
    access = token(api, 0)
    task = next(world(SHAPE).account(api.accounts[0].code).ids("tasks"))
    api.reset()
    for _time in range(3):
        get(api, f"/task/{task}/requirements", access)
    counted = api.stats()
    assert (counted["calls"], counted["child_calls"], counted["refused"]) == (3, 3, 0)
