"""A webhook: one POST of `{"text": …}`, the format of Slack and services like it."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from breezeway_sync.api.transport import Transport, environment_proxy
from breezeway_sync.core.errors import ApiError, ConfigurationError
from breezeway_sync.ops.alerts.model import Message
from breezeway_sync.ops.alerts.ports import NotDelivered

PREFIX = "[breezeway-sync] "
LONGEST_TEXT = 30_000  # Slack cuts at 40,000
LIMITED = 429

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def slack_text(message: Message) -> str:
    """Title and body; `&`, `<` and `>` would be read as links and mentions."""
    body = message.body.strip()
    body = body if len(body) <= LONGEST_TEXT else body[:LONGEST_TEXT] + "…"
    return f"*{PREFIX.translate(_ESCAPES)}{message.title.translate(_ESCAPES)}*\n{body.translate(_ESCAPES)}"


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """Calls one address, which is a secret: whoever knows it may write there."""

    url: str = field(repr=False)
    seconds: float
    name: str = "webhook"

    async def send(self, message: Message) -> str | None:
        """Call it once. Raises NotDelivered, without the address."""
        parts = urlsplit(self.url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        origin = f"{parts.scheme}://{parts.netloc}"
        try:
            environment_proxy(origin)  # before anything is opened that a proxy which is refused would leave open
            async with Transport(origin, self.seconds) as transport:
                answer = await transport.send("POST", path, endpoint=self.name, json={"text": slack_text(message)})
        except ApiError as error:
            raise NotDelivered("the webhook is unreachable", actual=error.actual, again=not error.status) from error
        except ConfigurationError as error:  # a proxy in the environment that cannot be used
            raise NotDelivered(error.what, actual=error.actual, hint=error.hint, again=False) from error
        if not 200 <= answer.status < 300:
            is_passing = answer.status >= 500 or answer.status == LIMITED
            hint = None if is_passing else "check alerts.webhook.url: it may be revoked"
            actual = f"HTTP status {answer.status}"
            raise NotDelivered("the webhook refused the message", actual=actual, hint=hint, again=is_passing)
        return None
