"""Fixtures that several folders of tests share."""

from tests.program import dev_tenant, folder

__all__ = ["dev_tenant", "folder"]
