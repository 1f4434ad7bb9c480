"""KeycloakReader and KeycloakWriter: the user profile of a realm, by GET and PUT of the whole."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace

from reconciler.adapters.gateway.answers import (
    NOT_JSON,
    RequestName,
    common_advice,
    described,
    read_error,
    unreadable,
)
from reconciler.adapters.gateway.holding import schema_of
from reconciler.adapters.gateway.reader import NEVER, ReadDeadline, Sender, TenantAccess
from reconciler.adapters.gateway.writer import sent_once
from reconciler.adapters.keycloak.attributes import Unsayable
from reconciler.adapters.keycloak.events import Window
from reconciler.adapters.keycloak.profile import MalformedProfile, Profile
from reconciler.adapters.keycloak.refusals import ADDRESS, NO_REALM, READING, WRITING, write_message
from reconciler.domain.body import create_body
from reconciler.domain.deciding import LiveTenant
from reconciler.domain.dialect import Meaning
from reconciler.domain.hearing import Bindings
from reconciler.domain.http_reply import (
    Answer,
    Applied,
    Next,
    Verdict,
)
from reconciler.domain.jsontext import Json, NotJson
from reconciler.domain.redaction import Redaction
from reconciler.domain.scim import MalformedSchema, Schema, fold
from reconciler.errors import AnswerUnreadable, TenantError, TenantRefused
from reconciler.ports import WriteResult

_log = logging.getLogger(__name__)
_REFUSED = Verdict(Applied.NO, Next.STOP)
_USER = "User"
_MOVED = (
    "not sent; somebody changed the profile since it was read, and there is no ETag by which the "
    "service would find that out: plan again"
)
_NO_TAG = "there is no ETag, so that a write of somebody else may have come over it"
_THERE = "it is there from the start, as the profile of a realm, and only its attributes change"


class KeycloakReader:
    """ports.SchemaReader over the admin API of a realm, for one thread at a time.

    Its one schema has the id that the Tenant names.
    """

    def __init__(self, access: TenantAccess, schema_id: str) -> None:
        self._access = access
        self._schema_id = schema_id

    @property
    def redaction(self) -> Redaction:
        """The means to take our credentials out of what the tenant sent, before it is shown."""
        return self._access.authenticator.redaction

    def read_all(self, wanted: Iterable[str], *, everything: bool = False) -> LiveTenant:
        """The one schema there is; with `everything` it is taken, wanted or not."""
        access = self._access
        ends = ReadDeadline.after(access.read_deadline, access.clock, option="--read-deadline")
        profile, schema = self._profile(ends)

        def objection(desired: Schema) -> str | None:
            try:
                profile.require_sayable(create_body(desired)["attributes"])
            except Unsayable as error:
                return "".join(self.redaction.parts(error.parts, own=desired.text()))
            return None

        taken = everything or schema.key in map(fold, wanted)
        return LiveTenant(
            schemas={schema.key: schema} if taken else {},
            ids={schema.key: schema.id},
            redaction=self.redaction,
            objection=objection,
        )

    def read(self, schema_id: str) -> Schema | None:
        """The schema, where that is its id."""
        return self.find(schema_id)

    def find(self, schema_id: str) -> Schema | None:
        """The schema, where that is its id."""
        if fold(schema_id) != fold(self._schema_id):
            return None
        _, schema = self._profile(NEVER)
        return schema

    def bindings(self) -> Bindings | None:
        """The schema as an extension of users; never raises TenantError."""
        return {_USER: frozenset((fold(self._schema_id),))}

    def _profile(self, deadline: ReadDeadline) -> tuple[Profile, Schema]:
        """The profile, and what it shows; raises TenantError."""
        reply, named = self._access.get(self._url, deadline)
        request = _named(named, READING)
        if isinstance(reply, Answer) and reply.status == 404:
            raise TenantRefused(f"{request}: {described(request, reply)}; {NO_REALM}")
        if not isinstance(reply, Answer) or not reply.has_content:
            raise read_error(request, reply, collection=False)
        try:
            profile = Profile.of(reply.body)
            schema = schema_of(profile.schema(self._schema_id), self._access.limits.attributes)
        except NotJson as error:
            raise self._no_profile(request, reply, NOT_JSON, str(error)) from error
        except (MalformedProfile, MalformedSchema) as error:
            raise self._no_profile(request, reply, "what came is ", *error.parts) from error
        self._access.known.lists = True
        return profile, schema

    def _no_profile(self, request: RequestName, answer: Answer, *reason: str) -> AnswerUnreadable:
        doubt = "" if self._access.known.lists else f"; {ADDRESS}"
        error = unreadable(replace(request, lists=True), answer, *reason)
        return AnswerUnreadable(f"{error}{doubt}")

    @property
    def _url(self) -> str:
        return self._access.at("users/profile")


class KeycloakWriter(KeycloakReader):
    """ports.SchemaWriter. `writes` is an Http that can send nothing but PUT."""

    def __init__(self, access: TenantAccess, schema_id: str, writes: Sender) -> None:
        super().__init__(access, schema_id)
        self._writes = writes

    def create(self, document: Mapping[str, Json]) -> WriteResult:
        """Refuse: there is nothing to create."""
        return _unsupported(document["id"])

    def replace(self, live: Schema, document: Mapping[str, Json]) -> WriteResult:
        """Refuse: the schema is not all of the profile."""
        return _unsupported(document.get("id", live.id))

    def patch(self, live: Schema, document: Mapping[str, Json]) -> WriteResult:
        """PUT the profile as it is now, with the attributes of the operations in it.

        Not sent where the profile is no more the live one that was planned on. Never raises
        TenantError.
        """
        access = self._access
        begun = access.clock.monotonic()
        request = _named(access.request_name("PUT", self._url), WRITING)
        try:
            profile, before = self._profile(NEVER)
        except TenantError as error:
            return WriteResult(verdict=_REFUSED, message=f"{request}: not sent; {error}")
        if before.document != live.document:
            return WriteResult(verdict=_REFUSED, message=f"{request}: {_MOVED}")
        try:
            written = profile.with_operations(document["Operations"])
        except Unsayable as error:
            reason = "".join(self.redaction.parts(error.parts, own=str(document)))
            return WriteResult(verdict=_REFUSED, message=f"{request}: not sent; {reason}")
        stands = Schema.from_json(written.schema(self._schema_id))
        result = self._send(written.body())
        seconds = access.clock.monotonic() - begun
        _log.debug("%s: %d ms from the read to the answer", request, round(seconds * 1000))
        window = Window(access=access, before=before, stands=stands, seconds=seconds)
        return replace(result, stands=stands, meanwhile=window.foreign)

    def _send(self, body: bytes) -> WriteResult:
        access = self._access
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        sent = sent_once(access, self._writes, "PUT", self._url, headers=headers, body=body)
        if isinstance(sent, WriteResult):
            return sent
        named, verdict, reply = sent
        request = _named(named, WRITING)
        message = write_message(request, reply)
        if message is None:
            advice = common_advice(request, reply)
            advice = _NO_TAG if verdict.next is Next.VERIFY else advice
            message = f"{request}: {described(request, reply)}" + (f"; {advice}" if advice else "")
        return WriteResult(verdict=verdict, message=message, retry_after=access.wait(reply))


def _unsupported(schema_id: str) -> WriteResult:
    message = f"{schema_id}: {_THERE}"
    return WriteResult(verdict=_REFUSED, message=message, means=Meaning.UNSUPPORTED)


def _named(request: RequestName, hint: str) -> RequestName:
    """The request with the role that it needs."""
    return replace(request, permission_hint=hint)
