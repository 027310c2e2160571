"""What the product says of itself: how far it has read each list, and what it did not find there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from tests.convergence.evidence import Evidence
from tests.convergence.lists import COPIED, NEVER, Key, Lists
from tests.convergence.moving_time import START
from tests.truth.mirror import Row

Tables: TypeAlias = Mapping[str, Sequence[Row]]
Place: TypeAlias = tuple[str, str, int]
"""Region, source, the property whose list it is or 0."""

Known: TypeAlias = tuple[dict[Place, tuple[float, float]], set[tuple[str, str, str, int, Any]]]

READ = ("checkpoints", "missing_records")
LINKS = {"task_tags": ("tasks", "task_pk"), "reservation_tags": ("reservations", "reservation_pk")}


class Claims:
    """`judge` is called after each commit, with everything that can be seen then."""

    def __init__(self, lists: Lists, evidence: Evidence) -> None:
        self._lists = lists
        self._evidence = evidence
        self._known_state: dict[Place, tuple[float, float]] = {}
        self._missing: set[tuple[str, str, str, int, Any]] = set()
        self.watermarks = 0

    def known(self) -> Known:
        """What was judged so far."""
        return self._known_state, self._missing

    def forget(self, known: Known) -> None:
        """The tables are as they were when this was known."""
        self._known_state, self._missing = known

    def whole(self, code: str, kind: str, home: int) -> float:
        """When a list was last read whole."""
        return self._known_state.get((code, kind, home), (NEVER, NEVER))[1]

    def judge(self, tables: Tables, is_current: Callable[[Key], bool]) -> None:
        self._watermarks(tables, is_current)
        self._noted_missing(tables)
        _tags_in_use(tables)

    def _watermarks(self, tables: Tables, is_current: Callable[[Key], bool]) -> None:
        """Every change before a list's watermark is in the mirror, as far as the walk could know of it."""
        for row in tables["checkpoints"]:
            code, source, home = place = row["region_code"], row["source"], row["parent_id"]
            stands = _moving(row["watermark"]), _moving(row["last_full_scan_at"])
            if self._known_state.get(place) == stands or source not in COPIED:
                continue
            self._known_state[place] = stands
            self.watermarks += 1
            keys = [(code, source, number) for number, _home in self._lists.of(code, source, home)]
            lost = [key for key in keys if self._lists.is_pending_read(key, *stands) and not is_current(key)]
            assert not lost, f"{place} says that it is read up to {stands}, but {lost} are not as they were then"

    def _noted_missing(self, tables: Tables) -> None:
        """What a list is said not to show was not there when it was read."""
        found = set()
        for row in tables["missing_records"]:
            code, table, number = row["region_code"], row["entity_type"], row["record_id"]
            one = (code, table, row["kind"], number, row["missing_run"])
            found.add(one)
            key, began = (code, table, number), self._evidence.began
            if one in self._missing or table not in COPIED or not row["why"].startswith(("not in", "the list was")):
                continue
            is_sure = self._lists.blanked < began
            is_there = (number, row["parent_id"]) in self._lists.of(code, table)
            is_wrong = is_sure and is_there and self._lists.last(key) < began
            assert not is_wrong, f"{key} is said to be missing, but its list shows it"
        self._missing = found


def _tags_in_use(tables: Tables) -> None:
    """A tag on a live record is live."""
    gone = {row["id"]: row["tag_id"] for row in tables["tags"] if row["deleted_at"] is not None}
    for name, (table, parent) in LINKS.items():
        live = {row["id"] for row in tables[table] if row["deleted_at"] is None} if gone else set()
        used = [gone[row["tag_pk"]] for row in tables[name] if row["tag_pk"] in gone and row[parent] in live]
        assert not used, f"tags {used} are deleted, but {table} have them"


def _moving(at: Any) -> float:
    return NEVER if at is None else float((at - START).total_seconds())
