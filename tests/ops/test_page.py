"""The document itself: escaped, complete, in order."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from jinja2 import UndefinedError

from breezeway_sync.core.report import RegionState
from breezeway_sync.ops.health import Facts
from breezeway_sync.ops.page import ENVIRONMENT, TEMPLATES, render
from breezeway_sync.ops.view import View
from breezeway_sync.ops.watch import StatusReport
from tests.ops.support import facts, fresh, lost, mirror, mixed, report, run, token, worst

VOID = {"meta", "link"}
PLANTED = '<script>alert("x")</script><img src=x onerror=y>\'"&amp;'


class Reader(HTMLParser):
    """Elements, ids and headings; fails where tags do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.labels: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        known = dict(attrs)
        self.ids += [known["id"] or ""] if "id" in known else []
        self.labels += [known["aria-labelledby"] or ""] if "aria-labelledby" in known else []
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


CONDITIONS: list[Callable[[], tuple[StatusReport | None, Facts]]] = [
    lambda: (fresh(), facts()),
    lambda: (mixed(), facts()),
    lambda: (worst(), lost()),
    lambda: (None, facts()),
    lambda: (report([]), facts(database_reachable=False)),
]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_well_formed_whatever_happens(condition: Callable[[], tuple[StatusReport | None, Facts]]) -> None:
    known, told = condition()
    page = Reader(render(View(told, known, None)))
    for tag in ("header", "main", "footer", "nav", "h1", "title"):
        assert page.tags.count(tag) == 1, tag
    assert not {"script", "iframe", "form", "img"} & set(page.tags)
    assert page.handlers == []
    assert len(page.ids) == len(set(page.ids))
    assert set(page.labels) <= set(page.ids)


def test_nothing_planted_becomes_markup() -> None:
    """Every text that comes from a configuration, a database or an error, filled with markup."""
    seen = report(
        [mirror("austin", "tasks", 2, name=PLANTED, status="failed", error=PLANTED)],
        [run("austin", "tasks", 3, status="failed", error=PLANTED)],
        tokens=(token("austin", 3, PLANTED),),
        regions=(RegionState(PLANTED, {PLANTED: 3}, 0, {}, 1, {PLANTED: 1}),),
        database_error=PLANTED,
    )
    told = facts(owner=PLANTED, version=PLANTED, config_source=PLANTED, config_error=PLANTED, refused=(PLANTED,))
    text = render(View(told, seen, PLANTED))
    page = Reader(text)
    assert not {"script", "img"} & set(page.tags)
    assert page.handlers == []
    assert "<script>" not in text
    assert text.count("&lt;script&gt;") >= 8


def test_a_template_escapes_text_and_attributes_and_misses_no_name() -> None:
    text = ENVIRONMENT.from_string('<p title="{{ text }}">{{ text }}</p>').render(text='"&<b>')
    assert text == '<p title="&#34;&amp;&lt;b&gt;">&#34;&amp;&lt;b&gt;</p>'
    with pytest.raises(UndefinedError):
        ENVIRONMENT.from_string("{{ page.nothing }}").render(page=object())


def test_only_the_style_is_not_escaped() -> None:
    sources = {name: (TEMPLATES / name).read_text(encoding="utf-8") for name in ENVIRONMENT.list_templates()}
    assert re.findall(r"\|\s*safe\b|autoescape|Markup", "".join(sources.values())) == ["|safe"]
    assert "{{ style|safe }}" in sources["status.html"]


def test_what_failed_comes_with_what_to_do() -> None:
    text = render(View(facts(), mixed(), None))
    missing = [words for words in (
        "8 of 71 are late", "Credentials rejected", "Sea Ranch: properties, reservations and tasks",
        "Put the right client_id",
        "API unreachable or failing", "Records that cannot be stored", "rejected_records", "Pending child reads",
        "about 7 min", "sync-01, process 4711", "paused for 45 s", "ended ", "never read", "1,240",
    ) if words not in text]  # fmt: skip
    assert missing == []


def test_what_a_person_has_accepted_stays_on_the_page() -> None:
    state = RegionState("austin", {}, 0, {}, 1, {"tasks": 2, "property_contacts": 1})
    text = render(View(facts(), replace(fresh(), regions=(state,)), None))
    assert "1 open" in text
    assert "(accepted: property contacts 1, tasks 2)" in text


def test_a_surrogate_in_a_path_is_no_error() -> None:
    assert render(View(facts(config_source="/etc/\udcff"), fresh(), None)).encode(errors="replace")
