"""`status`: the manifests, held against what the store last has of each tenant."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import assert_never

from reconciler.adapters.clock import wall_time
from reconciler.adapters.metrics import metrics_text
from reconciler.cli.commands.status import Options
from reconciler.cli.exits import Exit
from reconciler.cli.expiry import NO_ORIGINS, expiry_findings, origins_unset
from reconciler.cli.files import require_folder, write_file
from reconciler.cli.invocation import Invocation
from reconciler.cli.manifest_loading import require_manifests
from reconciler.cli.masks import Masks
from reconciler.cli.shared_options import TextOrJson
from reconciler.cli.state_store import state_if_any
from reconciler.cli.trust import Trust
from reconciler.domain.doctor import Grade
from reconciler.domain.fleet_status import Trail, fleet_status
from reconciler.domain.manifest import Manifests
from reconciler.domain.metrics import TIMED, status_metrics
from reconciler.domain.selection import Selection
from reconciler.domain.tenant_names import KeptNames
from reconciler.render.json_text import json_text
from reconciler.render.plain_text import visible
from reconciler.render.status import status_document, status_text


def taken_of(manifests: Manifests, selection: Selection) -> Manifests:
    """The manifests with the tenants that are selected."""
    taken = tuple(each for each in manifests.tenants if selection.takes_tenant(each.name))
    return replace(manifests, tenants=taken)


def status(invocation: Invocation, options: Options) -> int:
    """Print the status, write the metrics; 2 where something needs a person."""
    if options.metrics is not None:
        require_folder("--metrics", options.metrics)
    whole = require_manifests(invocation, options.reading)
    selection = Selection(tenants=options.tenant)
    manifests = taken_of(whole, selection)
    with state_if_any(invocation) as store:
        if store is not None:
            store.carry_on(whole.tenants)
        trail = store.fleet_trail() if store else Trail()
        kept = store.kept_names() if store else KeptNames()
        timed = store.timed(TIMED) if store and options.metrics is not None else ()
    unclaimed = (u for u in kept.unclaimed(whole.tenants) if selection.takes_tenant(u.name))
    found = replace(fleet_status(manifests, trail, wall_time()), unclaimed=tuple(unclaimed))
    warnings = tuple(_warnings(invocation, manifests))
    max_age = timedelta(hours=options.max_age)
    needs = found.needs(max_age)
    match options.format:
        case TextOrJson.JSON:
            invocation.console.data(json_text(status_document(found, needs, max_age, warnings)))
        case TextOrJson.TEXT:
            console = invocation.console
            console.text(status_text(found, needs, console.paint, console.width))
            for warning in warnings:
                invocation.console.say(f"warning: {visible(warning)}")
        case _:
            assert_never(options.format)
    if options.metrics is not None:
        write_file(options.metrics, metrics_text(status_metrics(found, timed)))
    return Exit.NEEDS_A_PERSON if needs else Exit.WELL


def _warnings(invocation: Invocation, manifests: Manifests) -> Iterator[str]:
    """What will keep a run from its work before long, or lets credentials go anywhere."""
    if origins_unset(invocation.settings, manifests.tenants):
        yield NO_ORIGINS
    now = wall_time()
    trust = Trust(
        settings=invocation.settings,
        secrets_dir=invocation.common.secrets_dir,
        embedded={},
        masks=Masks.of_process(invocation.settings),
    )
    for tenant in manifests.tenants:
        for each in expiry_findings(tenant, trust.read, now):
            if each.grade in (Grade.WARNING, Grade.PROBLEM):
                yield f"{tenant.name}: {each.message}"
