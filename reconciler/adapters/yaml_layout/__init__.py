"""The canonical layout of a manifest file, whose values and comments stay; it alone knows ruamel.

ruamel.yaml keeps scalars as they are written and lays the rest out. It would lose some comments and
leave others where they stood, so remarks are taken out before and put back behind:
docs/decisions.md, "The layout of manifests".
"""

from reconciler.adapters.yaml_layout.layout import Layout, layout_of

__all__ = ["Layout", "layout_of"]
