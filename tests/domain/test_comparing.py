"""The manifests of two times side by side: what each tenant had and has, and where it stands."""

import gc
from collections.abc import Iterable
from dataclasses import replace
from time import process_time

import pytest

from reconciler.domain.manifest import (
    Auth,
    AuthType,
    Manifests,
    Retired,
    SchemaExtension,
    SecretRef,
    SecretSource,
    Selector,
    Tenant,
)
from reconciler.domain.problem import Place
from reconciler.domain.rules.comparing import compare
from reconciler.domain.scim import Schema
from tests.support.domain_world import dialect
from tests.support.rule_world import locate

URN = "urn:example:hr"
STONE = Retired(name="grade", type="integer")
EVERY = Selector()


def tenant(name: str, *, speaks: str = "genesys", **labels: str) -> Tenant:
    return Tenant(
        name=name,
        place=Place(f"tenants/{name}.yaml"),
        dialect=dialect(name=speaks),
        base_url=f"https://{name}.example/scim",
        labels=labels,
    )


def names(*tenants: str) -> Selector:
    return Selector(names=tenants)


def hr(
    selector: Selector = EVERY,
    grade: str | None = "string",
    *,
    name: str = "hr",
    urn: str = URN,
    file: str = "",
    retired: Iterable[Retired] = (),
) -> SchemaExtension:
    """A manifest with the attribute `kept`, and with `grade` of that type."""
    attributes = [{"name": "kept"}, *([{"name": "grade", "type": grade}] if grade else [])]
    return SchemaExtension(
        name=name,
        place=Place(file or f"{name}.yaml"),
        schema=Schema.from_json({"id": urn, "name": "hr", "attributes": attributes}),
        selector=selector,
        retired=tuple(retired),
    )


PROD, TEST = tenant("prod", env="prod"), tenant("test", env="test")


def compared(
    before: Iterable[SchemaExtension],
    after: Iterable[SchemaExtension],
    tenants: Iterable[Tenant] = (PROD, TEST),
    anew: Iterable[Tenant] | None = None,
) -> list[str]:
    """Each problem as `place severity[rule] message`, but for what only informs."""
    then = Manifests(tenants=tuple(tenants), extensions=tuple(before))
    today = then.tenants if anew is None else tuple(anew)
    now = Manifests(tenants=today, extensions=tuple(after))
    return [
        f"{p.place.path} {p.severity}[{p.rule}] {p.message}"
        for p in compare(then, now, locate=locate)
        if p.severity != "info"
    ]


def typed(file: str, on: str = "") -> str:
    at = f"{file}/spec/schema/attributes/1/type"
    return f"{at} error[SCH002] {on}attribute 'grade': type was string and is integer"


def gone(file: str, on: str = "") -> str:
    return f"{file}/spec/schema/attributes error[SCH001] {on}attribute 'grade' is gone"


def passed(file: str, on: str, name: str = "hr") -> str:
    return (
        f"{file}/spec/tenants warning[SCH001] on {on}: no manifest is for {URN} ({name}) any more: "
        "what is live stays, and nobody watches it"
    )


ENDED = (
    f"hr.yaml warning[SCH001] no manifest is for {URN} (hr) any more: "
    "what is live stays, and nobody watches it"
)
ANOTHER = f"hr.yaml/spec/schema/id error[SCH014] the URN was {URN}: values are known by it"
LABEL_PROD, LABEL_TEST = (Selector(match_labels={"env": env}) for env in ("prod", "test"))

