"""Edits of a text: the value is as edited, and whatever else is written stays as it was."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.adapters.yaml_editor import EditedText
from reconciler.adapters.yaml_reader import read
from reconciler.adapters.yaml_writer import yaml_text
from reconciler.domain.problem import Pointer
from reconciler.errors import UsageError
from tests.support.arena import seeded

TEXT = """\
# head
kind: X
spec:
  personal: [a, b]   # two
  list:
    # about one
    - name: one
      text: |
        # no comment

        end

    # about two
    -
      name: two
    - {name: three}
# foot
"""


def value_of(edited: EditedText) -> Any:
    reading = read(edited.text.encode(), "edited.yaml")
    assert reading.problems == ()
    return reading.documents[edited.number].value


def lists(value: Any, path: Pointer = ()) -> Iterator[Pointer]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from lists(item, (*path, key))
    elif isinstance(value, list):
        if value and path:
            yield path
        for index, item in enumerate(value):
            yield from lists(item, (*path, index))


def test_an_item_comes_behind_its_sibling_and_comments_stay_with_theirs():
    edited = EditedText(text=TEXT, number=0).inserted(("spec", "list", 0), {"name": "new"})

    before, after = TEXT.split("        end\n")
    assert edited.text == f"{before}        end\n    - {{name: new}}\n{after}"


def test_comments_right_above_an_item_go_with_it():
    edited = EditedText(text=TEXT, number=0).removed(("spec", "list", 1))

    assert "about two" not in edited.text
    assert "two" not in str(value_of(edited)["spec"]["list"])
    assert {"# head", "    # about one", "# foot"} <= set(edited.text.splitlines())


def test_a_list_that_is_not_there_is_made_in_the_style_of_its_neighbours():
    edited = EditedText(text=TEXT, number=0)

    assert "  new:\n    - name: p\n" in edited.appended(("spec", "new"), {"name": "p", "x": 1}).text
    assert edited.appended(("spec", "personal"), "c").text == TEXT.replace("[a, b]", "[a, b, c]")
    assert (
        '"new": [{"x": 1}]'
        in EditedText(text='{"spec": {"a": 1}}', number=0).appended(("spec", "new"), {"x": 1}).text
    )
    assert (
        "a: [{x: 1}]"
        in EditedText(text="spec: {a: []}", number=0).appended(("spec", "a"), {"x": 1}).text
    )


def test_the_last_item_takes_its_list_with_it():
    text = "spec:\n  a: 1\n  list:\n    - one\n"

    assert EditedText(text=text, number=0).removed(("spec", "list", 0)).text == "spec:\n  a: 1\n"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_line_ends_are_those_of_the_file(newline: str):
    text = newline.join(("a:", "  - x", "b: 1"))

    edited = EditedText(text=text, number=0).inserted(("a", 0), "q").appended(("c",), "z")

    assert edited.text == newline.join(("a:", "  - x", "  - q", "b: 1", "c:", "  - z", ""))


def test_the_other_documents_of_a_file_stay_as_they_are():
    text = "a: [1]\n---\nb: [2]\n---\nc: [3]\n"

    assert EditedText(text=text, number=1).appended(("b",), 4).text == text.replace("[2]", "[2, 4]")


def test_what_no_parser_of_yaml_reads_is_refused():
    with pytest.raises(UsageError, match="not written in a way that can be edited"):
        EditedText(text='{"a": ["\\ud800\\udc00", }', number=0).removed(("a", 0))


def random_document(chance: random.Random) -> dict[str, Any]:
    def attribute(depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {"name": f"a{chance.randrange(100)}", "description": "x: y # z"}
        made |= {"canonicalValues": ["no", "1.10", "ok"]} if chance.random() < 0.3 else {}
        if depth and chance.random() < 0.5:
            made["subAttributes"] = [attribute(0) for _ in range(chance.randrange(1, 4))]
        return made

    spec: dict[str, Any] = {"personal": ["a", "b.c"]} if chance.random() < 0.5 else {}
    spec |= {"schema": {"id": "urn:x", "attributes": [attribute(1) for _ in range(4)]}}
    return {"kind": "X", "metadata": {"name": "x"}, "spec": spec}


def written(document: dict[str, Any], chance: random.Random) -> str:
    match chance.randrange(3):
        case 0:
            return json.dumps(document)
        case 1:
            return json.dumps(document, indent=2)
        case _:
            lines = []
            for number, line in enumerate(yaml_text(document).splitlines()):
                indent = line[: len(line) - len(line.lstrip(" "))]
                lines += [f"{indent}# note {number}"] if chance.random() < 0.3 else []
                lines += ["", line] if chance.random() < 0.1 else [line]
            return "\n".join(lines)


def test_edits_of_texts_are_edits_of_their_values():
    chance = seeded()
    for _ in range(150):
        document = random_document(chance)
        edited = EditedText(text=written(document, chance), number=0)
        assert value_of(edited) == document
        for _ in range(4):
            path = chance.choice([*lists(document)])
            holder: Any = document
            for step in path:
                holder = holder[step]
            if chance.random() < 0.5 and len(holder) > 1:
                index = chance.randrange(len(holder))
                del holder[index]
                edited = edited.removed((*path, index))
            else:
                index, new = chance.randrange(len(holder)), chance.choice(["t", {"name": "n"}])
                holder.insert(index + 1, new)
                notes = edited.text.count("# note")
                edited = edited.inserted((*path, index), new)
                assert edited.text.count("# note") == notes
            assert value_of(edited) == document
