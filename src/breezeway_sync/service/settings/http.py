"""The address on which `serve` listens, and who may use it."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from breezeway_sync.service.settings.alerts import as_tuple
from breezeway_sync.service.settings.checks import FROZEN, Expectation, check_text, flaw_of_address, unfit


def check_host(name: str) -> str:
    """A name or address without scheme, port and path, or "*"."""
    if flaw := flaw_of_address(name):
        raise unfit(flaw)
    if set(name) & set("/?#@\\") or (":" in name and name.count(":") < 2):
        raise unfit("a name with a scheme, a port or a path")
    return name


class HttpSettings(BaseModel):
    """The web server of `serve`: health, metrics, status page."""

    model_config = FROZEN

    host: Annotated[str, AfterValidator(check_text), Expectation("an address or name of this machine")] = Field(
        default="127.0.0.1", description="Address to listen on. There is no password: keep it on loopback."
    )
    port: int = Field(default=9847, ge=0, le=65_535, description="Port; `0`: any free one.")
    allowed_hosts: Annotated[
        tuple[Annotated[str, AfterValidator(check_host)], ...],
        BeforeValidator(as_tuple),
        Expectation('up to 50 names without port, such as sync.example.com, or "*": a list, or a text with commas'),
    ] = Field(
        default=(),
        max_length=50,
        description="More names for which the page answers, of a proxy or a container for example; in a variable with "
        "commas between them. A request gets 421 if its `Host` is none of these, not `http.host` and not loopback: so "
        "no foreign page reads the status page through somebody's browser. If `http.host` is 0.0.0.0 or ::, plain "
        'addresses work as well. `"*"`: every name.',
    )
