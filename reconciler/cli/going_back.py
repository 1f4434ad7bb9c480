"""`import --verified-at`: manifests of what the trail last verified, and what they would change."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.adapters.clock import wall_time
from reconciler.adapters.database import Store
from reconciler.adapters.manifest_files import is_left_out
from reconciler.cli.audit_list import moment_of
from reconciler.cli.commands.import_ import Options
from reconciler.cli.desired import commit_of
from reconciler.cli.exits import Exit
from reconciler.cli.files import refuse_standard_output
from reconciler.cli.imports import Draft, drafted, showing, write_drafts
from reconciler.cli.invocation import Invocation
from reconciler.cli.manifest_loading import require_manifests, tenant_named
from reconciler.cli.output import Output, output_of
from reconciler.cli.planned import planning
from reconciler.cli.shared_options import TextOrJson
from reconciler.cli.state_store import read_state
from reconciler.cli.wiring import workbench
from reconciler.domain.documents import PlanDocument
from reconciler.domain.manifest import Manages, Manifests, SchemaExtension, Selector, Tenant
from reconciler.domain.problem import Place, Problem
from reconciler.domain.scim import Schema, fold
from reconciler.domain.selection import Selection
from reconciler.domain.verified import LastVerified, Look, UnknownMoment, verified_at, verified_by
from reconciler.errors import UsageError
from reconciler.importing import manifest_for, names_for
from reconciler.planning import Desired, plan_fleet
from reconciler.render.plain_text import visible
from reconciler.render.plan_document import sealed

_AGE = re.compile("[0-9]{1,6}[mhd]")
_COMMIT = re.compile("[0-9a-fA-F]{4,64}")
_SHOWN = 12  # characters of a commit that are shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The extensions of then, each as it was verified, and what the store has no document of."""

    extensions: tuple[tuple[LastVerified, SchemaExtension], ...]
    unknown: tuple[LastVerified, ...]

    def below(self, folder: Path) -> "Past":
        """The same, with each extension in a file of its own in that folder."""
        placed = (
            (each, replace(then, place=Place(str(folder / f"{then.name}.yaml"))))
            for each, then in self.extensions
        )
        return replace(self, extensions=tuple(placed))


def import_verified(invocation: Invocation, options: Options) -> int:
    """Write what was verified then, and show a plan of it; 1 where some of it is not known."""
    with output_of(invocation, wanted=options.format is TextOrJson.JSON) as output:
        return _import(invocation, options, output)


def _import(invocation: Invocation, options: Options, output: Output) -> int:
    manifests = require_manifests(invocation, options.reading)
    tenant = tenant_named(manifests, options.tenant)
    managed = {each.schema.key: each for each in manifests.desired_for(tenant)}
    out = options.out or invocation.common.desired_state / "_verified" / tenant.name
    refuse_standard_output("--out", out)
    with read_state(invocation) as store:
        store.carry_on(manifests.tenants)
        found = _verified(store.looks(tenant.name), options)
        past = _past(found, tenant, manifests, managed, store).below(out)
    console = invocation.console
    if not output.wanted:
        for line in _lines(past, managed):
            console.data(f"{visible(line)}\n")
    drafts, failures = _drafts(invocation, options, tenant, past, managed)
    with showing(console, output, tenant, drafts) as data:
        write_drafts(invocation, drafts, force=options.force)
        data["written"] = True
        for each in past.unknown:
            failures.append(
                f"{each.schema_id} is not written: the store has no document of {each.digest}; "
                "until format 10 it kept those of its own writes alone, so take the manifest from "
                "git" + (f" at {each.commit}" if each.commit else "")
            )
        for failure in failures:
            console.complain(visible(failure))
        show = None if output.wanted else console.text
        plan = _planned(invocation, options, tenant, past, show)
        data["plan"] = {**plan}
    read = all(each["error"] is None for each in plan["tenants"])
    return Exit.WELL if read and not failures else Exit.ERROR


def _verified(looks: tuple[Look, ...], options: Options) -> tuple[LastVerified, ...]:
    text, option = options.verified_at or "", "--verified-at"
    is_commit = _COMMIT.fullmatch(text) and not _AGE.fullmatch(text)
    try:
        if is_commit:
            found = verified_by(looks, text)
        else:
            found = verified_at(looks, moment_of(option, text, wall_time()))
    except UnknownMoment as error:
        raise UsageError(f"{option} {text}: {error}") from error
    urn = None if options.id is None else fold(options.id)
    wanted = tuple(each for each in found if urn in (None, fold(each.schema_id)))
    if not wanted:
        names = ", ".join(each.schema_id for each in found)
        raise UsageError(f"{options.id} was not verified then; what was is {names}")
    return wanted


