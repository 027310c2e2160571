"""What people do to an account, one small change at a time; each returns its name, or None where it had no object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from breezeway_sync.sandbox.account import SandboxAccount
from breezeway_sync.sandbox.drift import drift
from breezeway_sync.sandbox.spec import ChildKind, Kind
from breezeway_sync.sandbox.world import World
from tests.convergence.dice import KINDS, NAMED, Dice, born, fresh, some

Json: TypeAlias = Any
Change: TypeAlias = "Callable[[SandboxAccount, Dice], bool]"


EMBEDDED: tuple[tuple[Kind, str], ...] = (
    ("tasks", "assignments"),
    ("tasks", "photos"),
    ("tasks", "supplies"),
    ("tasks", "costs"),
    ("tasks", "task_tags"),
    ("reservations", "guests"),
    ("reservations", "tags"),
    ("properties", "photos"),
)
CALLED: tuple[tuple[ChildKind, Kind], ...] = (
    ("comments", "tasks"),
    ("requirements", "tasks"),
    ("contacts", "properties"),
)
GOING: tuple[Kind, ...] = (
    "tasks",
    "tasks",
    "reservations",
    "properties",
    "people",
    "supplies",
    "task_tags",
    "templates",
)


def _edit(account: SandboxAccount, rng: Dice) -> bool:
    kind = rng.choice(KINDS)
    number = some(account, kind, rng)
    if number is None:
        return False
    changes: dict[str, Any] = {NAMED[kind]: fresh(account)}
    account.patch(kind, number, **changes)
    return True


def _status(code: str) -> Change:
    """What a task says of itself."""

    def change(account: SandboxAccount, rng: Dice) -> bool:
        kind: Kind = rng.choice(("tasks", "tasks", "reservations"))
        number = some(account, kind, rng)
        if number is None:
            return False
        said: dict[str, Any] = (
            {"status": code}
            if kind == "reservations"
            else {"type_task_status": {"code": code, "name": code, "stage": code}}
        )
        account.patch(kind, number, **said)
        return True

    return change


def _touch(account: SandboxAccount, rng: Dice) -> bool:
    number = some(account, "tasks", rng)
    if number is None:
        return False
    account.patch("tasks", number)
    return True


def _create(account: SandboxAccount, rng: Dice) -> bool:
    """A copy of a record under a new id."""
    kind = rng.choice(KINDS)
    number = some(account, kind, rng)
    if number is None:
        return False
    record = account.get(kind, number)
    if kind == "properties":
        record |= {"reference_property_id": None, "reference_external_property_id": None}
    account.put(kind, born(account, kind, record) | {"id": account.new_id(kind), NAMED[kind]: fresh(account)})
    return True


def _delete(account: SandboxAccount, rng: Dice) -> bool:
    kind = rng.choice(GOING)
    number = some(account, kind, rng)
    if number is None or (kind == "properties" and len(account.listing(kind)) < 2):
        return False
    account.delete(kind, number)
    return True


def _hide(account: SandboxAccount, rng: Dice) -> bool:
    kind = rng.choice(GOING)
    number = some(account, kind, rng)
    if number is None or (kind == "properties" and len(account.listing(kind)) < 2):
        return False
    account.hide(kind, number)
    return True


def _show(account: SandboxAccount, rng: Dice) -> bool:
    hidden = [(kind, number) for kind in KINDS for number in sorted(account.hidden_ids(kind))]
    if not hidden:
        return False
    account.show(*rng.choice(hidden))
    return True


def _come_back(account: SandboxAccount, rng: Dice) -> bool:
    """A deleted record is created again under its old id."""
    gone = [(kind, number) for kind in KINDS for number in sorted(account.deleted_ids(kind))]
    if not gone:
        return False
    kind, number = rng.choice(gone)
    like = some(account, kind, rng)
    if like is None:
        return False
    account.put(kind, born(account, kind, account.get(kind, like)) | {"id": number, NAMED[kind]: fresh(account)})
    return True


def _move_task(account: SandboxAccount, rng: Dice) -> bool:
    number, home = some(account, "tasks", rng), some(account, "properties", rng)
    if number is None or home is None:
        return False
    account.patch("tasks", number, home_id=home)
    return True


def _link_task(account: SandboxAccount, rng: Dice) -> bool:
    number, stay = some(account, "tasks", rng), some(account, "reservations", rng)
    if number is None or stay is None:
        return False
    link = None if rng.random() < 0.25 else {"id": stay, "external_reservation_id": fresh(account)}
    account.patch("tasks", number, linked_reservation=link)
    return True


def _move_stay(account: SandboxAccount, rng: Dice) -> bool:
    stay, home = some(account, "reservations", rng), some(account, "properties", rng)
    if stay is None or home is None:
        return False
    account.patch("reservations", stay, property_id=home, note=fresh(account))
    return True


def _shrink(items: list[Json], _account: SandboxAccount, _kind: str, rng: Dice) -> list[Json]:
    return [] if rng.random() < 0.2 else [item for item in items if rng.random() < 0.5]


def _grow(items: list[Json], account: SandboxAccount, kind: str, rng: Dice) -> list[Json]:
    """Copies of items that the account has somewhere, with ids of their own; tags are linked, not made."""
    more = [dict(item) for item in _examples(account, kind, rng)]
    for place, item in enumerate(more):
        if "id" in item and kind not in ("task_tags", "tags"):
            item["id"] = None if kind in ("supplies", "costs") and rng.random() < 0.3 else _new_number(account, place)
    taken = {item["id"] for item in items if item.get("id") is not None}
    return items + [item for item in more if item.get("id") is None or item["id"] not in taken]


def _reorder(items: list[Json], _account: SandboxAccount, _kind: str, rng: Dice) -> list[Json]:
    return rng.sample(items, len(items))


def _alter(items: list[Json], account: SandboxAccount, kind: str, rng: Dice) -> list[Json]:
    """One item says something else."""
    texts = {
        "assignments": "name", "photos": "caption", "supplies": "name", "costs": "description", "guests": "first_name",
        "comments": "comment", "requirements": "response", "contacts": "name",
    }  # fmt: skip
    if not items or kind not in texts:
        return items
    place = rng.randrange(len(items))
    return [*items[:place], {**items[place], texts[kind]: fresh(account)}, *items[place + 1 :]]


def _new_number(account: SandboxAccount, place: int) -> int:
    return 770_000_000 + account.version * 8 + place


def _examples(account: SandboxAccount, kind: str, rng: Dice) -> list[Json]:
    """One to three items of such lists."""
    found: list[Json] = []
    if kind in ("comments", "requirements", "contacts"):
        parent: Kind = "properties" if kind == "contacts" else "tasks"
        read: dict[str, Callable[[int], list[Json]]] = {
            "comments": account.comments, "requirements": account.requirements, "contacts": account.contacts,
        }  # fmt: skip
        found = [item for number in account.ids(parent) for item in read[kind](number)]
    else:
        owner = next(one for one, name in EMBEDDED if name == kind)
        found = [item for number in account.ids(owner) for item in account.get(owner, number).get(kind) or []]
    unique = list({item.get("id", place): item for place, item in enumerate(found)}.values())
    return rng.sample(unique, min(len(unique), rng.randint(1, 3)))


def _of_children(how: Callable[[list[Json], SandboxAccount, str, Dice], list[Json]]) -> Change:
    def change(account: SandboxAccount, rng: Dice) -> bool:
        kind, name = rng.choice(EMBEDDED)
        number = some(account, kind, rng)
        if number is None:
            return False
        items = account.get(kind, number).get(name) or []
        changes: dict[str, Any] = {name: how(items, account, name, rng)}
        account.patch(kind, number, **changes)
        return True

    return change


def _of_called(how: Callable[[list[Json], SandboxAccount, str, Dice], list[Json]]) -> Change:
    """The parent's `updated_at` moves with it or does not: which of them is right is unknown."""

    def change(account: SandboxAccount, rng: Dice) -> bool:
        child, kind = rng.choice(CALLED)
        number = some(account, kind, rng)
        if number is None:
            return False
        read = {"comments": account.comments, "requirements": account.requirements, "contacts": account.contacts}
        write = {
            "comments": account.set_comments,
            "requirements": account.set_requirements,
            "contacts": account.set_contacts,
        }
        write[child](number, how(read[child](number), account, child, rng))
        if rng.random() < 0.5:
            account.patch(kind, number)
        return True

    return change


