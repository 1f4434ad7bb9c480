import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.blocking import BlockReason
from reconciler.domain.compatibility import obstacles
from reconciler.domain.deciding import LiveTenant
from reconciler.domain.dialect import PatchPath, UpdateStrategy
from reconciler.domain.diff import alterations, managed_view
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import (
    Auth,
    ClientAuth,
    GitState,
    Limits,
    Manages,
    Projection,
    SchemaExtension,
    SecretRef,
    SecretSource,
    Webhook,
)
from reconciler.domain.plan import (
    Blocked,
    Create,
    PackedSchema,
    Plan,
    Skip,
    SkipReason,
    Subject,
    TenantPlan,
    Update,
    Withheld,
    Written,
    exceeded_limits,
)
from reconciler.domain.problem import Place
from reconciler.domain.redaction import Redaction
from reconciler.domain.scim import ABSENT, SCHEMA_URN, Schema
from reconciler.domain.secret import Secret
from reconciler.domain.selection import Selection
from reconciler.render.plan_document import tenant_document
from tests.support.domain_world import (
    BASE_URL,
    dialect,
    document,
    extension,
    live,
    plan_of,
    planned,
    reported,
    tenant_of,
    unreadable,
)
from tests.support.strategies import TYPES, disguise, lower, schema_documents

A, B = {"name": "a"}, {"name": "b"}


def only(plan: TenantPlan) -> Any:
    (change,) = plan.changes
    return change


# Every action and every reason


def test_an_absent_schema_is_created() -> None:
    change = only(planned([extension("HR", A)]))
    assert isinstance(change, Create)
    assert (change.subject.id, change.subject.schema_id) == ("acme/hr", "urn:example:HR")
    assert (change.subject.view, change.subject.live_fingerprint) == (None, ABSENT)
    assert change.subject.differences() == ()


def test_an_equal_schema_in_any_spelling_is_in_sync() -> None:
    there = live({"ID": "URN:Example:hr", "Attributes": [{"NAME": "A", "Type": "String", "x": 1}]})
    change = only(planned([extension("HR", A, update=True)], there))
    assert change == Skip(change.subject, SkipReason.IN_SYNC)
    assert change.subject.differences() == ()


def test_a_schema_that_cannot_be_read_is_blocked_alone_and_the_others_are_planned() -> None:
    there = replace(live(document("B", A)), unreadable={"urn:example:hr": "GET …: 400"})
    plan = planned([extension("HR", A, update=True), extension("B", A)], there)

    by_id = {change.subject.id: change for change in plan.changes}
    unreadable = by_id["acme/hr"]
    assert isinstance(unreadable, Blocked)
    assert (unreadable.reason, unreadable.recipe) == (BlockReason.UNREADABLE, "GET …: 400")
    assert unreadable.subject.live_fingerprint is None
    assert by_id["acme/b"] == Skip(by_id["acme/b"].subject, SkipReason.IN_SYNC)


def test_a_schema_that_cannot_be_read_and_is_left_out_is_excluded() -> None:
    there = replace(live(), unreadable={"urn:example:hr": "GET …: 400"})
    plan = planned([extension("HR", A)], there, selection=Selection(excludes=("hr",)))

    assert only(plan).reason is SkipReason.EXCLUDED


def test_what_is_said_of_a_change_shows_no_credential_and_decides_nothing() -> None:
    secret = {"name": "s3cret", "returned": "always"}
    there = live(document("HR", A, secret, description="by s3cret"))
    hidden = replace(there, redaction=Redaction((Secret("s3cret"),)))
    wanted = [extension("HR", A, update=True)]

    raw, shown = only(planned(wanted, there)), only(planned(wanted, hidden))
    assert (raw.reason, shown.reason) == (BlockReason.INCOMPATIBLE,) * 2
    assert shown.recipe == raw.recipe.replace("s3cret", "…")
    assert shown.subject.live_fingerprint == raw.subject.live_fingerprint
    assert shown.subject.assessment().kinds == raw.subject.assessment().kinds
    messages = [impact.message for impact in raw.subject.assessment().impacts]
    assert [impact.message for impact in shown.subject.assessment().impacts] == [
        message.replace("s3cret", "…") for message in messages
    ]
    paths = ("attributes.…", "description")
    assert tuple(difference.path for difference in shown.subject.differences()) == paths
    assert raw.subject.paths(there.schemas["urn:example:hr"], hidden.redaction) == paths


def test_a_plan_for_another_process_says_the_same_and_knows_no_credential() -> None:
    secret = {"name": "s3cret", "returned": "always"}
    there = live(document("HR", A, secret, description="by s3cret"), document("s3cret", A))
    wanted = [extension("HR", A, update=True, description="new"), extension("B", A)]
    plan = planned(wanted, replace(there, redaction=Redaction((Secret("s3cret"),))))

    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(plan)
    sent = pickle.dumps(plan.as_shown())
    assert b"s3cret" not in sent
    assert tenant_document(pickle.loads(sent)) == tenant_document(plan)


def test_a_plan_for_another_process_is_the_same_where_it_shows_no_credential() -> None:
    there = live(document("HR", A, description="old"))
    plan = planned([extension("HR", A, description="new"), extension("B", A)], there)

    sent = pickle.loads(pickle.dumps(plan.as_shown()))
    assert tenant_document(sent) == tenant_document(plan)
    assert [each.subject.packed().as_shown() for each in plan.changes] == [
        each.subject.packed() for each in plan.changes
    ]


