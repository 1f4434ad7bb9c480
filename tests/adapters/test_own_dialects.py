"""The dialects of a user's folder: each fault at its line, with what to do."""

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.dialects import (
    MAX_BYTES,
    MAX_FILES,
    FoundDialects,
    dialects_of,
    find_dialects,
    load_dialects,
)
from reconciler.adapters.manifest_files import ManifestFile
from reconciler.domain.dialect import Dialect

MINE: dict[str, Any] = {
    "name": "mine",
    "description": "A service for tests.",
    "targetSystem": "MINE",
    "creates": True,
    "updates": "put",
    "types": ["string", "boolean"],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "dialects"
    place.mkdir()
    return place


def write(folder: Path, file: str = "mine.json", **changes: Any) -> Path:
    data = {key: value for key, value in (MINE | changes).items() if value is not ...}
    path = folder / file
    path.write_text(json.dumps(data, indent=2))
    return path


def messages(found: FoundDialects) -> list[str]:
    """Each problem without the folder, as `mine.json:LINE: message`."""
    return [f"{Path(p.place.path).name}:{p.place.line}: {p.message}" for p in found.problems]


def test_a_file_in_the_folder_is_a_dialect_beside_those_of_the_program(folder: Path) -> None:
    write(folder, extensions=3)

    found = find_dialects(folder)

    assert found.problems == ()
    assert found.by_name["mine"].extensions == 3
    assert list(found.by_name) == sorted([*load_dialects(), "mine"])


def test_without_a_folder_there_are_those_of_the_program() -> None:
    assert find_dialects(None) == FoundDialects(by_name=load_dialects())


def test_a_file_without_the_name_of_a_dialect_is_left_alone(folder: Path) -> None:
    write(folder)
    (folder / "README.md").write_text("mine")
    for name in ("_draft.json", ".hidden.json", "_notes.yaml"):
        (folder / name).write_text("{")
    (folder / "more").mkdir()
    (folder / "more" / "other.json").write_text("{")

    found = find_dialects(folder)

    assert found.problems == ()
    assert "other" not in found.by_name


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": "mime"}, "2: name: has to be mine, as the file is called; or call the file mime"),
        ({"name": "Mine"}, "2: name: a dialect's name has up to 63 small letters"),
        ({"name": 7}, "2: name: a dialect's name has up to 63 small letters"),
        ({"creates": ...}, "1: the document lacks creates"),
        ({"create": True}, "11: unknown key 'create'; did you mean creates?"),
        ({"creates": "yes"}, "5: creates: must be true or false, not text"),
        ({"updates": "pacth"}, "6: updates: 'pacth' is not known here; did you mean patch?"),
        ({"types": ["strin"]}, "8: types[0]: 'strin' is not known here; did you mean string?"),
        ({"types": []}, "7: types: must not be empty"),
        ({"pageSize": 0}, "11: pageSize: must be 1 or more"),
        ({"pageSize": 10**18}, "11: pageSize: must be 100000 or less"),
        ({"extensions": 10**400}, "11: extensions: must be 100000 or less"),
        ({"extensions": -1}, "11: extensions: must be 0 or more"),
        ({"extensions": 1.5}, "11: extensions: must be a whole number, not a fraction"),
        ({"lagReads": 10**6}, "11: lagReads: must be 60 or less"),
        ({"requestsPerMinute": 0}, "11: requestsPerMinute: must be 10 or more"),
        ({"throttledWait": 10**6}, "11: throttledWait: from 1 to 300 seconds"),
        ({"errors": [{"means": "full", "status": 400}]}, "13: errors[0].means: 'full' is not"),
        ({"errors": [{"means": "exists", "status": 500}]}, "14: errors[0].status: a status from"),
        ({"protectedPrefixes": ["urn:mine"]}, "12: protectedPrefixes[0]: the beginning of URNs"),
        ({"attributeNames": {}}, "11: attributeNames lacks characters"),
        (
            {"attributeNames": {"characters": "letter"}},
            "12: attributeNames.characters: 'letter' is not known here; did you mean letters?",
        ),
        (
            {"attributeNames": {"characters": "letters", "minLength": 3, "maxLength": 2}},
            "14: maxLength must be 3 or more, which is minLength",
        ),
        ({"attributeNames": {"pattern": "[a-z]+"}}, "11: attributeNames lacks words"),
        ({"attributeNames": {"pattern": "a+", "words": ""}}, "13: attributeNames.words: what a"),
        ({"targetSystem": "A\n::error::B"}, "4: targetSystem: the service's name: one line of"),
        ({"targetSystem": ""}, "4: targetSystem: the service's name: one line of"),
        ({"targetSystem": 7}, "4: targetSystem: the service's name: one line of"),
        (
            {"attributeNames": {"pattern": "[z-a]", "words": "x"}},
            "12: the pattern is not sound: bad character range z-a",
        ),
    ],
)  # fmt: skip
def test_a_fault_is_reported_at_its_line(folder: Path, changes: Any, expected: str) -> None:
    write(folder, **changes)

    found = find_dialects(folder)

    assert [m for m in messages(found) if m.startswith(f"mine.json:{expected}")], messages(found)
    assert "mine" not in found.by_name


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+", "(a|a)*", "a*a*a*", "[a-z]*[a-z]*[a-z]*", "[a--z]", "[[a]", "\\d+", "a{1}{2}", "^a"],
)  # fmt: skip
def test_a_pattern_that_could_take_long_is_refused(folder: Path, pattern: str) -> None:
    write(folder, attributeNames={"pattern": pattern, "words": "x"})

    (message,) = messages(find_dialects(folder))

    assert message.startswith(
        "mine.json:12: attributeNames.pattern: a pattern is a row of characters"
    )


