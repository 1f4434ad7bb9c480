"""Each dialect against a service that behaves as its data says, over real sockets, end to end."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from reconciler.adapters.dialects import load_dialects
from reconciler.domain.blocking import BlockReason
from reconciler.domain.dialect import Dialect, ListShape, PatchPath
from reconciler.domain.jsontext import Json
from reconciler.domain.manifest import (
    GitState,
    Limits,
    Manages,
    Manifests,
    OnDrift,
    SchemaExtension,
    Tenant,
)
from reconciler.domain.outcome import OutcomeKind, RunSummary
from reconciler.domain.plan import Blocked
from reconciler.domain.problem import Place
from reconciler.domain.records import Event
from reconciler.domain.selection import Selection
from reconciler.planning import Desired
from tests.support.fakes import FakeClock, MemoryJournal, extension, patience
from tests.support.faultserver import Received, Script, json_reply
from tests.support.gateway_world import World, client_credentials, world
from tests.support.habits import Habits, Keywords, Pages
from tests.support.runs import Gateways, fleet_of
from tests.support.simulation import Request, SimulatedTenant
from tests.support.sockets import script

DIALECTS = load_dialects()
CUSTOM = "urn:ietf:params:scim:schemas:idcs:extension:custom:User"
URNS = {
    "genesys": "urn:ietf:params:scim:schemas:extension:genesys:2.0:User:HR",
    "sap": "urn:sap:cloud:scim:schemas:extension:custom:2.0:HR",
    "oracle": CUSTOM,
    "rfc7644": "urn:example:2.0:HR",
    "read-only": "urn:example:2.0:HR",
}
USER: dict[str, Json] = {
    "id": "urn:ietf:params:scim:schemas:core:2.0:User",
    "name": "User",
    "attributes": [],
}


@dataclass
class Service:
    """A service, and the program's own way to it: gateway, sockets, token, fleet."""

    tenant: SimulatedTenant
    world: World
    dialect: Dialect
    journal: MemoryJournal

    @property
    def urn(self) -> str:
        return URNS[self.dialect.name]

    def apply(self, *extensions: SchemaExtension) -> RunSummary:
        there = Tenant(
            name="acme", place=Place("acme.yaml"), dialect=self.dialect, base_url="https://x",
            limits=Limits(extensions=self.dialect.extensions),
        )  # fmt: skip
        self.world.server.requests.clear()
        desired = Desired(
            manifests=Manifests(tenants=(there,), extensions=extensions),
            selection=Selection(),
            git=GitState(),
        )
        return fleet_of(
            desired,
            Gateways(lambda _: self.world.writer, patience(2)),
            self.journal,
            clock=self.world.clock,
        ).apply(lambda plan: None)

    def writes(self) -> list[Received]:
        return [r for r in self.world.requests if r.method != "GET" and r.path != "/oauth/token"]

    def stored(self) -> dict[str, Any]:
        return next(d for d in self.tenant.stored if d["id"] == self.urn)


@contextmanager
def service(
    name: str, habits: Habits, *stored: Mapping[str, Json], **entries: Json
) -> Iterator[Service]:
    """A tenant of that dialect; `entries` are the capabilities of its manifest."""
    dialect = DIALECTS[name].overridden(entries)
    tenant = SimulatedTenant(
        clock=FakeClock(), draw=lambda _: None, random=Random(0), habits=habits,
        stored=[dict(each) for each in (USER, *stored)],
    )  # fmt: skip

    def handle(request: Received) -> Script:
        if request.path == "/oauth/token":
            return json_reply({"access_token": "token-1", "token_type": "Bearer"})
        requested = Request(request.method, request.target, request.headers, request.body)
        return script(*tenant.respond(requested), elsewhere="")

    with world(handle, dialect=dialect, credentials=client_credentials) as w:
        yield Service(tenant=tenant, world=w, dialect=dialect, journal=MemoryJournal())


def text(name: str, **characteristics: Json) -> dict[str, Json]:
    return {"name": name, "type": "string", **characteristics}


def wanted(name: str, *attributes: Mapping[str, Json], **members: Json) -> dict[str, Json]:
    urn = URNS[name]
    return {"id": urn, "name": urn.rpartition(":")[2], "attributes": list(attributes), **members}


