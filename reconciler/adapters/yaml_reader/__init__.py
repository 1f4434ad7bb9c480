"""Text to JSON values and where each stands; it alone knows PyYAML and what YAML we refuse.

One pass over the parser's events, never recursive, builds the value and the positions together.
Manifests are data: no anchors, aliases, merge keys or tags; scalars are what JSON makes of them,
and what YAML readers read differently is refused.
"""

from reconciler.adapters.yaml_reader.building import MAX_FAULTS
from reconciler.adapters.yaml_reader.documents import Document, Mark, Reading, Spot, Spots, spot_at
from reconciler.adapters.yaml_reader.reading import MAX_BYTES, read, text_of
from reconciler.adapters.yaml_reader.scalars import plain_value, why_ambiguous

__all__ = [
    "MAX_BYTES",
    "MAX_FAULTS",
    "Document",
    "Mark",
    "Reading",
    "Spot",
    "Spots",
    "plain_value",
    "read",
    "spot_at",
    "text_of",
    "why_ambiguous",
]
