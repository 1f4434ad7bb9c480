"""Who watches a command as it runs: progress on standard error."""

from reconciler.cli.console import Console
from reconciler.domain.memo import Memo
from reconciler.occurrences import Observe, Occurrence, unobserved


def watching(console: Console) -> Observe:
    """The observers of a command, as one."""
    if console.quiet:
        return unobserved
    display: Memo[Observe] = Memo()

    def made() -> Observe:
        from reconciler.cli.progress_display import ProgressDisplay  # many commands have no phases

        return ProgressDisplay(console.say)

    def observe(occurrence: Occurrence) -> None:
        display.get(made)(occurrence)

    return observe
