"""The store of the store's own tests."""

from __future__ import annotations

from tests.store.conftest import Store, store

__all__ = ["Store", "store"]