@pytest.mark.parametrize(
    "pattern", ["custom_[a-z]{1,20}", "[A-Za-z][A-Za-z0-9_-]*", "[^_]+x?", "[a-z]{3}[0-9]{2}", ""]
)
def test_a_pattern_that_is_checked_at_once_is_taken(folder: Path, pattern: str) -> None:
    write(folder, attributeNames={"pattern": pattern, "words": "x"})

    found = find_dialects(folder)

    assert found.problems == ()
    names = found.by_name["mine"].names
    assert names is not None
    assert not names.takes("a" * 100_000)


def test_a_name_given_twice_is_an_error(folder: Path) -> None:
    (folder / "mine.json").write_text('{"name": "mine",\n "creates": true,\n "creates": false}')

    (message,) = messages(find_dialects(folder))

    assert message.startswith("mine.json:3: key 'creates' twice")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"name": "mine",\n', "mine.json:2: "),
        (b"name: mine\n", "mine.json:1: "),
        (b"", "mine.json:1: "),
        (b"[]", "mine.json:1: the document: must be a mapping, not a list"),
        (b"\xff\xfe", "mine.json:1: not UTF-8"),
        (b" " * (MAX_BYTES + 1), "mine.json:1: larger than 64 KiB, which no dialect needs"),
        (b'{"name": "mi\\u202ene"}', "mine.json:1: U+202E, a control, direction or other"),
    ],
)
def test_a_text_that_is_no_json_object_is_an_error(
    folder: Path, text: bytes, expected: str
) -> None:
    (folder / "mine.json").write_bytes(text)

    found = messages(find_dialects(folder))

    assert [message for message in found if message.startswith(expected)], found


@pytest.mark.parametrize("name", sorted(load_dialects()))
def test_no_file_can_redefine_a_dialect_of_the_program(folder: Path, name: str) -> None:
    write(folder, f"{name}.json", name=name, protectedPrefixes=[])

    found = find_dialects(folder)

    assert messages(found) == [
        f"{name}.json:2: {name} is a dialect of the program, which no file can redefine; give this "
        "one another name, or put what differs into spec.capabilities of the tenants"
    ]
    assert found.by_name == load_dialects()
    assert found.stand_ins == {}


def test_a_broken_file_leaves_a_stand_in_for_checks_alone(folder: Path) -> None:
    write(folder, creates=...)

    found = find_dialects(folder)

    assert "mine" not in found.by_name
    assert found.stand_ins["mine"].name == "mine"