def test_a_difference_is_skipped_as_drifted_unless_the_manifest_opts_in() -> None:
    there = live(document("HR", A, description="old"))
    change = only(planned([extension("HR", A, description="new")], there))
    assert change == Skip(change.subject, SkipReason.DRIFTED, Withheld(None, ("description",)))
    assert [(d.path, d.live, d.desired) for d in change.subject.differences()] == [
        ("description", "old", "new")
    ]


@pytest.mark.parametrize("updates", UpdateStrategy)
@pytest.mark.parametrize("attributes", [(A, B), (B,), ({"name": "a", "type": "integer"},)])
def test_a_skip_says_what_update_would_bring_by_the_very_same_decision(
    updates: UpdateStrategy, attributes: tuple[dict[str, Json], ...]
) -> None:
    there, service = live(document("HR", A)), dialect(updates=updates)
    skipped = only(planned([extension("HR", *attributes)], there, service=service))
    decided = only(planned([extension("HR", *attributes, update=True)], there, service=service))

    assert isinstance(skipped, Skip)
    assert skipped.withheld is not None
    match decided:
        case Blocked():
            assert skipped.withheld.blocked == (decided.reason, decided.recipe)
        case _:
            assert isinstance(decided, Update)
            assert skipped.withheld.blocked is None
    paths = tuple(difference.path for difference in decided.subject.differences())
    assert skipped.withheld.paths == paths


def test_a_skip_names_some_of_its_differences_and_counts_the_others() -> None:
    wanted = [{"name": f"n{number}"} for number in range(5)]
    change = only(planned([extension("HR", A, *wanted)], live(document("HR", A))))

    assert isinstance(change, Skip)
    named = ("attributes.n0", "attributes.n1", "attributes.n2")
    assert change.withheld == Withheld(None, named, more=2)


def test_a_safe_difference_is_an_update_where_the_manifest_opts_in() -> None:
    there = live(document("HR", A))
    change = only(planned([extension("HR", A, B, update=True, description="new")], there))
    assert isinstance(change, Update)
    assert [d.path for d in change.subject.differences()] == ["attributes.b", "description"]


def test_an_unsafe_difference_is_blocked_as_incompatible_with_each_obstacle() -> None:
    there = live(document("HR", A, B))
    wanted = extension("HR", {"name": "a", "type": "integer"}, update=True)
    change = only(planned([wanted], there))
    assert change.reason is BlockReason.INCOMPATIBLE
    assert change.recipe.startswith("b exists only live; characteristics of a would change. ")
    assert [d.path for d in change.subject.differences()] == ["attributes.a.type", "attributes.b"]


def test_an_excluded_extension_is_skipped_and_not_read() -> None:
    there = live(document("HR", A))
    change = only(planned([extension("HR", A)], there, selection=Selection(excludes=("hr",))))
    assert change == Skip(change.subject, SkipReason.EXCLUDED)
    assert (change.subject.view, change.subject.live_fingerprint) == (None, None)


@pytest.mark.parametrize(
    "schema_id",
    [
        "urn:example:vendor:X",
        "URN:EXAMPLE:VENDOR:x",
        "urn:ietf:params:scim:schemas:core:2.0:User",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        "urn:ietf:params:scim:api:messages:2.0:Error",
    ],
)
@pytest.mark.parametrize("there", [False, True])
def test_a_schema_of_the_vendor_or_an_rfc_is_blocked_as_protected(
    schema_id: str, there: bool
) -> None:
    wanted = extension("HR", A, id=schema_id, update=True)
    found = live(document("HR", B, id=schema_id)) if there else live()
    change = only(planned([wanted], found))
    assert change.reason is BlockReason.PROTECTED
    assert bool(change.subject.differences()) is there  # what is blocked still shows its diff


def test_a_subject_holds_the_view_that_is_managed_and_no_document() -> None:
    wanted = extension("HR", A, manages=Manages.ATTRIBUTES, description="new", update=True)
    there = document("HR", A, B, theirs=True)
    subject = only(planned([wanted], live(there))).subject
    whole = Schema.from_json(there)
    assert subject.view == managed_view(whole, wanted.schema, Manages.ATTRIBUTES)
    assert subject.view.document == {}
    assert subject.live_fingerprint == subject.view.fingerprint()
    assert not subject.in_sync


def test_a_subject_holds_once_what_live_and_desired_have_in_common() -> None:
    parts = [{"name": "one"}, {"name": "two"}]
    same = {"name": "same", "type": "complex", "subAttributes": parts}
    spelled = {"name": "spelled", "type": "complex", "subAttributes": parts}
    wanted = extension("HR", same, spelled, {"name": "other"}, description="new")
    there_spelled = {**spelled, "subAttributes": [{"name": "One"}, {"name": "two"}]}
    there = document("HR", same, there_spelled, {"name": "other", "required": True}, {"name": "z"})

    view = only(planned([wanted], live(there))).subject.view

    assert view == Schema.from_json(there)
    assert view.attribute("same") is wanted.schema.attribute("same")
    assert view.at("spelled.one").name == "One"
    assert view.attribute("other").required


def test_a_subject_in_sync_holds_nothing_but_what_is_desired() -> None:
    wanted = extension("HR", A)
    assert only(planned([wanted], live(document("hr", A)))).subject.view is wanted.schema


def test_a_protected_and_equal_schema_has_no_impact() -> None:
    """Without what is live it would be shown as if it were to be created."""
    sub = {"name": "part", "type": "string"}
    document_of_it = document("vendor:X", {"name": "a", "type": "complex", "subAttributes": [sub]})
    wanted = extension("vendor:X", *document_of_it["attributes"])
    change = only(planned([wanted], live(document_of_it)))
    assert change.reason is BlockReason.PROTECTED
    assert change.subject.view == wanted.schema
    assert change.subject.assessment().impacts == ()


