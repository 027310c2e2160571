"""The client against the simulated service, over the network of this machine."""

from __future__ import annotations

import pytest

from breezeway_sync.core.clock import SystemClock
from breezeway_sync.core.errors import NotFound
from breezeway_sync.core.tokens import Credentials
from breezeway_sync.sandbox import AccountSpec, Options, World, create_app, running

from .support import account

SPEC = AccountSpec("north", "North", 17, "made-up-north", "not-a-secret", properties=47, supplies=23)
PAIR = Credentials(SPEC.client_id, SPEC.client_secret)


@pytest.mark.parametrize(
    "options",
    [
        Options(),
        Options(max_limit=7, echo_clamped_limit=False),
        Options(omit_totals=True, max_limit=7, echo_clamped_limit=False),
        Options(total_pages=100),
    ],
    ids=["plain", "capped", "without totals", "wrong totals"],
)
async def test_lists_are_read_whole_from_the_sandbox(options: Options) -> None:
    app = create_app(World([SPEC]), options)
    async with (
        running(app) as url,
        account(base_url=url, clock=SystemClock(), page_size=10, pair=PAIR) as setup,
    ):
        api = setup.api
        for path, count in (("/supplies", SPEC.supplies), ("/property", SPEC.properties)):
            items = [item async for page in api.pages(path, path) for item in page.items]
            ids = {item["id"] for item in items if isinstance(item, dict)}
            assert len(items) == len(ids) == count
        people = await api.listing("/people", "/people")
        assert people.items
        known = min(ids, key=str)
        record = await api.record("/property/{id}", f"/property/{known}")
        assert record.value["id"] == known
        with pytest.raises(NotFound):
            await api.record("/task/{id}", "/task/999999999")
