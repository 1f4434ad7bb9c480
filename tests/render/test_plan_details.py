"""What a plan shows is what is sent: requests that differ never have plans that look alike."""

import json
import unicodedata
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from reconciler.domain.body import create_body, in_one_order, update_body
from reconciler.domain.jsontext import canonical
from reconciler.domain.manifest import Manages, OnDrift
from reconciler.domain.plan import Create, Plan, TenantPlan, Update
from reconciler.domain.scim import Schema
from reconciler.render.json_text import json_text
from reconciler.render.paint import Paint
from reconciler.render.plan_document import plan_document
from reconciler.render.plan_markdown import plan_markdown
from reconciler.render.plan_text import plan_text
from tests.support.domain_world import dialect, live, planned
from tests.support.fakes import extension
from tests.support.strategies import (
    KEYWORDS,
    Document,
    attribute_documents,
    lower,
    schema_documents,
    vendor_members,
)

SERVICE = dialect(types=frozenset(KEYWORDS["type"]), extensions=None, protected_prefixes=())
LIKE_NOTHING = ("\u3164", "\ufe0f", "\u200b", "\xa0", " ", "\u2800", "\U000e0101", "\u0301")
URN = "urn:example:hr"


def plan_for(
    document: Document, *there: Document, manages: Manages = Manages.SCHEMA, update: bool = True
) -> TenantPlan:
    on_drift = OnDrift.UPDATE if update else OnDrift.SKIP
    wanted = extension(document, on_drift=on_drift, manages=manages)
    return planned([wanted], live(*there), service=SERVICE)


def shown(plan: TenantPlan) -> dict[str, str]:
    """The plan in each format, as it is read: without digests and fingerprints."""
    document = plan_document(Plan(tenants=(plan,)))
    texts = {
        "text": "".join(plan_text(document, paint=Paint())),
        "markdown": plan_markdown(document, limit=10**9),
        "json": json_text([c["after"] for t in document["tenants"] for c in t["changes"]]),
    }
    return {name: text.replace(document["digest"], "") for name, text in texts.items()}


def lines(plan: TenantPlan, mark: str = "      ") -> list[str]:
    """The lines of the text about the change."""
    text = "".join(plan_text(plan_document(Plan(tenants=(plan,))), paint=Paint()))
    kept = [line for line in text.splitlines() if line.startswith(mark)]
    said = ("READER", "WRITER", "STORED", "onDrift", "with update")
    shown = (line.removeprefix(mark) for line in kept)
    return [line for line in shown if not line.startswith(said)]


@st.composite
def changed(draw: st.DrawFn, document: Document) -> Document:
    """The document with one thing changed, however small, in it or in an attribute."""
    other = deepcopy(document)
    holders = [other, *other["attributes"]]
    holders += [p for a in other["attributes"] for p in a.get("subAttributes") or []]
    holder = draw(st.sampled_from(holders))
    texts = [m for m in holder if isinstance(holder[m], str) and m not in ("id", *KEYWORDS)]
    match draw(st.sampled_from(["text", "vendor", "word", "flag", "list", "case", "attribute"])):
        case "text" if texts:
            member = draw(st.sampled_from(texts))
            if member != "name" or holder is other:
                at = draw(st.integers(0, len(holder[member])))
                odd = draw(st.sampled_from(LIKE_NOTHING))
                holder[member] = holder[member][:at] + odd + holder[member][at:]
        case "vendor":
            holder |= draw(vendor_members)
        case "word" if holder is not other:
            member = draw(st.sampled_from(sorted(KEYWORDS)))
            word = draw(st.sampled_from(KEYWORDS[member]))
            holder[member] = draw(st.sampled_from([word, word.upper()]))
        case "flag" if holder is not other:
            member = draw(st.sampled_from(["required", "multiValued", "caseExact"]))
            holder[member] = not holder.get(member, False)
        case "list" if holder is not other:
            member = draw(st.sampled_from(["canonicalValues", "referenceTypes"]))
            holder[member] = [*(holder.get(member) or []), draw(st.text(max_size=3))]
        case "case" if holder is not other:
            holder["name"] = holder["name"].swapcase()
        case "attribute":
            new = draw(attribute_documents(vendor=True))
            if lower(new["name"]) not in {lower(a["name"]) for a in other["attributes"]}:
                other["attributes"].append(new)
        case _:
            pass
    return other


