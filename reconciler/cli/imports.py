"""`import`: write manifests of a tenant's live extensions, after showing what would be written."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.adapters.manifests.drafting import draft
from reconciler.cli.commands.import_ import Options
from reconciler.cli.console import Console
from reconciler.cli.desired import commit_of
from reconciler.cli.exits import Exit
from reconciler.cli.files import refuse_standard_output, write_below
from reconciler.cli.invocation import Invocation
from reconciler.cli.manifest_loading import limits_of, require_manifests, tenant_named
from reconciler.cli.output import Output, output_of
from reconciler.cli.shared_options import ReadingOptions, TextOrJson
from reconciler.cli.wiring import workbench
from reconciler.domain.deciding import LiveTenant
from reconciler.domain.dialect import BindingList
from reconciler.domain.documents import ImportData, ImportedAction, ImportedDocument
from reconciler.domain.hearing import Bindings
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import Manifests, Tenant
from reconciler.domain.problem import Problem
from reconciler.domain.rules.sites import USER
from reconciler.domain.scim import Schema, fold
from reconciler.domain.selection import Selection
from reconciler.domain.shown import shown_schema
from reconciler.errors import UsageError
from reconciler.importing import importable, manifest_for, names_for, resource_type_of
from reconciler.occurrences import Phase, in_phase, working_on
from reconciler.planning import Desired
from reconciler.render.difference_text import difference_text
from reconciler.render.plain_text import counted, visible

_EDITORS = "# yaml-language-server: $schema="
_SCHEMAS = ("manifest.schema.json", "reconciler/schemas/manifest.json")  # the second is our own
_NO_SCHEMA = (
    "editors can check manifests: `reconciler schema manifest > manifest.schema.json` in the "
    "repository, and the next import names it"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A manifest file that could be written: what stands there now (None: nothing), and then."""

    path: Path
    urn: str
    name: str
    before: str | None
    after: str


def import_extensions(invocation: Invocation, options: Options) -> int:
    """Show a diff, write what is new; 1 where something could not be imported."""
    with output_of(invocation, wanted=options.format is TextOrJson.JSON) as output:
        return _import(invocation, options, output)


def _import(invocation: Invocation, options: Options, output: Output) -> int:
    manifests = require_manifests(invocation, options.reading)
    tenant = tenant_named(manifests, options.tenant)
    out = options.out or invocation.common.desired_state / "extensions"
    refuse_standard_output("--out", out)
    live, bindings = _read(invocation, options, manifests, tenant)
    managed = {extension.schema.key: extension for extension in manifests.desired_for(tenant)}
    urns = []
    for urn in importable(live, tenant.dialect, options.id):
        other = managed.get(fold(urn))
        # A manifest that this command has written is written again; another one is somebody's.
        if other is not None and Path(other.place.path) != out / f"{other.name}.yaml":
            message = f"{urn} is managed already, by {other.place}; left alone"
            invocation.console.say(visible(message))
        else:
            urns.append(urn)
    # What was imported before keeps its name, for people may have renamed it in the manifest.
    names = {key: extension.name for key, extension in managed.items()}
    new = [urn for urn in urns if fold(urn) not in managed]
    names |= names_for(tenant.name, new, [extension.name for extension in manifests.extensions])
    drafts, failures = [], []
    for urn in urns:
        name, schema = names[fold(urn)], tenant.dialect.settable(live.schemas[fold(urn)])
        if tenant.projection is not None:
            schema = replace(schema, vendor=())  # no manifest has what the realm is beside
        document = manifest_for(
            schema,
            tenant=tenant,
            name=name,
            resource_type=_resource_type(invocation, schema, live, bindings),
            full=options.full,
        )
        shown = live.redaction.text(urn)
        if shown_schema(schema, live.redaction) is not schema:
            failures.append(
                f"{shown} is not written as a manifest: it shows a credential of this tenant; have "
                "that taken out of the service, and renew the credential"
            )
            continue
        made = drafted(document, out / f"{name}.yaml", shown, name, tenant, options.reading)
        if isinstance(made, Problem):
            failures.append(f"{shown} cannot be written as a manifest: {made.message}")
        else:
            drafts.append(made)
    with showing(invocation.console, output, tenant, drafts) as data:
        write_drafts(invocation, drafts, force=options.force)
        data["written"] = True
    if any(not each.after.startswith(_EDITORS) for each in drafts):
        invocation.console.say(_NO_SCHEMA)
    for failure in failures:
        invocation.console.complain(visible(failure))
    return Exit.ERROR if failures else Exit.WELL


