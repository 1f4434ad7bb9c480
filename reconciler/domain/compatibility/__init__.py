"""Obstacles: the changes of a live schema that no update may write."""

from reconciler.domain.compatibility.obstacles import changed_characteristics, obstacles

__all__ = ["changed_characteristics", "obstacles"]
