"""`[alerts]`, `[alerts.smtp]` and `[alerts.webhook]`: who receives alerts, and how often."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from breezeway_sync.service.settings.checks import (
    FROZEN,
    INCOMPLETE,
    Expectation,
    check_secret,
    check_text,
    flaw_of_address,
    lower_case,
    unfit,
)

ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*"
)
LONGEST_ADDRESS = 254  # RFC 5321: what fits between < and >
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f.]*")
TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")

_Value = TypeVar("_Value")


def check_mailbox(text: str) -> str:
    """A plain address: it becomes part of a header and of a command of SMTP, so that nothing else may pass."""
    if flaw := flaw_of_address(text):
        raise unfit(flaw)
    if not ADDRESS.fullmatch(text) or len(text) > LONGEST_ADDRESS:
        raise unfit("text that is no plain e-mail address")
    return text


def check_host(text: str) -> str:
    """A host's name or address, without port or scheme."""
    if flaw := flaw_of_address(text):
        raise unfit(flaw)
    if not HOST.fullmatch(text):
        raise unfit("text that is no host name")
    return text


def check_webhook(secret: SecretStr) -> SecretStr:
    """An address that is called as it stands, query included; whoever knows it may write to the channel."""
    url = secret.get_secret_value()
    if flaw := flaw_of_address(url):
        raise unfit(flaw)
    if not url.isascii():
        raise unfit("an address with characters other than ASCII")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise unfit("an address whose host or port cannot be read") from None
    if parts.scheme not in ("http", "https"):
        raise unfit("text that does not start with http:// or https://")
    if "@" in parts.netloc or "#" in url:
        raise unfit("an address with credentials or a fragment")
    if not parts.hostname or port == 0:
        raise unfit("an address without a host, or with port 0")
    return secret


def check_time_of_day(text: str) -> str:
    """`07:00`, or an empty text for never."""
    if text and not TIME_OF_DAY.fullmatch(text):
        raise unfit("text that is no time of day")
    return text


def as_tuple(value: Any) -> Any:
    """A list as TOML has it, or text with commas as variables have it, as a tuple; everything else as it is."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",")) if value else ()
    return tuple(value) if isinstance(value, list) else value


def optional(check: Callable[[_Value], _Value]) -> Callable[[_Value | None], _Value | None]:
    """The same check for a key that may be left out."""
    return lambda value: None if value is None else check(value)


Mailbox = Annotated[str, AfterValidator(check_mailbox)]


class Smtp(BaseModel):
    """E-mail; sent once `host`, `sender` and `recipients` are given."""

    model_config = FROZEN

    host: Annotated[
        str | None,
        AfterValidator(optional(check_host)),
        Expectation("a host's name or address without port, such as smtp.example.com"),
    ] = Field(default=None, description="The mail server. Left out: no e-mail.")
    port: int = Field(default=587, ge=1, le=65_535, description="Its port: usually 587 for `starttls`, 465 for `tls`.")
    security: Annotated[Literal["starttls", "tls", "none"], BeforeValidator(lower_case)] = Field(
        default="starttls",
        description="`starttls`: encrypted after a greeting in the clear, or not sent at all; `tls`: encrypted from "
        "the start; `none`: in the clear, for a server on the same machine. Certificates are always verified.",
    )
    username: Annotated[
        str | None, AfterValidator(optional(check_text)), Expectation("printable text without white space around it")
    ] = Field(default=None, description="User name. Left out, with `password`: no login.")
    password: Annotated[
        SecretStr | None,
        AfterValidator(check_secret),
        Expectation("printable text without white space around it, and security of starttls or tls"),
    ] = Field(default=None, description="Password of `username`; never shown, and never sent unencrypted.")
    sender: Annotated[
        str | None, AfterValidator(optional(check_mailbox)), Expectation("a plain address such as alerts@example.com")
    ] = Field(default=None, description="Sender address of the mails.")
    recipients: Annotated[
        tuple[Mailbox, ...],
        BeforeValidator(as_tuple),
        Expectation("up to 50 plain addresses such as ops@example.com: a list, or a text with commas"),
    ] = Field(
        default=(), max_length=50, description="Recipients of the mails. In a variable, separate them with commas."
    )
    ca_file: Annotated[
        str | None,
        AfterValidator(optional(check_text)),
        Expectation("the name of a file of certificates in PEM format"),
    ] = Field(default=None, description="File of trusted certificates. Left out: the system's trusted certificates.")
    timeout_seconds: float = Field(default=20.0, gt=0, le=300, description="Time limit of one attempt to send a mail.")

    @field_validator("password")
    @classmethod
    def _is_encrypted(cls, password: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if password is not None and info.data.get("security") == "none":
            raise unfit("a password for a connection that is not encrypted")
        return password

    @model_validator(mode="after")
    def _is_full(self) -> Self:
        given = {name for name in ("host", "sender", "recipients", "username", "password") if getattr(self, name)}
        missing = [name for name in ("host", "sender", "recipients") if given and name not in given]
        pair = given & {"username", "password"}
        missing += [name for name in ("username", "password") if len(pair) == 1 and name not in pair]
        if missing:
            raise PydanticCustomError(INCOMPLETE, "{names}", {"names": " ".join(missing)})
        return self


class Webhook(BaseModel):
    """A POST of `{"text": "…"}`, as Slack, Mattermost and others take it."""

    model_config = FROZEN

    url: Annotated[
        SecretStr | None,
        AfterValidator(optional(check_webhook)),
        Expectation("an http:// or https:// address without credentials or fragment"),
    ] = Field(
        default=None,
        description="Address to call; never shown, because anybody who knows it can post. Left out: no webhook.",
    )
    timeout_seconds: float = Field(default=20.0, gt=0, le=300, description="Time limit of one attempt to call it.")


class AlertsSettings(BaseModel):
    """Alerts by e-mail or webhook. They are on as soon as one of the two tables below is filled."""

    model_config = FROZEN

    warn_after_minutes: float = Field(
        default=5.0, ge=0, le=525_600, description="A run that takes longer triggers an alert. `0`: never."
    )
    remind_hours: float = Field(
        default=24.0, ge=0, le=8_760, description="Reminder interval while something still fails. `0`: no reminder."
    )
    max_per_hour: int = Field(
        default=20,
        ge=1,
        le=1_000,
        description="Most messages within any hour. The next message says how many were suppressed.",
    )
    summary_at: Annotated[
        str, AfterValidator(check_time_of_day), Expectation("a time of day such as 07:00, or an empty text")
    ] = Field(
        default="07:00",
        description='Time (UTC) of the daily summary. It is sent if anything failed in the last 24 hours. `""`: never.',
    )
    on_partial: bool = Field(
        default=False,
        description="`true`: a `partial` run alerts like a failed one. By default only the summary counts it: it "
        "stored all it could, and a first copy is partial for hours, while child reads are pending.",
    )
    smtp: Smtp = Field(default_factory=Smtp)
    webhook: Webhook = Field(default_factory=Webhook)

    @property
    def is_enabled(self) -> bool:
        """Whether any channel is configured."""
        return self.smtp.host is not None or self.webhook.url is not None
