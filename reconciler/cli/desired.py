"""What a command that reaches tenants is about: the manifests, a selection, a commit."""

from reconciler.adapters.git import git_state
from reconciler.cli.main import Invocation
from reconciler.cli.manifests import folder_of, require_manifests
from reconciler.domain.plan import MAX_TENANTS
from reconciler.domain.selection import Selection
from reconciler.planning import Desired


def selection_of(invocation: Invocation) -> Selection:
    """--tenant, --target and --exclude."""
    arguments = invocation.arguments
    return Selection(
        tenants=arguments.many("tenant"),
        targets=arguments.many("target"),
        excludes=arguments.many("exclude"),
    )


def desired_of(invocation: Invocation, selection: Selection) -> Desired:
    """What is wanted, and of which commit."""
    return Desired(
        manifests=require_manifests(invocation),
        selection=selection,
        git=git_state(folder_of(invocation)),
        max_tenants=invocation.arguments.number("max_tenants") or MAX_TENANTS,
    )