def _drift(account: SandboxAccount, rng: Dice) -> bool:
    return bool(drift(account, 1, rng))


CHANGES: dict[str, Change] = {
    "create": _create,
    "edit": _edit,
    "touch": _touch,
    "delete": _delete,
    "status deleted": _status("deleted"),
    "status pending_delete": _status("pending_delete"),
    "status created": _status("created"),
    "hide from lists": _hide,
    "show again": _show,
    "delete and create again": _come_back,
    "task to another property": _move_task,
    "task to another reservation or none": _link_task,
    "reservation to another property": _move_stay,
    "embedded children shrink": _of_children(_shrink),
    "embedded children grow": _of_children(_grow),
    "embedded children reorder": _of_children(_reorder),
    "embedded child edited": _of_children(_alter),
    "called children shrink": _of_called(_shrink),
    "called children grow": _of_called(_grow),
    "called children reorder": _of_called(_reorder),
    "called child edited": _of_called(_alter),
    "drift": _drift,
}


def twin(world: World, rng: Dice) -> bool:
    """The same id in two regions: a record of one account is put into the other one."""
    one, other = rng.sample(list(world.accounts.values()), 2)
    kind: Kind = rng.choice(("tasks", "reservations", "properties", "people", "supplies"))
    number, home = some(one, kind, rng), some(other, "properties", rng)
    if number is None or home is None or other.exists(kind, number):
        return False
    record = born(other, kind, one.get(kind, number)) | {NAMED[kind]: fresh(other)}
    if kind == "properties":
        record |= {"reference_property_id": None, "reference_external_property_id": None}
    record |= {name: home for name in ("home_id", "property_id") if name in record}
    if "company_id" in record:
        record["company_id"] = other.get("properties", home)["company_id"]
    other.put(kind, record)
    return True
