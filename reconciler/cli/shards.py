"""What an apply of one shard needs: a store that all share, and the plan of all of them."""

from reconciler.adapters.database import file_of
from reconciler.cli.approved_plan import refused_by
from reconciler.cli.commands.apply import Options
from reconciler.cli.invocation import Invocation
from reconciler.domain.documents import PlanDocument
from reconciler.domain.merging import changed_tenants
from reconciler.domain.plan import Exceeded
from reconciler.domain.selection import Shard
from reconciler.errors import UsageError


def require_shared_store(invocation: Invocation, *, who: str, each: str) -> None:
    """Raise UsageError for a store in a file, which other machines do not see."""
    if file_of(invocation.common.state_url) is not None:
        raise UsageError(
            f"{who} needs the store that all {each}s share: give --state "
            f"postgresql+psycopg://…; in a file each {each} would have a trail and locks of its own"
        )


def require_whole_plan(options: Options, saved: PlanDocument | None, shard: Shard | None) -> None:
    """Raise UsageError or LimitExceeded unless what all shards change is known, and little enough.

    `shard` is the one that this run is about; None for all tenants.
    """
    if saved is not None and (alone := saved["selection"].get("shard")):
        raise UsageError(
            f"{options.file} is the plan of shard {alone} alone; make one of those of all shards "
            "with `reconciler merge`, and apply that"
        )
    if shard is None or options.force:
        return
    if saved is None:
        raise UsageError(
            "--max-tenants is about all shards, and this one sees its own tenants alone: give the "
            "plan of all shards, as `reconciler merge` makes it, or lift the limits with --force"
        )
    changed, most = changed_tenants(saved["tenants"]), options.fleet.max_tenants
    if changed > most:
        raise refused_by([Exceeded(None, changed, most, "--max-tenants")])
