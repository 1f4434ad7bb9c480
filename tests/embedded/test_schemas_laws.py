"""/Schemas against a model: any run of requests is answered as a dict would."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from reconciler.domain.jsontext import Json
from reconciler.embedded.faults import FaultBox, Faults
from reconciler.embedded.schemas_endpoint import EXTENSION_LIMIT, SchemasEndpoint
from reconciler.embedded.store import open_embedded_store
from reconciler.embedded.wire import Refused, Reply, Request
from tests.support.embedded_client import TestClock, extension

BASE = "http://127.0.0.1:1/scim/v2"
CORE = "urn:example:core"
urns = st.integers(0, EXTENSION_LIMIT + 1).map(lambda number: f"urn:example:Own{number}")
spellings = st.sampled_from([str, str.upper, str.lower])


class Tenant(RuleBasedStateMachine):
    """The endpoint on a real store beside a dict of folded id → (document, version)."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        folder = Path(self.stack.enter_context(TemporaryDirectory()))
        self.model: dict[str, tuple[dict[str, Json], int]] = {}
        self.endpoint = SchemasEndpoint(
            self.stack.enter_context(open_embedded_store(folder, "law")),
            FaultBox(Faults()),
            core=(extension(CORE),),
            check_buildable=lambda _: None,
            clock=TestClock(),
            raw=True,
        )

    def teardown(self) -> None:
        self.stack.close()

    def ask(
        self,
        method: str,
        schema_id: str | None,
        document: Json = None,
        *,
        tag: str | None = None,
        query: dict[str, str] | None = None,
    ) -> Reply:
        request = Request(
            method=method,
            root="",
            path="",
            query=query or {},
            headers={} if tag is None else {"if-match": tag},
            body=json.dumps(document).encode(),
        )
        try:
            return self.endpoint.answer(request, BASE, schema_id)
        except Refused as refused:
            return refused.reply()

    @rule(urn=urns, spell=spellings, text=st.text())
    def create(self, urn: str, spell: Callable[[str], str], text: str) -> None:
        document = extension(spell(urn), description=text)

        status = self.ask("POST", None, document).status

        if urn.lower() in self.model:
            assert status == 409
        elif len(self.model) == EXTENSION_LIMIT:
            assert status == 400
        else:
            assert status == 201
            self.model[urn.lower()] = document, 1

    @rule(urn=urns, spell=spellings, text=st.text(), guess=st.none() | st.integers(1, 3))
    def replace(self, urn: str, spell: Callable[[str], str], text: str, guess: int | None) -> None:
        document = extension(spell(urn), description=text)
        known = self.model.get(urn.lower())

        tag = None if guess is None else f'W/"{guess}"'
        status = self.ask("PUT", spell(urn), document, tag=tag).status

        if known is None:
            assert status == 404
        elif guess not in (None, known[1]):
            assert status == 412
        else:
            assert status == 200
            self.model[urn.lower()] = document, known[1] + 1

    @rule(urn=urns, spell=spellings)
    def read(self, urn: str, spell: Callable[[str], str]) -> None:
        reply = self.ask("GET", spell(urn))

        if urn.lower() not in self.model:
            assert reply.status == 404
            return
        document, version = self.model[urn.lower()]
        served = json.loads(reply.body)
        assert served == {**document, "schemas": served["schemas"], "meta": served["meta"]}
        assert served["meta"]["version"] == reply.headers["ETag"] == f'W/"{version}"'

    @rule(method=st.sampled_from(["DELETE", "PATCH"]), urn=urns)
    def do_what_is_not_offered(self, method: str, urn: str) -> None:
        assert self.ask(method, urn).status == 405

    @rule(count=st.integers(1, 14))
    def page(self, count: int) -> None:
        seen: list[str] = []
        while page := self.listed({"startIndex": str(len(seen) + 1), "count": str(count)}):
            assert len(page) <= count
            seen += page
        assert seen == self.listed({})

    @invariant()
    def the_list_is_the_model_in_the_order_of_creation(self) -> None:
        documents = [document for document, _ in self.model.values()]
        assert self.listed({}) == [CORE, *(document["id"] for document in documents)]

    def listed(self, query: dict[str, str]) -> list[str]:
        answer = json.loads(self.ask("GET", None, query=query).body)
        assert answer["totalResults"] == len(self.model) + 1
        assert answer["itemsPerPage"] == len(answer["Resources"])
        return [schema["id"] for schema in answer["Resources"]]


Tenant.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestTenant = Tenant.TestCase