@given(st.data(), schema_documents(vendor=True))
def test_creates_whose_requests_differ_differ_in_every_format(
    data: st.DataObject, document: Document
) -> None:
    other = data.draw(changed(document))
    bodies = [canonical(_created(each)) for each in (document, other)]
    plans = [plan_for(each) for each in (document, other)]
    assert all(isinstance(plan.changes[0], Create) for plan in plans)

    one, two = map(shown, plans)

    same = [name for name in one if one[name] == two[name]]
    assert same == ([] if bodies[0] != bodies[1] else list(one))


def _created(document: Document) -> Document:
    return in_one_order(create_body(Schema.from_json(document)))


@given(st.data(), schema_documents(), st.sampled_from(Manages))
def test_updates_whose_requests_differ_differ_in_every_format(
    data: st.DataObject, document: Document, manages: Manages
) -> None:
    names = {lower(each["name"]) for each in document["attributes"]}
    new = data.draw(attribute_documents(vendor=True))
    assume(lower(new["name"]) not in names and not new.get("required"))
    one = {**document, "attributes": [*document["attributes"], new], "description": "x" * 99}
    two = data.draw(changed(one))
    plans = [plan_for(each, document, manages=manages) for each in (one, two)]
    there = Schema.from_json(document)
    assume(all(isinstance(plan.changes[0], Update) for plan in plans))
    bodies = [
        canonical(in_one_order(update_body(there, plan.changes[0].subject.desired, manages)))
        for plan in plans
    ]

    shown_one, shown_two = map(shown, plans)

    if bodies[0] != bodies[1]:
        assert [name for name in shown_one if shown_one[name] == shown_two[name]] == []


@given(st.text(max_size=300), st.text(max_size=9), st.text(max_size=9), st.text(max_size=300))
@example("a" * 90, "b", "c", "")
@example("a" * 90, "", "\u3164", "a" * 90)
@example("x" * 50, "\xe9", "e\u0301", "x" * 50)
@example("", "a", "\u0430", "")
@example("\u0301" * 90, "a", "b", "\u0301" * 90)
def test_both_sides_of_a_difference_never_look_alike(
    before: str, one: str, other: str, after: str
) -> None:
    was, now = (f"{before}{middle}{after}" for middle in (one, other))
    there = {"id": URN, "attributes": [{"name": "a"}], "description": was}
    plan = plan_for({**there, "description": now}, there)
    assume(isinstance(plan.changes[0], Update))
    [detail] = plan.changes[0].subject.differences()
    assume(detail.live and detail.desired)  # of blanks alone nothing is left

    text = "\n".join(lines(plan))

    _, _, sides = text.partition("live ")
    live_side, _, desired_side = sides.partition("desired ")
    live_side = live_side.strip().removesuffix(",")
    desired_side = desired_side.partition(" (only")[0].strip()
    assert unicodedata.normalize("NFKC", live_side) != unicodedata.normalize("NFKC", desired_side)
    whole = [detail.live, detail.desired]
    for side, value in zip((live_side, desired_side), whole, strict=True):
        assert len(side) <= 12 * (len(value) + 2)


# What it looks like


