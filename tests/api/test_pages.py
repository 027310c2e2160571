"""Where a list ends, against every kind of server that pages differently."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import pytest

from breezeway_sync.api.pages import PageReading, is_full
from breezeway_sync.entities.decode import Item, ListBody

LIMIT = 3


@dataclass(frozen=True)
class Server:
    """`cap` bounds its pages whatever was asked; the other fields say what its envelope tells."""

    count: int
    cap: int = LIMIT
    echoed_limit: str | None = "asked"
    pages: str | None = "right"
    results: str | None = "right"
    echoes_page: bool = True
    ignores_page: bool = False
    has_ids: bool = True

    def answer(self, page: int) -> ListBody:
        size = min(self.cap, LIMIT)
        shown = 1 if self.ignores_page else page
        start = (shown - 1) * size
        numbers = range(start, min(start + size, self.count))
        right = -(-self.count // size)
        total_pages = {"right": right, "one": 1, "small": max(1, right - 1), "huge": 10**9, "zero": 0}
        return ListBody(
            items=tuple({"id": n + 1} if self.has_ids else {"name": f"n{n}"} for n in numbers),
            is_bare=False,
            limit={"asked": LIMIT, "capped": size, "zero": 0}.get(self.echoed_limit or ""),
            page=shown if self.echoes_page else None,
            total_pages=total_pages.get(self.pages or ""),
            total_results={"right": self.count, "page": len(numbers)}.get(self.results or ""),
        )


def read(server: Server) -> tuple[list[Item], int, bool]:
    """All items, the number of calls, and whether the reading calls itself complete."""
    reading, calls = PageReading(LIMIT), 0
    items: list[Item] = []
    while True:
        calls += 1
        assert calls < 30, "it does not end"
        assert list(reading.window(1)) == [calls]
        judgement, reading = reading.judge(server.answer(calls))
        items += judgement.fresh
        if judgement.is_last:
            return items, calls, judgement.is_complete


def servers() -> Iterator[Server]:
    choices = product(
        range(11),
        (1, 2, 3, 9),
        ("asked", "capped", "zero", None),
        ("right", "huge", "zero", "one", "small", None),
        ("right", None),
        (True, False),
        (True, False),
    )
    for count, cap, echoed, pages, results, echoes_page, has_ids in choices:
        yield Server(count, cap, echoed, pages, results, echoes_page, has_ids=has_ids)


def test_every_item_comes_exactly_once_from_every_server_that_pages() -> None:
    checked = 0
    for server in servers():
        # One that caps its pages without a word and calls one page the last leaves nothing to see it by.
        is_lying = server.pages in ("one", "small") and not server.results and server.cap < LIMIT
        if is_lying and server.echoed_limit != "capped":
            continue
        items, calls, is_complete = read(server)
        expected = server.answer(1).items + tuple(item for page in range(2, 12) for item in server.answer(page).items)
        assert tuple(items) == expected, server
        assert calls <= -(-server.count // min(server.cap, LIMIT)) + 1 + (not server.count), server
        assert is_complete or server.pages == "huge", server
        checked += 1
    assert checked > 5000


@pytest.mark.parametrize("count", range(1, 20))
def test_least_calls(count: int) -> None:
    """As many as there are pages; one more only when the last is full and might not be the last."""
    pages = -(-count // LIMIT)
    _, calls, _ = read(Server(count))
    assert calls == pages + (count % LIMIT == 0)


def test_an_empty_list_is_one_call() -> None:
    for pages, results in product(("right", "one", None), ("right", None)):
        assert read(Server(0, pages=pages, results=results)) == ([], 1, True)


def test_a_bare_array_is_all_there_is() -> None:
    judgement, _ = PageReading(LIMIT).judge(ListBody(({"id": 1}, {"id": 2}, {"id": 3}), is_bare=True))
    assert judgement.is_last
    assert judgement.is_complete


def test_a_server_that_ignores_the_page_ends_and_says_what_it_left_out() -> None:
    for echoes_page, has_ids, count in product((True, False), (True, False), (1, 2, 3, 7)):
        server = Server(count, echoes_page=echoes_page, has_ids=has_ids, ignores_page=True)
        for pages, results in product(("right", "huge", None), ("right", None)):
            server = replace(server, pages=pages, results=results)
            items, calls, is_complete = read(server)
            assert tuple(items) == server.answer(1).items
            assert calls <= 2
            if count > LIMIT and (pages or results):
                assert not is_complete, server
            elif pages != "huge":
                assert is_complete, server


def test_fewer_items_than_announced_pages_make_a_list_incomplete() -> None:
    reading = PageReading(LIMIT)
    full: tuple[Item, ...] = ({"id": 1}, {"id": 2}, {"id": 3})
    _, reading = reading.judge(ListBody(full, is_bare=False, total_pages=4, total_results=11))
    judgement, _ = reading.judge(ListBody((), is_bare=False, total_pages=4, total_results=11))
    assert judgement.is_last
    assert not judgement.is_complete


def test_a_repeating_page_hands_on_what_was_created_meanwhile() -> None:
    reading = PageReading(LIMIT)
    _, reading = reading.judge(ListBody(({"id": 1}, {"id": 2}, {"id": 3}), is_bare=False, page=1))
    judgement, _ = reading.judge(ListBody(({"id": 2}, {"id": 3}, {"id": 4}), is_bare=False, page=1))
    assert judgement.fresh == ({"id": 4},)
    assert judgement.is_last


def test_a_page_number_that_was_never_right_is_not_believed() -> None:
    """A server that counts pages from 0 loses nothing."""
    reading = PageReading(2)
    _, reading = reading.judge(ListBody(({"id": 1}, {"id": 2}), is_bare=False, page=0))
    judgement, reading = reading.judge(ListBody(({"id": 3}, {"id": 4}), is_bare=False, page=1))
    assert not judgement.is_last
    assert len(judgement.fresh) == 2


def test_rows_that_shift_onto_the_last_page_do_not_make_it_incomplete() -> None:
    reading = PageReading(LIMIT)
    full: tuple[Item, ...] = ({"id": 1}, {"id": 2}, {"id": 3})
    _, reading = reading.judge(ListBody(full, is_bare=False, total_pages=2))
    judgement, _ = reading.judge(ListBody(({"id": 3},), is_bare=False, total_pages=2))
    assert judgement.is_last
    assert judgement.is_complete


def test_pages_are_asked_for_ahead_only_as_far_as_they_were_announced() -> None:
    assert list(PageReading(LIMIT).window(4)) == [1]
    assert list(PageReading(LIMIT, number=1).window(4)) == [2]
    assert list(PageReading(LIMIT, number=1, total_pages=3).window(4)) == [2, 3]
    assert list(PageReading(LIMIT, number=1, total_pages=10**9).window(4)) == [2, 3, 4, 5]
    assert list(PageReading(LIMIT, number=3, total_pages=3).window(4)) == [4]
    assert list(PageReading(LIMIT, number=3, total_pages=9).window(0)) == [4]


def test_what_one_answer_tells_about_a_list_that_is_not_paged() -> None:
    assert is_full(ListBody(({"id": 1},), is_bare=True))
    assert is_full(ListBody(({"id": 1},), is_bare=False, total_pages=1, total_results=1))
    assert not is_full(ListBody(({"id": 1},), is_bare=False, total_pages=2))
    assert not is_full(ListBody(({"id": 1},), is_bare=False, total_results=2))