def _read(
    invocation: Invocation, options: Options, manifests: Manifests, tenant: Tenant
) -> tuple[LiveTenant, Bindings | None]:
    desired = Desired(
        manifests=manifests,
        selection=Selection(tenants=(tenant.name,)),
        git=commit_of(invocation),
    )
    most = options.reading.max_attributes
    with (
        workbench(invocation, desired, options.deadlines, max_attributes=most) as bench,
        in_phase(invocation.observe, Phase.IMPORT, 1),
        working_on(tenant.name, Phase.IMPORT, invocation.observe),
    ):
        wanted = [] if options.id is None else [options.id]
        reader = bench.reader(tenant)
        live = reader.read_all(wanted, everything=True)
        listed = tenant.dialect.bindings is BindingList.LISTED
        found = (reader.bindings() if listed else None) or {}
        bindings = {kind: ids for kind, ids in found.items() if live.redaction.text(kind) == kind}
    for warning in live.warnings:
        invocation.console.say(f"warning: {visible(warning)}")
    return live, bindings


def _resource_type(
    invocation: Invocation, schema: Schema, live: LiveTenant, bindings: Bindings | None
) -> str:
    """The resource type that is written; says where no manifest can name that of the service."""
    kind = resource_type_of(schema, bindings)
    if kind is None:
        shown = live.redaction.text(schema.id)
        message = f"warning: no manifest can name the resource type of {shown}; {USER} stands"
        invocation.console.say(visible(message))
    return kind or USER


def drafted(
    document: dict[str, Json],
    path: Path,
    urn: str,
    name: str,
    tenant: Tenant,
    reading: ReadingOptions,
) -> Draft | Problem:
    """The file of a manifest, or the first reason why there can be none."""
    before = _existing(path)
    head, limits = _head(path, before), limits_of(reading)
    text, problems = draft(document, path.name, head=head, limits=limits, tenant=tenant)
    if problems:
        return problems[0]
    return Draft(path=path, urn=urn, name=name, before=before, after=text)


def _head(path: Path, before: str | None) -> str:
    """The comment that lets editors check the file, as the shipped manifests have it, or nothing.

    It names a JSON Schema in the same work tree, so that it holds on every machine.
    """
    first = (before or "").partition("\n")[0]
    if first.startswith(_EDITORS):
        return f"{first}\n"
    for folder in path.absolute().parents:
        for schema in (folder / name for name in _SCHEMAS):
            if schema.is_file():
                return f"{_EDITORS}{Path(os.path.relpath(schema, path.parent)).as_posix()}\n"
        if (folder / ".git").exists():
            break
    return ""


def _existing(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


@contextmanager
def showing(
    console: Console, output: Output, tenant: Tenant, drafts: Iterable[Draft]
) -> Iterator[ImportData]:
    """Print how the drafts differ; as JSON, once the block has ended, what it has added to that."""
    data: ImportData = {
        "tenant": tenant.name,
        "written": False,
        "manifests": [_document(each) for each in drafts],
    }
    if not output.wanted:
        for each in drafts:
            console.text(difference_text(each.path, each.before, each.after, paint=console.paint))
        yield data
        return
    try:
        yield data
    finally:
        output.show(data)


def _document(each: Draft) -> ImportedDocument:
    action: ImportedAction = "create" if each.before is None else "update"
    return {
        "path": str(each.path),
        "schema_id": each.urn,
        "name": each.name,
        "action": "unchanged" if each.before == each.after else action,
        "text": each.after,
    }


def write_drafts(invocation: Invocation, drafts: Iterable[Draft], *, force: bool) -> None:
    """Write all of them, or none where one would be overwritten without --force."""
    changed = [each for each in drafts if each.before != each.after]
    in_the_way = [str(each.path) for each in changed if each.before is not None]
    if in_the_way and not force:
        raise UsageError(
            f"{', '.join(in_the_way)} would be overwritten; nothing was written: look at the "
            "difference, and give --force if it is meant"
        )
    for each in changed:
        write_below(each.path, each.after)
    invocation.console.say(f"{counted(len(changed), 'manifest')} written")
