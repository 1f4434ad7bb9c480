"""A spool: documents by name, one at a time, in a file that nobody else can open."""

import os
import stat
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.spool import spooling
from tests.support.strategies import json_values


@given(st.dictionaries(st.text(max_size=5), json_values(), max_size=8))
def test_a_spool_gives_documents_back_in_the_order_of_their_names(documents):
    with spooling() as spool:
        for name, document in documents.items():
            spool.add(name, document)

        assert len(spool) == len(documents)
        for _ in "12":
            assert repr(list(spool)) == repr([documents[name] for name in sorted(documents)])


def test_a_spool_can_be_read_while_more_is_added():
    with spooling() as spool:
        spool.add("b", {"b": 1})
        reading = iter(spool)
        assert next(reading) == {"b": 1}
        spool.add("a", {"a": 2})
        spool.add("b", {"b": 3})

        assert list(spool) == [{"a": 2}, {"b": 3}]


def test_a_large_spool_is_a_file_of_mode_0600_without_a_name():
    before = open_files()
    with spooling() as spool:
        for number in range(200):
            spool.add(f"t{number:03}", {"text": "x" * 10_000})
        [status] = [found for found in map(os.fstat, open_files() - before) if found.st_size]

        assert stat.S_IMODE(status.st_mode) == 0o600
        assert status.st_nlink == 0
        assert sum(1 for _ in spool) == 200


def open_files() -> set[int]:
    folder = Path("/dev/fd")
    return {int(entry.name) for entry in folder.iterdir() if os.path.lexists(entry)}


def test_items_of_a_long_document_are_read_one_at_a_time_and_as_often_as_one_likes():
    with spooling() as spool:
        made = ({"n": number} for number in range(3))
        spool.add_long("long", {"name": "long", "items": []}, {"items": spool.keep(made)})
        spool.add("after", {"name": "after"})
        found = spool.named("long")

        assert (found["name"], len(found["items"])) == ("long", 3)
        one, other = iter(found["items"]), iter(found["items"])
        assert [next(one), next(other), next(one)] == [{"n": 0}, {"n": 0}, {"n": 1}]
        assert list(found["items"]) == [{"n": 0}, {"n": 1}, {"n": 2}]
        assert [document["name"] for document in spool] == ["after", "long"]


def test_a_long_document_may_have_no_items():
    with spooling() as spool:
        spool.add_long("empty", {"items": []}, {"items": spool.keep([])})

        assert list(spool.named("empty")["items"]) == []
