"""The faults: what can go wrong, for which calls, how often."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from random import Random
from typing import Any, Literal, get_args

from breezeway_sync.sandbox import answers
from breezeway_sync.sandbox.answers import HTML, Answer
from breezeway_sync.sandbox.options import Hint

FaultKind = Literal[
    "status",  # `status` with a JSON error body: 500, 502, 503, 504 …
    "429",  # `hint` says where `retry_after` seconds stand
    "401",
    "403_html",
    "403_json",
    "404",
    "422",
    "empty",  # 200 without a body
    "cut",  # 200, the right body, half of it
    "html",  # 200 with a page
    "error_object",  # 200 with {"error": …}
    "null",  # 200 with null
    "drop",  # the connection ends without an answer
    "slow",  # `delay` seconds, then the right answer
    "late",  # the right answer as it was `delay` seconds ago: others overtake it
    "blank",  # 200 with an empty list
    "garbage",  # 200, control characters inside the right body
]
FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)


@dataclass(slots=True)
class FaultRule:
    """One fault: where (`path` is searched as a regular expression in path and query), for whom, how often.

    Of the matching calls the first `skip` pass; then each `every`-th is hit with `probability`, at most
    `times` of them.
    """

    kind: FaultKind
    path: str = ""
    account: str | None = None
    method: str | None = None
    probability: float = 1.0
    times: int | None = None
    every: int = 1
    skip: int = 0
    status: int = 500
    hint: Hint = "none"
    retry_after: float = 60.0
    delay: float = 0.0
    id: int = 0
    seen: int = 0
    hits: int = 0
    _pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in FAULT_KINDS:
            raise ValueError(f"kind is {self.kind!r}, one of {', '.join(FAULT_KINDS)} is possible")
        self._pattern = re.compile(self.path)

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> FaultRule:
        """From JSON; unknown names are refused."""
        known = {entry.name for entry in fields(cls) if entry.init} - {"id", "seen", "hits"}
        if unknown := set(settings) - known:
            raise ValueError(f"unknown fault settings: {', '.join(sorted(unknown))}")
        return cls(**settings)

    def as_dict(self) -> dict[str, Any]:
        return {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.init}

    def strikes(self, account: str | None, method: str, path: str, rng: Random) -> bool:
        if self.account not in (None, account) or self.method not in (None, method):
            return False
        if not self._pattern.search(path) or (self.times is not None and self.hits >= self.times):
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.seen - self.skip) % self.every:
            return False
        if self.probability < 1.0 and rng.random() >= self.probability:
            return False
        self.hits += 1
        return True


class Faults:
    """The rules in force; chance comes from a seed."""

    def __init__(self, seed: int = 1) -> None:
        self._rng = Random(seed)  # noqa: S311  # chance, not secrecy
        self._next_id = 1
        self.rules: list[FaultRule] = []

    def add(self, kind: FaultKind, path: str = "", **settings: Any) -> FaultRule:
        return self.add_rule(FaultRule(kind, path, **settings))

    def add_rule(self, rule: FaultRule) -> FaultRule:
        rule.id = self._next_id
        self._next_id += 1
        self.rules.append(rule)
        return rule

    def remove(self, rule_id: int) -> None:
        self.rules = [rule for rule in self.rules if rule.id != rule_id]

    def clear(self) -> None:
        self.rules = []

    def choose(self, account: str | None, method: str, path: str) -> tuple[float, FaultRule | None]:
        """Seconds to wait, and the first rule that decides the answer."""
        delay = 0.0
        for rule in self.rules:
            if rule.strikes(account, method, path, self._rng):
                delay += rule.delay if rule.kind != "late" else 0.0
                if rule.kind != "slow":
                    return delay, rule
        return delay, None


def instead(rule: FaultRule, retry_at: str) -> Answer | None:
    """The answer in place of the right one; None for faults that need the right one."""
    if rule.kind == "status":
        return answers.as_json({"error": "server_error", "description": "Something went wrong"}, rule.status)
    if rule.kind == "429":
        header = {"retry_after": f"{rule.retry_after:g}"} if rule.hint in ("header", "both") else {}
        return answers.rate_limited(retry_at if rule.hint in ("body", "both") else None, **header)
    fixed: dict[str, Answer] = {
        "401": answers.unauthorized(),
        "403_html": answers.blocked(),
        "403_json": answers.as_json({"error": "forbidden", "description": "Not part of this plan"}, 403),
        "404": answers.not_found("Record"),
        "422": answers.unprocessable("home_id", "Not accepted."),
        "empty": Answer(200, b""),
        "html": Answer(200, b"<html><body>Please stand by</body></html>", HTML),
        "error_object": answers.as_json({"error": "internal", "description": "Try again"}),
        "null": Answer(200, b"null"),
    }
    return fixed.get(rule.kind)


def spoiled(rule: FaultRule, answer: Answer) -> Answer:
    """The right answer made wrong. Refusals stay as they are."""
    if answer.status != 200:
        return answer
    if rule.kind == "cut":
        return Answer(200, answer.body[: len(answer.body) // 2])
    if rule.kind == "garbage":
        middle = len(answer.body) // 2
        return Answer(200, answer.body[:middle] + b"\x00\x01\x02\xff" + answer.body[middle:])
    if rule.kind == "blank":
        return Answer(200, _blank(answer.body))
    return answer


def _blank(body: bytes) -> bytes:
    if body.startswith(b'{"limit"'):
        shell = json.loads(body)
        shell |= {"results": []} | {key: 0 for key in ("total_pages", "total_results") if key in shell}
        return json.dumps(shell).encode()
    return b"[]" if body.startswith(b"[") else b"{}"
