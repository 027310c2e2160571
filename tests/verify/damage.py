"""What somebody may do to a mirror behind its back: by the difference that it makes, a statement."""

from __future__ import annotations


def task(nth: int) -> str:
    """One row that no other damage is done to."""
    return f"(SELECT id FROM tasks ORDER BY task_id OFFSET {nth} LIMIT 1)"


def first(table: str, nth: int | None = None) -> str:
    of = "" if nth is None else f" WHERE task_pk = {task(nth)}"
    return f"(SELECT min(id) FROM {table}{of})"


def rich(table: str, nth: int) -> str:
    """A child row of one of the last tasks."""
    return (
        f"(SELECT min(c.id) FROM {table} c WHERE task_pk = (SELECT DISTINCT task_pk FROM {table} "
        f"ORDER BY task_pk DESC OFFSET {nth} LIMIT 1))"
    )


DAMAGE = {
    ("tasks", "", "surplus"): "INSERT INTO tasks (region_code, task_id, home_id, property_pk) "
    "SELECT region_code, 5, property_id, id FROM properties LIMIT 1",
    ("tasks", "total_cost", "wrong"): f"UPDATE tasks SET total_cost = 987.65 WHERE id = {task(1)}",
    ("tasks", "odd", "wrong"): "UPDATE tasks SET extra = coalesce(extra, '{}') || '{\"odd\": 1}' "
    f"WHERE id = {task(2)}",
    ("tasks", "property_pk", "wrong"): f"UPDATE tasks SET property_pk = NULL WHERE id = {task(3)}",
    ("reservations", "property_pk", "wrong"): "UPDATE reservations r SET property_pk = (SELECT max(id) FROM "
    f"properties p WHERE p.id <> r.property_pk) WHERE id = {first('reservations')}",
    ("tasks", "", "missing"): f"UPDATE tasks SET deleted_at = now() WHERE id = {task(4)}",
    ("people", "", "missing"): "DELETE FROM people WHERE person_id = (SELECT min(person_id) FROM people)",
    ("people", "", "surplus"): "INSERT INTO people (region_code, person_id) SELECT region_code, 5 FROM regions LIMIT 1",
    ("people", "person_name", "wrong"): "UPDATE people SET person_name = 'other' "
    "WHERE person_id = (SELECT max(person_id) FROM people)",
    ("properties", "notes.wifi", "wrong"): f"UPDATE properties SET notes_wifi = 'x' WHERE id = {first('properties')}",
    ("tags", "name", "wrong"): "UPDATE tags SET tag_name = 'x' "
    "WHERE id = (SELECT min(id) FROM tags WHERE payload_hash IS NOT NULL)",
    ("tasks", "comments[].comment", "wrong"): "UPDATE task_comments SET comment = 'other' "
    f"WHERE id = {rich('task_comments', 0)}",
    ("tasks", "requirements[]", "wrong"): f"DELETE FROM task_requirements WHERE id = {rich('task_requirements', 1)}",
    ("tasks", "assignments[]", "wrong"): f"DELETE FROM task_assignments WHERE id = {rich('task_assignments', 2)}",
    ("tasks", "task_tags", "wrong"): f"DELETE FROM task_tags WHERE id = {rich('task_tags', 3)}",
    ("reservations", "guests[].guest_name", "wrong"): "UPDATE reservation_guests SET guest_name = 'other' "
    "WHERE id = (SELECT max(id) FROM reservation_guests)",
    ("property_contacts", "contacts[].phone", "wrong"): "UPDATE property_contacts SET phone = 'other' "
    f"WHERE id = {first('property_contacts')}",
}
