"""`validate`: check the manifests, offline."""

from reconciler.cli.desired import load_desired
from reconciler.cli.exits import Exit
from reconciler.cli.main import Invocation
from reconciler.domain.manifest import Severity
from reconciler.render.paint import counted, visible


def run(invocation: Invocation) -> int:
    """Print every problem, one a line; 1 for errors, 6 where only warnings were asked to count."""
    loaded = load_desired(invocation)
    for problem in loaded.problems:
        invocation.console.data(visible(problem) + "\n")
    severities = {problem.severity for problem in loaded.problems}
    manifests = loaded.manifests
    if manifests is None:
        errors = sum(1 for p in loaded.problems if p.severity is Severity.ERROR)
        invocation.console.complain(f"{counted(errors, 'error')} in the manifests")
        return Exit.ERROR
    invocation.console.say(
        f"{counted(len(manifests.tenants), 'tenant')} and "
        f"{counted(len(manifests.extensions), 'extension')} "
        f"in {counted(loaded.files, 'file')}: valid"
    )
    strict = invocation.arguments.text("fail_on") == "warning"
    return Exit.REFUSED if strict and Severity.WARNING in severities else Exit.WELL
