"""Admin events of a realm: who else has written its user profile, and what is lost of that.

There is no ETag. Of a write that falls between our read and ours only these tell, and only where
the realm keeps them with their details.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from reconciler.adapters.gateway.reader import ReadDeadline, TenantAccess
from reconciler.adapters.keycloak.profile import MalformedProfile, Profile
from reconciler.domain.diff import Alteration, alterations
from reconciler.domain.foreign import Foreign
from reconciler.domain.http_reply import Answer
from reconciler.domain.jsontext import Json, NotJson, parse
from reconciler.domain.outcome import ForeignWrite
from reconciler.domain.records import rfc3339
from reconciler.domain.redaction import Redaction
from reconciler.domain.scim import MalformedSchema, Schema, fold
from reconciler.errors import TenantError

_PAGE = 20  # events, each as large as the profile
_MOST_PAGES = 10
_LAG = 10.0  # seconds that one may have its time before its write is seen by others
_END_OF_TIME = 10**14  # milliseconds; what is more is no time that a calendar has
_SECONDS = 30.0  # for all of it: the proof of a write waits meanwhile


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    """One write of the profile: what it left there, and when by the clock of Keycloak."""

    milliseconds: int
    client: str
    left: Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The time from our read to the answer to our write, in which nobody else was to write.

    `before` is what was read, `stands` what our write leaves.
    """

    access: TenantAccess
    before: Schema
    stands: Schema
    seconds: float

    def foreign(self, live: Schema) -> Sequence[ForeignWrite]:
        """The writes of others since the window began; none where none are kept, or may be read."""
        try:
            others = self._others()
        except TenantError:
            return ()
        return [
            ForeignWrite(
                at=rfc3339(datetime.fromtimestamp(each.milliseconds / 1000, UTC)),
                by=f"the client {each.client}",
                lost=self._lost(each.left, live),
            )
            for each in reversed(others)
        ]

    def _others(self) -> list[_Event]:
        """The writes since that one which left what we read, the newest first; without ours none.

        What is older than the window is left out where no event has what we read.
        """
        others: list[_Event] = []
        begins = None
        for event in self._events():
            if begins is not None and (event.left == self.before or event.milliseconds < begins):
                break
            if event.left != self.stands:
                others.append(event)
            elif begins is None:
                begins = event.milliseconds - (self.seconds + _LAG) * 1000
        return [] if begins is None else others

    def _lost(self, theirs: Schema, live: Schema) -> tuple[str, ...]:
        """The paths of all that another write changed, and that is not so."""
        redaction = self.access.authenticator.redaction
        now = {_key(each) for each in alterations(live, theirs)}
        return tuple(
            _path(each, redaction, self.stands.text())
            for each in alterations(self.before, theirs)
            if _key(each) in now
        )

    def _events(self) -> Iterator[_Event]:
        """The writes that are kept, the newest first."""
        deadline = ReadDeadline.after(_SECONDS, self.access.clock, option="")
        for page in range(_MOST_PAGES):
            query = {"resourceTypes": "USER_PROFILE", "first": page * _PAGE, "max": _PAGE}
            url = f"{self.access.at('admin-events')}?{urlencode(query)}"
            reply, _ = self.access.get(url, deadline, optional=True)
            listed = _listed(reply.body) if isinstance(reply, Answer) and reply.has_content else []
            for each in listed:
                if (event := self._event(each)) is not None:
                    yield event
            if len(listed) < _PAGE:
                return

    def _event(self, event: Json) -> _Event | None:
        match event:
            case {
                "time": int(milliseconds),
                "representation": str(text),
                "authDetails": {"clientId": str(client)},
            } if 0 <= milliseconds < _END_OF_TIME:
                try:
                    document = Profile.of(text.encode()).schema(self.stands.id)
                    left = Schema.from_json(document)
                except (NotJson, MalformedProfile, MalformedSchema):
                    return None
                client = self.access.authenticator.redaction.text(client)
                return _Event(milliseconds=milliseconds, client=client, left=left)
            case _:
                return None


def _listed(body: bytes) -> list[Json]:
    try:
        value = parse(body)
    except NotJson:
        return []
    return value if isinstance(value, list) else []


def _key(alteration: Alteration) -> tuple[tuple[str, ...], str | None]:
    return tuple(map(fold, alteration.path)), alteration.member


def _path(alteration: Alteration, redaction: Redaction, own: str) -> str:
    steps = [Foreign(each) for each in (*alteration.path, alteration.member) if each is not None]
    return ".".join(redaction.parts(steps, own=own))
