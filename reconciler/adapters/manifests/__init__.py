"""A folder of files, or the texts of a commit, to Manifests and everything wrong with them."""

from reconciler.adapters.manifests.another_time import Trusted, manifests_of
from reconciler.adapters.manifests.checking import ReadingLimits
from reconciler.adapters.manifests.loading import Loaded, check_text, load
from reconciler.adapters.manifests.tenant_sets import Rows, RowsFile, rows_named

__all__ = [
    "Loaded",
    "ReadingLimits",
    "Rows",
    "RowsFile",
    "Trusted",
    "check_text",
    "load",
    "manifests_of",
    "rows_named",
]
