"""`[alerts]` from every source, its mistakes, and the channels and rules that come of it."""

from __future__ import annotations

import re
import tomllib
from datetime import time, timedelta
from pathlib import Path

import pytest

from breezeway_sync.core.errors import ConfigurationError
from breezeway_sync.ops.alerts import Rules, channels_of, rules_of, send_test
from breezeway_sync.service.settings import Settings, describe, load_settings
from breezeway_sync.service.settings.alerts import AlertsSettings
from tests.alerts.mail_server import mail_server
from tests.alerts.support import SetClock
from tests.alerts.test_webhook import SECRET, hooked

MINIMAL = 'database.dsn = "postgresql://h/d"\nregions.nashville.company_id = 8558\n'
SMTP = """
[alerts.smtp]
host = "smtp.example.com"
sender = "alerts@example.com"
recipients = ["ops@example.com", "night@example.org"]
username = "made-up"
password = "topsecret"
"""
HOOK = "https://hooks.example.com/services/topsecret"


def loaded(tmp_path: Path, text: str = "", **environ: str) -> Settings:
    (tmp_path / "config.toml").write_text(MINIMAL + text)
    return load_settings(environ={f"BREEZEWAY_SYNC_ALERTS__{k}": v for k, v in environ.items()}, cwd=tmp_path)


def failure(tmp_path: Path, text: str = "", **environ: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, text, **environ)
    assert "topsecret" not in f"{caught.value!r}{caught.value}"
    return str(caught.value)


def test_nothing_is_configured_by_default(tmp_path: Path) -> None:
    alerts = loaded(tmp_path).alerts
    assert not alerts.is_enabled
    assert channels_of(alerts, SetClock()) == ()
    assert rules_of(alerts) == Rules()


def test_everything_from_the_file(tmp_path: Path) -> None:
    text = (
        "[alerts]\nwarn_after_minutes = 0\nremind_hours = 1.5\nmax_per_hour = 3\nsummary_at = ''\non_partial = true\n"
    )
    alerts = loaded(tmp_path, f'{text}{SMTP}[alerts.webhook]\nurl = "{HOOK}"\n').alerts
    assert alerts.is_enabled
    assert [channel.name for channel in channels_of(alerts, SetClock())] == ["e-mail", "webhook"]
    assert rules_of(alerts) == Rules(None, timedelta(hours=1.5), 3, None, True)


def test_everything_from_variables(tmp_path: Path) -> None:
    alerts = loaded(
        tmp_path,
        SMTP__HOST="smtp.example.com",
        SMTP__PORT="465",
        SMTP__SECURITY="TLS",
        SMTP__SENDER="alerts@example.com",
        SMTP__RECIPIENTS="ops@example.com, night@example.org",
        WEBHOOK__URL=HOOK,
        SUMMARY_AT="23:59",
    ).alerts
    assert (alerts.smtp.port, alerts.smtp.security) == (465, "tls")
    assert alerts.smtp.recipients == ("ops@example.com", "night@example.org")
    assert rules_of(alerts).summary_at == time(23, 59)


def test_a_secret_from_a_credential_file(tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "alerts__webhook__url").write_text(f"{HOOK}\n")
    (tmp_path / "config.toml").write_text(MINIMAL)
    alerts = load_settings(environ={"CREDENTIALS_DIRECTORY": "credentials"}, cwd=tmp_path).alerts
    assert alerts.webhook.url is not None
    assert alerts.webhook.url.get_secret_value() == HOOK


