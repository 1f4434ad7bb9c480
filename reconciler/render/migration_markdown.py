"""A migration → the page that says which patch is due when, and what shows it."""

from collections.abc import Iterator, Mapping

from reconciler.domain.migration import Migration
from reconciler.render.markdown_text import WORDS, code, plain

ADD, DEPRECATE, RETIRE = "1-add.patch", "2-deprecate.patch", "3-retire.patch"


def migration_markdown(migration: Migration, patches: Mapping[str, str], *, inline: bool) -> str:
    """The steps in their order; `patches` are their texts by name, shown where `inline`."""
    return "".join(f"{line}\n" for line in _lines(migration, patches, inline=inline))


def _lines(migration: Migration, patches: Mapping[str, str], *, inline: bool) -> Iterator[str]:
    tenant, extension, urn = migration.tenant.name, migration.extension, migration.new_schema
    old, new = code(migration.old), code(migration.new)
    yield f"# Migrate {old} of {code(extension.name)} to {new}"
    yield ""
    yield f"No update can make this change: {plain(migration.why, WORDS)}."
    yield ""
    yield "Each step is a pull request of its own, made at the top of the work tree. Values are"
    yield "moved by whoever writes them, never by reconciler."
    yield ""
    yield "## 1. Add the new attribute"
    yield ""
    yield from _patch(ADD, patches, inline=inline)
    yield "Merge it and apply it to all tenants. The new attribute can be filled once this exits 0:"
    yield ""
    yield from _commands(f"reconciler gate {tenant} {urn} --attribute {migration.new}")
    yield f"Then have every writer fill both {old} and {new}, and copy the values that are there."
    yield ""
    yield "## 2. Deprecate the old one"
    yield ""
    yield f"Count the holders of both; go on when {new} has as many as {old}:"
    yield ""
    yield from _commands(f"reconciler adoption {tenant}")
    yield from _patch(DEPRECATE, patches, inline=inline)
    yield f"Put the day on which it is merged behind `since`, and move every reader to {new}."
    yield ""
    yield "## 3. Retire the old one"
    yield ""
    if RETIRE not in patches:
        yield f"The service changes no schema, so {old} stays there, deprecated. When nobody"
        yield "reads it any more, have its values taken out of the users."
        return
    yield f"When nobody reads {old} any more, have its values taken out of the users, and count:"
    yield ""
    yield from _commands(f"reconciler adoption {tenant}")
    yield from _patch(RETIRE, patches, inline=inline)
    yield "reconciler takes nothing out of a service. Once this is merged, a plan says that the old"
    yield "attribute exists only live; have it removed in the service's own console then."


def _patch(name: str, patches: Mapping[str, str], *, inline: bool) -> Iterator[str]:
    if inline:
        yield "```diff"
        yield from (plain(line, None) for line in patches[name].splitlines())
        yield "```"
    else:
        yield from _commands(f"git apply {name}")
        return
    yield ""


def _commands(command: str) -> Iterator[str]:
    yield "```console"
    yield f"$ {command}"
    yield "```"
    yield ""
