"""The desired state that a command is about: the manifests, a selection, a commit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reconciler.adapters.git import Git, git_state
from reconciler.cli.invocation import Invocation
from reconciler.cli.manifest_loading import require_manifests
from reconciler.cli.shared_options import FleetOptions, ReadingOptions
from reconciler.domain.manifest import GitState, Manifests, Tenant, Webhook
from reconciler.domain.selection import Selection, Shard
from reconciler.domain.tenant_names import Renaming, tenant_names
from reconciler.errors import UsageError
from reconciler.planning import Desired
from reconciler.render.plain_text import counted

if TYPE_CHECKING:  # most plans have none
    from reconciler.domain.drift import Sightings
    from reconciler.domain.waves import WaveSize

_INDEX = "JOB_COMPLETION_INDEX"
_SHARD = "(0|[1-9][0-9]{0,5}|job)/([1-9][0-9]{0,5})"


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
    if (found := re.fullmatch(_SHARD, given)) is None:
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


Due = Callable[[Iterable[Tenant]], frozenset[str]]  # the names of those that are due


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class StoredFacts:
    """What the state store has of the tenants; `due` narrows the selection, with --due."""

    sightings: Sightings = field(default_factory=dict)
    renamings: Iterable[Renaming] = ()
    due: Due | None = None


_NOTHING_STORED = StoredFacts()


def desired_of(
    invocation: Invocation,
    selection: Selection,
    reading: ReadingOptions,
    *,
    max_tenants: int | None = None,
    waves: tuple[WaveSize, ...] = (),
    tenants_from: str | None = None,
    stored: StoredFacts = _NOTHING_STORED,
) -> Desired:
    """Load what is desired, and of which commit it is."""
    manifests = _equipped(require_manifests(invocation, reading, tenants_from=tenants_from))
    if stored.due is not None:
        selected = [each for each in manifests.tenants if selection.takes_tenant(each.name)]
        selection = replace(selection, due=stored.due(selected))
        number = counted(len(selected), "tenant")
        invocation.console.say(f"due: {len(selection.due or ())} of {number}")
    names = tenant_names(manifests.tenants, stored.renamings)
    return Desired(
        manifests=manifests,
        selection=selection,
        git=commit_of(invocation),
        max_tenants=max_tenants,
        wave_sizes=waves,
        sightings=names.sightings_today(stored.sightings),
    )


def sizes_of(waves: str | None) -> tuple[WaveSize, ...]:
    """The sizes that --waves gives, if any; raises UsageError, saying what is wrong."""
    if waves is None:
        return ()
    from reconciler.domain.waves import wave_sizes  # most changes are made all at once

    try:
        return wave_sizes(waves)
    except ValueError as error:
        raise UsageError(f"--waves {waves}: {error}") from error


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
