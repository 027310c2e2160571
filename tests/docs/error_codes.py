"""docs/error-codes.md from the table of the error codes."""

from __future__ import annotations

from breezeway_sync.core.error_codes import ERROR_RULES, Remedy

HEAD = """\
# Error codes

`python3 dev.py docs` writes this page from `ERROR_RULES` in `src/breezeway_sync/core/error_codes.py`;
`python3 dev.py check` fails when the page is out of date.

`etl_sync_log.error_code` holds the code of the gravest reason of a run. `etl_sync_log.error_message` says the reasons
in words. The table below has the gravest code first. Decide by the code: messages may change with any version.

- **transient**: the same attempt, made later and unchanged, may succeed.
- **exit code**: the exit code of a command that this error ends. README.md lists all exit codes.
- **what to do**: the section of [operations.md](operations.md) that says more.

| code | transient | exit code | what to do |
|---|---|---|---|
"""
HINTS = """
## What to do first

| what is wrong | hint |
|---|---|
"""


def render() -> str:
    """The whole document."""
    rows = [
        f"| `{code}` | {'yes' if rule.transient else 'no'} | {int(rule.exit)} | "
        f"[{rule.remedy.section}](operations.md#{anchor(rule.remedy.section)}) |\n"
        for code, rule in ERROR_RULES.items()
    ]
    remedies: dict[str, Remedy] = {rule.remedy.name: rule.remedy for rule in ERROR_RULES.values()}
    hints = [f"| {remedy.title} | {remedy.hint} |\n" for remedy in remedies.values()]
    return HEAD + "".join(rows) + HINTS + "".join(hints)


def anchor(heading: str) -> str:
    """The part of an address behind `#` that a renderer of Markdown gives a heading."""
    return "".join(c for c in heading.lower().replace(" ", "-") if c.isalnum() or c in "-_")