def updating(written: Mapping[str, Json], manages: Manages = Manages.SCHEMA) -> SchemaExtension:
    return extension(written, on_drift=OnDrift.UPDATE, manages=manages)


def blocked(summary: RunSummary) -> dict[BlockReason, str]:
    changes = [c for tenant in summary.plan.tenants for c in tenant.changes]
    return {c.reason: c.recipe for c in changes if isinstance(c, Blocked)}


def only(summary: RunSummary) -> tuple[OutcomeKind, BlockReason | None, str]:
    (outcome,) = summary.outcomes
    return outcome.kind, outcome.blocked, outcome.detail


# --- what each request costs ----------------------------------------------------------------


def test_an_unchanged_tenant_costs_a_token_and_its_pages_and_a_create_three_requests_more() -> None:
    new = [
        extension(wanted("rfc7644", text("grade")) | {"id": f"urn:example:{n}"}, name=f"x{n}")
        for n in range(2)
    ]
    with service("rfc7644", Habits(pages=Pages.SHORT)) as s:
        s.apply(*new)
        made = [f"{r.method} {r.path.removeprefix('/scim/v2')}" for r in s.world.requests]
        s.apply(*new)
        again = [f"{r.method} {r.path.removeprefix('/scim/v2')}" for r in s.world.requests]
    with service("rfc7644", Habits(pages=Pages.SHORT), *s.tenant.stored[1:]) as s:
        s.apply(*new)
        fresh = [f"{r.method} {r.path.removeprefix('/scim/v2')}" for r in s.world.requests]

    by_id = [f"/Schemas/urn:example:{n}" for n in range(2)]
    creates = [line for path in by_id for line in (f"GET {path}", "POST /Schemas", f"GET {path}")]
    looks = [f"GET {path}" for path in by_id]
    assert made == ["POST /oauth/token", "GET /Schemas", *looks, *creates, "GET /ResourceTypes"]
    assert again == ["GET /Schemas"] * 2  # three schemas in pages of two
    assert fresh == ["POST /oauth/token", "GET /Schemas", "GET /Schemas"]


# --- genesys --------------------------------------------------------------------------------


def test_genesys_creates_by_post_and_changes_by_put() -> None:
    with service("genesys", Habits(tags=True)) as s:
        first = s.apply(extension(wanted("genesys", text("grade"))))
        second = s.apply(updating(wanted("genesys", text("grade"), text("level"))))
        sent = [r.method for r in s.writes()]
        names = [a["name"] for a in s.stored()["attributes"]]

    assert only(first)[0] is only(second)[0] is OutcomeKind.APPLIED
    assert sent == ["PUT"]
    assert names == ["grade", "level"]


@pytest.mark.parametrize("status", [404, 405, 501])
def test_genesys_that_refuses_to_create_is_read_only_for_the_rest_of_the_run(status: int) -> None:
    more = [
        extension(wanted("genesys", text("a")) | {"id": f"urn:x:{n}"}, name=f"x{n}")
        for n in range(3)
    ]
    with service("genesys", Habits(creates=status)) as s:
        summary = s.apply(*more)
        posts = [r.method for r in s.writes()]
        reported = s.world.writer.create(wanted("genesys", text("b")))

    assert posts == ["POST"]
    assert summary.outcomes[0].blocked is BlockReason.UNSUPPORTED
    assert (
        "does not allow schemas to be created, and none is for the rest"
        in summary.outcomes[0].detail
    )
    assert [o.kind for o in summary.outcomes[1:]] == [OutcomeKind.NOT_ATTEMPTED] * 2
    assert Event.SCHEMA_EXTENSION_BLOCKED in s.journal.events()
    assert summary.partial
    assert "does not allow schemas to be created" in reported.message
    assert len(s.writes()) == 1


def test_genesys_takes_ten_extensions_and_the_eleventh_is_not_sent() -> None:
    live = [{"id": f"urn:x:{n}", "name": "X", "attributes": []} for n in range(10)]
    with service("genesys", Habits(), *live) as s:
        summary = s.apply(extension(wanted("genesys", text("a"))))
        assert s.writes() == []

    assert "limit of 10 extensions" in blocked(summary)[BlockReason.EXTENSION_LIMIT]


# --- sap ------------------------------------------------------------------------------------


