"""The table of rules about changes: what each finds, what it leaves alone, and whom it names."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.dialect import Dialect
from reconciler.domain.manifest import Manifests, Retired, SchemaExtension, Tenant
from reconciler.domain.problem import Place, Problem, Severity
from reconciler.domain.rules.changes import CHANGE_RULES
from reconciler.domain.rules.comparing import compare
from reconciler.domain.rules.revision import Consumer
from reconciler.domain.scim import Schema
from tests.support.domain_world import dialect
from tests.support.strategies import Document, disguise, edits, schema_documents

ERROR, WARNING, INFO = Severity
READER, WRITER, STORED, SERVER = Consumer
ALL = tuple(Consumer)
COMPLEX = {"name": "a", "type": "complex", "subAttributes": [{"name": "part"}]}


def locate(document: Place | None, pointer: tuple[str | int, ...], *, at_key: bool) -> Place:
    assert document is not None
    return Place("/".join(map(str, pointer)), document.line, 2 if at_key else 1)


def extension(
    attributes: Iterable[Document], *, retired: Iterable[Retired] = (), **members: Any
) -> SchemaExtension:
    document = {"id": "urn:example:hr", "attributes": list(attributes), **members}
    return SchemaExtension(
        name="hr",
        place=Place("hr.yaml"),
        schema=Schema.from_json(document),
        retired=tuple(retired),
    )


def compared(
    before: SchemaExtension, *after: SchemaExtension, speaks: Dialect | None = None
) -> tuple[Problem, ...]:
    acme = Tenant(
        name="acme",
        place=Place("t.yaml"),
        dialect=speaks or dialect(),
        base_url="https://x.example",
    )
    was, now = (Manifests(tenants=(acme,), extensions=each) for each in ((before,), after))
    return compare(was, now, locate=locate)


def changed(before: Document, after: Document) -> tuple[Problem, ...]:
    """What is told where the one attribute `a` was so and is so now."""
    was, now = ({"name": "a", **each} for each in (before, after))
    return compared(extension([was]), extension([now]))


BREAKING: list[tuple[str, Severity, tuple[Consumer, ...], Document, Document]] = [
    ("SCH002", ERROR, ALL, {"type": "string"}, {"type": "integer"}),
    ("SCH002", ERROR, ALL, {"type": "decimal"}, {"type": "integer"}),
    ("SCH002", WARNING, (READER,), {"type": "integer"}, {"type": "decimal"}),
    ("SCH003", ERROR, ALL, {"multiValued": True}, {"multiValued": False}),
    ("SCH003", ERROR, ALL, {}, {"multiValued": True}),
    ("SCH004", ERROR, (WRITER, STORED), {}, {"required": True}),
    ("SCH005", ERROR, (WRITER, STORED), {}, {"uniqueness": "server"}),
    ("SCH005", ERROR, (WRITER, STORED), {"uniqueness": "server"}, {"uniqueness": "global"}),
    ("SCH006", WARNING, (READER,), {"uniqueness": "global"}, {"uniqueness": "server"}),
    ("SCH006", WARNING, (READER,), {"uniqueness": "server"}, {}),
    ("SCH007", ERROR, (READER, WRITER), {}, {"mutability": "immutable"}),
    ("SCH007", ERROR, (READER, WRITER), {"mutability": "immutable"}, {"mutability": "readOnly"}),
    (
        "SCH007", ERROR, (READER, WRITER),
        {"returned": "never"}, {"returned": "never", "mutability": "writeOnly"},
    ),
    ("SCH008", INFO, (READER,), {"mutability": "readOnly"}, {"mutability": "immutable"}),
    ("SCH008", INFO, (READER,), {"mutability": "immutable"}, {}),
    ("SCH009", ERROR, (READER,), {}, {"returned": "never"}),
    ("SCH009", WARNING, (READER,), {"returned": "always"}, {}),
    ("SCH009", WARNING, (READER,), {}, {"returned": "request"}),
    ("SCH010", WARNING, (READER,), {"returned": "never"}, {"returned": "request"}),
    ("SCH010", WARNING, (READER,), {"returned": "request"}, {"returned": "always"}),
    ("SCH011", WARNING, (READER, STORED), {}, {"caseExact": True}),
    ("SCH011", WARNING, (READER, STORED), {"caseExact": True}, {}),
    (
        "SCH012", WARNING, (WRITER, STORED),
        {"canonicalValues": ["x", "y"]}, {"canonicalValues": ["y", "z"]},
    ),
    (
        "SCH013", ERROR, (READER,),
        {"type": "reference", "referenceTypes": ["User", "uri"]},
        {"type": "reference", "referenceTypes": ["User"]},
    ),
    ("SCH015", WARNING, (WRITER, SERVER), {"returned": "never"}, {"mutability": "writeOnly"}),
    ("SCH015", WARNING, (WRITER, SERVER), {}, {"mutability": "readOnly", "required": True}),
    ("SCH017", INFO, (WRITER,), {}, {"multiValued": True}),
    ("SCH017", INFO, (WRITER,), {}, COMPLEX),
    ("SCH012", WARNING, (WRITER, STORED), {}, {"canonicalValues": ["y"]}),
    ("SCH018", WARNING, (WRITER, STORED), {"regEx": ".*"}, {"regEx": "[a-z]"}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "severity", "consumers", "before", "after"), BREAKING)
def test_a_changed_characteristic_is_reported_with_severity_and_consumers(
    rule: str,
    severity: Severity,
    consumers: tuple[Consumer, ...],
    before: Document,
    after: Document,
) -> None:
    found = [p for p in changed(before, after) if (p.rule, p.severity) == (rule, severity)]

    assert [p.consumers for p in found] == [consumers]
    assert found[0].message.startswith("attribute 'a': ")
    assert found[0].place.path.startswith("spec/schema/attributes/0")


KEPT: list[tuple[str, Document, Document]] = [
    ("SCH002", {"type": "string"}, {}),
    ("SCH003", {"multiValued": False}, {}),
    ("SCH004", {"required": True}, {}),
    ("SCH005", {"uniqueness": "global"}, {"uniqueness": "server"}),
    ("SCH006", {}, {"uniqueness": "server"}),
    ("SCH007", {"mutability": "readOnly"}, {"mutability": "readWrite"}),
    ("SCH008", {}, {"mutability": "readOnly"}),
    ("SCH009", {"returned": "request"}, {"returned": "always"}),
    ("SCH010", {}, {"returned": "always"}),
    ("SCH011", {"caseExact": False}, {}),
    ("SCH012", {"canonicalValues": ["x"]}, {"canonicalValues": ["y", "x"]}),
    ("SCH012", {"canonicalValues": ["x"]}, {}),
    ("SCH013", {"referenceTypes": ["User"]}, {"referenceTypes": ["uri", "User"]}),
    ("SCH015", {"mutability": "writeOnly"}, {"mutability": "writeOnly", "multiValued": True}),
    ("SCH015", {}, {"multiValued": True, "uniqueness": "server"}),
    ("SCH015", {}, {"type": "reference", "referenceTypes": ["uri"], "caseExact": True}),
    ("SCH015", {}, {"type": "reference", "referenceTypes": ["uri"], "caseExact": False}),
    ("SCH015", {"type": "integer", "caseExact": True}, {"type": "decimal", "caseExact": True}),
    ("SCH015", {"type": "integer"}, {"type": "integer", "caseExact": True}),
    ("SCH015", COMPLEX, {**COMPLEX, "uniqueness": "server"}),
    ("SCH015", {}, {"mutability": "writeOnly", "returned": "never"}),
    ("SCH015", {"required": True}, {"mutability": "readOnly"}),
    ("SCH017", COMPLEX, {**COMPLEX, "required": True}),
    ("SCH018", {"pattern": "a"}, {}),
]


@pytest.mark.parametrize(("rule", "before", "after"), KEPT)
def test_a_harmless_change_is_not_reported(rule: str, before: Document, after: Document) -> None:
    assert [p for p in changed(before, after) if p.rule == rule] == []


def only(rule: str, problems: Iterable[Problem]) -> list[tuple[Severity, tuple[str, ...], str]]:
    return [(p.severity, p.consumers, p.message) for p in problems if p.rule == rule]


def test_a_removed_attribute_needs_a_retired_entry_of_its_type() -> None:
    was = extension([{"name": "grade", "type": "integer"}])
    stone = Retired(name="Grade", type="integer")

    assert only("SCH001", compared(was, extension([]))) == [
        (ERROR, (READER, WRITER, STORED), "attribute 'grade' is gone")
    ]
    other = compared(was, extension([], retired=[Retired(name="grade", type="string")]))
    assert only("SCH001", other) == [
        (
            ERROR,
            (READER, WRITER, STORED),
            "attribute 'grade' was integer, and its tombstone says string",
        )
    ]
    assert compared(was, extension([], retired=[stone])) == ()


def test_a_rename_is_guessed_only_where_one_of_that_type_came() -> None:
    was = extension([{"name": "grade"}])

    def reported(*names: str, kind: str = "string") -> str:
        now = extension([{"name": name, "type": kind} for name in names])
        return only("SCH001", compared(was, now))[0][2]

    assert "(renamed to 'level'? a rename loses the values)" in reported("level")
    assert "renamed" not in reported("level", "rank")
    assert "renamed" not in reported("level", kind="integer")


def test_thousands_of_attributes_may_go_at_once() -> None:
    many = range(4000)  # as many as fit into one file; looked for one in the other it takes minutes
    went = extension([{"name": f"old{n}"} for n in many])
    came = extension([{"name": f"new{n}"} for n in many])

    found = compared(went, came)

    assert [problem.rule for problem in found] == ["SCH001"] * 4000


def test_a_manifest_that_goes_is_a_warning_at_the_file_it_was_in() -> None:
    (found,) = compared(extension([{"name": "a"}]))

    assert (found.rule, found.severity, found.consumers) == ("SCH001", WARNING, (READER, WRITER))
    assert found.place == Place("hr.yaml")


def test_a_new_attribute_may_not_be_required() -> None:
    found = compared(extension([]), extension([{"name": "a", "required": True}]))

    assert only("SCH004", found) == [(ERROR, (WRITER, STORED), "attribute 'a': new and required")]
    assert only("SCH004", compared(extension([]), extension([{"name": "a"}]))) == []


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"id": "urn:example:hr2"}, "the URN was urn:example:hr: values are known by it"),
        ({"id": "urn:example:HR"}, "the URN was written urn:example:hr: some compare it letter"),
    ],
)
def test_a_changed_urn_is_reported(members: Document, message: str) -> None:
    ((severity, consumers, texts),) = only(
        "SCH014", compared(extension([]), extension([], **members))
    )

    assert (severity, consumers) == (ERROR, ALL)
    assert texts.startswith(message)


def test_a_retired_name_comes_back_as_what_it_was_or_not_at_all() -> None:
    was = extension([], retired=[Retired(name="grade", type="integer")])

    def reported(*attributes: Document, retired: Iterable[Retired] = ()) -> list[str]:
        found = compared(was, extension(attributes, retired=retired))
        return [message for *_, message in only("SCH014", found)]

    assert reported({"name": "GRADE"}) == ["'grade' was retired as integer and is back as string"]
    assert reported({"name": "grade", "type": "integer"}) == []
    assert reported() == ["the tombstone of 'grade' (integer) is gone or another"]
    assert reported(retired=[Retired(name="grade", type="string")]) == reported()
    assert reported(retired=[Retired(name="grade", type="integer")]) == []


def test_a_tombstone_does_not_go_with_its_manifest() -> None:
    was = extension([], retired=[Retired(name="grade", type="integer")])

    ((severity, consumers, texts),) = only("SCH014", compared(was))

    assert (severity, consumers) == (ERROR, ALL)
    assert texts == "the tombstone of 'grade' (integer) goes with its manifest"


@pytest.mark.parametrize("marked", [("before",), ("after",), ("before", "after"), ()])
@pytest.mark.parametrize("personal", ["a", "A.b"])
@pytest.mark.parametrize(
    ("hidden", "seen"),
    [({"returned": "never"}, {}), ({"mutability": "writeOnly"}, {"returned": "default"})],
)
def test_personal_data_that_was_hidden_is_shown_by_an_error_only(
    hidden: Document, seen: Document, personal: str, marked: tuple[str, ...]
) -> None:
    parts = [{"name": "b"}]
    was, now = (
        replace(
            extension([{"name": "a", "type": "complex", "subAttributes": parts, **members}]),
            personal=(personal,) if when in marked else (),
        )
        for when, members in (("before", hidden), ("after", seen))
    )

    severities = [severity for severity, *_ in only("SCH010", compared(was, now))]

    assert severities == [ERROR if marked else WARNING]


@pytest.mark.parametrize("marked", [("before",), ("after",), ("before", "after"), ()])
def test_a_new_part_of_what_was_personal_is_reported_whoever_takes_the_mark_out(
    marked: tuple[str, ...],
) -> None:
    was, now = (
        replace(
            extension([{"name": "a", "type": "complex", "subAttributes": parts}]),
            personal=("A",) if when in marked else (),
        )
        for when, parts in (("before", [{"name": "b"}]), ("after", [{"name": "b"}, {"name": "c"}]))
    )

    texts = [text for *_, text in only("SCH010", compared(was, now))]

    assert texts == (["attribute 'a.c': personal data, returned unasked"] if marked else [])


def test_a_service_limit_is_reported_once_and_again_when_it_is_exceeded_further() -> None:
    small = dialect(attributes=1, types=frozenset({"string"}))
    names = [{"name": name} for name in "abc"]

    assert only("SCH016", compared(extension(names[:1]), extension(names[:2]), speaks=small)) == [
        (ERROR, (SERVER,), "attributes: Genesys Cloud takes 1 in one schema, and these are 2; "
         "split it")
    ]  # fmt: skip
    assert only("SCH016", compared(extension(names[:2]), extension(names), speaks=small))
    assert not only("SCH016", compared(extension(names), extension(names[:2]), speaks=small))
    typed = [{"name": "a", "type": "integer"}]
    assert only("SCH016", compared(extension(names[:1]), extension(typed), speaks=small))
    assert not only("SCH016", compared(extension(typed), extension(typed), speaks=small))


def test_only_top_level_complex_attributes_are_reported_for_connectors() -> None:
    was = {"name": "a", "type": "complex", "subAttributes": [{"name": "b"}]}
    now = {**was, "subAttributes": [{"name": "b"}, {"name": "c", "multiValued": True}]}

    assert only("SCH017", compared(extension([was]), extension([now]))) == []
    assert only("SCH017", compared(extension([]), extension([now]))) == [
        (INFO, (WRITER,), "attribute 'a': complex, which many connectors cannot fill")
    ]


def test_each_rule_of_the_table_is_named_here() -> None:
    by_hand = {"SCH001", "SCH014", "SCH016"}

    for table in ({rule for rule, *_ in BREAKING}, {rule for rule, *_ in KEPT}):
        assert table | by_hand == {rule.id for rule in CHANGE_RULES}


@given(st.data())
def test_another_spelling_of_the_same_schema_is_no_change(data: st.DataObject) -> None:
    document = data.draw(schema_documents())
    disguised = data.draw(disguise(document)) | {"id": document["id"]}

    def alone(each: Document) -> SchemaExtension:
        return SchemaExtension(name="hr", place=Place("hr.yaml"), schema=Schema.from_json(each))

    assert compared(alone(document), alone(disguised)) == ()


@given(st.data())
def test_every_finding_about_a_change_has_a_place_and_a_consumer(data: st.DataObject) -> None:
    edit = data.draw(schema_documents(most=3).filter(lambda d: d["attributes"]).flatmap(edits))
    before = data.draw(schema_documents(most=3))

    def alone(each: Document) -> SchemaExtension:
        return SchemaExtension(name="hr", place=Place("hr.yaml"), schema=Schema.from_json(each))

    for problem in compared(alone(before), alone(edit.document)):
        assert problem.consumers
        assert problem.place.path.startswith("spec/")
        assert "\n" not in problem.text
