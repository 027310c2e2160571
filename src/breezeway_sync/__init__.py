"""breezeway-sync: an exact, typed, linked copy of many Breezeway accounts in PostgreSQL."""

from importlib.metadata import version

__version__ = version("breezeway-sync")
