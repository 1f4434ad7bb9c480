"""The built-in tenant as a whole: which address is answered by which room, and what goes wrong."""

from collections.abc import Callable

from reconciler.domain.dialect import Dialect, IdEncoding, TrailingSlash
from reconciler.embedded.faults import Counter, FaultBox, Faults
from reconciler.embedded.hr import HrReceiver
from reconciler.embedded.oauth import OAuth, challenge
from reconciler.embedded.schemas_endpoint import SchemasEndpoint
from reconciler.embedded.throttle import Throttle
from reconciler.embedded.wire import Refused, Reply, Request, as_json, not_allowed, read_json

BASE_PATH = "/scim/v2"
TOKEN_PATH = "/oauth/token"  # noqa: S105 — an address
WEBHOOK_PATH = "/hr/scim/sync"
FAULTS_PATH = "/_dev/faults"
DRIFT_PATH = "/_dev/schemas/"
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_PAGE = b"<!doctype html><title>Sign in</title><p>Please sign in to continue.</p>"

Users = Callable[[Request, str, str], Reply]


class Dropped(Exception):
    """The connection is to be closed without an answer."""


class EmbeddedTenant:
    """Answers every request; `users` answers what is below the base URL and is no schema."""

    def __init__(
        self,
        *,
        faults: FaultBox,
        oauth: OAuth,
        hr: HrReceiver,
        schemas: SchemasEndpoint,
        users: Users,
        throttle: Throttle,
        dialect: Dialect,
    ) -> None:
        self._faults = faults
        self._oauth = oauth
        self._rooms = {
            TOKEN_PATH: oauth.token,
            WEBHOOK_PATH: hr.sync,
            FAULTS_PATH: self._dev_faults,
        }
        self._schemas = schemas
        self._users = users
        self._throttle = throttle
        self._dialect = dialect

    def answer(self, request: Request) -> Reply:
        """The answer to one request; raises Dropped where there is to be none."""
        try:
            if (room := self._rooms.get(request.path)) is not None:
                return room(request)
            if request.path.startswith(DRIFT_PATH):
                schema_id = request.path.removeprefix(DRIFT_PATH)
                return self._schemas.drift(request, request.root + BASE_PATH, schema_id)
            if (request.path + "/").startswith(BASE_PATH + "/"):
                return self._scim(request)
        except Refused as refused:
            return refused.reply()
        return Refused(404, f"nothing is here; SCIM is below {BASE_PATH}").reply()

    def _dev_faults(self, request: Request) -> Reply:
        if request.method == "PUT":
            document = read_json(request.body)
            try:
                faults = Faults.from_json(document)
            except ValueError as error:
                raise Refused(400, str(error), scim_type="invalidValue") from error
            self._faults.set(faults)
        elif request.method != "GET":
            raise not_allowed(request, "GET", "PUT")
        return as_json(200, self._faults.current.to_json())

    def _scim(self, request: Request) -> Reply:
        self._oauth.authenticate(request)
        self._throttle.admit()
        # After the token: who has none learns nothing of the faults, and uses none up.
        if (reply := self._fault()) is not None:
            return reply
        try:
            base_url = request.root + BASE_PATH
            path = request.path.removeprefix(BASE_PATH)
            if (elsewhere := self._elsewhere(request, path)) is not None:
                return elsewhere
            collection, _, identifier = path.lstrip("/").partition("/")
            if collection == "Schemas":
                schema_id = identifier.rstrip("/")
                reply = self._schemas.answer(request, base_url, schema_id or None)
            else:
                reply = self._users(request, base_url, path)
        except Refused as refused:
            reply = refused.reply()
        # Only what was stored can be lost on the way back; another failure is answered.
        stored = request.method in _WRITES and 200 <= reply.status < 300
        if stored and self._faults.take(Counter.DROP_AFTER_COMMIT):
            raise Dropped
        return reply

    def _elsewhere(self, request: Request, path: str) -> Reply | None:
        """The answer to an address that the service spells in another way; None where it is its."""
        match self._dialect.trailing_slash:
            case TrailingSlash.NONE:
                slash = False
            case TrailingSlash.LISTS:
                slash = "/" not in path.strip("/")
            case TrailingSlash.ALL:
                slash = True
        sent, mark, query = request.target.partition("?")
        if slash and not path.endswith("/"):
            there = f"{request.root}{sent}/{mark}{query}"
            return Reply(status=301, headers={"Location": there})
        if self._dialect.id_encoding is IdEncoding.PERCENT and ":" in sent:
            raise Refused(404, "nothing is here; the colons of a URN are %3A in an address")
        return None

    def _fault(self) -> Reply | None:
        """The answer that stands in for another; None where all goes well."""
        faults = self._faults.current
        if faults.html:
            return Reply(status=200, headers={"Content-Type": "text/html"}, body=_PAGE)
        if faults.forbid:
            raise Refused(
                403,
                "the client may not do this; it lacks the scope scim:admin",
                headers=challenge("insufficient_scope", scope="scim:admin"),
            )
        if self._faults.take(Counter.TOO_MANY_REQUESTS):
            wait = {"Retry-After": str(faults.retry_after)}
            raise Refused(429, "too many requests", headers=wait)
        if self._faults.take(Counter.SERVER_ERRORS):
            raise Refused(503, "the service is overloaded")
        return None
