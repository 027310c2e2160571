"""Errors of the layers below find the advice that fits them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from breezeway_sync.api import answers, auth_answers
from breezeway_sync.api.transport import RawAnswer
from breezeway_sync.core import errors
from breezeway_sync.core.problems import Subject
from breezeway_sync.entities.batch import Loaded
from breezeway_sync.ops import troubles
from breezeway_sync.ops.troubles import TroubleKind, find, kinds_of
from breezeway_sync.ops.view import View
from breezeway_sync.sync.identity import changed, taken
from breezeway_sync.sync.status_rules import Findings, sentence
from tests.ops.support import NOW, facts, mirror, mixed, report, run, unread

PATH = "/task/{id}"
NO_CREDENTIALS = "no credentials: set client_id and client_secret of the region in the configuration"
JSON = b'{"error": "no"}'


def spoken(status: int, body: bytes = JSON) -> str:
    """What the API layer says of an answer."""
    error = answers.classify(PATH, RawAnswer(status, {"content-type": "application/json"}, body), NOW)
    assert error is not None
    return error.message


def summed(**changes: object) -> str:
    text = sentence(Findings(**changes), 180.0)  # type: ignore[arg-type]
    assert text is not None
    return text


LISTED = Subject("list", "tasks", 0, "tasks")


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: auth_answers.rejected(PATH, 200).message, troubles.CREDENTIALS),
        (lambda: NO_CREDENTIALS, troubles.CREDENTIALS),
        (lambda: spoken(401), troubles.CREDENTIALS),
        (lambda: spoken(429), troubles.LIMITED),
        (lambda: spoken(403, b"<html>"), troubles.LIMITED),
        (lambda: spoken(403), troubles.REFUSED),
        (lambda: spoken(404), troubles.REFUSED),
        (lambda: spoken(422), troubles.REFUSED),
        (lambda: spoken(404, b"<html>"), troubles.UNREACHABLE),
        (lambda: spoken(408), troubles.UNREACHABLE),
        (lambda: spoken(503), troubles.UNREACHABLE),
        (lambda: answers.bad_answer(PATH, RawAnswer(200, {}, b"<html>")).message, troubles.UNREACHABLE),
        (lambda: summed(pending_reads=1240), troubles.PENDING_READS),
        (lambda: summed(waiting=3), troubles.REJECTED),
        (lambda: summed(loaded=Loaded(held=24)), troubles.DOUBTED),
        (lambda: summed(problems=[(LISTED, errors.ApiUnreachable("the API was not reached", endpoint=PATH))]),
         troubles.UNREACHABLE),
        (lambda: changed("austin", "company_id 5", "company_id 4").message, troubles.SOURCE),
        (lambda: taken("austin", "smoky").message, troubles.SOURCE),
        (lambda: "unexpected KeyError, see the log", troubles.OTHER),
        (lambda: "interrupted", troubles.STOPPED),
        (lambda: "process ended", troubles.STOPPED),
    ],
)  # fmt: skip
def test_kinds_of_real_messages(make: Callable[[], str], kind: TroubleKind) -> None:
    assert kinds_of(make()) == [kind]


def test_every_mark_is_still_said_somewhere() -> None:
    """A message that was reworded below would silently lose its advice."""
    from pathlib import Path

    import breezeway_sync

    root = Path(breezeway_sync.__file__).parent
    files = [file for layer in ("core", "api", "store", "sync", "service") for file in (root / layer).rglob("*.py")]
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    text += (root.parents[1] / "sql/queries/sync_log.sql").read_text(encoding="utf-8")
    missing = [checkpoint for kind in troubles.KINDS for checkpoint in kind.marks if checkpoint not in text]
    assert missing == []


def test_a_region_that_nobody_works_is_told_before_what_failed_last() -> None:
    lonely = replace(mirror("austin", "tasks", 3, status="failed", error=NO_CREDENTIALS), claim="unattended")
    found = find([lonely], [], frozenset({("austin", "tasks")}))
    assert [one.kind for one in found] == [troubles.UNATTENDED]


def test_what_is_off_is_no_trouble() -> None:
    off = replace(unread("austin", "people"), claim="off")
    assert find([off], [], frozenset()) == []


def test_a_message_of_several_kinds_gets_the_advice_of_each() -> None:
    assert kinds_of(summed(pending_reads=5, waiting=1)) == [troubles.REJECTED, troubles.PENDING_READS]


def test_troubles_are_sorted_by_kind_and_the_same_message_said_once() -> None:
    pending_reads = "5 calls for comments and requirements are still owed, about 0 min"
    found = find(
        [
            mirror("austin", "tasks", 0.5, status="partial", error=pending_reads),
            mirror("smoky", "tasks", 0.5, status="failed", error=NO_CREDENTIALS),
            mirror("smoky", "tags", 0.5, status="failed", error=NO_CREDENTIALS),
            mirror("austin", "tags", 1.5),
            unread("austin", "people"),
            mirror("austin", "supplies", 0.5, error="supplies is not available for this account: HTTP 404"),
        ],
        [],
        frozenset({("austin", "tags"), ("austin", "people")}),
    )
    assert [one.kind for one in found] == [troubles.CREDENTIALS, troubles.LATE, troubles.PENDING_READS]
    assert found[0].messages == {NO_CREDENTIALS: (("smoky", "tasks"), ("smoky", "tags"))}
    assert set(found[1].messages) == {"no cycle succeeded in time", "has never been read"}


def test_a_run_under_way_does_not_hide_the_failure_before_it() -> None:
    now_running = mirror("austin", "tasks", 0.5, status="running")
    runs = [
        run("austin", "tasks", 1, status="running"),
        run("austin", "tasks", 60, status="failed", error="process ended"),
    ]
    (found,) = find([now_running], runs, frozenset())
    assert found.kind is troubles.STOPPED


def test_ages_and_lateness_grow_while_nothing_is_read() -> None:
    seen = report([mirror("austin", "tasks", 0.9)])
    assert View(facts(), seen, None).headline() == ("ok", "1 region, all fresh")
    later = View(facts(now=NOW + timedelta(minutes=13)), seen, "away")
    assert later.late == {("austin", "tasks")}
    assert later.headline() == ("degraded", "1 of 1 are late")


@pytest.mark.parametrize(
    ("view", "headline"),
    [
        (View(facts(), None, None), ("degraded", "The status is not known yet")),
        (View(facts(), report([]), None), ("degraded", "Nothing is mirrored yet")),
        (View(facts(), mixed(), None), ("degraded", "8 of 71 are late")),
        (View(facts(database_reachable=False), mixed(), None), ("failing", "The database is lost")),
        (View(facts(database_migrated=False), None, None), ("failing", "The database is not migrated")),
        (View(facts(loop_age_seconds=99.0), mixed(), None), ("failing", "The service is stuck")),
        (View(facts(is_draining=True), report([mirror("a", "tasks", 0.1)]), None), ("degraded", "1 region, all fresh")),
        (View(facts(), report([mirror("a", "tasks", 0.1, status="partial", error="x")]), None),
         ("degraded", "1 region, all fresh; 1 run incomplete")),
    ],
)  # fmt: skip
def test_headlines(view: View, headline: tuple[str, str]) -> None:
    assert view.headline() == headline


def test_why_there_is_no_newer_report() -> None:
    assert View(facts(), None, None).error == "the status has not been read yet"
    assert View(facts(), report([]), "hung").error == "hung"
    assert View(facts(), replace(report([]), database_error="gone"), None).error == "gone"
    assert View(facts(), report([]), None).error is None
