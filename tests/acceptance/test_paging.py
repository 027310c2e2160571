"""Lists that are paged wrongly, through a whole run: it ends, it is not green when something is missing."""

from __future__ import annotations

import pytest

from breezeway_sync.core.outcome import PARTIAL, SUCCESS
from breezeway_sync.sandbox.spec import resized
from tests.conftest import Rows
from tests.helpers import outcome, sandboxed, tiny

STAYS = "SELECT count(*) n FROM reservations"


@pytest.mark.parametrize("omit_totals", [False, True], ids=["says how many", "says nothing"])
async def test_a_list_that_ignores_the_page_ends(dsn: str, rows: Rows, omit_totals: bool) -> None:
    async with sandboxed(dsn, [resized(tiny()[0], reservations_per_property=60)]) as setup:
        count = setup.world.account("nashville").count("reservations")
        setup.options.ignore_page_on.add("/reservation")
        setup.options.omit_totals = omit_totals
        report = await setup.run(entity="reservations")
        assert setup.stats.of(None, "/reservation") <= 4
        assert count > 100
        assert rows(STAYS) == [{"n": 100}]
        # Without totals nothing says that there is not more.
        assert outcome(report, "reservations").status == PARTIAL
        setup.options.ignore_page_on.clear()
        setup.options.omit_totals = False
        healed = await setup.run(entity="reservations")
    assert outcome(healed, "reservations").status == SUCCESS
    assert rows(STAYS) == [{"n": count}]


@pytest.mark.parametrize("total_pages", [1, 2, 10**6])
async def test_totals_that_are_wrong(dsn: str, rows: Rows, total_pages: int) -> None:
    """Too few lose nothing, too many cost nothing: what was counted says that all came."""
    async with sandboxed(dsn, [resized(tiny()[0], reservations_per_property=60)]) as setup:
        count = setup.world.account("nashville").count("reservations")
        setup.options.total_pages = total_pages
        report = await setup.run(entity="reservations")
        assert setup.stats.of(None, "/reservation") < 20
    assert outcome(report, "reservations").status == SUCCESS
    assert rows(STAYS) == [{"n": count}]