def test_a_create_is_blocked_where_the_service_creates_nothing() -> None:
    change = only(planned([extension("HR", A)], service=dialect(creates=False)))
    assert change.reason is BlockReason.UNSUPPORTED
    assert "Genesys Cloud does not let schemas be created" in change.recipe


def test_an_update_is_blocked_where_the_service_updates_nothing() -> None:
    service = dialect(updates=UpdateStrategy.NONE)
    wanted = extension("HR", A, update=True, description="new")
    change = only(planned([wanted], live(document("HR", A)), service=service))
    assert change.reason is BlockReason.UNSUPPORTED
    assert "never delete and recreate" in change.recipe


def test_a_service_that_writes_nothing_still_tells_what_is_in_sync_and_what_drifted() -> None:
    service = dialect(creates=False, updates=UpdateStrategy.NONE)
    there = live(document("One", A), document("Two", B))
    plan = planned([extension("One", A), extension("Two", A)], there, service=service)
    assert reported(plan) == [("one", "skip in-sync"), ("two", "skip drifted")]


@pytest.mark.parametrize("there", [live(), live(document("HR"))])
def test_a_type_that_the_service_does_not_have_is_blocked_even_in_a_sub_attribute(
    there: LiveTenant,
) -> None:
    sub = {"name": "photo", "type": "binary"}
    wanted = extension("HR", {"name": "c", "type": "complex", "subAttributes": [sub]}, update=True)
    change = only(planned([wanted], there))
    assert change.reason is BlockReason.UNSUPPORTED
    assert change.recipe.startswith(
        "attribute 'photo': Genesys Cloud has no type binary, only bool"
    )


@pytest.mark.parametrize(("attributes", "blocked"), [(19, False), (20, False), (21, True)])
def test_a_schema_with_more_attributes_than_the_service_holds_is_blocked(
    attributes: int, blocked: bool
) -> None:
    wanted = extension("HR", *({"name": f"a{i}"} for i in range(attributes)))
    change = only(planned([wanted], service=dialect(attributes=20)))
    assert isinstance(change, Blocked) is blocked
    if blocked:
        assert change.recipe == (
            "attributes: Genesys Cloud takes 20 in one schema, and these are 21; split it "
            "(REC-ATTRIBUTES)"
        )


def oracle(**changes: Any) -> Any:
    known: dict[str, Any] = {
        "creates": False,
        "updates": UpdateStrategy.PATCH,
        "patch_path": PatchPath.ATTRIBUTE,
        "types": frozenset({"string", "integer"}),
        "ignored": ("type", "multiValued", "required", "caseExact", "uniqueness", "idcsSearchable"),
        "server_members": ("idcsTarget",),
    }
    return dialect(**(known | changes))


@pytest.mark.parametrize(
    ("was", "wanted"),
    [
        ({"required": True}, {"required": False}),
        ({"type": "string"}, {"type": "integer"}),
        ({"multiValued": False}, {"multiValued": True}),
        ({}, {"caseExact": True}),
        ({"uniqueness": "global"}, {"uniqueness": "none"}),
        ({"idcsSearchable": False}, {"idcsSearchable": True}),
    ],
)
def test_a_change_that_the_service_drops_is_blocked_as_would_be_ignored(
    was: Any, wanted: Any
) -> None:
    there = live(document("HR", {"name": "a"} | was))
    change = only(planned([extension("HR", {"name": "a"} | wanted, update=True)], there,
                          service=oracle()))  # fmt: skip
    (member,) = wanted
    assert change.reason is BlockReason.WOULD_BE_IGNORED
    assert f"Genesys Cloud accepts a change of a ({member}) and drops it" in change.recipe


def test_every_change_that_would_be_ignored_is_named_by_attribute() -> None:
    there = live(document("HR", {"name": "a"}, {"name": "b"}))
    wanted = extension("HR", {"name": "a", "caseExact": True, "required": True},
                       {"name": "b", "type": "integer"}, update=True)  # fmt: skip
    change = only(planned([wanted], there, service=oracle()))
    assert "a change of a (caseExact, required), b (type) and drops it" in change.recipe


def test_a_change_of_an_immutable_characteristic_is_blocked_as_immutable_here() -> None:
    there = live(document("HR", {"name": "a", "required": True}))
    service = dialect(immutable=("REQUIRED",))
    change = only(planned([extension("HR", A, update=True)], there, service=service))
    assert change.reason is BlockReason.IMMUTABLE_HERE
    assert "Genesys Cloud never changes a (required) of a live attribute" in change.recipe


def test_an_immutable_characteristic_does_not_stand_against_another_change() -> None:
    there = live(document("HR", {"name": "a", "required": True}))
    wanted = extension("HR", {"name": "a", "required": True, "description": "new"}, update=True)
    change = only(planned([wanted], there, service=dialect(immutable=("required", "type"))))
    assert isinstance(change, Update)


@pytest.mark.parametrize(
    ("was", "wanted", "reason"),
    [
        (["x"], ["x", "y"], None),
        (["x", "y"], ["x"], BlockReason.INCOMPATIBLE),
        (["x"], ["y"], BlockReason.INCOMPATIBLE),
    ],
)
def test_canonical_values_may_only_grow(was: Any, wanted: Any, reason: Any) -> None:
    there = live(document("HR", {"name": "a", "canonicalValues": was}))
    desired = extension("HR", {"name": "a", "canonicalValues": wanted}, update=True)
    change = only(planned([desired], there, service=oracle()))
    assert getattr(change, "reason", None) is reason


def test_a_service_that_takes_patches_is_patched() -> None:
    there = live(document("HR", A))
    change = only(planned([extension("HR", A, B, update=True)], there, service=oracle()))
    assert change == Update(change.subject, UpdateStrategy.PATCH, PatchPath.ATTRIBUTE)


