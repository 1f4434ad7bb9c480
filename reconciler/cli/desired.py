"""The desired state that a command is about: the manifests, a selection, a commit."""

import re
from collections.abc import Iterable
from dataclasses import replace

from reconciler.adapters.git import Git, git_state
from reconciler.cli.invocation import Invocation
from reconciler.cli.manifest_loading import require_manifests
from reconciler.cli.shared_options import FleetOptions, ReadingOptions
from reconciler.domain.drift import Sightings
from reconciler.domain.manifest import GitState, Manifests, Webhook
from reconciler.domain.selection import Selection, Shard
from reconciler.domain.tenant_names import Renaming, tenant_names
from reconciler.errors import UsageError
from reconciler.planning import Desired

_INDEX = "JOB_COMPLETION_INDEX"
_SHARD = re.compile("(0|[1-9][0-9]{0,5}|job)/([1-9][0-9]{0,5})")


def selection_of(invocation: Invocation, options: FleetOptions) -> Selection:
    """The selection that --tenant, --target, --exclude and --shard make."""
    return Selection(
        tenants=options.tenant,
        targets=options.target,
        excludes=options.exclude,
        shard=shard_of(invocation, options.shard),
    )


def shard_of(invocation: Invocation, given: str | None) -> Shard | None:
    """The shard that --shard names; raises UsageError."""
    if given is None:
        return None
    if (found := _SHARD.fullmatch(given)) is None:
        raise UsageError(f"--shard {given} is no shard: give I/N, as 2/4, or job/N in a Job")
    number, count = found[1], int(found[2])
    if number == "job":
        index = invocation.settings.environ.get(_INDEX, "")
        if re.fullmatch("0|[1-9][0-9]{0,5}", index) is None:
            raise UsageError(
                f"--shard {given} needs {_INDEX}, a whole number, which Kubernetes sets in the "
                "pods of a Job with completionMode: Indexed; elsewhere give I/N"
            )
        if int(index) >= count:
            raise UsageError(
                f"--shard {given} has {count} parts, and {_INDEX} is {index}, counted from 0; "
                "give N as the completions of the Job"
            )
        return Shard(int(index) + 1, count)
    if not 1 <= int(number) <= count:
        raise UsageError(f"--shard {given} is no shard: I goes from 1 to N, here {count}")
    return Shard(int(number), count)


_NOTHING_SEEN: Sightings = {}


def desired_of(
    invocation: Invocation,
    selection: Selection,
    reading: ReadingOptions,
    *,
    max_tenants: int | None = None,
    tenants_from: str | None = None,
    sightings: Sightings = _NOTHING_SEEN,
    renamings: Iterable[Renaming] = (),
) -> Desired:
    """Load what is desired, and of which commit it is.

    `sightings` and `renamings` are what the trail has.
    """
    manifests = _equipped(require_manifests(invocation, reading, tenants_from=tenants_from))
    return Desired(
        manifests=manifests,
        selection=selection,
        git=commit_of(invocation),
        max_tenants=max_tenants,
        sightings=tenant_names(manifests.tenants, renamings).sightings_today(sightings),
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
