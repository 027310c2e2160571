"""The machine notices a product that breaks its promises: each is broken on purpose, in a story that needs it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest

from breezeway_sync.sandbox.answers import Answer
from breezeway_sync.sandbox.simulator import Call
from breezeway_sync.sync.calls import ChildReader
from tests.convergence.breaks import BREAKS
from tests.convergence.changes import CHANGES
from tests.convergence.draws import Edit, Wrong
from tests.convergence.ground import Ground, ground
from tests.convergence.machine import Convergence

Story: TypeAlias = Callable[[Convergence], None]

EDITS: list[Edit] = [(name, account, 7) for name in CHANGES for account in (0, 1)]
CUT: list[Wrong] = [("cut body", r"/(comments|requirements)", 3, 0, 40), ("cut body", r"/task/\?", 5, 3, 2)]


def usual(machine: Convergence) -> None:
    """A copy, changes of every kind, a disturbed run."""
    machine.run(("ends", 0), False, [], [], None)
    machine.change(EDITS)
    machine.run(("ends", 0), True, [], CUT, None)
    machine.converge()


def woken_too_late(machine: Convergence) -> None:
    """A process is frozen with comments in its hands; they change, another one reads them, it wakes."""
    machine.run(("ends", 0), False, [], [], None)
    for turn in range(3900, 6000, 100):
        machine.run(("frozen", turn), True, [], [], None)
        if machine.frozen and comments_in_hand() >= 10:
            break
        while machine.frozen:
            machine.frozen.pop().kill()
    else:
        raise RuntimeError("no process was frozen with comments in its hands")
    for account in machine.world.accounts.values():
        for number in account.ids("tasks"):
            comments = [{**one, "comment": "changed meanwhile"} for one in account.comments(number)]
            account.set_comments(number, comments)
        machine.history.note(account)
    machine.run(("ends", 0), True, [], [], None)
    machine.wake_a_frozen_process()
    machine.converge()


def comments_in_hand() -> int:
    """Comments that were read and are not stored."""
    gc.collect()
    readers = [one for one in gc.get_objects() if isinstance(one, ChildReader) and one.source.name == "task_comments"]
    return sum(len(children.rows) for reader in readers for children, _ in reader.batcher._items)


def overtaken(machine: Convergence) -> None:
    """A task moves to another property while the page that shows it at the old one is on its way."""
    machine.run(("ends", 0), False, [], [], None)
    account = machine.world.account(machine.specs[0].code)
    homes = sorted(home for home in account.ids("properties") if len(account.listing("tasks", home)) > 3)
    old, new = homes[:2]
    heard = machine.sandbox.on_answer
    assert heard is not None

    def move(call: Call, answer: Answer) -> None:
        heard(call, answer)
        params = call.request.query_params
        if call.account is account and params.get("home_id") == str(old) and call.endpoint == "/task":
            machine.sandbox.on_answer = heard
            account.patch("tasks", next(iter(account.listing("tasks", old))), home_id=new, name="moved")
            machine.history.note(account)

    machine.sandbox.on_answer = move
    wrong: list[Wrong] = [("late answer, overtaken by others", rf"/task/\?.*home_id={old}", 1, 0, 1)]
    machine.run(("ends", 0), True, [], wrong, None)
    machine.converge()


def gone(machine: Convergence) -> None:
    """A task is deleted, and its address says so in two runs; in the first one every address does."""
    machine.run(("ends", 0), False, [], [], None)
    account = machine.world.account(machine.specs[0].code)
    account.delete("tasks", min(account.ids("tasks")))
    machine.history.note(account)
    for _ in range(2):
        machine.run(("ends", 0), True, [], [("404", r"/task/\d+$", 1, 0, 500)], None)
    machine.run(("ends", 0), True, [], [], None)
    machine.converge()


def emptied(machine: Convergence) -> None:
    """Lists become empty, some rightly, others by a blank answer; a property goes with all its tasks."""
    machine.run(("ends", 0), False, [], [], None)
    account = machine.world.account(machine.specs[0].code)
    first, second, *_ = sorted(account.ids("properties"))
    for task in list(account.listing("tasks", first)):
        account.delete("tasks", task)
    for supply in list(account.ids("supplies")):
        account.delete("supplies", supply)
    left = list(account.listing("tasks", second))
    for task in left:
        account.delete("tasks", task)
    account.delete("properties", second)
    machine.history.note(account)
    for hours in (0.0, 27.0):
        machine.run(("ends", 0), False, [], [("blank list", r"/(people|reservation|task/tags)", 1, 0, 99)], None, hours)
    assert machine.watcher.deletions == 1 + len(left)  # the property by its own address, its tasks with it
    machine.converge()
    assert machine.watcher.deletions > 20


def shrinking(machine: Convergence) -> None:
    """A task that was shown leaves while its list is read: another one slips past, which has changed."""
    machine.run(("ends", 0), False, [], [], None)
    account = machine.world.account(machine.specs[0].code)
    home = next(home for home in account.ids("properties") if len(account.listing("tasks", home)) > 6)
    for number in list(account.listing("tasks", home)):
        account.patch("tasks", number, name="changed before")
    machine.history.note(account)
    heard = machine.sandbox.on_answer
    assert heard is not None

    def leave(call: Call, answer: Answer) -> None:
        heard(call, answer)
        params = call.request.query_params
        if call.account is account and call.endpoint == "/task" and params.get("home_id") == str(home):
            machine.sandbox.on_answer = heard
            account.delete("tasks", next(iter(account.listing("tasks", home))))
            machine.history.note(account)

    machine.sandbox.on_answer = leave
    machine.run(("ends", 0), True, [], [], None)
    machine.converge()


def gone_back(machine: Convergence) -> None:
    """In the middle of a first load the database is replaced by a copy that lacks what was stored last."""
    for turn in (1500, 2500, 3500):
        machine.run(("gone back", turn), False, [], [], None)
    machine.converge()


STORIES: dict[str, Story] = {
    "leases_are_not_checked": woken_too_late,
    "order_is_ignored": overtaken,
    "the_first_404_is_deletion": gone,
    "a_404_needs_no_control": gone,
    "every_reading_is_complete": shrinking,
    "nobody_counts_what_was_acknowledged": gone_back,
}


@pytest.fixture(scope="module")
def known_state(postgres: str, migrated: str) -> Iterator[Ground]:
    with ground(postgres, migrated) as made:
        yield made


def told(known_state: Ground, story: Story) -> None:
    class Machine(Convergence):
        ground = known_state

    machine = Machine()
    try:
        story(machine)
    finally:
        while machine.frozen:
            machine.frozen.pop().kill()
        machine.stack.close()


@pytest.mark.parametrize("story", [usual, woken_too_late, overtaken, gone, emptied, shrinking, gone_back])
def test_the_product_itself_comes_through(known_state: Ground, story: Story) -> None:
    told(known_state, story)


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_promise_is_noticed(known_state: Ground, name: str) -> None:
    with BREAKS[name](), pytest.raises(AssertionError):
        told(known_state, STORIES.get(name, usual))
