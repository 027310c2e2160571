"""Finds the configuration file: the named one, or the first that exists."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from breezeway_sync.core.errors import ConfigurationError
from breezeway_sync.service.settings.keys import CONFIG_VARIABLE, printable_path

FILE_NAME = "config.toml"
FOLDER = "breezeway-sync"
SYSTEM_FILE = Path("/etc") / FOLDER / FILE_NAME


def find_file(named: Path | None, environ: Mapping[str, str], cwd: Path) -> Path | None:
    """The configuration file, None when there is none at any of the usual places.

    Raises ConfigurationError when the file named by `--config` or the variable is not there. A place
    that may not be looked into counts as empty: a service need not see anybody's home.
    """
    variable = environ.get(CONFIG_VARIABLE)
    explicit = (named, "--config") if named is not None else (Path(variable), CONFIG_VARIABLE) if variable else None
    if explicit is not None:
        path = cwd / explicit[0]
        if not _exists(path, when_hidden=True):
            raise ConfigurationError(
                "the configuration file is not there",
                where=printable_path(path),
                expected=f"the file that {explicit[1]} names",
                hint=f"correct {explicit[1]}, or make the file",
            )
        return path
    return next((path for path in usual_places(environ, cwd) if _exists(path, when_hidden=False)), None)


def usual_places(environ: Mapping[str, str], cwd: Path) -> list[Path]:
    """Where a file is looked for that nobody named, in this order."""
    config_home = environ.get("XDG_CONFIG_HOME", "")
    home = environ.get("HOME", "")
    # The XDG rules say that a relative path is invalid and ignored.
    if Path(config_home).is_absolute():
        users = [Path(config_home)]
    else:
        users = [Path(home) / ".config"] if Path(home).is_absolute() else []
    return [cwd / FILE_NAME, *(folder / FOLDER / FILE_NAME for folder in users), SYSTEM_FILE]


def _exists(path: Path, *, when_hidden: bool) -> bool:
    """Whether there is something; `when_hidden` when its folder may not be looked into."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError:
        return when_hidden
    return True
