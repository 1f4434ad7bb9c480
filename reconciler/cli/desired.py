"""Loading the manifests the way every command does: all problems at once, warnings told."""

from pathlib import Path

from reconciler.adapters.dialects import load_dialects
from reconciler.adapters.git import git_state
from reconciler.adapters.manifests import Loaded, load
from reconciler.cli.main import Invocation
from reconciler.domain.manifest import Manifests
from reconciler.domain.plan import Selection
from reconciler.errors import ManifestsInvalid
from reconciler.planning import Desired


def load_desired(invocation: Invocation) -> Loaded:
    """The manifests and everything wrong with them."""
    return load(
        _folder(invocation),
        dialects=load_dialects(),
        allow_empty=invocation.arguments.flag("allow_empty"),
    )


def require_manifests(invocation: Invocation) -> Manifests:
    """The manifests; raises ManifestsInvalid with every problem when there is an error."""
    loaded = load_desired(invocation)
    if loaded.manifests is None:
        raise ManifestsInvalid(tuple(str(problem) for problem in loaded.problems))
    for problem in loaded.problems:
        invocation.console.say(str(problem))
    return loaded.manifests


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
        dialects=load_dialects(),
        selection=selection,
        git=git_state(_folder(invocation)),
    )


def _folder(invocation: Invocation) -> Path:
    return Path(invocation.arguments.text("desired_state") or ".")
