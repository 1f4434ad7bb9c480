"""Whatever lands in the folder ends in problems of our own, and what we write is read as it was."""

import json
import re
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.adapters.dialects import load_dialects
from reconciler.adapters.jsonschemas import acceptance, check, wording
from reconciler.adapters.jsonschemas.deciding import Unknown, compiled
from reconciler.adapters.manifests import load
from reconciler.adapters.packaged import schema_text
from reconciler.adapters.yaml_reader import read
from reconciler.adapters.yaml_writer import yaml_text
from reconciler.domain.problem import Severity
from reconciler.domain.rules.catalogue import CATALOGUE
from tests.support.mutations import SEEDS, broken, changed
from tests.support.reading import LIMITS
from tests.support.strategies import Document, schema_documents

RULES = {entry.id for entry in CATALOGUE}
AT_ONCE = 20  # files of one folder
SEEDED = st.integers(0, 2**32)


def check_broken(seed: int) -> None:
    random = Random(seed)
    with TemporaryDirectory() as name:
        folder = Path(name)
        for index in range(AT_ONCE):
            suffix = random.choice(("yaml", "yaml", "yml", "json"))
            (folder / f"{index}.{suffix}").write_bytes(broken(random))

        loaded = load(folder, dialects=load_dialects(), limits=LIMITS)

        errors = [p for p in loaded.problems if p.severity is Severity.ERROR]
        assert (loaded.manifests is None) == bool(errors)
        assert {problem.rule for problem in loaded.problems} <= RULES
        assert all(problem.text.isprintable() for problem in loaded.problems)
        for place in {problem.place for problem in loaded.problems}:
            assert Path(place.path).parent == folder
            assert 1 <= place.line <= Path(place.path).read_bytes().count(b"\n") + 1
        assert all("\n" not in line for line in loaded.sources.lines_of(loaded.problems).values())


