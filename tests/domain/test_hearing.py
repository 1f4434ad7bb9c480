"""What HR has heard of: the last event of a schema counts, and whether anybody got it."""

from dataclasses import replace

import pytest

from reconciler.domain.hearing import History, holding_type, is_bound
from reconciler.domain.outbox import RowState
from reconciler.domain.scim import Schema

HOOK, OTHER = "https://hr.example.com/hook", "https://other.example.com/hook"
OURS = History(intent=1, created=1)
HEARD = replace(OURS, announced=2, digest="sha256:a", sent=((HOOK, RowState.DELIVERED),))
GIVEN_UP = replace(HEARD, sent=((HOOK, RowState.GIVEN_UP),))


@pytest.mark.parametrize(
    ("history", "digest", "due"),
    [
        (History(), "sha256:a", False),
        (OURS, "sha256:a", True),
        (History(waits=((HOOK, "a binding"),)), "sha256:a", True),
        (replace(OURS, is_open=True), "sha256:a", False),
        (HEARD, "sha256:a", False),
        (replace(HEARD, sent=((HOOK, RowState.READY),)), "sha256:a", False),
        (HEARD, "sha256:b", True),
        (replace(HEARD, digest=None), "sha256:b", False),
        (replace(HEARD, intent=None), "sha256:b", False),
        (replace(HEARD, created=3), "sha256:a", False),
        (replace(HEARD, created=3, create_failed=True), "sha256:a", True),
        (GIVEN_UP, "sha256:a", False),
        (replace(GIVEN_UP, sent=((OTHER, RowState.GIVEN_UP),)), "sha256:a", True),
        (replace(HEARD, sent=((OTHER, RowState.READY),)), "sha256:a", True),
        (replace(HEARD, sent=((OTHER, RowState.DELIVERED),)), "sha256:a", False),
        (replace(HEARD, sent=(*GIVEN_UP.sent, (OTHER, RowState.READY))), "sha256:a", False),
    ],
    ids=[
        "not ours",
        "never announced",
        "its event waits",
        "a write is open",
        "delivered",
        "pending",
        "heard of another",
        "an older store does not know of which",
        "another that is not ours",
        "created again and verified",
        "created again, which nothing proved",
        "given up at a URL of today",
        "given up where nobody is any more",
        "pending where nobody is any more",
        "delivered where nobody is any more",
        "given up at one URL of two",
    ],
)
def test_an_event_is_due_for_what_is_ours_and_unheard_of(history, digest, due):
    assert history.is_due(digest, [HOOK]) is due


@pytest.mark.parametrize(
    ("history", "heard"),
    [
        (OURS, None),
        (HEARD, "sha256:a"),
        (GIVEN_UP, None),
        (replace(HEARD, created=3), None),
        (replace(HEARD, sent=((HOOK, RowState.READY),)), "sha256:a"),
        (replace(HEARD, sent=((OTHER, RowState.READY),)), None),
        (replace(HEARD, sent=((OTHER, RowState.DELIVERED),)), "sha256:a"),
    ],
)
def test_what_hr_knows_is_the_last_event_that_reached_it(history, heard):
    assert history.heard([HOOK]) == heard


SCHEMA = Schema.from_json({"id": "urn:x:HR", "attributes": []})
BOUND = {"user": frozenset({"urn:x:other"}), "group": frozenset({"urn:x:hr"})}


@pytest.mark.parametrize(
    ("resource_type", "bound"),
    [(None, True), ("Group", True), ("User", False), ("Device", False)],
)
def test_a_schema_is_bound_by_the_resource_type_that_is_named_or_by_any(resource_type, bound):
    assert is_bound(BOUND, SCHEMA, resource_type) is bound
    assert is_bound({}, SCHEMA, resource_type) is False


@pytest.mark.parametrize(
    ("bindings", "named", "holds"),
    [
        (None, None, "User"),
        (None, "Group", "Group"),
        ({"Group": frozenset({"urn:example:hr"})}, None, "Group"),
        ({"Group": frozenset({"urn:example:hr"})}, "Device", "Device"),
        ({"Group": frozenset[str]()}, None, "User"),
    ],
)
def test_its_values_are_held_by_the_type_that_is_named_else_by_the_one_that_binds_it(
    bindings, named, holds
):
    assert holding_type(bindings, Schema.from_json({"id": "urn:example:HR"}), named) == holds


@pytest.mark.parametrize("turned", [False, True])
def test_the_histories_of_two_names_of_a_tenant_are_one_with_the_later_of_each(
    turned: bool,
) -> None:
    old = replace(HEARD, intent=1, created=1, announced=2, waits=((HOOK, "a binding"),))
    new = History(intent=5, failed=True, waits=((OTHER, "a binding"),))

    joined = new.joined(old) if not turned else old.joined(new)

    assert (joined.intent, joined.failed, joined.created) == (5, True, 1)
    assert (joined.announced, joined.digest, joined.sent) == (2, HEARD.digest, HEARD.sent)
    assert {url for url, _ in joined.waits} == {HOOK, OTHER}
