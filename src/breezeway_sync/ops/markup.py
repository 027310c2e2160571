"""HTML in which nothing can be forgotten to be escaped: plain text becomes markup only through `element`."""

from __future__ import annotations

from html import escape


class Safe(str):
    """Markup as it stands; any other text is escaped where it goes in."""

    __slots__ = ()


Content = str | None
"""Text, `Safe` markup, or nothing."""

_VOID = frozenset({"meta", "link"})


def element(name: str, /, *content: Content, **attributes: str | int | bool | None) -> Safe:
    """An element. Attributes: `class_` for class, `data_name` for data-name; True has no value, None is left out."""
    parts = [f"<{name}"]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        parts.append(" " + key.rstrip("_").replace("_", "-"))
        if value is not True:
            parts.append(f'="{escape(str(value))}"')
    parts.append(">")
    if name not in _VOID:
        parts += [_markup(one) for one in content]
        parts.append(f"</{name}>")
    return Safe("".join(parts))


def join(*content: Content) -> Safe:
    """Several pieces one after another."""
    return Safe("".join(_markup(one) for one in content))


def _markup(content: Content) -> str:
    if content is None:
        return ""
    return content if isinstance(content, Safe) else escape(content)
