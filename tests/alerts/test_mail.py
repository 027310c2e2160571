"""Mails through a real SMTP server: in the clear and encrypted, logged in and refused, down and silent."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from breezeway_sync.ops.alerts import Message, NotDelivered
from breezeway_sync.ops.alerts.mail import MailChannel, Server
from tests.alerts.mail_server import PASSWORD, USER, mail_server, verification_result
from tests.alerts.support import START, Mailbox, MemoryStore, SetClock, desk, ended, went_well

SENDER, RECIPIENTS = "alerts@example.com", ("ops@example.com", "night@example.org")
MESSAGE = Message("nashville tasks failed", "Region nashville — failed:\n\n.\nit broke\n", "second", ("first", "other"))
SECRETS = (PASSWORD, USER, "example.com", "example.org", "wrong-password")


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    return verification_result(tmp_path_factory.mktemp("certificate"))


def channel(
    port: int, *, security: str = "none", seconds: float = 10.0, host: str = "localhost", **more: Any
) -> MailChannel:
    server = Server(
        host, port, security, **{name: None if value is None else str(value) for name, value in more.items()}
    )
    return MailChannel(server, SENDER, RECIPIENTS, seconds=seconds, clock=SetClock())


async def refusal(channel: MailChannel) -> NotDelivered:
    with pytest.raises(NotDelivered) as caught:
        await channel.send(MESSAGE)
    for secret in SECRETS:
        assert secret not in f"{caught.value}{channel._server!r}"
    return caught.value


async def test_a_mail_in_the_clear() -> None:
    async with mail_server() as inbox:
        assert await channel(inbox.port).send(MESSAGE) is None
    ((mail, recipients),) = inbox.mails
    assert recipients == list(RECIPIENTS)
    assert mail["Subject"] == "[breezeway-sync] nashville tasks failed"
    assert mail["From"] == "breezeway-sync <alerts@example.com>"
    assert mail["To"] == "ops@example.com, night@example.org"
    assert mail["Date"].datetime == START
    assert mail["Message-ID"] == "<second@example.com>"
    assert mail["In-Reply-To"] == "<first@example.com>"
    assert mail["References"] == "<first@example.com> <other@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().replace("\r\n", "\n") == MESSAGE.body
    assert inbox.encrypted == [False]


async def test_a_title_cannot_bring_a_header() -> None:
    async with mail_server() as inbox:
        await channel(inbox.port).send(Message("a\r\nBcc: thief@example.net", "b", "c"))
    ((mail, recipients),) = inbox.mails
    assert mail["Bcc"] is None
    assert recipients == list(RECIPIENTS)


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_encrypted_and_logged_in(tls: tuple[ssl.SSLContext, Path], security: str) -> None:
    context, ca_file = tls
    async with mail_server(context=context, implicit=security == "tls", login=True) as inbox:
        sender = channel(inbox.port, security=security, username=USER, password=PASSWORD, ca_file=ca_file)
        assert await sender.send(MESSAGE) is None
    assert (inbox.logins, inbox.encrypted, len(inbox.mails)) == ([USER.encode()], [True], 1)


async def test_the_environment_names_authorities_too(
    tls: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    context, ca_file = tls
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    async with mail_server(context=context) as inbox:
        assert await channel(inbox.port, security="starttls").send(MESSAGE) is None


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_certificate_that_nobody_vouches_for(tls: tuple[ssl.SSLContext, Path], security: str) -> None:
    async with mail_server(context=tls[0], implicit=security == "tls") as inbox:
        error = await refusal(channel(inbox.port, security=security))
    assert "certificate is not trusted" in error.message
    assert not error.again
    assert inbox.mails == []


async def test_a_certificate_of_another_host(tmp_path: Path) -> None:
    context, ca_file = verification_result(tmp_path, "elsewhere.example")
    async with mail_server(context=context) as inbox:
        error = await refusal(channel(inbox.port, security="starttls", ca_file=ca_file))
    assert "certificate is not trusted" in error.message


@pytest.mark.parametrize("name", ["absent.pem", "empty.pem"])
async def test_authorities_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty.pem").touch()
    error = await refusal(channel(1, security="tls", ca_file=tmp_path / name))
    assert "alerts.smtp.ca_file" in error.message


async def test_a_login_that_is_refused(tls: tuple[ssl.SSLContext, Path]) -> None:
    context, ca_file = tls
    async with mail_server(context=context, login=True) as inbox:
        error = await refusal(
            channel(inbox.port, security="starttls", username=USER, password="wrong-password", ca_file=ca_file)
        )
    assert "rejected user name and password: got SMTP status 535" in error.message
    assert not error.again


async def test_a_server_without_starttls_gets_nothing_in_the_clear() -> None:
    async with mail_server() as inbox:
        error = await refusal(channel(inbox.port, security="starttls"))
    assert "alerts.smtp.security" in error.message
    assert inbox.mails == []


@pytest.mark.parametrize(("answer", "again"), [("451 later", True), ("554 never, ops@example.com", False)])
async def test_a_mail_that_is_refused(answer: str, again: bool) -> None:
    async with mail_server() as inbox:
        inbox.answers.append(answer)
        error = await refusal(channel(inbox.port))
    assert f"got SMTP status {answer[:3]}" in error.message
    assert error.again is again


async def test_recipients_that_are_refused() -> None:
    async with mail_server() as inbox:
        inbox.refused = RECIPIENTS[:1]
        assert await channel(inbox.port).send(MESSAGE) == "1 of 2 recipients were refused"
        inbox.refused = RECIPIENTS
        error = await refusal(channel(inbox.port))
    assert "rejected every recipient: got SMTP status 550" in error.message
    assert [recipients for _, recipients in inbox.mails] == [[RECIPIENTS[1]]]


async def test_a_server_that_is_down() -> None:
    async with mail_server() as inbox:
        port = inbox.port
    error = await refusal(channel(port))
    assert "is unreachable" in error.message
    assert error.again


@asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """Takes connections and never says a word."""
    open_ones: list[asyncio.StreamWriter] = []

    def keep(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.append(writer)

    server = await asyncio.start_server(keep, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in open_ones:
            writer.transport.abort()
        await server.wait_closed()


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
async def test_a_server_that_says_nothing_meets_the_deadline(security: str) -> None:
    async with silent_server() as port:
        at = desk(MemoryStore(), mailbox=Mailbox(is_down=True), more=[channel(port, security=security, seconds=0.2)])
        async with asyncio.timeout(5):
            assert await at.after(ended()) == []
    assert at.alerter.counts.failed == 1


async def test_failed_and_recovered_are_one_thread() -> None:
    async with mail_server() as inbox:
        at = desk(more=[channel(inbox.port)])
        await at.after(ended())
        await at.after(went_well())
    (first, _), (last, _) = inbox.mails
    assert last["Subject"] == "[breezeway-sync] nashville tasks recovered"
    assert last["In-Reply-To"] == first["Message-ID"]
