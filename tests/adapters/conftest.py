"""Fixtures that the tests of adapters share."""

from tests.support.store_world import place

__all__ = ["place"]
