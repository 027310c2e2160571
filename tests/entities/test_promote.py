"""Which field may become which column."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from breezeway_sync.core.errors import NotPromotable
from breezeway_sync.entities.model import ColumnKind
from breezeway_sync.entities.promote import infer, parse, plan_promotion


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([], None),
        ([None], None),
        ([""], ColumnKind.TEXT),
        ([1, 2**62, None], ColumnKind.BIGINT),
        ([1, 2**64], ColumnKind.NUMERIC),
        ([1, Decimal("1.5")], ColumnKind.NUMERIC),
        (["007", "12"], ColumnKind.TEXT),
        (["12", 13], ColumnKind.TEXT),
        ([True, False], ColumnKind.BOOLEAN),
        ([True, "x"], ColumnKind.JSON),
        (["2026-01-01", ""], ColumnKind.DATE),
        (["2026-01-01T10:00:00Z", "2026-01-01 10:00:00"], ColumnKind.TIMESTAMP),
        (["10:00"], ColumnKind.TIME),
        (["2026-01-01", "2026-01-01T10:00:00Z"], ColumnKind.TEXT),
        (["2026-02-30"], ColumnKind.TEXT),
        ([["a"]], ColumnKind.JSON),
        (["a", {"b": 1}], ColumnKind.JSON),
    ],
)
def test_the_narrowest_type_that_takes_all(values: list[Any], kind: ColumnKind | None) -> None:
    assert infer(values) == kind


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nothing.x", "Known are"),
        ("tasks", "cannot become a column"),
        ("tasks.", "cannot become a column"),
        ("tasks.a.b.c", "cannot become a column"),
        ("tasks./comments", "cannot become a column"),
        ("tasks.x'; DROP TABLE tasks; --", "cannot become a column"),
        ("tasks.description", "a column for description already"),
        ("tasks.summary.note", "a column for summary.note already"),
        ("tasks.assignments", "a table of its own"),
        ("tasks.task_tags", "a table of its own"),
    ],
)
def test_what_cannot_be_promoted_is_refused_with_a_reason(text: str, said: str) -> None:
    with pytest.raises(NotPromotable, match=said):
        parse(text)


def test_the_column_is_a_plain_new_name() -> None:
    target = parse("tasks.Details.color-Code")
    made = plan_promotion(target, ColumnKind.TEXT, None, columns={"id"}, reserved={"order"})
    assert made.column == "details_color_code"
    assert made.literal == 'Field("Details.color-Code", Kind.TEXT, "details_color_code")'
    assert (
        plan_promotion(parse("tasks.x"), ColumnKind.DATE, None, columns=(), reserved=()).literal
        == 'Field("x", Kind.DATE)'
    )
    for column, said in (
        ("id", "has a column id"),
        ("order", "reserved word"),
        ('a"b', "not the name"),
        ("", "not the"),
    ):
        with pytest.raises(NotPromotable, match=said):
            plan_promotion(target, ColumnKind.TEXT, column, columns={"id"}, reserved={"order"})
