"""Fixtures that the tests of adapters share."""

from tests.support.store_world import place
from tests.support.transport_world import authority, ca_bundle

__all__ = ["authority", "ca_bundle", "place"]
