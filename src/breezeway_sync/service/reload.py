"""Describes the difference of two configurations in sentences. Pure; never a value that may be secret."""

from __future__ import annotations

from breezeway_sync.service.settings import Settings

_AT_ONCE = ("api", "schedule", "sync", "deletes", "retention", "history", "alerts")
_RESTART = ("database", "http", "log")


def changes(old: Settings, new: Settings) -> tuple[str, ...]:
    """What a reload changed, and what of it waits for a restart."""
    before, after = set(old.regions), set(new.regions)
    told = [f"region {code} added" for code in sorted(after - before)]
    told += [f"region {code} removed, its data stays" for code in sorted(before - after)]
    told += [f"region {code} changed" for code in sorted(before & after) if old.regions[code] != new.regions[code]]
    told += [f"entity {name} changed" for name in sorted(new.entities) if old.entities.get(name) != new.entities[name]]
    told += [f"[{table}] changed" for table in _AT_ONCE if _differ(old, new, table)]
    told += [f"[{table}] changed: this needs a restart" for table in _RESTART if _differ(old, new, table)]
    return tuple(told)


def _differ(old: Settings, new: Settings, table: str) -> bool:
    return bool(getattr(old, table) != getattr(new, table))
