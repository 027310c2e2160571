"""A green run is believed: what does it promise, and is it so?"""

from __future__ import annotations

from collections.abc import Mapping

from breezeway_sync.sandbox.world import World
from breezeway_sync.service.runner import RunReport
from tests.convergence.lists import COPIED, NARROWED, NEVER, Lists
from tests.convergence.watcher import Watcher


def is_honest(
    world: World,
    lists: Lists,
    watcher: Watcher,
    report: RunReport,
    began: float,
    interrupted: Mapping[str, float],
    *,
    is_full: bool,
) -> int:
    """A region that is green in everything has every record as it was when the run began, as far as the API tells.

    `began` is when the run began, `cut_off` when the run of a region did that it went on with. Returns how many regions
    were green.
    """
    green = 0
    for code in world.accounts:
        outcomes = [one for one in report.outcomes if one.region == code]
        if not outcomes or any(one.status != "success" or "unavailable" in one.details for one in outcomes):
            continue
        green += 1
        since = interrupted.get(code, began)
        homes = dict(lists.of(code, "properties"))
        for kind in COPIED:
            old = []
            for number, home in lists.of(code, kind):
                if home and (home not in homes or lists.last((code, "properties", home)) >= since):
                    continue
                is_whole = is_full or kind not in NARROWED
                whole = since if is_whole else watcher.claims.whole(code, kind, home)
                key = (code, kind, number)
                if whole > NEVER and lists.is_pending_read(key, since, whole) and not watcher.is_current(key):
                    old.append(number)
            assert not old, f"a green run left {code} {kind} {old} as they were"
    return green