@settings(max_examples=2_000 // AT_ONCE)
@given(SEEDED)
@example(9432)  # a text that ends too soon, which the parser tells a line later
def test_two_thousand_broken_manifests_end_in_problems(seed: int) -> None:
    check_broken(seed)


@pytest.mark.chaos
@settings(max_examples=50_000 // AT_ONCE)
@given(SEEDED)
def test_fifty_thousand_broken_manifests_end_in_problems(seed: int) -> None:
    check_broken(seed)


def tame(value: Any) -> Any:
    """The same with other characters where no manifest may have them."""
    match value:
        case str():
            return value if not read(yaml_text(value).encode(), "f.yaml").problems else "tame"
        case dict():
            return {tame(key): tame(item) for key, item in value.items()}
        case list():
            return [tame(item) for item in value]
        case _:
            return value


def check_round_trip(document: Document) -> None:
    manifest = {"apiVersion": "reconciler/v1", "spec": {"schema": tame(document)}}

    reading = read(yaml_text(manifest).encode(), "f.yaml")

    assert reading.problems == ()
    assert [each.value for each in reading.documents] == [manifest]
    assert repr(reading.documents[0].value) == repr(manifest)  # 1 is not 1.0, nor is it true


@settings(max_examples=150)
@given(schema_documents(vendor=True))
def test_a_written_manifest_is_read_as_it_was(document: Document) -> None:
    check_round_trip(document)


@pytest.mark.chaos
@settings(max_examples=5_000)
@given(schema_documents(vendor=True))
def test_five_thousand_schemas_are_read_as_they_were(document: Document) -> None:
    check_round_trip(document)


def documents_of(data: bytes) -> list[Any]:
    return [document.value for document in read(data, "f.yaml").documents]


WELL_FORMED = [value for seed in SEEDS for value in documents_of(seed)]


def places(errors: Any, path: str) -> set[tuple[str | int, ...]]:
    """Paths as jsonschema-rs gives them: made of a JSON pointer, in which steps are not told apart.

    It leaves empty names out, and takes a name that is a number for the place in a list.
    """
    found = (getattr(error, path) for error in errors)
    return {
        tuple(
            int(step) if re.fullmatch(r"\+?[0-9]{1,19}", str(step)) else step
            for step in steps
            if step != ""
        )
        for steps in found
    }


decides = compiled(json.loads(schema_text("manifest")))


def check_same_verdict(manifest: Any) -> None:
    errors = list(wording.validator("manifest").iter_errors(manifest))

    fast = acceptance.validator("manifest")
    assert fast is not None
    assert fast.is_valid(manifest) == (errors == [])
    try:
        assert decides(manifest) == (errors == [])
    except Unknown:
        assert errors  # a list of what has to be unique, and holds what is no text
    assert bool(check(manifest, "manifest")) == bool(errors)
    quick = fast.iter_errors(manifest)
    assert places(quick, "instance_path") == places(errors, "absolute_path")


# Names that JSON pointers, URLs or paths in messages would spell otherwise, or mistake.
ODD_NAMES = (
    *("", " ", "/", "~", "~0", "~1", "a/b", "a~b", "a.b", "[0]", "$", "$ref", "#", "%25", "é"),
    *("0", "1", "01", "+1", "-1", "1.0", "1e3", "123456789012345678901234567890"),
)


def with_odd_names(name: str) -> list[tuple[Document, tuple[str | int, ...]]]:
    """Manifests with one fault each, and where it is."""
    schema = {"id": "urn:example:hr", "attributes": [{"name": "a"}]}
    extension = extension_of(schema)
    selected = {**extension, "spec": {"tenants": {"matchLabels": {name: 5}}, "schema": schema}}
    labelled = {**extension, "metadata": {"name": "hr", "labels": {name: {name: "x"}}}}
    return [
        (selected, ("spec", "tenants", "matchLabels", name)),
        (labelled, ("metadata", "labels", name)),
        ({**extension, "spec": {"schema": schema, name: {name: 1}}}, ("spec", name)),
    ]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_all_validators_say_the_same_of_a_name_that_a_pointer_spells_otherwise(name: str) -> None:
    for manifest, _ in with_odd_names(name):
        check_same_verdict(manifest)
    check_same_verdict(extension_of({"id": "urn:example:hr", "attributes": [], name: {name: [1]}}))


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_fault_is_found_at_the_very_name_however_odd(tmp_path: Path, name: str) -> None:
    for number, (manifest, path) in enumerate(with_odd_names(name)):
        [fault] = check(manifest, "manifest")
        assert fault.pointer == path

        file = tmp_path / f"{number}" / "hr.json"
        file.parent.mkdir()
        file.write_text(json.dumps(manifest, indent=1))
        problems = load(file.parent, dialects=load_dialects(), limits=LIMITS).problems
        [problem] = (each for each in problems if each.text == fault.message)
        assert json.dumps(name) + ":" in file.read_text().splitlines()[problem.place.line - 1]


@pytest.mark.parametrize("manifest", WELL_FORMED)
def test_all_validators_agree_on_the_examples(manifest: Any) -> None:
    check_same_verdict(manifest)


def some_manifest(seed: int) -> Any:
    """An example as it is, or changed in a few places."""
    random = Random(seed)
    chosen = random.choice(WELL_FORMED)
    return changed(chosen, random) if random.random() < 0.9 else chosen


def extension_of(schema: Document) -> Document:
    return {
        "apiVersion": "reconciler/v1",
        "kind": "SchemaExtension",
        "metadata": {"name": "hr"},
        "spec": {"schema": schema},
    }


MANIFESTS = SEEDED.map(some_manifest) | schema_documents(vendor=True).map(extension_of)


@settings(max_examples=150)
@given(MANIFESTS)
def test_all_validators_agree_on_generated_manifests(manifest: Any) -> None:
    check_same_verdict(manifest)


@pytest.mark.chaos
@settings(max_examples=5_000)
@given(MANIFESTS)
@example(some_manifest(235224))  # an empty name
def test_all_validators_agree_on_five_thousand_manifests(manifest: Any) -> None:
    check_same_verdict(manifest)