def test_the_description_of_the_schema_itself_is_not_patched() -> None:
    there = live(document("HR", A, description="theirs"))
    change = only(planned([extension("HR", A, B, update=True)], there, service=oracle()))
    assert change.reason is BlockReason.UNSUPPORTED
    assert "takes changes of attributes only" in change.recipe
    remaining = extension("HR", A, B, update=True, manages=Manages.ATTRIBUTES)
    assert isinstance(only(planned([remaining], there, service=oracle())), Update)


def test_a_service_that_follows_the_rfc_is_patched_in_the_description_too() -> None:
    service = replace(oracle(), patch_path=PatchPath.VALUE)
    there = live(document("HR", A, description="theirs"))
    ours = extension("HR", A, update=True, description="ours")
    change = only(planned([ours], there, service=service))
    assert change == Update(change.subject, UpdateStrategy.PATCH, PatchPath.VALUE)

    none = only(planned([extension("HR", A, update=True)], there, service=service))
    assert none.reason is BlockReason.UNSUPPORTED
    assert "takes nothing out" in none.recipe


def test_a_schema_that_has_to_be_there_already_is_not_created() -> None:
    change = only(planned([extension("HR", A, update=True)], service=oracle()))
    assert change.reason is BlockReason.UNSUPPORTED


def test_a_server_member_is_no_drift_and_is_not_sent() -> None:
    there = live(document("HR", {"name": "a", "idcsTarget": "A_1"}))
    wanted = extension("HR", {"name": "a", "idcsTarget": "pasted"})
    change = only(planned([wanted], there, service=oracle()))
    assert change == Skip(change.subject, SkipReason.IN_SYNC)


# The extension limit


@pytest.mark.parametrize(("there", "created"), [(7, 3), (8, 2), (9, 1), (10, 0), (11, 0)])
def test_creates_beyond_the_room_are_blocked_in_the_order_of_their_urns(
    there: int, created: int
) -> None:
    found = live(*(document(f"Old{i}") for i in range(there)))
    plan = planned([extension(name, A) for name in ("c", "A", "b")], found)
    actions = ["create"] * created + ["blocked extension-limit"] * (3 - created)
    assert reported(plan) == list(zip("abc", actions, strict=True))
    assert (plan.extensions_live, plan.extensions_limit) == (there, 10)


def test_room_below_the_extension_limit_goes_by_urn_and_not_by_manifest_name() -> None:
    late, early = replace(extension("Z", A), name="aaa"), replace(extension("A", A), name="zzz")
    plan = planned([late, early], limits=Limits(extensions=1))
    assert reported(plan) == [("zzz", "create"), ("aaa", "blocked extension-limit")]


def test_core_and_vendor_schemas_take_no_room() -> None:
    found = live(
        *(document("x", id=f"urn:ietf:params:scim:schemas:core:2.0:{i}") for i in range(5)),
        *(document("x", id=f"urn:Example:Vendor:{i}") for i in range(5)),
        document("x", id="urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"),
        document("Old"),
    )
    plan = planned([extension("HR", A)], found, limits=Limits(extensions=2))
    assert reported(plan) == [("hr", "create")]
    assert plan.extensions_live == 1
    assert plan.unmanaged == ("urn:example:Old",)


def test_a_live_extension_needs_no_room() -> None:
    found = live(document("A", A), document("B", A))
    wanted = [extension("A", A), extension("B", B), extension("C", A)]
    plan = planned(wanted, found, limits=Limits(extensions=2))
    assert reported(plan) == [
        ("a", "skip in-sync"), ("b", "skip drifted"), ("c", "blocked extension-limit"),
    ]  # fmt: skip


