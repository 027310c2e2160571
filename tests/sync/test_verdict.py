"""What errors and counts amount to: colours, words, and what an account does not have."""

from __future__ import annotations

import pytest

from breezeway_sync.core import errors
from breezeway_sync.core.errors import ApiError, BreezewaySyncError
from breezeway_sync.core.outcome import FAILED, PARTIAL, SUCCESS
from breezeway_sync.core.problems import Subject
from breezeway_sync.entities.batch import Loaded
from breezeway_sync.sync.status_rules import (
    MOST_PROBLEMS,
    NAMED_PROBLEMS,
    Findings,
    ends_everything,
    is_written,
    means_unavailable,
    sentence,
    status_of,
)


def api(kind: type[ApiError]) -> ApiError:
    return kind("it failed", endpoint="/x")


SERVER, GONE, FORBIDDEN = api(errors.ServerFailed), api(errors.NotFound), api(errors.Forbidden)
EMPTY, REJECTED = api(errors.EmptyAnswer), api(errors.CredentialsRejected)
DATABASE = errors.DatabaseUnreachable("no connection")
HOME = Subject("list", "tasks", 5, "property 5")


def with_problems(*found: BreezewaySyncError, answers: int = 0, read: int = 0) -> Findings:
    findings = Findings(Loaded(read=read), answers)
    for number, one in enumerate(found):
        findings.met(Subject("list", "tasks", number, f"property {number}"), one)
    return findings


@pytest.mark.parametrize(
    ("findings", "status"),
    [
        (Findings(), SUCCESS),
        (Findings(Loaded(read=5, new=5), answers=1), SUCCESS),
        (Findings(Loaded(read=5, stale=5, changed_characters=3, lists_not_sent=2), answers=1), SUCCESS),
        (Findings(unavailable={"templates": "empty"}), SUCCESS),
        (Findings(notes={"tasks without an address": 2}), SUCCESS),
        (Findings(Loaded(read=5, rejected=1), answers=1, waiting=1), PARTIAL),
        (Findings(Loaded(read=5, rejected=1), answers=1, accepted=1), SUCCESS),
        (Findings(answers=1, accepted=1), SUCCESS),
        (Findings(Loaded(held=1), answers=1), PARTIAL),
        (Findings(answers=1, pending_reads=1), PARTIAL),
        (Findings(answers=1, children={"task_comments": Loaded(rejected=1)}, waiting=1), PARTIAL),
        (Findings(answers=1, children={"task_comments": Loaded(read=1)}), SUCCESS),
        (with_problems(SERVER), FAILED),
        (with_problems(SERVER, SERVER), FAILED),
        (with_problems(SERVER, answers=1), PARTIAL),
        (with_problems(SERVER, read=1), PARTIAL),
        (with_problems(GONE, FORBIDDEN, EMPTY, answers=9), PARTIAL),
        (with_problems(DATABASE, answers=9, read=9), FAILED),
        (with_problems(SERVER, REJECTED, answers=9, read=9), FAILED),
    ],
)
def test_only_what_was_read_and_written_whole_is_a_success(findings: Findings, status: str) -> None:
    assert status_of(findings) == status


@pytest.mark.parametrize("kind", [errors.CredentialsRejected, errors.Unauthorized])
def test_without_access_nothing_else_can_succeed(kind: type[ApiError]) -> None:
    assert ends_everything(api(kind))


def test_without_the_database_nothing_else_can_succeed() -> None:
    for kind in (errors.DatabaseError, errors.DatabaseBusy, errors.DataRefused, errors.LeaseLost):
        assert ends_everything(kind("it failed"))


@pytest.mark.parametrize(
    "kind",
    [
        *(errors.ApiUnreachable, errors.ServerFailed, errors.BadAnswer, errors.EmptyAnswer, errors.EdgeBlocked),
        *(errors.Refused, errors.Forbidden, errors.NotFound, errors.CutShort),
    ],
)
def test_what_one_call_met_leaves_the_others(kind: type[ApiError]) -> None:
    assert not ends_everything(api(kind))


@pytest.mark.parametrize(
    ("error", "empty_counts", "expected"),
    [
        (GONE, False, True),
        (FORBIDDEN, False, True),
        (EMPTY, True, True),
        (EMPTY, False, False),
        (api(errors.BadAnswer), True, False),
        (SERVER, True, False),
        (api(errors.EdgeBlocked), True, False),
        (api(errors.Refused), True, False),
        (api(errors.Unauthorized), True, False),
        (api(errors.ApiUnreachable), True, False),
        (api(errors.CutShort), True, False),
    ],
)
def test_which_answers_say_that_an_account_does_not_have_a_list(
    error: ApiError, empty_counts: bool, expected: bool
) -> None:
    assert means_unavailable(error, empty_counts=empty_counts) is expected


