"""Errors of the layers below find the advice that fits them."""

from __future__ import annotations

from asyncio import CancelledError
from dataclasses import replace
from datetime import timedelta

import pytest

from breezeway_sync.api import answers, auth_answers
from breezeway_sync.api.transport import RawAnswer
from breezeway_sync.core import error_codes, errors
from breezeway_sync.core.error_codes import ErrorCode, Remedy, known_code
from breezeway_sync.entities.batch import Loaded
from breezeway_sync.ops.troubles import LATE, find
from breezeway_sync.ops.view import View
from breezeway_sync.sync.identity import changed, taken
from breezeway_sync.sync.status_rules import Findings, code_of_run
from tests.ops.support import NOW, facts, mirror, mixed, report, run, unread

PATH = "/task/{id}"
NO_CREDENTIALS = "no credentials: set client_id and client_secret of the region in the configuration"
JSON = b'{"error": "no"}'
REFUSED = {"status": "failed", "error": NO_CREDENTIALS, "error_code": ErrorCode.CREDENTIALS_REJECTED}


def spoken(status: int, body: bytes = JSON) -> errors.ApiError:
    """What the API layer makes of an answer."""
    error = answers.classify(PATH, RawAnswer(status, {"content-type": "application/json"}, body), NOW)
    assert error is not None
    return error


def summed(**changes: object) -> ErrorCode | None:
    return code_of_run(Findings(**changes), None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (auth_answers.rejected(PATH, 200).code, error_codes.CREDENTIALS),
        (spoken(401).code, error_codes.CREDENTIALS),
        (spoken(429).code, error_codes.RATE_LIMIT),
        (spoken(403, b"<html>").code, error_codes.RATE_LIMIT),
        (spoken(403).code, error_codes.REFUSED),
        (spoken(404).code, error_codes.REFUSED),
        (spoken(422).code, error_codes.REFUSED),
        (spoken(404, b"<html>").code, error_codes.UNREACHABLE),
        (spoken(408).code, error_codes.UNREACHABLE),
        (spoken(503).code, error_codes.UNREACHABLE),
        (answers.bad_answer(PATH, RawAnswer(200, {}, b"<html>")).code, error_codes.UNREACHABLE),
        (errors.CutShort("x", endpoint=PATH).code, error_codes.INCOMPLETE_LIST),
        (errors.ListUnstable("x", endpoint=PATH).code, error_codes.INCOMPLETE_LIST),
        (summed(pending_reads=1240), error_codes.PENDING_READS),
        (summed(waiting=3), error_codes.REJECTED),
        (summed(pending_reads=5, waiting=1), error_codes.REJECTED),
        (summed(loaded=Loaded(held=24)), error_codes.REVIEW),
        (summed(codes={ErrorCode.API_UNREACHABLE}, pending_reads=3), error_codes.UNREACHABLE),
        (changed("austin", "company_id 5", "company_id 4").code, error_codes.SOURCE),
        (taken("austin", "smoky").code, error_codes.SOURCE),
        (errors.code_of(KeyError("x")), error_codes.UNEXPECTED),
        (errors.code_of(CancelledError()), error_codes.INTERRUPTED),
        (known_code("process_ended"), error_codes.INTERRUPTED),
        (known_code("a code of another version"), error_codes.UNEXPECTED),
    ],
)
def test_an_error_finds_its_remedy_whatever_it_says(code: ErrorCode | None, remedy: Remedy) -> None:
    (found,) = find([mirror("austin", "tasks", 0.5, status="failed", error="words", error_code=code)], [], frozenset())
    assert found.remedy is remedy


def test_a_region_that_nobody_works_is_told_before_what_failed_last() -> None:
    lonely = replace(
        mirror("austin", "tasks", 3, **REFUSED),
        claim="unattended",
    )
    found = find([lonely], [], frozenset({("austin", "tasks")}))
    assert [one.remedy for one in found] == [error_codes.UNATTENDED]


def test_what_is_off_is_no_trouble() -> None:
    off = replace(unread("austin", "people"), claim="off")
    assert find([off], [], frozenset()) == []


def test_troubles_are_sorted_by_kind_and_the_same_message_said_once() -> None:
    error = "5 child reads (comments and requirements) are pending, about 0 min"
    pending_reads = {"status": "partial", "error": error, "error_code": ErrorCode.CHILD_READS_PENDING}
    found = find(
        [
            mirror("austin", "tasks", 0.5, **pending_reads),
            mirror("smoky", "tasks", 0.5, **REFUSED),
            mirror("smoky", "tags", 0.5, **REFUSED),
            mirror("austin", "tags", 1.5),
            unread("austin", "people"),
            mirror("austin", "supplies", 0.5, error="supplies is not available for this account: HTTP 404"),
        ],
        [],
        frozenset({("austin", "tags"), ("austin", "people")}),
    )
    assert [one.remedy for one in found] == [error_codes.CREDENTIALS, LATE, error_codes.PENDING_READS]
    assert found[0].messages == {NO_CREDENTIALS: (("smoky", "tasks"), ("smoky", "tags"))}
    assert set(found[1].messages) == {"no cycle succeeded in time", "has never been read"}


def test_a_run_under_way_does_not_hide_the_failure_before_it() -> None:
    now_running = mirror("austin", "tasks", 0.5, status="running")
    runs = [
        run("austin", "tasks", 1, status="running"),
        run("austin", "tasks", 60, status="failed", error="process ended", error_code=ErrorCode.PROCESS_ENDED),
    ]
    (found,) = find([now_running], runs, frozenset())
    assert found.remedy is error_codes.INTERRUPTED


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
