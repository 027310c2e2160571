"""Fixtures of the command's tests, for the daemon as well."""

from tests.cli.conftest import start

__all__ = ["start"]