def test_blocked_and_excluded_creates_take_no_room() -> None:
    wanted = [
        extension("A", {"name": "x", "type": "binary"}),
        extension("B", A),
        extension("C", A),
        extension("Vendor:D", A),
    ]
    plan = planned(wanted, limits=Limits(extensions=1), selection=Selection(excludes=("b",)))
    assert reported(plan) == [
        ("a", "blocked unsupported"), ("b", "skip excluded"), ("c", "create"),
        ("vendor:d", "blocked protected"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("manifest", "service", "limit"), [(None, 10, 10), (3, 10, 3), (30, 10, 30), (0, None, 0)]
)
def test_the_limit_of_the_manifest_comes_before_that_of_the_service(
    manifest: int | None, service: int | None, limit: int
) -> None:
    plan = planned(
        [extension(f"e{i:02}", A) for i in range(31)],
        service=dialect(extensions=service),
        limits=Limits(extensions=manifest),
    )
    assert sum(isinstance(change, Create) for change in plan.changes) == limit
    assert plan.extensions_limit == limit


def test_an_unknown_extension_limit_blocks_nothing() -> None:
    wanted = [extension(f"e{i}", A) for i in range(50)]
    plan = planned(wanted, service=dialect(extensions=None))
    assert all(isinstance(change, Create) for change in plan.changes)
    assert plan.extensions_limit is None


def test_the_recipe_of_a_full_tenant_names_the_limit() -> None:
    change = only(planned([extension("A", A)], limits=Limits(extensions=0)))
    assert "the tenant's limit of 0 extensions is reached" in change.recipe


# Unmanaged


def test_live_extensions_that_no_manifest_names_are_listed_sorted_and_left_alone() -> None:
    found = live(document("z"), document("B"), document("HR", A))
    plan = planned([extension("hr", A)], found)
    assert plan.unmanaged == ("urn:example:B", "urn:example:z")


def test_a_plan_knows_the_ids_of_all_that_was_live_when_it_was_made() -> None:
    wanted = [extension("Here", A), extension("Absent", A)]
    plan = planned(wanted, live(document("Here", A), document("Theirs", A)))

    assert plan.live_ids == ("urn:example:Theirs", "urn:example:Here")


def test_an_excluded_extension_is_not_unmanaged() -> None:
    plan = planned(
        [extension("HR", A)], live(document("HR")), selection=Selection(targets=("other",))
    )
    assert plan.unmanaged == ()


# Selection


@pytest.mark.parametrize(
    ("targets", "excludes", "taken"),
    [
        ((), (), True),
        (("hr",), (), True),
        (("HR",), (), True),
        (("h?",), (), True),
        (("other", "h*"), (), True),
        (("acme/hr",), (), True),
        (("acme/*",), (), True),
        (("beta/*",), (), False),
        (("urn:example:hr",), (), True),
        (("urn:EXAMPLE:*",), (), True),
        (("urn:*:H[QR]",), (), True),
        (("h",), (), False),
        (("hr*r",), (), False),
        ((), ("hr",), False),
        ((), ("urn:*",), False),
        ((), ("acme/hr",), False),
        ((), ("beta/hr",), True),
        (("hr",), ("acme/*",), False),
        (("",), (), False),
    ],
)
def test_targets_and_excludes_are_globs_over_manifests_and_urns(
    targets: tuple[str, ...], excludes: tuple[str, ...], taken: bool
) -> None:
    selection = Selection(targets=targets, excludes=excludes)
    assert selection.takes("acme", extension("HR", A)) is taken


@pytest.mark.parametrize(
    ("globs", "taken"),
    [((), True), (("acme",), True), (("ac*",), True), (("b*", "a*"), True), (("cme",), False)],
)
def test_tenants_are_chosen_by_glob(globs: tuple[str, ...], taken: bool) -> None:
    assert Selection(tenants=globs).takes_tenant("acme") is taken


ALL = ("*",)


def test_a_selection_is_partial_as_soon_as_it_says_anything() -> None:
    assert not Selection().partial
    for selection in (Selection(tenants=ALL), Selection(targets=ALL), Selection(excludes=ALL)):
        assert selection.partial


# The digest


# up to three documents, whose ids are of four, so that wanted and found often meet
sets = st.dictionaries(
    st.sampled_from(["urn:example:A", "urn:example:B", "urn:example:C", "urn:example:D"]),
    schema_documents(most=2),
    max_size=3,
).map(lambda documents: [item | {"id": schema_id} for schema_id, item in documents.items()])


def manifest(wanted: Any, *, update: bool = False) -> SchemaExtension:
    return replace(extension(wanted["id"][-1], update=update), schema=Schema.from_json(wanted))


def world(wanted: Any, found: Any, *, update: bool = False) -> TenantPlan:
    service = dialect(types=frozenset(TYPES))
    return planned([manifest(w, update=update) for w in wanted], live(*found), service=service)


@given(st.data(), sets, sets, st.randoms(use_true_random=True))
def test_the_digest_does_not_depend_on_order_or_spelling(
    data: st.DataObject, wanted: Any, found: Any, random: Any
) -> None:
    shuffled = random.sample(wanted, len(wanted))
    disguised = [data.draw(disguise(item, foreign=True)) for item in found]
    plan = world(wanted, found, update=True)
    again = world(shuffled, random.sample(disguised, len(disguised)), update=True)
    assert again.digest() == plan.digest()
    assert reported(again) == reported(plan)


BASIS = [extension("HR", A, description="x"), extension("Badge", B)]
FOUND = live(document("Badge", A), document("Theirs"))


def test_the_digest_does_not_cover_what_nobody_manages() -> None:
    plan = planned(BASIS, FOUND)
    for other in (
        live(document("Badge", A)),
        live(document("Badge", A), document("Theirs", A), document("More", B)),
        live(document("Badge", A, vendorMember=1, meta={"version": "8"}), document("Theirs")),
    ):
        assert planned(BASIS, other).digest() == plan.digest()


@pytest.mark.parametrize(
    "change",
    [
        {"warnings": ("paging is odd",)},
        {"unmanaged": ()},
        {"extensions_live": 7},
        {"tenant": tenant_of(limits=Limits(extensions=99))},
        {"tenant": tenant_of(limits=Limits(max_creates=1, max_updates=0))},
    ],
)
def test_the_digest_does_not_cover_what_an_approval_does_not_approve(change: Any) -> None:
    plan = planned(BASIS, FOUND)
    assert replace(plan, **change).digest() == plan.digest()


def test_the_digest_does_not_cover_wording_names_of_files_or_places() -> None:
    plan = planned([extension("HR", A)], limits=Limits(extensions=0))
    (blocked,) = plan.changes
    assert isinstance(blocked, Blocked)
    reworded = replace(plan, changes=(replace(blocked, recipe="other words"),))
    moved = replace(blocked.subject.extension, name="renamed", labels={"a": "b"})
    renamed = replace(
        plan, changes=(replace(blocked, subject=replace(blocked.subject, extension=moved)),)
    )
    assert reworded.digest() == renamed.digest() == plan.digest()


CERTIFICATE = SecretRef(SecretSource.FILE, "a.pem", Place("t.yaml", 1))
HOOK = Webhook(url="https://hr.example", secrets=())


def spelled(urn: str, **members: Any) -> SchemaExtension:
    schema = Schema.from_json({"id": urn, "attributes": [A], "description": "x", **members})
    return replace(BASIS[0], schema=schema)


@pytest.mark.parametrize(
    "documents",
    [
        ({"attributes": [A, B]}, {"attributes": [B, A]}),
        (
            {"attributes": [{**A, "canonicalValues": ["x", "y"]}]},
            {"attributes": [{**A, "canonicalValues": ["y", "x"]}]},
        ),
        ({"attributes": [A]}, {"attributes": [{**A, "required": False}], "meta": {"version": "1"}}),
        ({"attributes": [A]}, {"attributes": [A], "schemas": [SCHEMA_URN]}),
    ],
    ids=["order of attributes", "order of values", "a default spelled out", "schemas"],
)
def test_the_digest_does_not_cover_what_makes_no_other_request(documents: Any) -> None:
    wanted = (spelled("urn:example:HR", **members) for members in documents)
    one, other = (planned([each, BASIS[1]], FOUND).digest() for each in wanted)
    assert one == other


def variants() -> dict[str, TenantPlan]:
    plan = planned(BASIS, FOUND)
    create, skip = plan.changes[1], plan.changes[0]
    assert isinstance(create, Create)
    assert isinstance(skip, Skip)
    return {
        "plan": plan,
        "tenant": replace(plan, tenant=tenant_of("beta")),
        "base URL": replace(plan, tenant=replace(plan.tenant, base_url=BASE_URL + "/")),
        "dialect": replace(plan, tenant=tenant_of(service=dialect(name="sap"))),
        "unreadable": replace(plan, error="no answer", changes=()),
        "desired": planned([extension("HR", B, description="x"), BASIS[1]], FOUND),
        "spelling of a name": planned(
            [extension("HR", {**A, "name": "A"}, description="x"), BASIS[1]], FOUND
        ),
        "spelling of the URN": planned([spelled("URN:example:HR"), BASIS[1]], FOUND),
        "name of the schema": planned([spelled("urn:example:HR", name="hr"), BASIS[1]], FOUND),
        "spelling of its name": planned([spelled("urn:example:HR", name="HR"), BASIS[1]], FOUND),
        "vendor member": planned([spelled("urn:example:HR", xVendor=1), BASIS[1]], FOUND),
        **{
            f"vendor member {value!r}": planned(
                [spelled("urn:example:HR", xVendor=value), BASIS[1]], FOUND
            )
            for value in (1.0, "1", True, 2**53, 2**53 + 1, str(2**53), 2.0**53)
        },
        "resource type": planned([replace(BASIS[0], resource_type="Group"), BASIS[1]], FOUND),
        "manages": planned([replace(BASIS[0], manages=Manages.ATTRIBUTES), BASIS[1]], FOUND),
        "token parameters": replace(
            plan, tenant=replace(plan.tenant, auth=Auth(parameters=(("audience", "x"),)))
        ),
        "scopes": replace(plan, tenant=replace(plan.tenant, auth=Auth(scopes=("scim:admin",)))),
        **{
            f"auth of {auth}": replace(plan, tenant=replace(plan.tenant, auth=auth))
            for auth in (
                Auth(scheme="x"),
                Auth(key_id="x"),
                Auth(audience="x"),
                Auth(credentials={"certificate": CERTIFICATE}),
                Auth(credentials={"certificate": replace(CERTIFICATE, name="b.pem")}),
            )
        },
        "client authentication": replace(
            plan, tenant=replace(plan.tenant, auth=Auth(client_auth=ClientAuth.BASIC))
        ),
        "target system": replace(plan, tenant=replace(plan.tenant, target_system="HR of old")),
        "webhook": replace(plan, tenant=replace(plan.tenant, webhooks=(HOOK,))),
        "projection": replace(plan, tenant=replace(plan.tenant, projection=Projection("urn:x:hr"))),
        "another projection": replace(
            plan, tenant=replace(plan.tenant, projection=Projection("urn:x:it"))
        ),
        "test user": replace(plan, tenant=replace(plan.tenant, canary="probe@acme.example")),
        "desired description": planned([extension("HR", A, description="y"), BASIS[1]], FOUND),
        "live": planned(BASIS, live(document("Badge", {"name": "c"}), document("Theirs"))),
        "live gone": planned(BASIS, live(document("Theirs"))),
        "action": replace(plan, changes=(skip, Blocked(create.subject, BlockReason.PROTECTED, ""))),
        "excluded": planned(BASIS, FOUND, selection=Selection(targets=("badge",))),
        "one less": planned(BASIS[:1], FOUND),
        "nothing": replace(plan, changes=()),
    }


def test_the_digest_covers_all_that_an_approval_approves() -> None:
    digests = {what: plan.digest() for what, plan in variants().items()}
    assert len(set(digests.values())) == len(digests)


def test_a_plan_whose_writes_are_done_has_had_the_digest_from_before_them() -> None:
    wanted = [extension("HR", A, B, update=True), extension("Badge", B), extension("Room", A)]
    before = planned(wanted, live(document("HR", A)))
    writes = {
        each.subject.id: Written(
            "create" if isinstance(each, Create) else "update", each.subject.live_fingerprint
        )
        for each in before.changes
    }
    partly = planned(wanted, live(document("HR", A, B), document("Badge", B)))
    edited = planned([wanted[0], extension("Badge", B, A), wanted[2]], live(document("HR", A, B)))
    other = planned([wanted[0], extension("Badge", A), wanted[2]], live(document("Badge", A)))

    assert reported(before) == [("badge", "create"), ("hr", "update"), ("room", "create")]
    assert partly.digest() != before.digest()
    assert partly.digest_before(writes) == before.digest()
    assert before.digest_before(writes) == before.digest()
    for changed in (edited, other):
        assert changed.digest_before(writes) != before.digest()
    assert partly.digest_before({**writes, "acme/hr": Written("create", ABSENT)}) != before.digest()


def test_the_digest_of_an_unreadable_tenant_does_not_cover_the_reason() -> None:
    plan = unreadable("acme", "a")
    assert replace(plan, error="b").digest() == plan.digest()
    assert replace(plan, error="").digest() == plan.digest()  # "" is an error too
    assert replace(plan, error=None).digest() != plan.digest()


def test_the_digest_of_managed_attributes_covers_only_those() -> None:
    wanted = [extension("HR", A, manages=Manages.ATTRIBUTES, description="new", update=True)]
    plan = planned(wanted, live(document("HR", A, B)))
    unmanaged_changed = planned(wanted, live(document("HR", A, {"name": "c"})))
    assert reported(plan) == [("hr", "update")]
    assert unmanaged_changed.digest() == plan.digest()


@given(st.permutations(list(variants().values())[:6]))
def test_the_digest_of_a_plan_does_not_depend_on_the_order_of_tenants(tenants: Any) -> None:
    assert plan_of(*tenants).digest() == plan_of(*list(variants().values())[:6]).digest()


def test_the_digest_of_a_plan_does_not_cover_git_or_the_selection() -> None:
    plan = plan_of(planned(BASIS, FOUND))
    elsewhere = replace(plan, git=GitState(commit="c0ffee", dirty=True))
    assert elsewhere.digest() == plan.digest()
    assert replace(plan, selection=Selection(tenants=("acme",))).digest() == plan.digest()


def test_the_digest_of_a_plan_covers_every_tenant_and_how_often() -> None:
    one, other = planned(BASIS, FOUND), planned(BASIS, FOUND, tenant="beta")
    digests = {plan_of(*tenants).digest() for tenants in ((), (one,), (one, one), (one, other))}
    assert len(digests) == 4


SCRIPT = """
from tests.domain.test_plan import variants
from tests.support.domain_world import plan_of, reported
for name, plan in variants().items():
    print(name, plan.digest(), plan.unmanaged, reported(plan))
    print(*(change.subject.differences() for change in plan.changes))
print(plan_of(*variants().values()).digest())
"""


@pytest.mark.process
def test_a_plan_does_not_depend_on_the_hash_seed() -> None:
    root = Path(__file__).parents[2]
    outputs = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2", "42", "4242")
    }
    assert len(outputs) == 1
    assert next(iter(outputs)).count(b"sha256:") == len(variants()) + 1


