"""The envelope of `--format json`, in pieces: one JSON document whatever is in it."""

import json
from collections.abc import Iterator

import pytest

from reconciler.adapters.jsonschemas import check
from reconciler.errors import StateError
from reconciler.render.json_text import json_text
from reconciler.render.output_json import closing, data_json, diagnostic, opening

HOSTILE = {"name": "é\x1b[31m\n", "nested": {"lines": ["a\nb"]}}


@pytest.mark.parametrize("number", [0, 1, 3])
def test_the_pieces_are_the_json_text_of_the_whole(number: int) -> None:
    items = [{**HOSTILE, "number": each} for each in range(number)]
    said = [diagnostic("warning", "a\nb")] * number

    pieces = data_json({"list": iter(items), "one": HOSTILE})
    text = opening("audit list") + "".join(pieces) + closing(said)

    data = {"list": items, "one": HOSTILE}
    assert text == json_text(
        {"format_version": "1.0", "command": "audit list", "data": data, "diagnostics": said}
    )


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_list_that_fails_half_way_leaves_a_document_that_can_be_read(number: int) -> None:
    def failing() -> Iterator[object]:
        yield from [HOSTILE] * number
        raise StateError("the disk is gone")

    pieces: list[str] = []
    with pytest.raises(StateError):
        pieces.extend(data_json({"list": failing(), "never": 1}))
    text = opening("webhooks list") + "".join(pieces) + closing([diagnostic("error", "gone")])

    document = json.loads(text)
    assert document["data"] == {"list": [HOSTILE] * number}
    assert document["diagnostics"][0]["message"] == "gone"


def test_a_command_and_data_that_do_not_belong_together_are_no_envelope() -> None:
    data: dict[str, object] = {"locks": []}
    envelope = {"format_version": "1.0", "command": "locks", "data": data, "diagnostics": []}

    assert check(envelope, "output") == ()
    assert check({**envelope, "data": None}, "output") == ()
    assert check({**envelope, "command": "audit list"}, "output") != ()