def test_sap_creates_and_never_changes() -> None:
    with service("sap", Habits(updates=False, tags=True, adds={"caseExact": False})) as s:
        made = s.apply(extension(wanted("sap", text("grade"))))
        drifted = s.apply(updating(wanted("sap", text("grade"), text("level"))))
        assert s.writes() == []

    assert only(made)[0] is OutcomeKind.APPLIED
    recipe = blocked(drifted)[BlockReason.UNSUPPORTED]
    assert "attribute of a new schema" in recipe
    assert "never delete and recreate" in recipe
    assert drifted.outcomes == ()


def test_sap_that_is_full_of_what_it_does_not_list_blocks_the_create() -> None:
    two = [
        extension(
            wanted("sap", text("grade")) | {"id": f"urn:x:e{n}", "name": f"e{n}"}, name=f"x{n}"
        )
        for n in range(2)
    ]
    with service("sap", Habits(most=1)) as s:
        summary = s.apply(*two)
        posts = len(s.writes())

    assert posts == 1
    assert summary.outcomes[0].blocked is BlockReason.EXTENSION_LIMIT
    assert "as many extensions as the service allows" in summary.outcomes[0].detail


def test_sap_changes_beyond_its_limits_are_blocked_before_a_request() -> None:
    with service("sap", Habits()) as s:
        binary = s.apply(extension(wanted("sap", {"name": "photo", "type": "binary"})))
        many = s.apply(extension(wanted("sap", *(text(f"a{n}") for n in range(21)))))
        assert s.writes() == []

    assert (
        "attribute 'photo': SAP Cloud Identity Services has no type binary"
        in blocked(binary)[BlockReason.UNSUPPORTED]
    )
    assert "takes 20 in one schema, and these are 21" in blocked(many)[BlockReason.UNSUPPORTED]


# --- oracle ---------------------------------------------------------------------------------

EMPTY: dict[str, Json] = {"id": CUSTOM, "name": "User"}  # as it is from the start
ORACLE = Habits(
    creates=405,
    updates=False,
    patches=PatchPath.ATTRIBUTE,
    tags=True,
    pages=Pages.SHORT,
    adds={"idcsTargetAttributeName": "t"},
)


def column(name: str, **characteristics: Json) -> dict[str, Json]:
    return text(name, idcsDisplayName=name, **characteristics)


def oracle(*attributes: Mapping[str, Json]) -> SchemaExtension:
    return updating(wanted("oracle", *attributes), Manages.ATTRIBUTES)


def test_oracle_adds_and_replaces_attributes_of_the_schema_that_is_there() -> None:
    texts: dict[str, Json] = {"canonicalValues": ["a"]}
    with service("oracle", ORACLE, EMPTY) as s:
        added = s.apply(oracle(column("grade", **texts), column("level")))
        (first,) = s.writes()
        replaced = s.apply(oracle(column("grade", canonicalValues=["a", "b"]), column("level")))
        (second,) = s.writes()
        again = s.apply(oracle(column("grade", canonicalValues=["b", "a"]), column("level")))
        assert s.writes() == []

    assert only(added)[0] is only(replaced)[0] is OutcomeKind.APPLIED
    assert (first.method, second.method) == ("PATCH", "PATCH")
    verbs = [[o["op"] for o in json.loads(r.body)["Operations"]] for r in (first, second)]
    assert verbs == [["add", "add"], ["replace"]]
    for request in (first, second):
        assert request.headers["if-match"].startswith('"')
        assert "gzip" not in request.headers["if-match"]
    assert again.outcomes == ()


@pytest.mark.parametrize(
    ("member", "live", "desired"),
    [
        ("type", "integer", "string"),
        ("multiValued", False, True),
        ("required", True, False),
        ("caseExact", False, True),
        ("uniqueness", "server", "none"),
        ("idcsSearchable", True, False),
        ("idcsSensitive", "none", "hash"),
    ],
)
def test_oracle_is_not_sent_a_change_that_it_would_drop(
    member: str, live: Json, desired: Json
) -> None:
    there = wanted("oracle", column("grade", **{member: live}))
    with service("oracle", ORACLE, there) as s:
        summary = s.apply(oracle(column("grade", **{member: desired})))
        assert s.writes() == []

    assert member in blocked(summary)[BlockReason.WOULD_BE_IGNORED]
    assert "drops it" in blocked(summary)[BlockReason.WOULD_BE_IGNORED]