# Summary and safety limits


def test_the_summary_counts_every_kind_over_all_tenants() -> None:
    wanted = [
        extension("a", A), extension("b", A, B, update=True), extension("c", A), extension("d", A),
        extension("e", A), extension("vendor:f", A),
    ]  # fmt: skip
    there = live(document("b", A), document("c", A), document("d", B), document("theirs"))
    readable = planned(wanted, there, selection=Selection(excludes=("e",)))
    dead = unreadable("dead")

    summary = plan_of(readable, dead, planned([extension("a", A)])).summary()

    assert (summary.create, summary.update) == (2, 1)
    assert (summary.in_sync, summary.drifted, summary.excluded) == (1, 1, 1)
    assert (summary.blocked, summary.unmanaged, summary.unreadable) == (1, 1, 1)
    assert summary.work == 3
    assert summary.out_of_sync


@pytest.mark.parametrize(
    ("plan", "out_of_sync"),
    [
        (plan_of(), False),
        (plan_of(planned([extension("HR", A)], live(document("HR", A), document("x")))), False),
        (plan_of(planned([extension("HR", A)], selection=Selection(excludes=("*",)))), False),
        (plan_of(planned([extension("HR", A)])), True),
        (plan_of(planned([extension("HR", A)], live(document("HR", B)))), True),
        (plan_of(planned([extension("HR", A, B, update=True)], live(document("HR", A)))), True),
        (plan_of(planned([extension("vendor:x", A)])), True),
    ],
)
def test_creates_updates_drift_and_blocked_changes_are_out_of_sync(
    plan: Plan, out_of_sync: bool
) -> None:
    assert plan.summary().out_of_sync is out_of_sync


