"""The limits on reading manifests, as a command without options has them."""

from reconciler.cli.manifest_loading import limits_of
from reconciler.cli.shared_options import ReadingOptions

LIMITS = limits_of(ReadingOptions())
