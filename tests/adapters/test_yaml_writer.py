"""How a manifest that we write looks: what is short on one line, quotes where readers differ."""

from typing import Any

import pytest
import yaml

from reconciler.adapters.yaml_reader import read
from reconciler.adapters.yaml_writer import WIDTH, yaml_text

MANIFEST = {
    "kind": "SchemaExtension",
    "metadata": {"name": "hr"},
    "spec": {
        "tenants": {"names": ["acme-*"]},
        "schema": {
            "id": "urn:example:hr",
            "description": "Of people: 100 %",
            "attributes": [
                {"name": "badge", "canonicalValues": ["no", "1.10", "ok"]},
                {"name": "desk", "subAttributes": [{"name": f"part{n}"} for n in range(12)]},
                {"name": "empty", "subAttributes": [], "x": {}},
            ],
        },
    },
}
WRITTEN = """\
kind: SchemaExtension
metadata: {name: hr}
spec:
  tenants: {names: ["acme-*"]}
  schema:
    id: urn:example:hr
    description: "Of people: 100 %"
    attributes:
      - {name: badge, canonicalValues: ["no", "1.10", ok]}
      - name: desk
        subAttributes:
          - {name: part0}
          - {name: part1}
          - {name: part2}
          - {name: part3}
          - {name: part4}
          - {name: part5}
          - {name: part6}
          - {name: part7}
          - {name: part8}
          - {name: part9}
          - {name: part10}
          - {name: part11}
      - {name: empty, subAttributes: [], x: {}}
"""


def test_a_manifest_is_written_as_a_person_would() -> None:
    assert yaml_text(MANIFEST) == WRITTEN
    assert max(map(len, WRITTEN.splitlines())) <= WIDTH


@pytest.mark.parametrize(
    "text",
    ["", " ", "~", "null", "True", "no", "on", "y", "010", "0x1f", "1_0", "1e3", ".5", "-", "- a",
     "2024-01-01", "12:30", ".nan", "a: b", "a #b", "#a", "&a", "*a", "!a", "|", ">", "%a", "@a",
     "`a", "{a", "[a", "a,", "'a", '"a', "a\\b", "a\tb", "a\nb", "---", "...", "<<", "=", "? a"],
)  # fmt: skip
@pytest.mark.parametrize("where", ["value", "key", "item", "flow key"])
def test_an_ambiguous_text_is_written_in_quotes(text: str, where: str) -> None:
    documents: dict[str, Any] = {
        "value": {"a": text},
        "key": {text: "a"},
        "item": [text, "a"],
        "flow key": {"a": {"b": {"c": {text: text}}}},
    }
    written = yaml_text(documents[where])

    reading = read(written.encode(), "f.yaml")

    assert (reading.problems, [d.value for d in reading.documents]) == ((), [documents[where]])
    assert yaml.safe_load(written) == documents[where]


@pytest.mark.parametrize("text", ["a", "acme-prod", "urn:example:x", "two words", "$ref", "a/b.c"])
def test_an_unambiguous_text_is_written_plain(text: str) -> None:
    assert yaml_text({"a": text, "b": text}) == f"a: {text}\nb: {text}\n"


@pytest.mark.parametrize("value", [0, -7, 1.5, True, False, None, 10**20])
def test_a_value_that_is_no_text_is_written_as_json(value: Any) -> None:
    (document,) = read(yaml_text({"a": value}).encode(), "f.yaml").documents

    assert repr(document.value) == repr({"a": value})


def test_a_key_longer_than_a_reader_looks_for_its_colon_is_marked() -> None:
    for document in (
        {"k" * 1500: {"a": 1, "b": 2}},
        [{"k" * 1500: 1}],
        {"a": {"b": {"k" * 1500: 1}}},
    ):
        (read_back,) = read(yaml_text(document).encode(), "f.yaml").documents
        assert read_back.value == document


def test_a_value_too_long_for_a_line_is_written_on_several() -> None:
    texts = [f"word number {n}" for n in range(20)]

    lines = yaml_text({"a": {"canonicalValues": texts}}).splitlines()

    assert len(lines) == 22
    assert max(map(len, lines)) <= WIDTH
