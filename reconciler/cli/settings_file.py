"""reconciler.toml: what a repository may set beside its manifests, held against the options.

Where credentials go, what is trusted and what may be written is none of it.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from reconciler.adapters.git import Git, files_at, path_in_repository
from reconciler.adapters.manifest_files import read_file
from reconciler.adapters.settings import Settings
from reconciler.adapters.settings_file import MAX_BYTES, Key, Setting, SettingsFile
from reconciler.cli.commands import COMMANDS, Command
from reconciler.cli.common_options import COLOR, CommonOptions
from reconciler.cli.given import value_in_file
from reconciler.cli.options import Option, flag_of, key_of, options_in, variable_of
from reconciler.domain.messages import listed, nearest
from reconciler.errors import UsageError

_SELECTION = "selection"


def settings_at(
    path: Path,
    command: Command,
    given: Mapping[str, object],
    settings: Settings,
    ref: str | None,
) -> Mapping[str, Setting]:
    """What the file sets, by the keys of a command's options; raises UsageError with all problems.

    With a git ref it is the file as it was there.
    """
    # docs/decisions.md, "`reconciler.toml` sets what is shown and how fast, and no trust"
    found = _on_disk(path) if ref is None else _at(path, settings, ref)
    if found is None:
        return {}
    known = dict(known_settings())
    problems = [problem for each in found.settings() if (problem := _problem(each, known))]
    if problems:
        strange = any(each.key not in known for each in found.settings())
        more = [f"allowed are {_allowed(known)}"] if strange else []
        raise UsageError("\n".join(problems + more))
    by_name = {each.name: each for each in found.settings()}
    declared = (*options_in(CommonOptions), *options_in(command.load().Options))
    keys = {option.key: key_of(option, command.name) for _, option in declared}
    return {
        key: by_name[name]
        for key, name in keys.items()
        # A saved plan has its own selection.
        if name in by_name and not (key.startswith(_SELECTION) and given.get("file") is not None)
    }


def known_settings() -> Iterator[tuple[Key, Option]]:
    """Every key that the file may have, with the option that it sets."""
    yield tuple(COLOR.key.split(".")), COLOR
    declared = [("", CommonOptions), *((each.name, each.load().Options) for each in COMMANDS)]
    for command, options in declared:
        for _, option in options_in(options):
            if option.key and option.key != COLOR.key:
                yield tuple(key_of(option, command).split(".")), option


def selected_by(
    found: Mapping[str, Setting],
    command: Command,
    given: Mapping[str, object],
    settings: Settings,
) -> Iterator[str]:
    """The parts of the selection of a command that are from the file, a line for each."""
    for name, option in options_in(command.load().Options):
        setting = found.get(option.key) if option.key.startswith(_SELECTION) else None
        overridden = name in given or settings.option(variable_of(name)) is not None
        if setting is not None and setting.value and not overridden:
            yield f"{setting.place} selects {flag_of(name)} {' '.join(setting.value)}"


def _on_disk(path: Path) -> SettingsFile | None:
    data = read_file(path, os.path.realpath(path.parent), MAX_BYTES + 1)
    if isinstance(data, str):
        raise UsageError(f"{path}: {data}")
    return SettingsFile.of(str(path), data)


def _at(path: Path, settings: Settings, ref: str) -> SettingsFile | None:
    """The file at a ref; None where there is none, also where its folder is in no repository."""
    folder = path.parent
    if path_in_repository(folder) is None:
        return None
    git, name = Git.of(settings.environ), PurePosixPath(path.name)
    files = files_at(git, folder, ref, wanted=lambda p: p == name, most=MAX_BYTES, only=path.name)
    return next((SettingsFile.of(f"{ref}:{path}", data) for path, data in files), None)


def _problem(setting: Setting, known: Mapping[Key, Option]) -> str | None:
    if (option := known.get(setting.key)) is None:
        return f"{setting.place} cannot be set here{_hint(setting, known)}"
    try:
        value_in_file(option, setting)
    except UsageError as error:
        return str(error)
    return None


def _hint(setting: Setting, known: Mapping[Key, Option]) -> str:
    if meant := nearest(setting.name, map(".".join, known)):
        return f"; did you mean {meant}?"
    declared = (CommonOptions, *(command.load().Options for command in COMMANDS))
    names = {name for options in declared for name, _ in options_in(options)}
    name = setting.key[0].replace("-", "_").lower()
    return f", only by {flag_of(name)} or {variable_of(name)}" if name in names else ""


def _allowed(known: Mapping[Key, Option]) -> str:
    alone = sorted(key[0] for key in known if len(key) == 1)
    tables = sorted({key[0] for key in known if len(key) > 1})
    inside = (
        f"in [{table}] {listed(sorted(key[1] for key in known if key[0] == table))}"
        for table in tables
    )
    return "; ".join((listed(alone), *inside))