def test_yaml_is_refused_with_what_to_do(folder: Path) -> None:
    write(folder)
    (folder / "other.yaml").write_text("name: other")

    assert messages(find_dialects(folder)) == ["other.yaml:1: a dialect is JSON; save it as *.json"]


def test_an_empty_folder_is_an_error(folder: Path) -> None:
    assert messages(find_dialects(folder)) == [
        "dialects:1: no dialects: the folder holds no *.json file; leave out --dialects, or name "
        "another"
    ]


def test_a_folder_that_is_not_there_is_an_error(folder: Path) -> None:
    for place in (folder / "none", write(folder), Path("\0")):
        (message,) = messages(find_dialects(place))
        assert message.endswith(
            "no such folder; name the one that holds your dialects with --dialects"
        )


def test_a_pipe_or_device_is_not_opened(folder: Path, tmp_path: Path) -> None:
    outside = write(tmp_path)
    (folder / "out.json").symlink_to(outside)
    (folder / "nowhere.json").symlink_to(folder / "gone")
    os.mkfifo(folder / "pipe.json")
    (folder / "sub.json").mkdir()
    (folder / "a\tb.json").write_text("{}")

    irregular = "no regular file, but a pipe, a device or a link that leads nowhere; remove it"
    assert messages(find_dialects(folder)) == [
        "a\\tb.json:1: a name that cannot be printed; rename it",
        "nowhere.json:1: cannot be read: no such file or directory",
        "out.json:1: a link to outside of the folder; put the file itself here",
        f"pipe.json:1: {irregular}",
        f"sub.json:1: {irregular}",
    ]


def test_a_link_within_the_folder_is_followed_as_for_manifests(folder: Path) -> None:
    (folder / "..data").mkdir()
    write(folder / "..data")
    (folder / "mine.json").symlink_to("..data/mine.json")

    assert find_dialects(folder).problems == ()


def test_no_more_than_so_many_dialects_are_read(folder: Path) -> None:
    for number in range(MAX_FILES + 2):
        write(folder, f"a{number:03}.json", name=f"a{number:03}")

    found = find_dialects(folder)

    assert messages(found) == [
        f"a{MAX_FILES}.json:1: more than 200 dialects; nothing after this is read"
    ]


FULL: dict[str, Any] = MINE | {
    "extensions": 9,
    "attributeNames": {"characters": "letters", "minLength": 2, "maxLength": 9},
    "immutable": ["type"],
    "protectedPrefixes": ["urn:x:"],
    "errors": [{"means": "exists", "status": 400, "code": "x"}],
    "lagReads": 2,
}
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9) | st.sampled_from(["none", "letters", "a*", "(", "urn:x:"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(sorted(FULL)), inner, max_size=3),
    max_leaves=4,
)  # fmt: skip


@given(data=st.data())
def test_whatever_a_file_holds_it_is_a_dialect_or_a_problem(data: st.DataObject) -> None:
    changed = copy.deepcopy(FULL)
    for _ in range(data.draw(st.integers(1, 2))):
        holder: Any = changed
        key: Any = data.draw(st.sampled_from(sorted(changed)))
        while isinstance(holder[key], dict | list) and holder[key] and data.draw(st.booleans()):
            holder = holder[key]
            key = data.draw(
                st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder)))
            )
        holder[key] = data.draw(values)

    found = dialects_of([ManifestFile("mine.json", json.dumps(changed).encode())])

    assert ("mine" in found.by_name) is (found.problems == ())
    for dialect in found.by_name.values():
        assert dialect.digest().startswith("sha256:")
        assert Dialect.from_json(dialect.to_json()) == dialect
        assert dialect.names is None or not dialect.names.takes("a" * 1000)


def test_files_of_a_git_ref_are_checked_alike() -> None:
    files = [
        ManifestFile("main:dialects/mine.json", json.dumps(MINE).encode()),
        ManifestFile("main:dialects/other.json", b"{}"),
        ManifestFile("main:dialects/big.json", b" " * (MAX_BYTES + 1)),
    ]

    found = dialects_of(files)

    assert "mine" in found.by_name
    assert {p.place.path for p in found.problems} == {
        "main:dialects/other.json",
        "main:dialects/big.json",
    }
