"""The database address: which one is usable, and how it is shown to people."""

from __future__ import annotations

import re

from pydantic import SecretStr

from breezeway_sync.service.settings.checks import flaw_of_address, unfit

MASK = "***"

# Everything not named here is masked: a parameter nobody thought of is no leak then.
HARMLESS_PARAMETERS = frozenset(
    {
        *("host", "hostaddr", "port", "user", "dbname", "database", "service", "sslmode", "sslnegotiation"),
        *("application_name", "client_encoding", "connect_timeout", "options", "search_path"),
        *("channel_binding", "gssencmode", "target_session_attrs"),
    }
)
# asyncpg cuts at the first "@", "/", "?" or "#": a password holding one of them would be read, and shown in
# errors, as a host. So they stand only where they part an address.
_URL = re.compile(
    r"(?P<scheme>postgres(?:ql)?://)(?P<login>(?P<user>[^:@/?#]*)(?P<password>:[^@/?#]*)?@)?"
    r"(?P<hosts>[^@/?#]*)(?P<database>/[^@?#]*)?(?:\?(?P<query>[^@#]*))?"
)
_SESSION = "target_session_attrs="
_WRITABLE = ("any", "primary", "read-write")
_PAIR = re.compile(r"\s*(?P<key>\w+)\s*=\s*(?P<value>'(?:\\.|[^'\\])*'|[^\s']\S*)(?=\s|$)", re.DOTALL)


def check_dsn(dsn: SecretStr) -> SecretStr:
    """A postgresql:// address as asyncpg reads it; `host=… password=…` is a form it does not read."""
    text = dsn.get_secret_value()
    if flaw := flaw_of_address(text):
        raise unfit(flaw)
    if not text.startswith(("postgresql://", "postgres://")):
        raise unfit("text that does not start with postgresql://")
    url = _URL.fullmatch(text)
    if not url:
        raise unfit("an address with @, /, ? or # inside the password")
    if not _has_numeric_ports(url["hosts"]):
        raise unfit("an address whose port is no number")
    if url["query"] and any("=" not in pair for pair in url["query"].split("&")):
        raise unfit("an address with a parameter that has no value")
    expected = [pair.partition("=")[2] for pair in (url["query"] or "").split("&") if pair.startswith(_SESSION)]
    if any(one not in _WRITABLE for one in expected):
        raise unfit("an address whose target_session_attrs leads to no server that takes writes")
    return dsn


def _has_numeric_ports(hosts: str) -> bool:
    ports = [re.sub(r"^\[[^\]]*\]", "", host).partition(":")[2] for host in hosts.split(",")]
    return all(re.fullmatch(r"([0-9]{1,5})?", port) and int(port or 1) in range(1, 65536) for port in ports)


def masked_dsn(dsn: str) -> str:
    """`dsn` (a URL, or `key=value` pairs) with the password and every unknown parameter as `***`.

    Where it cannot be told which part is the password, no part is shown. The text need not be valid.
    """
    if url := _URL.fullmatch(dsn):
        return url["scheme"] + (_masked_address(url) if _has_numeric_ports(url["hosts"]) else MASK)
    if dsn.startswith(("postgresql://", "postgres://")):
        return f"postgresql://{MASK}"
    pairs = list(_PAIR.finditer(dsn))
    if not pairs or "".join(pair[0] for pair in pairs).strip() != dsn.strip():
        return MASK
    return " ".join(_masked_pair(pair["key"], pair["value"]) for pair in pairs)


def _masked_address(url: re.Match[str]) -> str:
    login = f"{url['user']}{f':{MASK}' if url['password'] else ''}@" if url["login"] else ""
    pairs = [pair.partition("=") for pair in url["query"].split("&")] if url["query"] else []
    query = "&".join(_masked_pair(key, value) if equals else MASK for key, equals, value in pairs)
    return login + url["hosts"] + (url["database"] or "") + (f"?{query}" if query else "")


def _masked_pair(key: str, value: str) -> str:
    if not re.fullmatch(r"\w+", key):
        return MASK
    return f"{key}={value if key.lower() in HARMLESS_PARAMETERS else MASK}"
