"""Which changes of a live schema are safe to write, and all in which two schemas differ."""

from reconciler.domain.compatibility.obstacles import changed_characteristics, obstacles

__all__ = ["changed_characteristics", "obstacles"]
