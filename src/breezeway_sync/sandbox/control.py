"""The addresses under /_sandbox/, by which any process reads and controls the simulated service."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, fields
from random import Random
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from breezeway_sync.sandbox.account import SandboxAccount
from breezeway_sync.sandbox.drift import drift
from breezeway_sync.sandbox.faults import FaultRule
from breezeway_sync.sandbox.simulator import Sandbox
from breezeway_sync.sandbox.spec import KINDS, Kind

Endpoint = Callable[[Request], Awaitable[Response]]

#: Options that a program elsewhere may set; the others hold code or sets.
_SETTABLE = {"drop_error", "ignore_page_on"}


def control_routes(sandbox: Sandbox) -> list[Route]:
    """What the addresses do stands at their functions."""
    endpoints: dict[str, tuple[Callable[[Sandbox, Request, Any], Response], list[str]]] = {
        "/_sandbox/stats": (_stats, ["GET", "DELETE"]),
        "/_sandbox/faults": (_faults, ["GET", "POST", "DELETE"]),
        "/_sandbox/options": (_options, ["GET", "POST"]),
        "/_sandbox/drift": (_drift, ["POST"]),
        "/_sandbox/edit": (_edit, ["POST"]),
        "/_sandbox/accounts": (_accounts, ["GET"]),
        "/_sandbox/records/{account}/{kind}": (_records, ["GET"]),
    }
    return [Route(path, _wrapped(sandbox, run), methods=methods) for path, (run, methods) in endpoints.items()]


def _wrapped(sandbox: Sandbox, run: Callable[[Sandbox, Request, Any], Response]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            sent = json.loads(await request.body() or b"{}")
            return run(sandbox, request, sent)
        except (KeyError, TypeError, ValueError) as error:
            return JSONResponse({"error": "bad_request", "description": str(error)}, 400)

    return endpoint


def _stats(sandbox: Sandbox, request: Request, _sent: Any) -> Response:
    if request.method == "DELETE":
        sandbox.stats.reset()
    return JSONResponse(sandbox.stats.as_dict())


def _faults(sandbox: Sandbox, request: Request, sent: Any) -> Response:
    """POST one rule or a list of them; DELETE all, or the one with `?id=`."""
    if request.method == "POST":
        for settings in sent if isinstance(sent, list) else [sent]:
            sandbox.faults.add_rule(FaultRule.of(settings))
    elif request.method == "DELETE" and "id" in request.query_params:
        sandbox.faults.remove(int(request.query_params["id"]))
    elif request.method == "DELETE":
        sandbox.faults.clear()
    return JSONResponse([rule.as_dict() for rule in sandbox.faults.rules])


def _options(sandbox: Sandbox, request: Request, sent: Any) -> Response:
    known = {entry.name for entry in fields(sandbox.options)} - _SETTABLE
    if request.method == "POST":
        if unknown := set(sent) - known:
            raise ValueError(f"unknown options: {', '.join(sorted(unknown))}")
        for name, value in sent.items():
            setattr(sandbox.options, name, value)
    return JSONResponse({name: value for name, value in asdict(sandbox.options).items() if name in known})


def _drift(sandbox: Sandbox, _request: Request, sent: Any) -> Response:
    """`{"edits": 10, "account": "…" or none for all, "seed": …}`."""
    codes = [sent["account"]] if sent.get("account") else list(sandbox.world.accounts)
    seed = sent.get("seed")
    done = {}
    for code in codes:
        rng = None if seed is None else Random(f"{seed}/{code}")  # noqa: S311  # chance, not secrecy
        edits = drift(sandbox.world.account(code), int(sent.get("edits", 10)), rng)
        done[code] = [{"action": action, "kind": kind, "id": record_id} for action, kind, record_id in edits]
    return JSONResponse(done)


def _edit(sandbox: Sandbox, _request: Request, sent: Any) -> Response:
    """`{"account", "kind", "action": put | patch | delete | hide | show, "id", "record"}`."""
    account = sandbox.world.account(sent["account"])
    kind, action = _kind(sent["kind"]), sent["action"]
    if action == "put":
        return JSONResponse({"id": account.put(kind, sent["record"])})
    record_id = int(sent["id"])
    if action == "patch":
        account.patch(kind, record_id, **sent["record"])
    elif action in ("delete", "hide", "show"):
        getattr(account, action)(kind, record_id)
    else:
        raise ValueError(f"unknown action {action!r}")
    return JSONResponse({"id": record_id})


def _accounts(sandbox: Sandbox, _request: Request, _sent: Any) -> Response:
    """With the made-up credentials, so that a client can be set up from here."""
    return JSONResponse([_account(account) for account in sandbox.world.accounts.values()])


def _account(account: SandboxAccount) -> dict[str, Any]:
    spec = account.spec
    return {
        "code": spec.code,
        "name": spec.name,
        "company_id": spec.company_id,
        "client_id": spec.client_id,
        "client_secret": spec.client_secret,
        "counts": {kind: account.count(kind) for kind in KINDS},
    }


def _records(sandbox: Sandbox, request: Request, _sent: Any) -> Response:
    """The full truth about one kind, one record a line."""
    account = sandbox.world.account(request.path_params["account"])
    return StreamingResponse(_lines(account, _kind(request.path_params["kind"])), media_type="application/x-ndjson")


def _lines(account: SandboxAccount, kind: Kind) -> Iterator[bytes]:
    for record_id in account.ids(kind):
        yield (account.body(kind, record_id) or b"") + b"\n"


def _kind(name: str) -> Kind:
    if name not in KINDS:
        raise ValueError(f"unknown kind {name!r}, one of {', '.join(KINDS)} is possible")
    return name
