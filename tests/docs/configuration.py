"""The body of docs/configuration.md, derived from the models: it cannot fall behind them."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from breezeway_sync.service.settings.keys import (
    CONFIG_VARIABLE,
    all_keys,
    credential_name,
    default_text,
    env_name,
    expected,
    is_secret,
    table_of,
    type_name,
)
from breezeway_sync.service.settings.locate import FILE_NAME, FOLDER, SYSTEM_FILE
from breezeway_sync.service.settings.models import (
    ENTITY_NAMES,
    PART_NAMES,
    READ_PER_PARENT,
    WITHOUT_PATH,
    Key,
    Settings,
)

EXAMPLE = Path(__file__).parents[2] / "config.toml"

INTRODUCTION = f"""\
# Configuration

One file, and two places that go over it. `breezeway-sync config show` prints what is in effect, with every
secret masked and the source of every value beside it. A mistake stops the program before it does anything
(exit code 78), and all mistakes are reported at once, a line each, with the key, where it stands, what was
wanted and what to do. No message repeats a value.

## Sources

A later one wins:

| source | written as |
|---|---|
| 1. the file | `page_size = 50` below `[api]`; texts in quotes, all else without |
| 2. the credentials directory, `$CREDENTIALS_DIRECTORY` | a file `api__page_size` that holds `50` |
| 3. the environment | `BREEZEWAY_SYNC_API__PAGE_SIZE=50` |

The credentials directory is what systemd's `LoadCredential=` fills; line ends after a value are dropped.
In sources 2 and 3 the parts of a key are joined by `__`, case does not matter, and text is read as what the
key takes: `true`, `1`, `yes` and `false`, `0`, `no`; numbers in decimal. Sources are merged key by key: the
two halves of a region's credentials may come from different ones.

Unknown keys and variables are mistakes, as is a credential file whose name begins with a section of ours and
`__`; other files there are not touched. Both halves of a region's credentials are given, or neither: then
they come from its row in the table `api_tokens`.

## Where the file is found

The first of these that exists; one named by the first two must exist:

1. `--config FILE`
2. `${CONFIG_VARIABLE}`
3. `./{FILE_NAME}`
4. `$XDG_CONFIG_HOME/{FOLDER}/{FILE_NAME}`, by default `~/.config/{FOLDER}/{FILE_NAME}`
5. `{SYSTEM_FILE}`

No file is needed when the other two sources give all that is: `database.dsn` and one key of one region.
"""

PLACEHOLDERS = {"regions": "<region>", "entities": "<name>"}


def render() -> str:
    """The whole page as Markdown."""
    parts = [INTRODUCTION, "## Keys\n", *(_section(section) for section in Settings.model_fields), _example()]
    return "\n".join(parts)


def _section(section: str) -> str:
    model = table_of(Settings.model_fields[section])
    assert model is not None
    placeholder = PLACEHOLDERS.get(section)
    heading = f"[{section}.{placeholder}]" if placeholder else f"[{section}]"
    lines = [f"### `{heading}`", "", (model.__doc__ or "").strip(), ""]
    lines += _notes(section)
    below = ""
    for key, field in all_keys([PLACEHOLDERS["regions"]]).items():
        # `people` stands for every entity.
        if key[0] != section or (section == "entities" and key[1] != "people"):
            continue
        if not placeholder and len(key) == 3 and key[1] != below:
            below = key[1]
            lines += [f"### `[{section}.{below}]`", "", _meaning(model, below), ""]
        shown = (section, placeholder, key[-1]) if placeholder else key
        lines += _key(shown, field)
    return "\n".join(lines)


def _meaning(model: type[BaseModel], name: str) -> str:
    """What a table within a table is for."""
    inner = table_of(model.model_fields[name])
    return (inner.__doc__ or "").strip() if inner else ""


def _notes(section: str) -> list[str]:
    if section == "regions":
        return [
            "The code that stands for `<region>` is a letter, then up to 62 of a-z, 0-9 and `_`, without "
            "`__`; `all` is not free. At least one region is needed. Two regions may share a "
            "`client_id` and its secret, when each says which companies are its own.",
            "",
        ]
    if section == "entities":
        return [
            f"`<name>` is an entity, {_listed(ENTITY_NAMES)}, or a part with an address of its own, "
            f"{_listed(PART_NAMES)}.",
            "",
            f"A path has exactly one `{{id}}` for {_listed(sorted(READ_PER_PARENT))}, and no braces for the "
            "others; "
            f"{_listed(sorted(WITHOUT_PATH))} has none, as it is read at the addresses of its parts.",
            "",
        ]
    return []


def _listed(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _key(key: Key, field: FieldInfo) -> list[str]:
    default = default_text(field)
    fallback = "none, must be given" if field.is_required() else f"`{default}`" if default else "none"
    kind = f"text{', secret' if is_secret(field) else ''}: " if type_name(field) == "text" else ""
    return [
        f"#### `{key[-1]}`",
        "",
        field.description or "",
        "",
        f"- type: {kind}{expected(field)}",
        f"- default: {fallback}",
        f"- environment: `{env_name(key)}`",
        f"- credential file: `{credential_name(key)}`",
        "",
    ]


def _example() -> str:
    return f"## Example\n\n```toml\n{EXAMPLE.read_text('utf-8').rstrip()}\n```\n"
