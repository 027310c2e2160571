"""Random edits, as the people of an account make them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random

from breezeway_sync.sandbox import lists, properties, stamps, words
from breezeway_sync.sandbox.account import SandboxAccount
from breezeway_sync.sandbox.draw import Record
from breezeway_sync.sandbox.reservations import make_reservation
from breezeway_sync.sandbox.spec import Kind
from breezeway_sync.sandbox.tasks import make_task

Edit = tuple[str, Kind, int]
Editor = Callable[[SandboxAccount, Random], Edit | None]


def drift(account: SandboxAccount, n: int, rng: Random | None = None) -> list[Edit]:
    """Make `n` random, realistic edits; return what each did to which record. An account without records gets fewer.

    Without `rng` the edits follow from the account and its version.
    """
    rng = rng or Random(f"{account.blueprint.seed}/{account.code}/{account.version}")  # noqa: S311
    editors, weights = zip(*_EDITORS, strict=True)
    done: list[Edit] = []
    for _attempt in range(n * 4):
        if len(done) == n:
            break
        edit = rng.choices(editors, weights)[0](account, rng)
        if edit is not None:
            done.append(edit)
    return done


def random_id(account: SandboxAccount, kind: Kind, rng: Random) -> int | None:
    """Any listed record; for tasks of any listed property."""
    home = None
    if kind == "tasks":
        home = random_id(account, "properties", rng)
        if home is None:
            return None
    listing = account.listing(kind, home)
    if not len(listing):
        return None
    nth = rng.randrange(len(listing))
    return next(listing.between(nth, nth + 1))


def _on(kind: Kind, action: str, change: Callable[[SandboxAccount, Random, int], object]) -> Editor:
    def editor(account: SandboxAccount, rng: Random) -> Edit | None:
        record_id = random_id(account, kind, rng)
        if record_id is None or record_id < 0:
            return None
        change(account, rng, record_id)
        return action, kind, record_id

    return editor


def _advance(account: SandboxAccount, rng: Random, task_id: int) -> None:
    code = rng.choice(("in_progress", "finished", "closed", "approved"))
    label, stage = words.STATUSES[code]
    changes: Record = {"type_task_status": {"code": code, "name": label, "stage": stage}}
    if code != "in_progress":
        changes["finished_at"] = stamps.naive(account.now())
        changes["total_time"] = "0:45:00"
    account.patch("tasks", task_id, **changes)


def _reassign(account: SandboxAccount, rng: Random, task_id: int) -> None:
    who = random_id(account, "people", rng)
    if who is None:
        return
    person = account.find("people", who) or {}
    assignment = {
        "id": 990_000_000 + account.version,
        "assignee_id": who,
        "name": f"{person.get('first_name')} {person.get('last_name')}",
        "employee_code": None,
        "expires_at": None,
        "type_task_user_status": "assigned",
    }
    account.patch("tasks", task_id, assignments=[assignment])


def _comment(account: SandboxAccount, rng: Random, task_id: int) -> None:
    """With a new `updated_at` of the task or without it: which of them is right is unknown (section 8)."""
    comment = {
        "id": 900_000_000 + account.version,
        "comment": rng.choice(words.REMARKS),
        "created_at": stamps.naive(account.now()),
    }
    account.set_comments(task_id, [*account.comments(task_id), comment])
    if rng.random() < 0.7:
        account.patch("tasks", task_id)


def _answer_requirement(account: SandboxAccount, rng: Random, task_id: int) -> None:
    requirements = account.requirements(task_id)
    if requirements:
        requirements[rng.randrange(len(requirements))]["response"] = rng.choice(words.REMARKS)
        account.set_requirements(task_id, requirements)
    if rng.random() < 0.7:
        account.patch("tasks", task_id)


def _delete(kind: Kind) -> Callable[[SandboxAccount, Random, int], object]:
    return lambda account, _rng, record_id: account.delete(kind, record_id)


def _hide(account: SandboxAccount, _rng: Random, task_id: int) -> None:
    account.hide("tasks", task_id)


def _new_task(account: SandboxAccount, rng: Random) -> Edit | None:
    home = random_id(account, "properties", rng)
    place = None if home is None else account.blueprint.ids["properties"].index_of(home)
    if home is None or place is None or not account.blueprint.task_count(place):
        return None
    now = account.now()
    record = make_task(account.blueprint, place, rng.randrange(account.blueprint.task_count(place)))
    label, stage = words.STATUSES["created"]
    changes: Record = {
        "id": account.new_id("tasks"),
        "type_task_status": {"code": "created", "name": label, "stage": stage},
        "created_at": stamps.naive(now),
        "updated_at": stamps.aware(now),
        "scheduled_date": str(now.date() + timedelta(days=rng.randrange(10))),
        "started_at": None,
        "finished_at": None,
        "finished_by": None,
        "total_time": None,
        "assignments": [],
        "supplies": [],
        "costs": [],
        "photos": [],
    }
    return "new", "tasks", account.put("tasks", record | changes)


def _new_reservation(account: SandboxAccount, rng: Random) -> Edit | None:
    count = account.blueprint.ids["reservations"].count
    if not count:
        return None
    record_id = account.new_id("reservations")
    checkin = account.now().date() + timedelta(days=rng.randrange(90))
    changes: Record = {
        "id": record_id,
        "checkin_date": str(checkin),
        "checkout_date": str(checkin + timedelta(days=rng.randint(1, 9))),
        "reference_reservation_id": f"drift-{record_id}",
    }
    record = make_reservation(account.blueprint, rng.randrange(count))
    return "new", "reservations", account.put("reservations", record | changes)


def _move_stay(account: SandboxAccount, rng: Random, reservation_id: int) -> None:
    record = account.get("reservations", reservation_id)
    days = timedelta(days=rng.choice((-2, -1, 1, 2, 7)))
    moved: Record = {}
    for name in ("checkin_date", "checkout_date"):
        day = stamps.day_of(record.get(name))
        if day is not None:
            moved[name] = str(day + days)
    account.patch("reservations", reservation_id, **moved)


def _change_property(account: SandboxAccount, rng: Random, property_id: int) -> None:
    record = account.get("properties", property_id)
    choice = rng.randrange(3)
    if choice == 0:
        notes = record.get("notes") if isinstance(record.get("notes"), dict) else {}
        account.patch("properties", property_id, notes={**(notes or {}), "general": rng.choice(words.REMARKS)})
    elif choice == 1:
        photo_id = 990_000_000 + account.version
        photo = {"id": photo_id, "caption": None, "default": False, "original_url": None}
        photos = [*(record.get("photos") or []), photo | {"url": f"https://img.example/{photo_id}.jpg"}]
        account.patch("properties", property_id, photos=photos)
    else:
        status = "inactive" if record.get("status") == "active" else "active"
        account.patch("properties", property_id, status=status)


def _move_reference(account: SandboxAccount, rng: Random, property_id: int) -> None:
    """External ids move between properties (section 7, point 18)."""
    other = random_id(account, "properties", rng)
    name = "reference_external_property_id"
    if other is not None and other != property_id:
        moved: Record = {name: account.get("properties", property_id).get(name)}
        cleared: Record = {name: None}
        account.patch("properties", property_id, **cleared)
        account.patch("properties", other, **moved)


def _new_property(account: SandboxAccount, rng: Random) -> Edit | None:
    count = account.spec.properties
    if not count:
        return None
    record = properties.make_property(account.blueprint, rng.randrange(count))
    record_id = account.new_id("properties")
    changes: Record = {
        "id": record_id,
        "reference_property_id": None,
        "reference_external_property_id": None,
        "photos": [],
    }
    return "new", "properties", account.put("properties", record | changes)


def _change_person(account: SandboxAccount, rng: Random, person_id: int) -> None:
    active = account.get("people", person_id).get("active") is True
    account.patch("people", person_id, active=not active if rng.random() < 0.3 else active, employee_code="E-new")


def _use_supply(account: SandboxAccount, rng: Random, supply_id: int) -> None:
    account.patch("supplies", supply_id, stock_count=rng.randrange(500))


def _rename_tag(account: SandboxAccount, rng: Random, tag_id: int) -> None:
    account.patch("task_tags", tag_id, name=f"{lists.tag_name(rng.randrange(20))} (new)")


_EDITORS: tuple[tuple[Editor, int], ...] = (
    (_on("tasks", "status", _advance), 30),
    (_on("tasks", "assignment", _reassign), 10),
    (_on("tasks", "comment", _comment), 12),
    (_on("tasks", "requirement", _answer_requirement), 6),
    (_new_task, 15),
    (_on("tasks", "delete", _delete("tasks")), 3),
    (_on("tasks", "hide", _hide), 2),
    (_on("reservations", "move", _move_stay), 8),
    (_new_reservation, 6),
    (_on("properties", "change", _change_property), 4),
    (_on("properties", "reference", _move_reference), 1),
    (_new_property, 1),
    (_on("people", "change", _change_person), 1),
    (_on("supplies", "stock", _use_supply), 2),
    (_on("task_tags", "rename", _rename_tag), 1),
)
