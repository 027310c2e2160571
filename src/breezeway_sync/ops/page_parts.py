"""The sections of the status page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from breezeway_sync.core.outcome import FAILED, PARTIAL
from breezeway_sync.core.report import Freshness
from breezeway_sync.ops.markup import Content, Safe, element, join
from breezeway_sync.ops.troubles import CREDENTIALS, OWED, Place, Trouble
from breezeway_sync.ops.view import View
from breezeway_sync.ops.words import MINUTE, ago, brief, clock, count, duration, listing

NAMED_REGIONS = 12
SHOWN_CHARACTERS = 320
BAR_WIDTH = 100
_STATES = {"ok": "ok", "degraded": "warn", "failing": "bad"}


def icon(state: str) -> Safe:
    """The sign of a state; each has a shape of its own, and words beside it."""
    shape = _STATES.get(state, state)
    use = element("use", href=f"#{shape}")
    return element("svg", use, class_=f"icon {shape}", aria_hidden="true", viewBox="0 0 16 16")


def entity_name(entity: str) -> str:
    return entity.replace("_", " ")


def moment(at: datetime, now: datetime) -> Safe:
    """Relative, and in UTC."""
    stamp = element("small", clock(at, now), class_="nowrap")
    return join(element("time", ago(at, now), datetime=at.astimezone(UTC).isoformat(timespec="seconds")), " ", stamp)


def table(caption: str, columns: Iterable[Content], rows: Iterable[Safe], class_: str = "") -> Safe:
    """A table that keeps its meaning when the style lays it out as cards."""
    heads = (one if isinstance(one, Safe) else element("th", one, scope="col", role="columnheader") for one in columns)
    head = element("thead", element("tr", *heads, role="row"), role="rowgroup")
    hidden = element("caption", element("span", caption, class_="hidden"))
    body = element("tbody", *rows, role="rowgroup")
    return element("div", element("table", hidden, head, body, role="table", class_=class_), class_="scroll card")


def row(title: Content, *cells: Safe) -> Safe:
    return element("tr", element("th", title, scope="row", role="rowheader"), *cells, role="row")


def cell(name: str, *content: Content, class_: str = "") -> Safe:
    """A cell with the name that it shows where there is no head."""
    return element("td", *content, role="cell", data_name=name or None, class_=class_ or None)


def section(title: str, name: str, *content: Content) -> Safe:
    return element("section", element("h2", title, id=name), *content, aria_labelledby=name)


# --- what is wrong ----------------------------------------------------------------------------------


def banners(view: View) -> Safe:
    """What concerns the whole service."""
    told = {"late", "differs"} | ({"credentials"} if any(one.kind is CREDENTIALS for one in view.troubles) else set())
    shown = [_banner(one.state, one.what, one.cure) for one in view.verdict.findings if one.subject not in told]
    if view.error and view.facts.database_reachable:
        shown.append(_banner("degraded", view.error, "The next refresh tries again; the service's log says more."))
    return join(*shown)


def _banner(state: str, what: str, cure: str) -> Safe:
    head = element("p", icon(state), " ", element("strong", element("bdi", _sentence(what))))
    return element("div", head, element("p", _sentence(cure)), class_=f"banner {state}")


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "…", "!", "?")) else f"{text}."


def troubles(view: View) -> Safe | None:
    """What failed and why, by what can be done about it."""
    if not view.troubles:
        return None
    cards = (element("li", _trouble(view, one), class_="card trouble") for one in view.troubles)
    return section("What needs attention", "attention", element("ul", *cards, class_="troubles", role="list"))


def _trouble(view: View, one: Trouble) -> Safe:
    names = names_of(view)
    head = element(
        "h3", element("span", icon("degraded" if one.kind is OWED else "failing"), " ", one.kind.title),
        element("small", element("bdi", _places(one.places, names, view.freshness))),
    )  # fmt: skip
    (first, _), *rest = one.messages.items()
    cut = first if len(first) <= SHOWN_CHARACTERS else f"{first[:SHOWN_CHARACTERS]}…"
    parts = [head, element("p", element("bdi", _sentence(cut)), class_="message"), element("p", one.kind.cure)]
    if cut != first:
        parts.append(_more("Whole message", [element("li", element("bdi", first))]))
    if rest:
        more = [
            element("li", element("bdi", message), " ", element("small", f"({_places(places, names, view.freshness)})"))
            for message, places in rest
        ]
        parts.append(_more(count(len(rest), "more message"), more))
    return join(*parts)


def _more(title: str, items: Sequence[Safe]) -> Safe:
    return element("details", element("summary", title), element("ul", *items))


def names_of(view: View) -> dict[str, str]:
    """Region names by code."""
    return {one.region: one.region_name or one.region for one in view.freshness}


def _places(places: Sequence[Place], names: dict[str, str], freshness: Sequence[Freshness]) -> str:
    """Regions with their entities: "Austin: tasks and tags; Nashville: all 9"."""
    regions: dict[str, list[str]] = {}
    for region, entity in places:
        regions.setdefault(region, []).append(entity_name(entity))
    sizes: dict[str, int] = {}
    for one in freshness:
        if not one.is_off:
            sizes[one.region] = sizes.get(one.region, 0) + 1
    if len(regions) > NAMED_REGIONS:
        return f"{count(len(regions), 'region')}, {count(len(places), 'mirror')}"
    return "; ".join(
        f"{names.get(region, region)}: "
        + (f"all {len(found)}" if len(found) == sizes.get(region) and len(found) > 1 else listing(found))
        for region, found in regions.items()
    )


# --- how things stand -------------------------------------------------------------------------------


def sums(view: View) -> Safe | None:
    """The numbers that tell most."""
    report = view.report
    if report is None or not view.freshness:
        return None
    owed = sum(calls for one in report.regions for calls in one.owed.values())
    rejected = sum(one.rejected_open for one in report.regions)
    successes = [one.last_success for one in view.freshness if one.last_success]
    pairs = [
        ("Fresh", f"{len(view.asked) - len(view.late)} of {len(view.asked)}", "mirrors within their promise"),
        ("Last success", ago(max(successes), view.now) if successes else "none yet", "of any region"),
        ("Calls owed", f"{owed:,}", _owed_time(view, owed) if owed else "comments and requirements"),
        ("Records rejected", f"{rejected:,}", "open, in rejected_records"),
    ]
    boxes = (
        element("div", element("dt", name), element("dd", value, element("small", note))) for name, value, note in pairs
    )
    return element("dl", *boxes, class_="sums card")


def _owed_time(view: View, calls: int) -> str:
    return f"about {duration(calls * MINUTE / max(1, view.facts.requests_per_minute))} of calls"


def freshness(view: View) -> Safe | None:
    """Regions x entities; the entities that are promised soonest first."""
    if not view.freshness:
        return None
    promises: dict[str, float] = {}
    found: dict[str, dict[str, Freshness]] = {}
    for one in view.freshness:
        promises[one.entity] = one.promise_seconds
        found.setdefault(one.region, {})[one.entity] = one
    entities = sorted(promises, key=lambda name: (promises[name], name))
    heads = (
        element(
            "th",
            entity_name(name),
            element("small", f"within {brief(promises[name])}"),
            scope="col",
            role="columnheader",
        )
        for name in entities
    )
    names = names_of(view)
    rows = (
        row(_region(code, names), *(_age(view, name, some.get(name)) for name in entities))
        for code, some in sorted(found.items(), key=lambda pair: names[pair[0]].casefold())
    )
    grid = table("Age of each mirror against its promise", ("Region", *heads), rows, "grid")
    return section("Freshness", "freshness", grid)


def _region(code: str, names: dict[str, str]) -> Safe:
    name = names.get(code, code)
    usual = name.casefold().replace(" ", "_") == code.casefold()
    return join(element("bdi", name), None if usual else element("small", element("bdi", code)))


def _age(view: View, entity: str, one: Freshness | None) -> Safe:
    if one is None:
        return cell(entity_name(entity), element("span", "–", class_="muted", aria_label="not read"), class_="none")
    if one.is_off:
        return cell(entity_name(entity), element("span", "off", class_="muted"), class_="none")
    age = view.age_seconds(one)
    ended = view.ended_status.get((one.region, one.entity))
    is_late = view.is_late(one)
    words = ["never read" if age is None else "late"] if is_late else []
    words += [ended] if ended in (FAILED, PARTIAL) else []
    state = "bad" if is_late else "warn" if words else "ok"
    words += ["running"] if one.status == "running" else []
    label = (
        element("span", ", ".join(words), class_=f"state {state if state != 'ok' else 'muted'}")
        if words
        else element("span", "fresh", class_="hidden")
    )
    shown = "–" if age is None else brief(age)
    return cell(
        entity_name(entity),
        icon(state), " ",
        element("span", shown, class_="age"),
        element("span", f" of {brief(one.promise_seconds)}", class_="promise"),
        " ", label, _bar(age, one.promise_seconds, state),
    )  # fmt: skip


def _bar(age: float | None, promise: float, state: str) -> Safe:
    share = 1.0 if age is None or promise <= 0 else min(1.0, age / promise)
    track = element("rect", class_="track", width=BAR_WIDTH, height=3)
    fill = element("rect", class_="fill", width=round(share * BAR_WIDTH), height=3)
    box = f"0 0 {BAR_WIDTH} 3"
    return element(
        "svg", track, fill, class_=f"bar {state}", viewBox=box, preserveAspectRatio="none", aria_hidden="true"
    )