def test_a_plain_success_has_nothing_to_say() -> None:
    assert sentence(Findings(Loaded(read=5), answers=1, notes={"x": 1}), 180) is None


def test_everything_that_is_missing_is_said_in_one_line() -> None:
    findings = Findings(
        Loaded(rejected=3),
        1,
        [(Subject("list", "tasks", 5, "property 5"), SERVER)],
        {"templates": "an empty answer"},
        pending_reads=360,
        waiting=3,
        accepted=2,
    )
    assert sentence(findings, 180) == (
        "property 5: it failed in /x; "
        "3 records could not be stored, see `breezeway-sync rejects list`; "
        "360 child reads (comments and requirements) are pending, about 2 min; "
        "templates is not available for this account: an empty answer; "
        "but for 2 accepted problems, see `breezeway-sync problems list`"
    )


def test_of_many_problems_the_first_are_named_and_the_others_counted() -> None:
    assert "more" not in (sentence(with_problems(*[SERVER] * NAMED_PROBLEMS), 180) or "")
    many = with_problems(*[SERVER] * (NAMED_PROBLEMS + 7))
    assert len(many.problems) == NAMED_PROBLEMS  # an error for each call of an outage would fill the memory
    text = sentence(many, 180) or ""
    assert text.count("it failed") == NAMED_PROBLEMS
    assert text.endswith("and 7 more, see `breezeway-sync problems list`")


def accepting(error: BreezewaySyncError, number: int = 0) -> Findings:
    return Findings(accepted_codes={("list", "tasks", number): error.code})


def test_what_a_person_has_accepted_is_no_problem_and_stays_written_down() -> None:
    findings = accepting(SERVER)
    findings.met(HOME, SERVER)  # another property's
    assert status_of(findings) == FAILED
    findings = accepting(SERVER, HOME.record_id)
    findings.met(HOME, SERVER)
    findings.met(HOME, SERVER)
    assert (status_of(findings), findings.is_passing) == (SUCCESS, False)
    assert [one.code for one in findings.alert_states.values()] == ["server_failed"]


def test_another_code_than_the_accepted_one_is_a_problem() -> None:
    findings = accepting(GONE, HOME.record_id)
    findings.met(HOME, FORBIDDEN)
    assert status_of(findings) == FAILED


@pytest.mark.parametrize("kind", [errors.ApiUnreachable, errors.GivenUp, errors.EdgeBlocked])
def test_no_answer_is_a_problem_and_says_nothing_of_what_was_accepted(kind: type[ApiError]) -> None:
    findings = accepting(GONE, HOME.record_id)
    findings.met(HOME, api(kind))
    assert (status_of(findings), findings.alert_states, is_written(findings)) == (FAILED, {}, False)


def test_every_problem_is_written_down_up_to_a_bound_and_none_of_a_call_that_was_not_made() -> None:
    many = with_problems(*[SERVER] * (MOST_PROBLEMS + 7))
    assert (len(many.alert_states), many.unwritten, is_written(many)) == (MOST_PROBLEMS, 7, False)
    given_up = with_problems(GONE, api(errors.GivenUp), answers=1)
    assert [one.code for one in given_up.alert_states.values()] == ["not_found"]
    assert not is_written(given_up)


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        (with_problems(SERVER), True),
        (Findings(Loaded(held=3), answers=1, waiting=2, pending_reads=9), True),
        (with_problems(SERVER, answers=1), True),
    ],
)
def test_all_that_keeps_a_run_from_success_stands_in_a_table(findings: Findings, expected: bool) -> None:
    assert is_written(findings) is expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (SERVER, True),
        (EMPTY, True),
        (api(errors.BadAnswer), True),
        (api(errors.CutShort), True),
        (api(errors.EdgeBlocked), True),
        (errors.RateLimited("x", endpoint="/x", retry_after_seconds=None), True),
        (GONE, False),
        (FORBIDDEN, False),
        (REJECTED, False),
    ],
)
def test_what_passes_is_told_by_the_class_of_the_error(error: BreezewaySyncError, expected: bool) -> None:
    assert with_problems(error, GONE).is_passing is expected


def test_notes_are_counted_and_zero_is_none() -> None:
    findings = Findings()
    findings.note("a")
    findings.note("a", 2)
    findings.note("b", 0)
    assert findings.notes == {"a": 3}
