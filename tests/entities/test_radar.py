"""What counts as a change of a field, and what does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from breezeway_sync.entities.catalog import ENTITIES
from breezeway_sync.entities.drift import DriftKind, KnownPath, compare, of_any_type
from breezeway_sync.entities.field_profile import MOST_MEMBERS, MOST_PATHS, FieldProfile

START = datetime(2026, 7, 1, tzinfo=UTC)


class Radar:
    """What is written down over many readings."""

    def __init__(self) -> None:
        self.known: dict[str, KnownPath] = {}
        self.now = START
        self.written = 0

    def read(
        self, *records: Any, times: int = 1, is_full: bool = True, any_type: frozenset[str] = frozenset()
    ) -> list[tuple[str, DriftKind]]:
        """One reading, an hour after the one before."""
        self.now += timedelta(hours=1)
        profile = FieldProfile()
        profile.add(list(records) * times)
        found = compare(self.known, profile, is_full=is_full, now=self.now, of_any_type=any_type)
        self.known |= {row.path: row for row in found.rows}
        self.written = len(found.rows)
        return sorted((one.path, one.what) for one in found.changes)


def test_a_first_sight_is_no_news_and_the_same_again_is_not_written() -> None:
    radar = Radar()
    record = {"id": 1, "name": "x", "who": {"name": None}, "list": [{"a": 1}, {"a": None, "b": ""}], "words": ["x"]}
    assert radar.read(record, times=30) == []
    paths = ["id", "name", "who", "who.name", "list", "list[]", "list[].a", "list[].b", "words", "words[]"]
    assert list(radar.known) == paths
    share = {path: (one.types, one.seen, one.present, one.filled) for path, one in radar.known.items()}
    assert share["list[].a"] == (("number",), 60, 60, 30)
    assert share["list[].b"] == (("string",), 60, 30, 0)
    assert share["who.name"] == ((), 30, 30, 0)
    assert radar.read(record, times=30) == []
    assert radar.written == 0
    radar.now += timedelta(hours=23)
    assert radar.read(record, times=30) == []
    assert radar.written == len(paths)
    assert {one.last_seen_at for one in radar.known.values()} == {radar.now}
    radar.now -= timedelta(days=40)  # the clock had run ahead and was set right
    assert radar.read(record, times=30) == []
    assert {one.last_seen_at for one in radar.known.values()} == {radar.now}


def test_a_field_that_appears_is_told_once_and_its_members_not_beside_it() -> None:
    radar = Radar()
    radar.read({"id": 1}, times=30)
    new = {"id": 1, "new": {"inner": 1}}
    assert radar.read({"id": 1}, new, times=15, is_full=False) == [("new", DriftKind.APPEARED)]
    assert radar.read(new, times=30) == []
    assert radar.known["new"].appeared_at == START + timedelta(hours=2)
    assert radar.known["new.inner"].appeared_at is None


def test_vanished_needs_a_whole_reading_of_enough_records_and_is_told_once() -> None:
    radar = Radar()
    radar.read({"id": 1, "old": {"x": 1}}, times=40)
    assert radar.read({"id": 1}, times=3) == []
    assert radar.read({"id": 1}, times=40, is_full=False) == []
    assert radar.read({"id": 1}, times=40) == [("old", DriftKind.VANISHED)]
    assert radar.read({"id": 1}, times=40) == []
    assert radar.known["old"].vanished_at == START + timedelta(hours=4)
    assert radar.read({"id": 1, "old": {"x": 1}}, times=40) == [("old", DriftKind.APPEARED)]
    assert radar.known["old"].vanished_at is None


def test_what_all_records_had_is_missed_in_a_part_of_them_too() -> None:
    radar = Radar()
    radar.read({"old": 1, "full": 1, "some": 1}, *[{"old": 1, "full": 1, "some": None}] * 3, times=25)
    lacking = {"full": None, "some": None}
    assert radar.read(lacking, times=49, is_full=False) == []
    assert sorted(radar.read(lacking, times=50, is_full=False)) == [
        ("full", DriftKind.EMPTIED),
        ("old", DriftKind.VANISHED),
    ]
    assert radar.read(lacking, times=50, is_full=False) == []


def test_a_rare_field_that_happens_to_be_missing_has_not_vanished() -> None:
    radar = Radar()
    radar.read(*[{"id": 1}] * 97, *[{"id": 1, "rare": 1}] * 3)
    assert radar.read({"id": 1}, times=100) == []
    assert radar.read({"id": 1}, times=1000) == [("rare", DriftKind.VANISHED)]


def test_members_of_a_list_are_counted_against_its_items() -> None:
    radar = Radar()
    radar.read({"photos": [{"url": "a", "caption": "b"}]}, times=30)
    assert radar.read({"photos": []}, times=30) == [("photos", DriftKind.EMPTIED)]
    assert radar.read({"photos": [{"url": "a"}]}, times=30) == [("photos[].caption", DriftKind.VANISHED)]


def test_a_type_is_news_once_and_null_is_none() -> None:
    radar = Radar()
    radar.read({"a": None, "b": 1, "c": "x", "d": "x"}, times=20)
    assert radar.read({"a": "x", "b": 1.5, "c": 7, "d": {"note": 1}}, times=20, any_type=frozenset("d")) == [
        ("c", DriftKind.TYPE_CHANGED)
    ]
    for _ in range(2):
        assert radar.read({"a": None, "b": 2, "c": "x", "d": "x"}, {"a": "x", "b": 2, "c": 7, "d": {}}, times=10) == []
    assert radar.known["c"].types == ("string", "number")


@pytest.mark.parametrize("empty", [None, "", [], {}])
def test_emptied_is_a_share_that_falls_by_more_than_half(empty: Any) -> None:
    radar, varies, full = Radar(), frozenset("a"), {"a": "x"}
    radar.read(full, times=100)
    assert radar.read(*[full] * 50, *[{"a": empty}] * 50, any_type=varies) == []
    half = [*[full] * 49, *[{"a": empty}] * 51]
    assert radar.read(*half, any_type=varies) == [("a", DriftKind.EMPTIED)]
    assert radar.read(*half, any_type=varies) == []
    assert radar.known["a"].emptied_at is not None
    assert radar.read({"a": 0}, times=100, any_type=varies) == []
    assert radar.known["a"].emptied_at is None


def test_emptied_needs_a_whole_reading_of_enough_records() -> None:
    radar = Radar()
    radar.read({"a": "x"}, times=100)
    assert radar.read({"a": None}, times=49, is_full=False) == []
    assert radar.read({"a": None}, times=19) == []
    assert radar.read({"a": None}, times=20) == [("a", DriftKind.EMPTIED)]


def test_what_is_read_a_little_at_a_time_adds_up_until_it_tells_something() -> None:
    radar = Radar()
    for _ in range(3):
        assert radar.read({"id": 1}, times=4, is_full=False) == []
    assert radar.known["id"].seen == 12
    assert radar.read({"id": 1, "new": 1}, is_full=False) == [("new", DriftKind.APPEARED)]


def test_hostile_bodies_are_bounded_and_keys_that_are_data_are_not_kept() -> None:
    deep: Any = 1
    for _ in range(500):
        deep = {"x": [deep]}
    profile = FieldProfile()
    records: list[Any] = [
        {"deep": deep, "by_id": {f"k{n}": 1 for n in range(10_000)}, "7": 1, "Ann Smith": 1, "a.b": 1, "x" * 99: 1},
        *({f"f{n}": {f"g{m}": 1 for m in range(100)} for n in range(100)} for _ in range(2)),
        "no object", None,
    ]  # fmt: skip
    profile.add(records)
    paths = {one.path for one in profile.sightings()}
    assert len(paths) <= MOST_PATHS
    assert profile.is_cut
    assert not any(" " in path or path == "7" or path.startswith(("a.", "xx", "by_id.")) for path in paths)
    assert "deep.x[].x[].x" in paths
    assert max(path.count("x") for path in paths) < 8


def test_keys_that_become_data_do_not_vanish() -> None:
    radar = Radar()
    radar.read({"map": {"a": 1}}, times=30)
    assert radar.read(*({"map": {f"k{n}": 1}} for n in range(300))) == []


def test_keys_that_are_data_a_few_at_a_time_are_told_of_for_a_while_only() -> None:
    radar = Radar()
    for turn in range(30):
        changes = radar.read(*({"map": {f"k{turn}x{n}": 1}} for n in range(10)), times=20)
    assert changes == []
    assert len(radar.known) <= MOST_MEMBERS + 1


def test_the_catalog_knows_which_fields_vary() -> None:
    entities = {one.name: one for one in ENTITIES}
    tasks = entities["tasks"]
    assert {"summary", "requested_by", "type_department", "tags"} <= of_any_type(tasks)
    requirements = next(one.child for one in tasks.called if one.source.name == "task_requirements")
    assert "action" in of_any_type(tasks, requirements)
    assert "comment" not in of_any_type(tasks, requirements)