def test_a_create_shows_everything_but_defaults_and_each_sub_attribute() -> None:
    iban = {"name": "iban", "required": True, "returned": "always", "x-export": [1, {"a": None}]}
    document = {
        "id": URN,
        "name": "HR",
        "description": "Über\u3164uns",
        "x-callback": {"url": "https://evil.example"},
        "attributes": [
            {
                "name": "pay",
                "type": "complex",
                "multiValued": True,
                "description": "salary",
                "subAttributes": [iban, {"name": "grade", "canonicalValues": ["b", "a"]}],
            },
            {"name": "site", "type": "reference", "referenceTypes": ["external"]},
        ],
    }

    assert lines(plan_for(document)) == [
        '+ name = "HR"',
        '+ description = "Über\\u3164uns"',
        '+ x-callback = {"url": "https://evil.example"}',
        "+ pay: complex, multiValued",
        '+   description = "salary"',
        "+   grade: string",
        '+     canonicalValues = ["a", "b"]',
        "+   iban: string, required, returned always",
        '+     x-export = [1, {"a": null}]',
        "+ site: reference",
        '+   referenceTypes = ["external"]',
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("cafe\u0301", r'"cafe\u0301"'),
        ("caf\xe9", '"caf\xe9"'),
        ("\u0430dmin", r'"\u0430dmin"'),
        (["a", "\u0430"], r'["a", "\u0430"]'),
        (
            ["\u041c\u043e\u0441\u043a\u0432\u0430", "\u03bf"],
            '["\u041c\u043e\u0441\u043a\u0432\u0430", "\\u03bf"]',
        ),
        ({"k": "\u0405ALE"}, r'{"k": "\u0405ALE"}'),
        ("\u041e\u043a\u043b\u0430\u0434 (pay)", '"\u041e\u043a\u043b\u0430\u0434 (pay)"'),
        ("na\xefve \u2013 5 \u20ac", '"na\xefve \u2013 5 \u20ac"'),
        ("5 \u20ac", '"5 \u20ac"'),
    ],
)
def test_text_of_a_create_that_looks_like_another_is_spelled_out(value: Any, expected: str) -> None:
    plan = plan_for({"id": URN, "xVendor": value, "attributes": [{"name": "a"}]})
    assert f"+ xVendor = {expected}" in lines(plan)


def test_what_is_approved_and_not_sent_is_shown_where_it_is_not_the_default() -> None:
    wanted = extension({"id": URN, "attributes": [{"name": "a"}]}, manages=Manages.ATTRIBUTES)
    wanted = replace(wanted, resource_type="Group")
    plan = planned([wanted], live(), service=SERVICE)
    texts = shown(plan)
    assert "\n      resourceType: Group, manages: attributes\n" in texts["text"]
    assert "\n- `resourceType: Group, manages: attributes`\n" in texts["markdown"]
    [document] = plan_document(Plan(tenants=(plan,)))["tenants"]
    [change] = document["changes"]
    assert (change["resource_type"], change["manages"]) == ("Group", "attributes")
    usual = shown(plan_for({"id": URN, "attributes": [{"name": "a"}]}))
    assert "resourceType" not in usual["text"] + usual["markdown"]


def test_an_update_shows_the_attribute_that_it_adds_as_it_is_sent() -> None:
    notes = {
        "name": "notes",
        "type": "Boolean",
        "caseExact": True,
        "returned": "ALWAYS",
        "x-export": True,
        "description": "medical",
    }
    there = {"id": URN, "attributes": [{"name": "a"}]}

    assert lines(plan_for({**there, "attributes": [*there["attributes"], notes]}, there)) == [
        "+ attributes.notes: only desired: Boolean, caseExact, returned ALWAYS",
        '+   description = "medical"',
        "+   x-export = true",
    ]


@pytest.mark.parametrize(
    ("was", "now", "expected"),
    [
        ("old", "new", ['~ description: live "old", desired "new"']),
        (
            "a" * 90 + "b",
            "a" * 90 + "c",
            [
                "~ description:",
                f'    live    …"{"a" * 20}b"',
                f'    desired …"{"a" * 20}c"',
            ],
        ),
        (
            "one " * 40 + "sure" + " two" * 40,
            "one " * 40 + "not sure" + " two" * 40,
            [
                "~ description:",
                f'    live    …"{"one " * 5}sure{" two" * 4}"…',
                f'    desired …"{"one " * 5}not sure{" two" * 4}"…',
            ],
        ),
        ("same", "same\u3164", [r'~ description: live "same", desired "same\u3164"']),
        ("Caf\xe9", "Cafe\u0301", [r'~ description: live "Caf\u00e9", desired "Cafe\u0301"']),
        ("pay", "p\u0430y", [r'~ description: live "pay", desired "p\u0430y"']),
        ("Gruß", "Grüße", ['~ description: live "Gruß", desired "Grüße"']),
        ("部門コード", "部門コート", ['~ description: live "部門コード", desired "部門コート"']),
        ("a  b", "a b", ['~ description: live "a  b", desired "a b" (only blanks differ)']),
        ("HR", "Hr", ['~ description: live "HR", desired "Hr" (only case differs)']),
        (None, 'say "x"', [r'+ description: only desired: "say \"x\""']),
    ],
)
def test_both_sides_of_a_description(was: str | None, now: str, expected: list[str]) -> None:
    there: dict[str, Any] = {"id": URN, "attributes": [{"name": "a"}], "description": was}

    assert lines(plan_for({**there, "description": now}, there)) == expected


