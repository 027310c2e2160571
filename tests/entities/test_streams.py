"""What is read under which name and in which order follows from the catalog; nobody else names an entity."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from graphlib import CycleError
from pathlib import Path

import pytest

import breezeway_sync
from breezeway_sync.entities.catalog import ENTITIES, HOME
from breezeway_sync.entities.catalog.small import SUBDEPARTMENTS
from breezeway_sync.entities.catalog.tasks import TASKS
from breezeway_sync.entities.model import CalledChild, Interval, Link
from breezeway_sync.entities.streams import NAMES, STAGES, STREAMS, stages_of, streams_of

SRC = Path(breezeway_sync.__file__).parent
CALLED = TASKS.called[0]


def test_today_these_are_read_in_this_order() -> None:
    assert STAGES == (
        ("properties",),
        ("tags", "people", "supplies", "templates", "subdepartments"),
        ("reservations",),
        ("tasks",),
        ("property_contacts",),
    )
    assert tuple(name for stage in STAGES for name in stage) == NAMES
    assert {name: stream.needs for name, stream in STREAMS.items() if stream.needs} == {
        "reservations": ("properties",),
        "tasks": ("properties", "reservations"),
        "property_contacts": ("properties",),
    }


def test_records_are_read_after_what_they_link_to_in_whatever_order_they_are_declared() -> None:
    links = (Link("task_pk", "task_id", "tasks"), Link("parent_pk", "parent_id", "subdepartments"))
    linked = replace(SUBDEPARTMENTS, links=links)
    streams = streams_of((linked, *reversed([one for one in ENTITIES if one is not SUBDEPARTMENTS])), HOME)
    names = [stream.name for stream in streams]
    assert names.index("tasks") < names.index("subdepartments") < names.index("property_contacts")
    assert next(one for one in streams if one.entity is linked).needs == ("tasks",)


def test_entities_that_need_each_other_are_refused() -> None:
    linked = replace(HOME, links=(Link("task_pk", "task_id", "tasks"),))
    with pytest.raises(CycleError):
        streams_of((linked, TASKS, *(one for one in ENTITIES if one not in (HOME, TASKS))), linked)


def test_another_list_of_each_home_is_a_stream_of_its_own() -> None:
    source = replace(CALLED.source, name="property_keys", path="/property/{id}/keys")
    keys = CalledChild(source, replace(CALLED.child, items="keys", table="property_keys"), Interval.WEEKLY)
    home = replace(HOME, called=(*HOME.called, keys))
    streams = streams_of((home, *(one for one in ENTITIES if one is not HOME)), home)
    assert stages_of(streams, home)[-1] == ("property_contacts", "property_keys")
    found = next(one for one in streams if one.name == "property_keys")
    assert (found.interval, found.needs, found.called, found.sources) == (
        Interval.WEEKLY, ("properties",), (keys,), (source,),
    )  # fmt: skip
    assert found.is_per_home


def test_a_list_with_an_interval_of_its_own_belongs_to_homes() -> None:
    tasks = replace(TASKS, called=(replace(CALLED, interval=Interval.DAILY),))
    with pytest.raises(ValueError, match="task_comments: only lists of properties"):
        streams_of((*(one for one in ENTITIES if one is not TASKS), tasks), HOME)


# --- nobody else names an entity ----------------------------------------------------------------------------

ELSEWHERE = {
    "entities/catalog": "the literals",
    "sandbox": "knows the API from its documentation, so that a wrong name in the catalog is noticed",
}
"""Where names of entities, lists and tables may stand, and why."""


def names() -> set[str]:
    lists = [source for one in ENTITIES for source in (*one.sources, *(called.source for called in one.called))]
    tables = [child.table for one in ENTITIES for child in one.children]
    tables += [link.table for one in ENTITIES for link in one.tags]
    tables += [called.child.table for one in ENTITIES for called in one.called]
    return {*(one.name for one in ENTITIES), *(one.table for one in ENTITIES), *(one.name for one in lists), *tables}


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Text in code with its line: no docstring and nothing else that stands alone."""
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node.lineno, node.value


def test_entities_are_named_in_the_catalog_alone() -> None:
    known = "|".join(sorted(names()))
    # The name itself; in SQL a table of some schema, or a value.
    is_name = re.compile(rf"^({known})$|\.({known})\b|'({known})'")
    found = [
        f"{path.relative_to(SRC)}:{line}: {text}"
        for path in sorted(SRC.rglob("*.py"))
        if not any(path.is_relative_to(SRC / place) for place in ELSEWHERE)
        for line, text in texts(ast.parse(path.read_text(encoding="utf-8")))
        if is_name.search(text)
    ]
    # An example in a help text: TABLE.FIELD, as tasks.new_field or tasks.details.color.
    assert [one for one in found if not one.startswith("cli/gaps.py")] == []
