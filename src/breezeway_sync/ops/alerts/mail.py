"""E-mail by SMTP: plain text, one mail to all recipients, related mails in one thread."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import aiosmtplib

from breezeway_sync.core.clock import Clock
from breezeway_sync.ops.alerts.model import Message
from breezeway_sync.ops.alerts.ports import NotDelivered

PREFIX = "[breezeway-sync] "
TEMPORARY = range(400, 500)


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server. `security` is `starttls`, `tls` or `none`; `ca_file` None: the system's authorities."""

    host: str = field(repr=False)
    port: int
    security: str
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None


class MailChannel:
    """Mails from one sender through one server."""

    name = "e-mail"

    def __init__(
        self, server: Server, sender: str, recipients: tuple[str, ...], *, seconds: float, clock: Clock
    ) -> None:
        self.seconds = seconds
        self._server = server
        self._sender = sender
        self._recipients = recipients
        self._clock = clock

    async def send(self, message: Message) -> str | None:
        """Send one mail. Raises NotDelivered, without the server's own words: they quote addresses."""
        server = self._server
        try:
            context = await asyncio.to_thread(_trust, server) if server.security != "none" else None
        except (OSError, ssl.SSLError) as error:
            what = "cannot read the trusted certificates"
            raise NotDelivered(what, hint="check alerts.smtp.ca_file", again=False) from error
        try:
            refused, _ = await aiosmtplib.send(
                self._mail(message),
                sender=self._sender,
                recipients=list(self._recipients),
                hostname=server.host,
                port=server.port,
                username=server.username,
                password=server.password,
                local_hostname=_own_name(),
                timeout=self.seconds,
                use_tls=server.security == "tls",
                start_tls=server.security == "starttls",
                tls_context=context,
            )
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise _explain(error) from error
        return f"{len(refused)} of {len(self._recipients)} recipients were refused" if refused else None

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage(policy=SMTP)
        mail["Subject"] = PREFIX + "".join(c if c.isprintable() else " " for c in message.title)
        mail["From"] = Address("breezeway-sync", addr_spec=self._sender)
        mail["To"] = tuple(Address(addr_spec=recipient) for recipient in self._recipients)
        mail["Date"] = format_datetime(self._clock.now())
        mail["Message-ID"] = self._message_id(message.ident)
        if message.answers:
            mail["In-Reply-To"] = self._message_id(message.answers[0])
            mail["References"] = " ".join(map(self._message_id, message.answers))
        # So that no out-of-office reply comes back.
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.body)
        return mail

    def _message_id(self, ident: str) -> str:
        return f"<{ident}@{self._sender.rpartition('@')[2]}>"


def _trust(server: Server) -> ssl.SSLContext:
    """Certificates and host names are verified; SSL_CERT_FILE and SSL_CERT_DIR are heeded, as OpenSSL does."""
    return ssl.create_default_context(cafile=server.ca_file)


def _own_name() -> str:
    """What to greet with: not the full name, for which the library would wait for DNS, holding up the process."""
    name = socket.gethostname()
    return name if name.isascii() and name.replace("-", "").replace(".", "").isalnum() else "localhost"


def _explain(error: Exception) -> NotDelivered:
    """Worded by the error's kind and status, never by its text."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, ssl.SSLCertVerificationError):
            what = "the mail server's certificate is not trusted"
            return NotDelivered(what, hint="check alerts.smtp.host and alerts.smtp.ca_file", again=False)
        link = link.__cause__ or link.__context__
    match error:
        case aiosmtplib.SMTPAuthenticationError(code=code):
            what, hint = "the mail server rejected user name and password", "check them in alerts.smtp"
            return NotDelivered(what, actual=f"SMTP status {code}", hint=hint, again=code in TEMPORARY)
        case aiosmtplib.SMTPRecipientsRefused(recipients=refusals):
            codes = sorted({refusal.code for refusal in refusals})
            actual = f"SMTP status {', '.join(map(str, codes))}"
            return NotDelivered("the mail server rejected every recipient", actual=actual, again=codes[0] in TEMPORARY)
        case aiosmtplib.SMTPResponseException(code=code):
            what = "the mail server rejected the message"
            return NotDelivered(what, actual=f"SMTP status {code} ({type(error).__name__})", again=code in TEMPORARY)
        case aiosmtplib.SMTPNotSupported() | ValueError():
            what, hint = (
                "the mail server does not support a required feature",
                "check alerts.smtp.security and the port",
            )
            return NotDelivered(what, actual=type(error).__name__, hint=hint, again=False)
        case aiosmtplib.SMTPException() if type(error) is aiosmtplib.SMTPException:  # no STARTTLS, no login
            what, hint = "the mail server offers no encryption or no login", "check alerts.smtp.security and the port"
            return NotDelivered(what, hint=hint, again=False)
        case TimeoutError():
            return NotDelivered("the mail server did not answer in time", again=True)
    return NotDelivered("the mail server is unreachable", actual=type(error).__name__, again=True)