def _past(
    found: Iterable[LastVerified],
    tenant: Tenant,
    manifests: Manifests,
    managed: Mapping[str, SchemaExtension],
    store: Store,
) -> Past:
    new = [each.schema_id for each in found if fold(each.schema_id) not in managed]
    names = names_for(tenant.name, new, [each.name for each in manifests.extensions])
    known, unknown = [], []
    for each in found:
        now = managed.get(fold(each.schema_id))
        if now is not None and now.fitted_to(tenant.dialect).schema.fingerprint() == each.digest:
            known.append((each, now.fitted_to(tenant.dialect)))
            continue
        kept = store.schemas_of(tenant.name, each.schema_id, each.digest)
        if not kept:
            unknown.append(each)
            continue
        like_now = [k for k in kept if now is not None and k.manages is now.manages]
        schema, manages, kind = next(iter(like_now or kept))
        if now is None:
            name = names[fold(each.schema_id)]
            then = _extension(name, schema, manages, kind, tenant)
        else:
            then = replace(now, schema=schema, manages=manages)
            then = replace(then, resource_type=kind) if kind else then
        known.append((each, then))
    return Past(extensions=tuple(known), unknown=tuple(unknown))


def _extension(
    name: str, schema: Schema, manages: Manages, kind: str | None, tenant: Tenant
) -> SchemaExtension:
    return SchemaExtension(
        name=name,
        place=tenant.place,
        schema=schema,
        manages=manages,
        resource_type=kind or "User",
        selector=Selector(names=(tenant.name,)),
    )


def _lines(past: Past, managed: Mapping[str, SchemaExtension]) -> Iterator[str]:
    """A line for each, when it was verified, and for what of today was not."""
    for each, then in past.extensions:
        by = f" by commit {each.commit[:_SHOWN]}" if each.commit else ""
        otherwise = f"; not as desired at {each.otherwise}" if each.otherwise else ""
        yield f"{then.name}  {each.schema_id}: verified at {each.at}{by}{otherwise}"
    keys = {fold(each.schema_id) for each, _ in past.extensions}
    keys |= {fold(each.schema_id) for each in past.unknown}
    for key in sorted(managed.keys() - keys):
        now = managed[key]
        yield f"{now.name}  {now.schema.id}: not verified then; it stays, for nothing is deleted"


def _drafts(
    invocation: Invocation,
    options: Options,
    tenant: Tenant,
    past: Past,
    managed: Mapping[str, SchemaExtension],
) -> tuple[list[Draft], list[str]]:
    """The files that could be written, and what cannot be a manifest."""
    drafts, failures = [], []
    folder = invocation.common.desired_state
    for each, then in past.extensions:
        path = Path(then.place.path)
        now = managed.get(fold(each.schema_id))
        if now is not None and Path(now.place.path) != path and _is_read(path, folder):
            message = f"{each.schema_id} is managed, by {now.place}; left alone"
            invocation.console.say(visible(message))
            continue
        document = manifest_for(
            then.schema,
            tenant=tenant,
            name=then.name,
            resource_type=then.resource_type,
            full=options.full,
            manages=then.manages,
        )
        made = drafted(document, path, each.schema_id, then.name, tenant, options.reading)
        if isinstance(made, Problem):
            failures.append(f"{each.schema_id} cannot be written: {made.message}")
        else:
            drafts.append(made)
    return drafts, failures


def _is_read(path: Path, folder: Path) -> bool:
    """Test whether a file there would be among the manifests."""
    file, top = path.absolute(), folder.absolute()
    return file.is_relative_to(top) and not is_left_out(file.relative_to(top))


def _planned(
    invocation: Invocation,
    options: Options,
    tenant: Tenant,
    past: Past,
    show: Callable[[str], None] | None,
) -> PlanDocument:
    """The plan of the manifests of then now, which `show` gets as text."""
    console = invocation.console
    extensions = tuple(sorted((then for _, then in past.extensions), key=lambda e: e.name))
    desired = Desired(
        manifests=Manifests(tenants=(tenant,), extensions=extensions),
        selection=Selection(tenants=(tenant.name,)),
        git=commit_of(invocation),
    )
    most = options.reading.max_attributes
    with (
        workbench(invocation, desired, options.deadlines, max_attributes=most) as bench,
        planning(show=show, paint=console.paint) as planned,
    ):
        if show is not None:
            console.data("\nWith these manifests a plan would be:\n")
        planned.begin(desired, lambda _: (), bench.clock.now())
        made = plan_fleet(
            desired,
            bench.planner(),
            parallelism=1,
            keep=planned.keep,
            check=bench.clock.check,
            observe=invocation.observe,
        )
        document = sealed(planned.document(made))
        planned.end(document)
        [only] = document["tenants"]
        return {**document, "tenants": [{**only, "changes": [*only["changes"]]}]}