def test_a_long_list_is_cut_around_what_differs() -> None:
    values = [f"value-{n:02}" for n in range(30)]
    there = {"id": URN, "attributes": [{"name": "a", "canonicalValues": values}]}
    more = [{"name": "a", "canonicalValues": [*values, "value-17b"]}]

    assert lines(plan_for({**there, "attributes": more}, there)) == [
        "~ attributes.a.canonicalValues:",
        '    live    […, "value-17", "value-18", …]',
        '    desired […, "value-17", "value-17b", "value-18", …]',
    ]


def test_items_of_a_list_that_look_alike_are_spelled_out() -> None:
    there = {"id": URN, "attributes": [{"name": "a", "canonicalValues": ["pay"]}]}
    other = {"id": URN, "attributes": [{"name": "a", "canonicalValues": ["p\u0430y"]}]}

    assert lines(plan_for(other, there, update=False)) == [
        r'attributes.a.canonicalValues: live ["pay"], desired ["p\u0430y"]',
    ]


@pytest.mark.parametrize("name", ["b: string, required", "x = 1", "+ a", "", "\u05d0", 'a"b'])
def test_no_name_of_a_vendor_passes_for_a_line_of_the_plan(name: str) -> None:
    document = {"id": URN, "attributes": [{"name": "a", name: 1}], name: 2}

    shown_name = json.dumps(name)
    assert lines(plan_for(document)) == [
        f"+ {shown_name} = 2",
        "+ a: string",
        f"+   {shown_name} = 1",
    ]


def test_letters_from_right_to_left_do_not_turn_an_object_of_a_vendor() -> None:
    owners = {"\u05d0": 1, "\u05d1": 2}
    part = {"name": "a", "description": "\u05d0\u05d1", "canonicalValues": ["\u05d0"], "x": owners}

    assert lines(plan_for({"id": URN, "attributes": [part]})) == [
        "+ a: string",
        '+   description = "\u05d0\u05d1"',
        '+   canonicalValues = ["\u05d0"]',
        r'+   x = {"\u05d0": 1, "\u05d1": 2}',
    ]


def test_a_list_is_in_the_order_of_its_texts_on_both_sides() -> None:
    there = {"id": URN, "attributes": [{"name": "a", "canonicalValues": ["a", "a b", "\xe9"]}]}
    more = [{"name": "a", "canonicalValues": ["\xe9", "a b", "z", "a", "z"]}]

    assert lines(plan_for({**there, "attributes": more}, there)) == [
        "~ attributes.a.canonicalValues:",
        '    live    ["a", "a b", "\xe9"]',
        '    desired ["a", "a b", "z", "z", "\xe9"]',
    ]


def test_a_comment_that_cannot_show_all_says_so_and_text_and_json_show_it() -> None:
    texts = ["x" * 70_000 + end for end in "ab"]
    documents = [{"id": URN, "attributes": [{"name": "a", "description": t}]} for t in texts]
    plans = [plan_document(Plan(tenants=(plan_for(each),))) for each in documents]

    assert all("**This is shortened**" in plan_markdown(plan) for plan in plans)
    shown_one, shown_two = (shown(plan_for(each)) for each in documents)
    assert [name for name in shown_one if shown_one[name] == shown_two[name]] == []


def test_markdown_shows_a_long_description_whole() -> None:
    document = {"id": URN, "attributes": [{"name": "a", "description": "x" * 5_000 + "END"}]}

    assert "xEND" in plan_markdown(plan_document(Plan(tenants=(plan_for(document),))))
