"""`migrate`: the patches of a migration, and the page that says when each is due."""

import difflib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from reconciler.adapters.clock import wall_time
from reconciler.adapters.git import path_in_repository
from reconciler.adapters.manifests.rewriting import FileChange, migration_files
from reconciler.cli.commands.migrate import Options
from reconciler.cli.exits import Exit
from reconciler.cli.files import make_folder, read_text, write_file
from reconciler.cli.invocation import Invocation
from reconciler.cli.manifest_loading import limits_of, named, require_manifests, tenant_named
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import Manifests, SchemaExtension, Tenant
from reconciler.domain.migration import migration
from reconciler.errors import UsageError
from reconciler.render.migration_markdown import ADD, DEPRECATE, RETIRE, migration_markdown

_PAGE = "README.md"


def migrate(invocation: Invocation, options: Options) -> int:
    """Print the steps, or write them into a folder where none of its files is yet."""
    manifests = require_manifests(invocation, options.reading)
    tenant, extension, name = _about(manifests, options.attribute)
    steps = migration(tenant, extension, name, dict(_settings(options.to)))
    files = migration_files(
        steps,
        read_text(Path(extension.place.path)),
        taken=frozenset(each.name for each in manifests.extensions),
        since=wall_time().date().isoformat(),
        limits=limits_of(options.reading),
    )
    patches = {ADD: _patch(files.added), DEPRECATE: _patch(files.deprecated)}
    if files.retired is not None:
        patches[RETIRE] = _patch(files.retired)
    if options.out is None:
        invocation.console.data(migration_markdown(steps, patches, inline=True))
        return Exit.WELL
    page = migration_markdown(steps, patches, inline=False)
    _write(options.out, {_PAGE: page, **patches})
    invocation.console.say(f"{options.out / _PAGE} says when each of the patches beside it is due")
    return Exit.WELL


def _about(manifests: Manifests, text: str) -> tuple[Tenant, SchemaExtension, str]:
    """What TENANT/EXTENSION.ATTRIBUTE names; raises UsageError."""
    tenant_name, slash, rest = text.partition("/")
    extension_name, dot, attribute = rest.partition(".")
    if not (slash and dot and attribute):
        raise UsageError(f"{text!r} is not of the form TENANT/EXTENSION.ATTRIBUTE")
    tenant = tenant_named(manifests, tenant_name)
    extensions = {each.name: each for each in manifests.desired_for(tenant)}
    return tenant, named(f"extension of {tenant_name}", extension_name, extensions), attribute


def _settings(texts: Iterable[str]) -> Iterator[tuple[str, Json]]:
    """The characteristics that --to gives; a value that is no JSON is a text."""
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--to {text!r} is not of the form KEY=VALUE, such as type=integer")
        try:
            yield name, json.loads(value)
        except ValueError:
            yield name, value


def _patch(change: FileChange) -> str:
    """A patch for `git apply` at the top of the work tree, or here where there is none."""
    path = change.path.absolute()
    folder = path_in_repository(path.parent)
    name = (Path(change.path.name) if folder is None else folder / path.name).as_posix()
    lines = difflib.unified_diff(
        (change.before or "").splitlines(keepends=True),
        change.after.splitlines(keepends=True),
        "/dev/null" if change.before is None else f"a/{name}",
        f"b/{name}",
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _write(folder: Path, texts: dict[str, str]) -> None:
    """Write all of them, or none where one is there already."""
    there = [str(folder / name) for name in texts if (folder / name).exists()]
    if there:
        raise UsageError(f"{', '.join(there)} would be overwritten; name another folder with --out")
    make_folder("--out", folder)
    for name, text in texts.items():
        write_file(folder / name, text)
