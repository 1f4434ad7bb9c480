"""A manifest file at each step of a migration: what is written stays as it is, but for the step."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.manifests.checking import ReadingLimits, errors_in
from reconciler.adapters.manifests.loading import check_text
from reconciler.adapters.yaml_editor import EditedText
from reconciler.adapters.yaml_reader import read
from reconciler.adapters.yaml_reader.spans import spans_of
from reconciler.adapters.yaml_writer import yaml_text
from reconciler.domain.jsontext import Json
from reconciler.domain.migration import Migration
from reconciler.domain.scim import fold
from reconciler.errors import UsageError

_DEPRECATED = ("spec", "deprecated")
_PERSONAL = ("spec", "personal")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A file before a step, None where there is none, and after it."""

    path: Path
    before: str | None
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationFiles:
    """The file changes of each step of a migration, each on top of the one before.

    `retired` is None where the service has no way to be without the old attribute.
    """

    added: FileChange
    deprecated: FileChange
    retired: FileChange | None


def migration_files(
    migration: Migration, text: str, *, taken: frozenset[str], since: str, limits: ReadingLimits
) -> MigrationFiles:
    """Write the steps; `text` is the file of the extension, `taken` the names of all of them.

    Raises UsageError where the new attribute breaks a rule, or the file cannot be edited.
    """
    path = Path(migration.extension.place.path)
    old = EditedText(text=text, number=_number(text, migration.extension.name))
    attribute = _path(old, migration.places)
    if migration.schema_id is None:
        new = old.inserted(attribute, dict(migration.attribute))
        for name in migration.personal:
            new = new.appended(_PERSONAL, name)
        added = FileChange(path=path, before=text, after=new.text)
    else:
        name = _free_name(migration.extension.name, taken)
        beside = path.with_name(f"{name}.yaml")
        new, added = old, FileChange(path=beside, before=None, after=_new(migration, text, name))
    _require_sound(migration, added, text, limits)
    notice: dict[str, Json] = {"name": migration.old, "since": since}
    then = new
    for index, known in reversed([*enumerate(_value(new, _DEPRECATED))]):
        if fold(known["name"]) == fold(migration.old):
            notice["since"] = known["since"]  # it is no younger than it was
            then = then.removed((*_DEPRECATED, index))
    if migration.schema_id is None:
        notice |= {"use": migration.new, "reason": f"moved to {migration.new}"}
    else:
        notice |= {"reason": f"moved to {migration.schema_id}:{migration.new}"}
    then = then.appended(_DEPRECATED, notice)
    deprecated = FileChange(path=path, before=new.text, after=then.text)
    if migration.schema_id is not None:
        return MigrationFiles(added=added, deprecated=deprecated, retired=None)
    retired = FileChange(
        path=path, before=then.text, after=_retired(migration, then, attribute, since).text
    )
    return MigrationFiles(added=added, deprecated=deprecated, retired=retired)


def _retired(
    migration: Migration, edited: EditedText, attribute: tuple[str | int, ...], since: str
) -> EditedText:
    """The file without the old attribute, and without what it says of it but for a tombstone."""
    last = edited.removed(attribute)
    for index, name in reversed([*enumerate(_value(last, _PERSONAL))]):
        if _is_of(name, migration.old):
            last = last.removed((*_PERSONAL, index))
    for index, known in reversed([*enumerate(_value(last, _DEPRECATED))]):
        if _is_of(known["name"], migration.old):
            last = last.removed((*_DEPRECATED, index))
        elif _is_of(known.get("use") or "", migration.old):
            last = last.removed((*_DEPRECATED, index))
            last = last.appended(_DEPRECATED, {**known, "use": migration.new})
    stone = {"name": migration.old, "type": _type(migration), "since": since}
    return last.appended(("spec", "retired"), stone)


def _is_of(name: str, attribute: str) -> bool:
    """True of an attribute and of each of its parts."""
    return f"{fold(name)}.".startswith(f"{fold(attribute)}.")


def _number(text: str, name: str) -> int:
    """The number of the document of that extension."""
    for number, document in enumerate(read(text.encode(), "").documents):
        match document.value:
            case {"kind": "SchemaExtension", "metadata": {"name": found}} if found == name:
                return number
    raise UsageError(f"{name} was changed meanwhile; try again")


def _path(edited: EditedText, places: tuple[int, ...]) -> tuple[str | int, ...]:
    """The path of the attribute in the file, its members in whatever case they are written."""
    path: list[str | int] = ["spec", "schema"]
    span = spans_of(edited.text)[edited.number].at(tuple(path))
    for member, place in zip(("attributes", "subAttributes"), places, strict=False):
        key = next(each for each in span.inside if fold(str(each)) == fold(member))
        path += [key, place]
        span = span.inside[key].inside[place]
    return tuple(path)


def _value(edited: EditedText, path: tuple[str, ...]) -> list[Json]:
    value = read(edited.text.encode(), "").documents[edited.number].value
    for step in path:
        value = value.get(step, {})
    return list(value)


def _type(migration: Migration) -> str:
    attribute = migration.extension.schema.at(migration.old)
    assert attribute is not None
    return str(attribute.type)


def _new(migration: Migration, text: str, name: str) -> str:
    """The manifest of the new schema: for the same tenants, with the same owners."""
    document = read(text.encode(), "").documents[_number(text, migration.extension.name)].value
    of_the_old = ("schema", "retired", "deprecated", "personal")
    spec = {key: value for key, value in document["spec"].items() if key not in of_the_old}
    personal = {"personal": list(migration.personal)} if migration.personal else {}
    written: dict[str, Json] = {
        **document,
        "metadata": {**document["metadata"], "name": name},
        "spec": {**spec, **personal, "schema": migration.document},
    }
    first = text.partition("\n")[0]
    head = f"{first}\n" if first.startswith("# yaml-language-server:") else ""
    return f"{head}{yaml_text(written)}"


def _free_name(name: str, taken: frozenset[str]) -> str:
    number = 2
    while f"{name}-v{number}" in taken:
        number += 1
    return f"{name}-v{number}"


def _require_sound(
    migration: Migration, change: FileChange, before: str, limits: ReadingLimits
) -> None:
    """Raise UsageError where the new text has an error that the old one has not."""

    def errors(text: str) -> Mapping[str, str]:
        found = errors_in(check_text(text, change.path.name, limits, migration.tenant))
        return {f"{each.rule}: {each.text}": f"{each.text} ({each.rule})" for each in found}

    known = errors(before)
    new = [shown for key, shown in errors(change.after).items() if key not in known]
    if new:
        raise UsageError(f"{migration.new} would not be sound: {'; '.join(new)}; choose with --to")
