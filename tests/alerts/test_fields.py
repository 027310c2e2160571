"""Changes of fields: told together, once, and not before somebody received it."""

from __future__ import annotations

from breezeway_sync.core.events import FieldChanged
from tests.alerts.support import MemoryStore, desk, over, went_well


def changed(path: str, region: str = "nashville", entity: str = "tasks") -> FieldChanged:
    return FieldChanged(region, entity, path, "type_changed", "string, now also number")


async def test_changes_of_a_cycle_are_one_message_told_once() -> None:
    at = desk()
    assert await at.after(changed("a[].b"), changed("c", entity="people"), went_well(), over(), seconds=1) == [
        "nashville tasks, people: fields changed"
    ]
    body = at.mailbox.messages[0].body
    assert "tasks a[].b: type changed (string, now also number)" in body
    assert "breezeway-sync gaps" in body
    assert await at.after(went_well(), over(), hours=30) == []
    assert await at.after(changed("d"), over()) == ["nashville tasks: fields changed"]


async def test_what_nobody_received_is_told_later_and_waits_for_the_database() -> None:
    store = MemoryStore()
    at = desk(store)
    at.mailbox.is_down = True
    assert await at.after(changed("a"), over()) == []
    at.mailbox.is_down = False
    store.is_away = True
    assert await at.after(minutes=10) == []
    store.is_away = False
    assert await at.after(minutes=2) == ["nashville tasks: fields changed"]
    assert await at.after(hours=1) == []


async def test_very_many_changes_make_one_message_of_bounded_length() -> None:
    at = desk()
    assert len(await at.after(*(changed(f"f{n}") for n in range(1500)), over())) == 1
    assert "… and 950 more." in at.mailbox.messages[0].body
