"""Builds answers in the shapes of the API page and the samples."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

JSON = "application/json"
HTML = "text/html; charset=utf-8"
BLOCKED_PAGE = b"<html><head><title>403 Forbidden</title></head><body><h1>403 Forbidden</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


class SandboxRefusal(Exception):  # an answer, not an error of ours
    """Raised where the answer is known before the handler is done."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def as_json(value: object, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status, json.dumps(value, separators=(",", ":")).encode(), headers=named)


def bare(bodies: Iterable[bytes]) -> Answer:
    """A list without envelope."""
    return Answer(200, b"[" + b",".join(bodies) + b"]")


def envelope(bodies: Iterable[bytes], *, limit: int, page: int, totals: tuple[int, int] | None) -> Answer:
    """`totals` are total_pages and total_results; the vendor's examples of two lists lack them."""
    counted = b"" if totals is None else b',"total_pages":%d,"total_results":%d' % totals
    return Answer(200, b'{"limit":%d,"page":%d%s,"results":[%s]}' % (limit, page, counted, b",".join(bodies)))


def not_found(what: str) -> Answer:
    return as_json({"error": "not_found", "description": f"{what} not found"}, 404)


def unprocessable(field_name: str, *messages: str) -> Answer:
    return as_json({"error": "unprocessable", "description": {field_name: list(messages)}}, 422)


def unauthorized() -> Answer:
    return as_json({"error": "unauthorized", "description": "Missing or invalid token"}, 401)


def rate_limited(retry_at: str | None = None, **headers: str) -> Answer:
    """With the hint that the auth service gives, or without any, as data endpoints answer."""
    if retry_at is None:
        return as_json({"error": "rate_limited", "description": "Rate limit reached"}, 429, **headers)
    details = {"message": "Rate limit reached", "retry_after": retry_at}
    return as_json({"error": "rate_limited", "details": details}, 429, **headers)


def blocked() -> Answer:
    """What the service's edge answers to too many requests at once (section 2)."""
    return Answer(403, BLOCKED_PAGE, HTML)
