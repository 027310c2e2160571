"""The routes of the auth service: POST /public/auth/v1/ and /refresh (section 1)."""

from __future__ import annotations

import hmac
import json

from breezeway_sync.sandbox import answers
from breezeway_sync.sandbox.account import SandboxAccount
from breezeway_sync.sandbox.answers import Answer
from breezeway_sync.sandbox.simulator import Call
from breezeway_sync.sandbox.tokens import zoneless


def obtain(call: Call) -> Answer:
    """Wrong or unknown pairs are answered with status 200, as two users saw it."""
    try:
        sent = json.loads(call.body)
    except ValueError:
        return answers.as_json({"error": "bad_request", "description": "Not JSON"}, 400)
    client_id, secret = (sent.get("client_id"), sent.get("client_secret")) if isinstance(sent, dict) else ("", "")
    if not isinstance(client_id, str) or not isinstance(secret, str):
        return answers.unprocessable("client_id", "Missing data for required field.")
    refused = _refused(call, client_id, "auth")
    if refused is not None:
        return refused
    account = call.sandbox.world.client(client_id)
    if account is None:
        return answers.as_json({"error": "inactive client"})
    if not hmac.compare_digest(secret.encode(), account.spec.client_secret.encode()):
        return Answer(200, b"null")
    return _issue(call, account)


def refresh(call: Call) -> Answer:
    """A new pair for `Authorization: JWT <refresh token>`, without a body."""
    scheme, _, token = call.request.headers.get("authorization", "").partition(" ")
    account = call.sandbox.tokens.valid(token, "refresh") if scheme == "JWT" else None
    if account is None:
        return answers.unauthorized()
    refused = _refused(call, account.spec.client_id, "refresh")
    if refused is not None:
        return refused
    if call.sandbox.options.refresh_once:
        call.sandbox.tokens.revoke_token(token)
    return _issue(call, account)


def _refused(call: Call, client_id: str, endpoint: str) -> Answer | None:
    """1 call a minute and pair, counted for each of the two addresses by itself."""
    options = call.sandbox.options
    if options.auth_interval_seconds is None:
        return None
    reset = call.sandbox.tokens.claim_call(client_id, endpoint, options.auth_interval_seconds)
    if reset is None:
        return None
    seconds = f"{options.auth_interval_seconds:g}"
    header = {"retry_after": seconds} if options.auth_hint in ("header", "both") else {}
    return answers.rate_limited(zoneless(reset) if options.auth_hint in ("body", "both") else None, **header)


def _issue(call: Call, account: SandboxAccount) -> Answer:
    options = call.sandbox.options
    pair = call.sandbox.tokens.issue(account, options.access_token_seconds, options.refresh_token_seconds)
    return answers.as_json(pair)
