"""The desired state that a command is about: the manifests, a selection, a commit."""

from dataclasses import replace

from reconciler.adapters.git import Git, git_state
from reconciler.cli.invocation import Invocation
from reconciler.cli.manifest_loading import require_manifests
from reconciler.cli.shared_options import FleetOptions, ReadingOptions
from reconciler.domain.drift import Sightings
from reconciler.domain.manifest import GitState, Manifests, Webhook
from reconciler.domain.selection import Selection
from reconciler.planning import Desired


def selection_of(options: FleetOptions) -> Selection:
    """The selection that --tenant, --target and --exclude make."""
    return Selection(tenants=options.tenant, targets=options.target, excludes=options.exclude)


_NOTHING_SEEN: Sightings = {}


def desired_of(
    invocation: Invocation,
    selection: Selection,
    reading: ReadingOptions,
    *,
    max_tenants: int | None = None,
    tenants_from: str | None = None,
    sightings: Sightings = _NOTHING_SEEN,
) -> Desired:
    """Load what is desired, and of which commit it is."""
    return Desired(
        manifests=_equipped(require_manifests(invocation, reading, tenants_from=tenants_from)),
        selection=selection,
        git=commit_of(invocation),
        max_tenants=max_tenants,
        sightings=sightings,
    )


def _equipped(manifests: Manifests) -> Manifests:
    """Built-in tenants get the webhook that goes with them, under a name that outlives its port."""
    return replace(
        manifests,
        tenants=tuple(
            replace(tenant, webhooks=(Webhook(url=f"{tenant.base_url}/hr/scim/sync", secrets=()),))
            if tenant.embedded
            else tenant
            for tenant in manifests.tenants
        ),
    )


def commit_of(invocation: Invocation) -> GitState:
    """The commit of the manifests; an edited dialect of --dialects counts as an edit."""
    common, git = invocation.common, Git.of(invocation.settings.environ)
    others = () if common.dialects is None else (common.dialects,)
    return git_state(git, common.desired_state, *others)
