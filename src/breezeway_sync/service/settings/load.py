"""Loads the settings from file, credentials directory and environment, or raises one error that lists every mistake."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from breezeway_sync.service.settings.locate import find_file, usual_places
from breezeway_sync.service.settings.merge import Given
from breezeway_sync.service.settings.models import Settings
from breezeway_sync.service.settings.problems import as_one, is_incomplete, no_file, no_key, of_unknown, of_validation
from breezeway_sync.service.settings.sources import credentials, read_file, variables


def load_settings(
    config: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Settings:
    """The effective settings; a later source wins: file, credentials directory, environment.

    `config` names the file (`--config`); relative paths start at `cwd`. `environ` and `cwd` default to
    those of the process. Reads files, changes nothing. Raises ConfigurationError with a line for every
    problem; no text of it, nor of the settings' repr, holds a value of a secret.
    """
    environ = os.environ if environ is None else environ
    cwd = Path.cwd() if cwd is None else cwd
    file = find_file(config, environ, cwd)
    given = Given(file, {} if file is None else read_file(file))
    given.lay(credentials(environ, cwd, given.problems))
    given.lay(variables(environ))
    problems = [*(of_unknown(text, given) for text in given.unknown), *given.problems]
    problems += [no_key((name,), given) for name in given.take_private()]
    given.tree.setdefault("database", {})  # so that what is missing is its key
    try:
        settings = Settings.of(given.tree, given.provenance)
    except ValidationError as error:
        if file is None and is_incomplete(error):
            problems.insert(0, no_file(usual_places(environ, cwd)))
        problems += of_validation(error, given)
    # Raised outside the handler: pydantic's error holds values.
    if problems:
        raise as_one(problems)
    return settings
