"""The status page: one document without scripts. `page_model` has its texts, `html/` their markup."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from breezeway_sync.ops.page_model import page_of
from breezeway_sync.ops.view import View

TEMPLATES = Path(__file__).with_name("html")
_STYLE = (TEMPLATES / "status.css").read_text(encoding="utf-8")
STYLE_HASH = "sha256-" + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

ENVIRONMENT = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    auto_reload=False,
)
# Both are compiled before the event loop runs: the page imports the macros when it is first rendered.
ENVIRONMENT.get_template("macros.html")
_PAGE = ENVIRONMENT.get_template("status.html")


def render(view: View, *, is_refreshing: bool = True) -> str:
    """The whole document."""
    return _PAGE.render(page=page_of(view, is_refreshing=is_refreshing), style=_STYLE)
