"""Fixtures that the tests of adapters share."""

from tests.adapters.store_world import place

__all__ = ["place"]
