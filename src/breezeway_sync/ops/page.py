"""The status page: one document, without scripts, that says in a sentence how things are."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import quote

from breezeway_sync.ops import page_parts, page_tables
from breezeway_sync.ops.markup import Safe, element, join
from breezeway_sync.ops.page_style import STYLE
from breezeway_sync.ops.view import View
from breezeway_sync.ops.words import clock, duration

REFRESH_SECONDS = 30
STYLE_HASH = "sha256-" + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

_SHAPES = {
    "ok": "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm3.6 5.6-4.3 4.5a.9.9 0 0 1-1.3 0L4.3 9.3a.9.9 0 0 1 1.3-1.2L6.65 9.2"
    "l3.65-3.85a.9.9 0 0 1 1.3 1.25Z",
    "warn": "M8.9 1.6a1.05 1.05 0 0 0-1.8 0L.9 12.9A1.05 1.05 0 0 0 1.8 14.5h12.4a1.05 1.05 0 0 0 .9-1.6ZM7.15 5.5"
    "h1.7v4.3h-1.7Zm0 5.4h1.7v1.7h-1.7Z",
    "bad": "M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1Zm.6 3.6L4.6 5.7 6.9 8l-2.3 2.3 1.1 1.1L8 9.1"
    "l2.3 2.3 1.1-1.1L9.1 8l2.3-2.3-1.1-1.1L8 6.9Z",
    "running": "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm0 1.8a5.2 5.2 0 1 1 0 10.4A5.2 5.2 0 0 1 8 2.8Zm-.8 1.4v4.2l3 2"
    " .9-1.35-2.3-1.5V4.2Z",
}
_SHAPE_OF = {"ok": "ok", "degraded": "warn", "failing": "bad"}
_ICON_COLORS = {"ok": "#2e9e5b", "degraded": "#d98a1f", "failing": "#d3453b"}


def render(view: View, *, is_refreshing: bool = True) -> str:
    """The whole document."""
    state, headline = view.headline()
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        Safe(f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">') if is_refreshing else None,
        element("title", f"{headline} · breezeway-sync"),
        element("link", rel="icon", href=_favicon(state)),
        Safe(f"<style>{STYLE}</style>"),
    )
    body = element("body", _shapes(), _header(view, is_refreshing=is_refreshing), _main(view), _footer(view))
    return f'<!doctype html>\n<html lang="en">{head}{body}</html>\n'


def _favicon(state: str) -> str:
    shape = _SHAPES[_SHAPE_OF[state]]
    color = _ICON_COLORS[state]
    path = f'<path fill-rule="evenodd" fill="{color}" d="{shape}"/>'
    return "data:image/svg+xml," + quote(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">{path}</svg>')


def _shapes() -> Safe:
    symbols = (
        element("symbol", element("path", d=shape, fill_rule="evenodd"), id=name, viewBox="0 0 16 16")
        for name, shape in _SHAPES.items()
    )
    return element("svg", *symbols, width=0, height=0, class_="hidden", aria_hidden="true")


def _header(view: View, *, is_refreshing: bool) -> Safe:
    state, headline = view.headline()
    read = view.report.read_at if view.report else None
    told = f"As of {clock(view.now, view.now)} UTC"
    if read is not None and view.error and view.freshness:
        told = f"What is shown was read {duration(view.read_age_seconds)} ago, at {clock(read, view.now)} UTC"
    refresh = (
        join(f" · refreshes every {REFRESH_SECONDS} s, ", element("a", "pause", href="?refresh=off"))
        if is_refreshing
        else join(" · not refreshing, ", element("a", "resume", href="."))
    )
    return element(
        "header",
        element("p", "breezeway-sync", class_="brand"),
        element("h1", page_parts.icon(state), element("span", headline)),
        element("p", told, refresh, class_="muted"),
    )


def _main(view: View) -> Safe:
    return element(
        "main",
        page_parts.banners(view),
        page_parts.sums(view),
        page_parts.troubles(view),
        page_parts.freshness(view),
        page_tables.runs(view),
        page_tables.regions(view),
        page_tables.accounts(view),
    )


def _footer(view: View) -> Safe:
    facts = view.facts
    links = (
        ("Metrics", "metrics"),
        ("Status as JSON", "api/status"),
        ("Health", "health"),
        ("Readiness", "health/ready"),
    )
    source = f" · configuration {facts.config_source}" if facts.config_source else ""
    return element(
        "footer",
        element("nav", *(element("a", name, href=href) for name, href in links), aria_label="For programs"),
        element("p", f"Version {facts.version} · up {duration(facts.uptime_seconds)} · {facts.owner}", source),
        element("p", "All times in UTC."),
    )