def test_what_is_shown_reads_back_and_holds_no_secret(tmp_path: Path) -> None:
    settings = loaded(tmp_path, SMTP, WEBHOOK__URL=HOOK)
    text = describe(settings)
    assert "topsecret" not in f"{text}{settings!r}"
    assert 'recipients = ["ops@example.com", "night@example.org"]  # file' in text
    assert 'url = "***"  # environment variable BREEZEWAY_SYNC_ALERTS__WEBHOOK__URL' in text
    shown = tomllib.loads(text)["alerts"]
    assert (shown["max_per_hour"], shown["smtp"]["host"]) == (20, "smtp.example.com")


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        ("alerts.max_per_hour = 0", ["alerts.max_per_hour", "too small", "of at least 1"]),
        ('alerts.summary_at = "7:00"', ["alerts.summary_at", "no time of day", "07:00"]),
        ('alerts.summary_at = "24:00"', ["alerts.summary_at"]),
        ("alerts.smtp = 5", ["alerts.smtp is no table", "[alerts.smtp]"]),
        ("alerts.smpt.port = 5", ["alerts.smpt is no key", "alerts.smtp?"]),
        ("alerts.smtp.prot = 5", ["alerts.smtp.prot is no key", "alerts.smtp.port?"]),
        ("alerts.smtp.port = 70000", ["alerts.smtp.port", "too large"]),
        ('alerts.smtp.security = "ssl"', ["alerts.smtp.security", "one of starttls, tls, none"]),
        ('alerts.smtp.host = "smtp.example.com:587"', ["alerts.smtp.host", "no host name", "without port"]),
        ('alerts.smtp.host = "smtp.example.com"', ["smtp.sender is missing", "smtp.recipients is missing"]),
        ('alerts.smtp.sender = "topsecret@example.com"', ["alerts.smtp.host is missing"]),
        (SMTP.replace('password = "topsecret"', ""), ["alerts.smtp.password is missing", "SMTP__PASSWORD"]),
        (SMTP + 'security = "none"', ["alerts.smtp.password cannot be used", "not encrypted", "starttls or tls"]),
        (SMTP.replace('"ops@', '"ops@@'), ["alerts.smtp.recipients", "no plain e-mail address"]),
        (SMTP.replace('"ops@example.com"', "5"), ["alerts.smtp.recipients", "got a list"]),
        ('alerts.webhook.url = ""', ["alerts.webhook.url", "empty text"]),
        ('alerts.webhook.url = "hooks.example.com/topsecret"', ["alerts.webhook.url", "http://"]),
        ('alerts.webhook.url = "https://u:topsecret@example.com/"', ["credentials or fragment"]),
        ('alerts.webhook.url = "https://example.com:0/topsecret"', ["without a host, or with port 0"]),
        ('alerts.webhook.url = "https://example.com:x/topsecret"', ["cannot be read"]),
        ('alerts.webhook.url = "https://example.com/tópsecret"', ["ASCII"]),
    ],
)  # fmt: skip
def test_a_mistake_names_key_and_cure(tmp_path: Path, text: str, fragments: list[str]) -> None:
    message = failure(tmp_path, text + "\n")
    for fragment in fragments:
        assert fragment in message


@pytest.mark.parametrize(
    "address",
    ["ops", "@example.com", "ops@", "Ops <ops@example.com>", "ops@example.com\r\nBcc: x@example.net", "a b@example.com",
     "ops@example.com>", '"a b"@example.com', "öps@example.com", "ops@exam_ple.com", "ops@ex..com", ".@example.com",
     "ops@" + "x" * 250 + ".com", "ops@example.com,night@example.com"],
)  # fmt: skip
def test_an_address_that_could_become_something_else(tmp_path: Path, address: str) -> None:
    message = failure(tmp_path, SMTP__SENDER=address, SMTP__HOST="h", SMTP__RECIPIENTS="ops@example.com")
    assert "alerts.smtp.sender cannot be used (environment variable BREEZEWAY_SYNC_ALERTS__SMTP__SENDER)" in message
    assert "example" not in re.sub("alerts@example.com", "", message)


@pytest.mark.parametrize("host", ["smtp", "smtp-1.example.com", "127.0.0.1", "::1", "fe80::1:2"])
def test_hosts_that_can_be_used(host: str) -> None:
    made = {"host": host, "sender": "a.b+c@example.com", "recipients": ["ops@example.com"]}
    assert AlertsSettings.model_validate({"smtp": made}).smtp.host == host


@pytest.mark.parametrize("host", ["", "a b", "smtp://h", "h:587", "-h", "h/x", "user@h", "h\n"])
def test_hosts_that_cannot_be_used(tmp_path: Path, host: str) -> None:
    assert "alerts.smtp.host cannot be used" in failure(tmp_path, SMTP__HOST=host)


@pytest.mark.parametrize("name", ["ALERTS__SMTP__PROT", "ALERTS__SMTP", "ALERTS__SMTP__PORT__X"])
def test_a_variable_that_means_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "config.toml").write_text(MINIMAL)
    with pytest.raises(ConfigurationError, match=f"environment variable BREEZEWAY_SYNC_{name}"):
        load_settings(environ={f"BREEZEWAY_SYNC_{name}": "5"}, cwd=tmp_path)


def test_an_empty_table_is_none_at_all(tmp_path: Path) -> None:
    assert not loaded(tmp_path, "[alerts]\n[alerts.smtp]\n[alerts.webhook]\n").alerts.is_enabled


# --- `alerts test` --------------------------------------------------------------------------------


async def test_a_test_message_goes_out_on_every_channel() -> None:
    async with mail_server() as inbox, hooked(500) as hook:
        alerts = AlertsSettings.model_validate(
            {
                "smtp": {
                    "host": "localhost",
                    "port": inbox.port,
                    "security": "none",
                    "sender": "alerts@example.com",
                    "recipients": ["ops@example.com"],
                },
                "webhook": {"url": f"{hook.url}/services/{SECRET}"},
            }
        )
        first = await send_test(alerts)
        second = await send_test(alerts)
    assert [(one.channel, one.error) for one in first] == [
        ("e-mail", None),
        ("webhook", "the webhook refused the message: got HTTP status 500"),
    ]
    assert [one.error for one in second] == [None, None]
    assert [mail["Subject"] for mail, _ in inbox.mails] == ["[breezeway-sync] test"] * 2
    assert len(hook.posts) == 1


async def test_a_test_without_channels_has_no_results() -> None:
    assert await send_test(AlertsSettings()) == []
