"""The dialects: those that come with the program, and those that a user brings.

Add a dialect:
1. Copy the file in reconciler/dialects/ that comes nearest as NAME.json.
2. Give it that `name`, and say in `description` where its facts come from.
3. Set what the service can do; docs/dialects.md lists the keys.
4. `make test`: the tests of dialects go through the folder, and no other file names it.

Add a service's error:
1. Take the status, and the `scimType` or a part of the text, from the answer to the write.
2. Add `{"means": "exists", "status": 400, "code": "…"}` to `errors` in the dialect's file; `means`
   may also be limit-reached or unsupported, and `detail` instead of `code` a part of the text.
3. `make test`: the tests of dialects send each such answer to a write.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from os.path import realpath
from pathlib import Path, PurePath

import reconciler
from reconciler.adapters.jsonschemas import check
from reconciler.adapters.manifest_files import ManifestFile, is_folder, read_file, shown
from reconciler.adapters.yaml_reader import Document, read
from reconciler.domain.dialect import Dialect, UpdateStrategy, contradictions
from reconciler.domain.problem import Place, Problem
from reconciler.domain.rules.reading import FILE, SHAPE
from reconciler.domain.scim import AttributeType
from reconciler.errors import ManifestsInvalid

SHIPPED = Path(reconciler.__file__).with_name("dialects")
MAX_FILES = 200
MAX_BYTES = 64 * 1024
_OTHER_FORMS = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDialects:
    """Dialects by name, sorted, and everything that is wrong with their files.

    `stand_ins` have no limits and take the places of files with a problem, so that manifests that
    name them can be checked all the same; no tenant may be planned with one.
    """

    by_name: Mapping[str, Dialect]
    stand_ins: Mapping[str, Dialect] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def load_dialects() -> dict[str, Dialect]:
    """The dialects that come with the program, by name, sorted.

    Raises ManifestsInvalid, with file and line, where a contributor's file is not right.
    """
    found = _found(*_files_in(SHIPPED), shipped={})
    if found.problems:
        raise ManifestsInvalid(tuple(map(str, found.problems)))
    return dict(found.by_name)


def find_dialects(folder: Path | None) -> FoundDialects:
    """The dialects of the program and of a user's folder; never raises for what a user wrote."""
    shipped = load_dialects()
    if folder is None:
        return FoundDialects(by_name=shipped)
    files, problems = _files_in(folder)
    if not files and not problems:
        message = (
            "no dialects: the folder holds no *.json file; leave out --dialects, or name another"
        )
        problems = [FILE.problem(Place(shown(folder)), message)]
    return _found(files, problems, shipped=shipped)


def sound_dialects(folder: Path | None) -> Mapping[str, Dialect]:
    """The dialects of the program and of a user's folder, by name.

    Raises ManifestsInvalid, with file and line, where a file is not right.
    """
    found = find_dialects(folder)
    if found.problems:
        raise ManifestsInvalid(tuple(map(str, found.problems)))
    return found.by_name


def dialects_of(files: Iterable[ManifestFile]) -> FoundDialects:
    """The dialects of the program and those of files that were read elsewhere, as from git."""
    return _found(files, [], shipped=load_dialects())


def is_dialect(path: PurePath) -> bool:
    """Test whether a path below the folder names a dialect's file: it stands at the top of it."""
    return len(path.parts) == 1 and path.suffix == ".json" and not path.name.startswith((".", "_"))


def _files_in(folder: Path) -> tuple[list[ManifestFile], list[Problem]]:
    """The files of a folder in order, and what cannot be read; folders in it are left alone."""
    if not is_folder(folder):
        message = "no such folder; name the one that holds your dialects with --dialects"
        return [], [FILE.problem(Place(shown(folder)), message)]
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        return [], [FILE.problem(Place(shown(folder)), f"cannot be listed: {reason}")]
    files: list[ManifestFile] = []
    problems: list[Problem] = []
    root = realpath(folder)
    for entry in entries:
        place = Place(shown(entry))
        if entry.suffix in _OTHER_FORMS and not entry.name.startswith((".", "_")):
            problems.append(FILE.problem(place, "a dialect is JSON; save it as *.json"))
        elif not is_dialect(PurePath(entry.name)):
            continue
        elif not entry.name.isprintable():
            problems.append(FILE.problem(place, "a name that cannot be printed; rename it"))
        elif len(files) == MAX_FILES:
            message = f"more than {MAX_FILES} dialects; nothing after this is read"
            problems.append(FILE.problem(place, message))
            break
        elif isinstance(content := read_file(entry, root, MAX_BYTES + 1), str):
            problems.append(FILE.problem(place, content))
        elif len(content) > MAX_BYTES:
            message = f"larger than {MAX_BYTES // 1024} KiB, which no dialect needs"
            problems.append(FILE.problem(place, message))
        else:
            files.append(ManifestFile(str(entry), content))
    return files, problems


def _found(
    files: Iterable[ManifestFile], problems: Iterable[Problem], *, shipped: Mapping[str, Dialect]
) -> FoundDialects:
    """Read and check the files; none of them may have the name of a dialect that is shipped."""
    dialects, stand_ins, found = dict(shipped), {}, list(problems)
    for file in files:
        stem = PurePath(file.path).stem
        reading = read(file.data, file.path, most=MAX_BYTES)
        faults = [*reading.problems, *(p for d in reading.documents for p in _faults(d, stem))]
        if not faults and stem in shipped:
            # A pull request that could do so would change what tenants of others are held to
            faults = [
                FILE.problem(
                    reading.documents[0].place(("name",)),
                    f"{stem} is a dialect of the program, which no file can redefine; give this "
                    "one another name, or put what differs into spec.capabilities of the tenants",
                )
            ]
        found += faults
        if faults and stem not in shipped:
            stand_ins[stem] = Dialect(
                name=stem,
                target_system=stem,
                creates=True,
                updates=UpdateStrategy.PUT,
                types=frozenset(AttributeType),
            )
        elif not faults:
            dialects[stem] = Dialect.from_json(reading.documents[0].value)
    return FoundDialects(
        by_name=dict(sorted(dialects.items())), stand_ins=stand_ins, problems=tuple(sorted(found))
    )


def _faults(document: Document, stem: str) -> list[Problem]:
    """The problems of one dialect beyond those of its text, each at its line."""
    faults_of_shape = check(document.value, "dialect")
    if faults_of_shape:
        return [
            SHAPE.problem(document.place(each.pointer, at_key=each.at_key), each.message)
            for each in faults_of_shape
        ]
    faults = [
        SHAPE.problem(document.place(path), message)
        for path, message in contradictions(document.value)
    ]
    if (name := document.value["name"]) != stem:
        message = f"name: has to be {stem}, as the file is called; or call the file {name}.json"
        faults.append(SHAPE.problem(document.place(("name",)), message))
    return faults