def test_oracle_lets_canonical_values_grow_and_nothing_else_shrink() -> None:
    there = wanted("oracle", column("grade", canonicalValues=["a", "b"]))
    with service("oracle", ORACLE, there) as s:
        summary = s.apply(oracle(column("grade", canonicalValues=["a"])))
        assert s.writes() == []

    assert BlockReason.INCOMPATIBLE in blocked(summary)


def test_oracle_has_its_schemas_from_the_start_and_makes_no_other() -> None:
    other = extension(wanted("oracle", column("a")) | {"id": "urn:x:other"})
    with service("oracle", ORACLE, EMPTY) as s:
        summary = s.apply(other)
        assert s.writes() == []

    assert "does not let schemas be created" in blocked(summary)[BlockReason.UNSUPPORTED]


def test_oracle_whose_schema_changed_since_it_was_read_is_not_written_over() -> None:
    there = wanted("oracle", column("grade"))
    with service("oracle", ORACLE, there) as s:
        live = s.world.writer.read(CUSTOM)
        assert live is not None
        s.tenant.stored[1]["attributes"].append(column("theirs"))
        result = s.world.writer.patch(live, {"Operations": []})

    assert "412" in result.message
    assert [a["name"] for a in s.stored()["attributes"]] == ["grade", "theirs"]


# --- rfc7644 --------------------------------------------------------------------------------


def test_rfc7644_puts_the_live_document_with_our_change_in_it() -> None:
    theirs = {
        "name": "theirs",
        "type": "complex",
        "vendorIndexed": True,
        "subAttributes": [text("x")],
    }
    live = wanted(
        "rfc7644", text("grade", vendorMark={"a": [1]}), theirs, vendorState=7, description="theirs"
    )
    with service("rfc7644", Habits(tags=True), live) as s:
        summary = s.apply(
            updating(
                wanted("rfc7644", text("grade", description="new"), text("level")),
                Manages.ATTRIBUTES,
            )
        )
        (put,) = s.writes()

    sent = json.loads(put.body)
    assert only(summary)[0] is OutcomeKind.APPLIED
    assert put.method == "PUT"
    assert "if-match" in put.headers
    assert (sent["vendorState"], sent["description"]) == (7, "theirs")
    assert sent["attributes"][0] == text("grade", vendorMark={"a": [1]}, description="new")
    assert sent["attributes"][1] == theirs
    assert [a["name"] for a in s.stored()["attributes"]] == ["grade", "theirs", "level"]


def test_rfc7644_may_say_that_there_is_nothing_and_that_numbers_have_case() -> None:
    odd = {"description": "", "caseExact": True, "displayName": "", "referenceTypes": []}
    new = {"name": "level", "type": "integer", "description": " Pay level\n"}
    desired = wanted("rfc7644", new, description="\n") | {"name": "HR "}
    with service("rfc7644", Habits(adds=odd)) as s:
        made = s.apply(extension(desired))
        (post,) = s.writes()
        again = s.apply(updating(desired))
        assert s.writes() == []

    sent = json.loads(post.body)
    assert only(made)[0] is OutcomeKind.APPLIED
    assert again.outcomes == ()
    assert sent["name"] == "HR"
    assert sent["attributes"][0]["description"] == "Pay level"
    assert "description" not in sent


def test_rfc7644_is_patched_one_attribute_at_a_time_where_the_manifest_says_so() -> None:
    theirs = text("theirs", description="nobody names it")
    grade = text("grade", vendorMark={"a": [1]})
    live = wanted("rfc7644", theirs, grade, vendorState=7, description="old")
    ours = wanted("rfc7644", text("GRADE", description="new"), text("level"), description="new")
    habits = Habits(updates=False, patches=PatchPath.VALUE)
    with service("rfc7644", habits, live, updates="patch") as s:
        summary = s.apply(updating(ours, Manages.ATTRIBUTES))
        (patch,) = s.writes()

    assert only(summary)[0] is OutcomeKind.APPLIED
    assert [o["path"] for o in json.loads(patch.body)["Operations"]] == [
        "description",
        'attributes[name eq "grade"]',
        "attributes",
    ]
    stored = s.stored()
    assert (stored["vendorState"], stored["description"]) == (7, "new")
    assert stored["attributes"][:2] == [theirs, {**grade, "description": "new"}]
    assert [a["name"] for a in stored["attributes"]] == ["theirs", "grade", "level"]


