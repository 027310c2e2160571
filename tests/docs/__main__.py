"""Write the generated documents, or with --check say which are out of date (exit 1)."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

from bench import report
from tests.docs import configuration, error_codes, schema

DOCS = Path(__file__).resolve().parents[2] / "docs"
GENERATED: dict[str, Callable[[], str]] = {
    "configuration.md": configuration.render,
    "error-codes.md": error_codes.render,
    "performance.md": report.render,
    "schema.md": schema.render,
}

_LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
_PATH = re.compile(r"`((?:src|tests|bench|sql|docs|deploy)/[\w./-]+)`")


def stale() -> list[str]:
    """The documents whose text is not what the code says."""
    return [
        name
        for name, render in GENERATED.items()
        if not (DOCS / name).exists() or (DOCS / name).read_text(encoding="utf-8") != render()
    ]


def broken_links() -> list[str]:
    """Links between our own documents, and paths named in them, that lead nowhere."""
    root = DOCS.parent
    found = []
    for document in (root / "README.md", root / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))):
        text = document.read_text(encoding="utf-8")
        targets = {(document.parent / link) for link in _LINK.findall(text)}
        targets |= {root / path for path in _PATH.findall(text)}
        found += [f"{document.name}: {target.name}" for target in sorted(targets) if not target.exists()]
    return found


def main(arguments: list[str]) -> int:
    old = stale()
    if arguments == ["--check"]:
        broken = broken_links()
        for name in old:
            sys.stderr.write(f"docs/{name} is out of date: run `python3 dev.py docs`\n")
        for name in broken:
            sys.stderr.write(f"this leads nowhere: {name}\n")
        return 1 if old or broken else 0
    for name in old:
        (DOCS / name).write_text(GENERATED[name](), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