@pytest.mark.parametrize("limit", [0, 1, 3, 10])
@pytest.mark.parametrize("beyond", [-1, 0, 1])
@pytest.mark.parametrize("kind", ["max_creates", "max_updates"])
def test_a_safety_limit_is_exceeded_by_one_more_and_by_nothing_less(
    limit: int, beyond: int, kind: str
) -> None:
    number = limit + beyond
    names = [f"e{i}" for i in range(max(number, 0))]
    found = live(*(document(name, A) for name in names if kind == "max_updates"))
    plan = planned(
        [extension(name, A, B, update=True) for name in names],
        found,
        service=dialect(extensions=None),
        limits=Limits(**{"max_creates": 99, "max_updates": 99, kind: limit}),
    )
    exceeded = exceeded_limits(plan_of(plan, planned([], tenant="calm")))
    assert [(e.tenant, e.number, e.limit) for e in exceeded] == (
        [("acme", number, limit)] if beyond > 0 else []
    )


def test_blocked_and_skipped_changes_do_not_count_against_a_safety_limit() -> None:
    wanted = [extension(f"e{i}", A) for i in range(9)]
    plan = planned(wanted, limits=Limits(extensions=2, max_creates=2))
    assert exceeded_limits(plan_of(plan)) == ()


def test_an_exceeded_limit_says_number_limit_and_the_way_out() -> None:
    plan = planned([extension("a", A), extension("b", A)], limits=Limits(max_creates=1))
    (exceeded,) = exceeded_limits(plan_of(plan))
    assert str(exceeded) == (
        "tenant acme: 2 changes exceed spec.limits.maxCreates: 1; narrow the run with --target, "
        "raise spec.limits.maxCreates in the tenant's manifest, or lift it with --force"
    )


