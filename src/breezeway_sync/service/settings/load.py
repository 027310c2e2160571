"""Settings from file, credentials directory and environment, or one error that says all that is wrong."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from breezeway_sync.core.errors import ConfigurationError
from breezeway_sync.service.settings.keys import Key, printable
from breezeway_sync.service.settings.layers import (
    Layer,
    LayerSource,
    credentials_layer,
    environment_layer,
    file_layer,
)
from breezeway_sync.service.settings.locate import find_file, usual_places
from breezeway_sync.service.settings.models import LOAD, Load, Settings
from breezeway_sync.service.settings.problems import (
    Merged,
    as_one,
    is_incomplete,
    no_file,
    of_unknown,
    of_validation,
)


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
    layers = [
        file_layer(file) if file is not None else Layer(),
        credentials_layer(environ, cwd),
        environment_layer(environ),
    ]
    merged = _merged(layers, file)
    problems = [of_unknown(unknown, merged) for layer in layers for unknown in layer.unknown]
    problems += [problem for layer in layers for problem in layer.problems]
    places = [] if file is not None else [str(place) for place in usual_places(environ, cwd)]
    settings = _validated(Load(_sources(layers), file, merged.origins), merged, problems, places)
    if settings is None or problems:
        raise as_one(problems)
    return settings


def _sources(layers: list[Layer]) -> tuple[LayerSource, ...]:
    return tuple(LayerSource(layer) for layer in reversed(layers))


def _merged(layers: list[Layer], file: Path | None) -> Merged:
    values: dict[Key, object] = {}
    origins: dict[Key, str] = {}
    for layer in layers:
        values |= layer.values
        origins |= layer.origins
    return Merged(values, origins, None if file is None else printable(str(file), 4096))


def _validated(load: Load, merged: Merged, problems: list[ConfigurationError], places: list[str]) -> Settings | None:
    """The settings; or None, and what the models refuse is added to `problems`."""
    token = LOAD.set(load)
    try:
        return Settings()
    except ValidationError as error:
        if load.file is None and is_incomplete(error):
            problems.insert(0, no_file(printable(place, 4096) for place in places))
        problems += of_validation(error, merged)
        return None
    finally:
        LOAD.reset(token)
