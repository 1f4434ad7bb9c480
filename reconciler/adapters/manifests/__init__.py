"""A folder of files, or the texts of a commit, to Manifests and everything wrong with them."""

from reconciler.adapters.manifests.loading import (
    Loaded,
    ReadingLimits,
    Trusted,
    check_text,
    extensions_of,
    load,
)

__all__ = ["Loaded", "ReadingLimits", "Trusted", "check_text", "extensions_of", "load"]