def test_one_change_exceeds_a_limit_of_none() -> None:
    (one,) = exceeded_limits(plan_of(planned([extension("a", A)], limits=Limits(max_creates=0))))

    assert str(one).startswith("tenant acme: 1 change exceeds spec.limits.maxCreates: 0; ")
    assert str(replace(one, tenant=None)).startswith("this run: 1 changed tenant exceeds ")


def test_too_many_changed_tenants_exceed_a_limit_of_the_run() -> None:
    plans = [planned([extension("HR", A)], tenant=name) for name in ("a", "b", "c")]

    assert exceeded_limits(replace(plan_of(*plans), max_tenants=3)) == ()
    (exceeded,) = exceeded_limits(replace(plan_of(*plans), max_tenants=2))
    assert str(exceeded) == (
        "this run: 3 changed tenants exceed --max-tenants 2; narrow the run with --tenant, raise "
        "--max-tenants, or lift it with --force"
    )


def test_the_digest_covers_the_effective_dialect() -> None:
    same, other = dialect(), dialect(requests_per_minute=30)
    plans = [planned([extension("HR", A)], service=service) for service in (same, same, other)]
    one, again, changed = (plan.digest() for plan in plans)
    assert one == again != changed


# Laws


@given(sets, sets)
def test_a_plan_speaks_of_each_manifest_once_and_of_nothing_twice(wanted: Any, found: Any) -> None:
    plan = world(wanted, found)
    ids = [change.subject.id for change in plan.changes]
    assert ids == sorted(f"acme/{item['id'][-1].lower()}" for item in wanted)
    keys = [change.subject.desired.key for change in plan.changes]
    assert keys == sorted(keys)
    assert not {lower(schema_id) for schema_id in plan.unmanaged} & set(keys)


@given(sets)
def test_a_plan_of_what_is_live_is_in_sync(wanted: Any) -> None:
    plan = world(wanted, wanted)
    assert all(change == Skip(change.subject, SkipReason.IN_SYNC) for change in plan.changes)
    assert not plan_of(plan).summary().out_of_sync


@given(sets, sets)
def test_a_plan_writes_only_absent_or_safely_different_schemas(wanted: Any, found: Any) -> None:
    plan = world(wanted, found, update=True)
    there = {item["id"]: Schema.from_json(item) for item in found}
    for change in plan.changes:
        subject = change.subject
        seen = there.get(subject.schema_id)
        if seen is None:
            assert (type(change), subject.live_fingerprint) == (Create, ABSENT)
            continue
        view = managed_view(seen, subject.desired, Manages.SCHEMA)
        assert subject.live_fingerprint == view.fingerprint()
        assert isinstance(change, Update) is (
            view != subject.desired and obstacles(alterations(view, subject.desired)) == ()
        )


def test_a_plan_without_live_schemas_has_the_same_digest() -> None:
    wanted = [
        extension("same", {"name": "a"}),
        extension("new", {"name": "a"}),
        extension("other", {"name": "a"}, {"name": "b"}, update=True),
    ]
    there = live(document("same", {"name": "a"}), document("other", {"name": "a"}))
    plan = planned(wanted, there)

    kept = plan.without_live()

    assert reported(kept) == reported(plan)
    assert kept.digest() == plan.digest()
    assert [change.subject.view for change in kept.changes] == [None, None, None]
    assert any(change.subject.view is not None for change in plan.changes)
    fingerprints = [change.subject.live_fingerprint for change in plan.changes]
    assert [change.subject.live_fingerprint for change in kept.changes] == fingerprints


def test_a_live_extension_known_by_id_counts_and_is_unmanaged() -> None:
    there = LiveTenant(schemas={}, ids={"urn:example:theirs": "urn:example:Theirs"})

    plan = planned([extension("ours")], there, limits=Limits(extensions=1))

    assert (plan.extensions_live, plan.unmanaged) == (1, ("urn:example:Theirs",))
    assert [change.reason for change in plan.changes if isinstance(change, Blocked)] == [
        BlockReason.EXTENSION_LIMIT
    ]


def test_a_packed_subject_is_the_same():
    def attributes(description: str) -> list[dict[str, Any]]:
        return [
            {"name": f"a{n}", "description": description, "x-vendor": [n], "canonicalValues": ["b"]}
            for n in range(101)
        ]

    desired = extension("Hr", *attributes("wanted"), update=True)
    there = Schema.from_json(document("HR", *attributes("there")))
    whole = Subject.seen(tenant_of(), desired, there)

    subject = whole.packed()

    assert isinstance(subject.held, PackedSchema)
    assert (whole.attributes_held, subject.attributes_held) == (101, 0)
    assert subject.view == there
    assert subject.live_fingerprint == there.fingerprint()
    assert subject.differences() == whole.differences()
    assert len(subject.differences()) == 101
    assert subject.shown is subject.view
    assert subject.packed() is subject
    assert subject.without_live().view is None


def test_a_plan_holds_few_attributes_as_they_are_and_packs_the_rest():
    def attributes(description: str) -> list[dict[str, Any]]:
        return [{"name": f"a{n}", "description": description} for n in range(400)]

    wanted = [extension(name, *attributes("wanted"), update=True) for name in "ABCD"]
    there = [document("A", *attributes("wanted"))]
    there += [document(name, *attributes("there")) for name in "BCD"]

    plan = planned(wanted, live(*there))

    held = [type(change.subject.held) for change in plan.changes]
    assert held == [Schema, Schema, Schema, PackedSchema]
    assert [change.subject.attributes_held for change in plan.changes] == [0, 400, 400, 0]
