"""A mirror that differs from the API is shown wherever people look, and asks for no restart."""

from __future__ import annotations

import json
from datetime import timedelta

from breezeway_sync.core.report import VerificationState
from breezeway_sync.ops import as_json
from breezeway_sync.ops.health import judge
from breezeway_sync.ops.page import render
from breezeway_sync.ops.troubles import DIFFERS
from breezeway_sync.ops.view import View
from tests.ops.support import NOW, facts, mirror, report

COMPARED = NOW - timedelta(hours=3)
WRONG = VerificationState("nashville", "tasks", NOW, COMPARED, "failed", 7, {"late": 3, "wrong": 530, "missing": 1})
RIGHT = VerificationState("austin", "tasks", NOW, COMPARED, "late", 7, {"late": 3, "wrong": 0})


def looked_at(*states: VerificationState) -> View:
    mirrors = [mirror("nashville", "tasks", 0.5), mirror("austin", "tasks", 0.5)]
    differing = tuple(f"{one.region} {one.entity}" for one in states if one.is_differing)
    return View(facts(differing=differing), report(mirrors, verifications=states), None)


def test_health_gives_a_reason_and_stays_live_and_ready() -> None:
    judgement = judge(looked_at(WRONG, RIGHT).facts)
    assert (judgement.status, judgement.live, judgement.ready) == ("degraded", True, True)
    assert judgement.reasons == ["1 differ from the API: nashville tasks"]
    assert "--repair" in judgement.remedies[0]
    assert as_json.health(looked_at(WRONG).facts, judgement)["differing"] == ("nashville tasks",)


def test_the_page_has_a_card_with_what_was_found_and_does_not_say_that_all_is_fresh() -> None:
    view = looked_at(WRONG, RIGHT)
    (trouble,) = view.troubles
    assert (trouble.remedy, trouble.places) == (DIFFERS, (("nashville", "tasks"),))
    assert list(trouble.messages) == ["the comparison of 2025-06-03 11:30 UTC found 530 wrong, 1 missing"]
    assert view.headline() == ("degraded", "1 mirror of 2 differ from the API")
    page = render(view)
    assert DIFFERS.title in page
    assert "530 wrong" in page
    assert "all fresh" not in page


def test_the_status_as_json_has_every_comparison() -> None:
    found = json.loads(json.dumps(as_json.status(looked_at(WRONG, RIGHT)), default=str))
    assert [one["result"] for one in found["verification_results"]] == ["failed", "late"]
    assert found["troubles"][0]["kind"] == "differs"


def test_what_is_only_late_is_no_trouble() -> None:
    view = looked_at(RIGHT)
    assert view.troubles == []
    assert view.headline()[0] == "ok"
