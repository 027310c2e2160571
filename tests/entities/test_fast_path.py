"""Good bodies never take the patient way: it costs many times as much."""

from __future__ import annotations

import json

import pytest

from breezeway_sync.entities import decode


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 100, "page": 1, "total_pages": 3, "total_results": 250, "results": [{"id": 1, "x": 1.5}, {"id": 2}]},
        {"limit": 100, "page": 1, "results": []},
        {"limit": "100", "page": "1", "total_pages": None, "results": [{"id": 1, "nested": {"a": [1, "\u0000", "ü"]}}]},
        [{"id": 1}, {"id": 2, "a": None}],
    ],
)
def test_good_bodies_are_read_at_once(body: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def patient(_text: bytes) -> None:
        raise AssertionError("the patient way was taken")

    monkeypatch.setattr(decode, "split", patient)
    monkeypatch.setattr(decode, "_read_tolerantly", patient)
    decode.read_list(json.dumps(body).encode())