def test_a_patch_of_an_attribute_that_somebody_took_out_is_not_applied() -> None:
    live = wanted("rfc7644", text("grade"), text("theirs"))
    habits = Habits(updates=False, patches=PatchPath.VALUE)
    with service("rfc7644", habits, live, updates="patch") as s:
        s.tenant.guard = lambda _: s.stored()["attributes"].pop(0)
        summary = s.apply(
            updating(wanted("rfc7644", text("grade", description="new")), Manages.ATTRIBUTES)
        )

    assert only(summary)[0] is OutcomeKind.NOT_APPLIED
    assert "noTarget" in summary.outcomes[0].detail
    assert [a["name"] for a in s.stored()["attributes"]] == ["theirs"]


def test_without_tags_a_put_is_sent_without_if_match() -> None:
    with service("rfc7644", Habits(), wanted("rfc7644", text("grade"))) as s:
        s.apply(updating(wanted("rfc7644", text("grade"), text("level"))))
        (put,) = s.writes()

    assert "if-match" not in put.headers


def test_an_incompatible_change_is_blocked_with_a_recipe() -> None:
    with service("rfc7644", Habits(), wanted("rfc7644", text("grade"))) as s:
        summary = s.apply(updating(wanted("rfc7644", {"name": "grade", "type": "integer"})))
        assert s.writes() == []

    assert "add a new attribute beside the old one" in blocked(summary)[BlockReason.INCOMPATIBLE]


# --- read-only ------------------------------------------------------------------------------


def test_read_only_reports_and_sends_nothing_and_is_no_failure() -> None:
    with service("read-only", Habits(), wanted("read-only", text("grade"))) as s:
        drifted = s.apply(updating(wanted("read-only", text("grade"), text("level"))))
        lacking = s.apply(extension(wanted("read-only", text("a")) | {"id": "urn:x:new"}))
        assert s.writes() == []

    assert BlockReason.UNSUPPORTED in blocked(drifted)
    assert BlockReason.UNSUPPORTED in blocked(lacking)
    assert not drifted.partial
    assert not lacking.partial


# --- what a manifest says of its tenant, and what a service looks like ------------------------


def test_a_capability_of_the_manifest_decides_what_is_sent() -> None:
    change = updating(wanted("genesys", text("grade"), text("level")))
    with service("genesys", Habits(), wanted("genesys", text("grade")), updates="none") as s:
        summary = s.apply(change)
        assert s.writes() == []

    assert BlockReason.UNSUPPORTED in blocked(summary)


def test_a_refusal_that_a_manifest_explains_is_read_by_id_and_adopted() -> None:
    """Another writer makes it between our read and our create, and the service says 400."""
    exists: Json = [{"means": "exists", "status": 400, "detail": "exists already"}]
    document = wanted("genesys", text("grade"))
    with service("genesys", Habits(taken=400), errors=exists) as s:
        s.tenant.guard = lambda _: s.tenant.stored.append(dict(document))
        summary = s.apply(extension(document))

    assert only(summary)[0] is OutcomeKind.ADOPTED


@pytest.mark.parametrize("reported", ListShape)
@pytest.mark.parametrize("keywords", Keywords)
@pytest.mark.parametrize("shape", [ListShape.LIST, ListShape.ARRAY, ListShape.MAP])
def test_a_plan_is_the_same_whatever_shape_and_spelling_a_service_has(
    shape: ListShape, keywords: Keywords, reported: ListShape
) -> None:
    live = wanted("rfc7644", text("grade", mutability="readWrite", returned="default"))
    more = wanted("rfc7644", {"name": "at", "type": "dateTime", "mutability": "immutable"}) | {
        "id": "urn:x:2"
    }
    habits = Habits(shape=shape, keywords=keywords)
    with service("rfc7644", habits, live, more, listShape=str(reported)) as s:
        summary = s.apply(extension(live, name="a"), extension(more, name="b"))
        assert s.writes() == []
        (tenant,) = summary.plan.tenants

    assert [str(c.reason) for c in tenant.changes if hasattr(c, "reason")] == ["in-sync", "in-sync"]
    assert tenant.error is None