MOVES = {
    "edited in place": ([hr()], [hr(grade="integer")], [typed("hr.yaml")]),
    "unchanged": ([hr()], [hr()], []),
    "moved to another file": (
        [hr()], [hr(grade="integer", file="deep/hr.json")], [typed("deep/hr.json")],
    ),
    "moved to another file unchanged": ([hr()], [hr(file="deep/hr.json")], []),
    "renamed": ([hr()], [hr(grade="integer", name="people")], [typed("people.yaml")]),
    "renamed unchanged": ([hr()], [hr(name="people")], []),
    "its URN in another case": (
        [hr()], [hr(grade=None, name="people", urn="urn:example:HR")],
        [
            gone("people.yaml"),
            f"people.yaml/spec/schema/id error[SCH014] the URN was written {URN}: some compare it "
            "letter by letter",
        ],
    ),
    "its URN changed": ([hr()], [hr(urn="urn:example:hr2")], [ANOTHER]),
    "its URN changed on some tenants": (
        [hr()], [hr(names("prod"), urn="urn:example:hr2"), hr(names("test"), name="old")],
        [ANOTHER],
    ),
    "two that swapped their names": (
        [hr(), hr(name="it", urn="urn:example:it")],
        [hr(name="it"), hr(urn="urn:example:it", grade="integer")], [typed("hr.yaml")],
    ),
    "one that took the URN of another": (
        [hr(), hr(name="it", urn="urn:example:it")], [hr(urn="urn:example:it")], [ENDED],
    ),
    "removed": ([hr()], [], [ENDED]),
    "removed with its tombstone": (
        [hr(grade=None, retired=[STONE])], [],
        ["hr.yaml error[SCH014] the tombstone of 'grade' (integer) goes with its manifest", ENDED],
    ),
    "split, one half changed": (
        [hr()], [hr(names("test")), hr(names("prod"), "integer", name="hr-prod")],
        [typed("hr-prod.yaml")],
    ),
    "split, the half with the old name changed": (
        [hr()], [hr(names("test"), "integer"), hr(names("prod"), name="hr-prod")],
        [typed("hr.yaml")],
    ),
    "split by labels, both halves new": (
        [hr()], [hr(LABEL_PROD, "integer", name="a"), hr(LABEL_TEST, None, name="b")],
        [typed("a.yaml"), gone("b.yaml")],
    ),
    "split without a change": (
        [hr()], [hr(names("test")), hr(names("prod"), name="hr-prod")], [],
    ),
    "split, one half without its tombstone": (
        [hr(grade=None, retired=[STONE])],
        [hr(names("test"), None, retired=[STONE]), hr(names("prod"), name="hr-prod")],
        ["hr-prod.yaml/spec/schema/attributes/1 error[SCH014] 'grade' was retired as integer and "
         "is back as string"],
    ),
    "split, and one tenant forgotten": (
        [hr()], [hr(names("test"), name="hr-test")], [passed("hr-test.yaml", "tenant prod")],
    ),
    "merged, both changed": (
        [hr(names("prod")), hr(names("test"), name="b")], [hr(grade="integer")],
        [typed("hr.yaml")],
    ),
    "merged, one changed": (
        [hr(names("prod"), "integer"), hr(names("test"), name="b")], [hr(grade="integer")],
        [typed("hr.yaml", "on tenant test: ")],
    ),
    "merged without a change": ([hr(names("prod")), hr(names("test"), name="b")], [hr()], []),
    "a second manifest takes a tenant": (
        [hr(LABEL_PROD)], [hr(names("none")), hr(LABEL_PROD, None, name="other")],
        [gone("other.yaml")],
    ),
    "a second manifest for a tenant that had nothing": (
        [hr(LABEL_TEST)], [hr(LABEL_TEST), hr(LABEL_PROD, "integer", name="hr-prod")], [],
    ),
    "a tenant more": (
        [hr(LABEL_TEST)], [hr(grade="integer")], [typed("hr.yaml", "on tenant test: ")],
    ),
    "a tenant let go by its name": (
        [hr()], [hr(names("test"))], [passed("hr.yaml", "tenant prod")],
    ),
    "a tenant let go by a label": ([hr()], [hr(LABEL_TEST)], [passed("hr.yaml", "tenant prod")]),
    "a tenant let go by a dialect": (
        [hr()], [hr(Selector(dialects=("sap",)))], [passed("hr.yaml", "tenants prod, test")],
    ),
    "a tenant let go, and the other changed": (
        [hr()], [hr(names("test"), "integer")],
        [typed("hr.yaml"), passed("hr.yaml", "tenant prod")],
    ),
    "a tenant let go with a tombstone": (
        [hr(grade=None, retired=[STONE])], [hr(names("test"), None, retired=[STONE])],
        [
            "hr.yaml/spec/tenants error[SCH014] on tenant prod: the tombstone of 'grade' (integer) "
            "goes with its manifest",
            passed("hr.yaml", "tenant prod"),
        ],
    ),
    "given to other tenants and changed": (
        [hr(LABEL_PROD)], [hr(LABEL_TEST, "integer")],
        [typed("hr.yaml"), passed("hr.yaml", "tenant prod")],
    ),
    "for nobody, and changed": (
        [hr(names("none"))], [hr(names("none"), "integer")], [typed("hr.yaml")],
    ),
    "for nobody, and renamed": (
        [hr(names("none"))], [hr(names("none"), "integer", name="b")], [typed("b.yaml")],
    ),
    "for nobody, and its URN changed": (
        [hr(names("none"))], [hr(names("none"), urn="urn:example:hr2")], [ANOTHER],
    ),
    "for nobody, and removed": ([hr(names("none"))], [], [ENDED]),
    "two for nobody": (
        [hr(names("none")), hr(names("none"), None, name="b")],
        [hr(names("none")), hr(names("none"), None, name="b")], [],
    ),
    "for nobody, and merged": (
        [hr(names("none")), hr(names("none"), None, name="b")], [hr(names("none"))], [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("move", MOVES)
def test_what_a_move_breaks_is_found_at_the_manifest_of_today(move: str) -> None:
    before, after, expected = MOVES[move]

    assert sorted(compared(before, after)) == sorted(expected)
    assert sorted(compared(before[::-1], after[::-1])) == sorted(expected)


TENANTS = {
    "a label changes": ([hr(LABEL_PROD)], [PROD], [tenant("prod", env="test")], ["tenant prod"]),
    "a dialect changes": (
        [hr(Selector(dialects=("genesys",)))], [PROD], [tenant("prod", speaks="sap")],
        ["tenant prod"],
    ),
    "a dialect that nobody selects by changes": (
        [hr()], [PROD], [tenant("prod", speaks="sap")], [],
    ),
    "a tenant is removed": ([hr()], [PROD, TEST], [TEST], []),
    "the only tenant of a manifest is removed": ([hr(LABEL_PROD)], [PROD, TEST], [TEST], []),
    "a tenant comes": ([hr()], [TEST], [PROD, TEST], []),
    "a tenant is renamed": ([hr()], [PROD, TEST], [replace(PROD, name="live"), TEST], []),
    "a tenant is renamed out of a selector": (
        [hr(names("prod"))], [PROD, TEST], [replace(PROD, name="live"), TEST], ["tenant live"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", TENANTS)
def test_a_tenant_that_changes_is_let_go_where_nothing_selects_it_any_more(change: str) -> None:
    extensions, before, after, left = TENANTS[change]

    found = compared(extensions, extensions, before, after)

    assert found == [passed("hr.yaml", each) for each in left]


def test_a_tenant_that_is_renamed_is_the_one_that_is_reached_as_it_was() -> None:
    def reached(name: str, secret: str) -> Tenant:
        token = SecretRef(SecretSource.ENV, secret, Place("t.yaml"))
        auth = Auth(type=AuthType.BEARER, credentials={"token": token})
        return replace(tenant(name), base_url="https://one.example/scim", auth=auth)

    before = [hr(names("a")), hr(names("b"), "integer", name="other")]
    after = [hr(names("c", "d"), "integer")]

    found = compared(
        before,
        after,
        [reached("a", "A"), reached("b", "B")],
        [reached("c", "B"), reached("d", "A")],
    )

    assert found == [typed("hr.yaml", "on tenant d: ")]


def test_many_tenants_are_counted_and_few_are_named() -> None:
    fleet = [tenant(f"t{n}") for n in range(9)]

    found = compared([hr()], [hr(names("t8"))], fleet)

    assert found == [passed("hr.yaml", "tenants t0, t1, t2 and 5 more")]


def test_the_same_is_found_once_however_many_manifests_became_one() -> None:
    fleet = [tenant(f"t{n}") for n in range(9)]
    before = [hr(names(each.name), name=each.name) for each in fleet]

    assert compared(before, [hr(grade="integer")], fleet) == [typed("hr.yaml")]


def test_members_in_another_case_are_compared_too() -> None:
    document = {"id": URN, "ATTRIBUTES": [{"NAME": "kept"}, {"Name": "grade", "Type": "integer"}]}
    after = replace(hr(), schema=Schema.from_json(document))

    (found,) = compared([hr()], [after])

    assert found.startswith("hr.yaml/spec/schema/attributes/type error[SCH002] attribute 'grade'")


def test_comparing_is_linear_in_tenants_and_extensions() -> None:
    def seconds(number: int) -> float:
        fleet = [tenant(f"t{n}", half=str(n % 2)) for n in range(number)]
        before = [hr(name=f"e{n}", urn=f"urn:example:{n}") for n in range(20)]
        halves = [(half, Selector(match_labels={"half": str(half)})) for half in range(2)]
        after = [
            hr(selector, "integer", name=f"e{n}-{half}", urn=f"urn:example:{n}")
            for n in range(20)
            for half, selector in halves
        ]
        gc.collect()
        begun = process_time()
        assert len(compared(before, after, fleet)) == 40
        return process_time() - begun

    small, large = (min(seconds(number) for _ in range(3)) for number in (250, 500))

    assert large < 2.7 * small


def test_what_is_fixed_on_every_service_is_no_change_where_it_is_written_out() -> None:
    fixed = (("caseExact", True), ("uniqueness", "server"))
    one, other = replace(tenant("one"), dialect=dialect(fixed=fixed)), tenant("other")
    written = {"name": "kept", "caseExact": True, "uniqueness": "server"}
    document = {"id": URN, "name": "hr", "attributes": [written]}
    plain = hr(grade=None)
    after = replace(plain, schema=Schema.from_json(document))

    assert compared([plain], [after], [one]) == []
    rules = [line.split()[1] for line in compared([plain], [after], [one, other])]
    assert sorted(rules) == ["error[SCH005]", "warning[SCH011]"]
