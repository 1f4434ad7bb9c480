"""Use case: write values of ours to the test user of a tenant, read them back, take them away."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from reconciler.domain.canary import (
    CanaryResult,
    Trial,
    Tried,
    extension_in,
    is_ours,
    patch_of,
    schemas_in,
    triable,
)
from reconciler.domain.http_reply import Applied, Next, Verdict
from reconciler.domain.jsontext import Json
from reconciler.domain.lifecycle import persisted
from reconciler.domain.records import rfc3339
from reconciler.domain.scim import Returned, Schema, fold
from reconciler.domain.searching import few
from reconciler.errors import Interrupted, TenantError, TenantRefused
from reconciler.ports import CanaryLedger, CanaryUsers, Clock, WriteResult

_Members = Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """The means to try values in one tenant, on the user whom its manifest names.

    `user_name` is None where it names nobody, `allowed` says whether the user may be written to.
    `users` makes an access that gives up in time. `names` are those of manifests, by folded URN.
    """

    clock: Clock
    tenant: str
    user_name: str | None
    allowed: bool
    users: Callable[[], CanaryUsers]
    ledger: CanaryLedger
    warn: Callable[[str], None]
    names: Mapping[str, str] = field(default_factory=dict)

    def untried(self, schemas: Sequence[Schema]) -> Mapping[str, tuple[str, ...]]:
        """What a canary may try of each schema and has not seen persist, by folded id."""
        if self.user_name is None or not schemas:
            return {}
        courses = self.ledger.courses(self.tenant, schemas)
        found = {}
        for schema in schemas:
            known = persisted(courses.get(schema.key, ()))
            names = (n for n in triable(schema) if known.get(fold(n)) is not CanaryResult.PERSISTED)
            found[schema.key] = tuple(names)
        return {key: names for key, names in found.items() if names}

    def try_all(self, trials: Sequence[Trial]) -> tuple[Tried, ...]:
        """The findings of each trial, in their order; what cannot be tried is not-tried, and said.

        Each value is taken away again. Raises StateError, and nothing else; the end of a run ends
        it early.
        """
        if not any(trial.values() for trial in trials):
            return tuple(trial.results({}, {}, {}) for trial in trials)
        users, user_id = self.users(), ""
        try:
            self.clock.check()
            user_id = self._user_id(users)
        except Interrupted:
            reason = _CUT_SHORT
        except TenantError as error:
            reason = str(error)
        if not user_id:
            return tuple(trial.untried(reason) for trial in trials)
        return tuple(self._try(users, user_id, trial) for trial in trials)

    def clean_up(self, begun: Mapping[str, Sequence[str]], schemas: Mapping[str, Schema]) -> None:
        """Take away what an earlier run has left, by schema; a warning says what stays.

        `schemas` are definitions by folded id, as far as they are known.
        """
        if self.user_name is None:
            for schema_id, names in begun.items():
                self._warn(schema_id, names, "the manifest names no test user any more")
                self.ledger.end_canary(self.tenant, schema_id, names)
            return
        try:
            users = self.users()
            user_id = self._user_id(users)
        except TenantError as error:
            for schema_id, names in begun.items():
                self._warn(schema_id, names, f"{error}; the next apply tries again")
            return
        for schema_id, names in begun.items():
            spot = _Spot(users, user_id, schema_id, tuple(names), asks=True)
            try:
                self._clean_one(spot, schemas.get(fold(schema_id)))
            except (TenantError, Interrupted) as error:
                self._warn(schema_id, names, f"{error}; the next apply tries again")

    def _clean_one(self, spot: "_Spot", schema: Schema | None) -> None:
        """Take away what is ours of what is there; what is not ours is not under way any more."""
        schema_id = spot.schema_id
        try:
            before = spot.read()
        except TenantRefused:  # a service may not take `attributes`
            spot = replace(spot, asks=False)
            before = spot.read()
        held = extension_in(before, schema_id)
        theirs = {
            name
            for name in spot.held(before)
            if not is_ours(held[fold(name)], schema.attribute(name) if schema else None)
        }
        ours = tuple(name for name in spot.names if name not in theirs)
        if replace(spot, names=ours).clean(before, strip=not theirs):
            self.ledger.end_canary(self.tenant, schema_id, ours)
        else:
            self._warn(schema_id, ours, _STAYS)
        if theirs:
            self._warn(schema_id, sorted(theirs), "what is there now is not ours, and stays")
            self.ledger.end_canary(self.tenant, schema_id, theirs)

    def _user_id(self, users: CanaryUsers) -> str:
        """The id of the one test user; raises TenantError, with the reason, where there is none."""
        if self.user_name is None or not self.allowed:
            raise TenantRefused("RECONCILER_CANARY_USERS does not list the user of spec.canary")
        page = users.named(self.user_name)
        ids = {each_id for each in page.resources if (each_id := _id_if(each, self.user_name))}
        number = max(page.total or 0, len(page.resources))
        if number != 1 or len(ids) != 1:
            raise TenantRefused(
                f"spec.canary names one user, and the service finds {number} under that userName"
                if number != 1
                else "the service answers a filter on userName with a user of another name"
            )
        [user_id] = ids
        if _id_if(users.read(user_id), self.user_name) != user_id:
            raise TenantRefused(
                "the user that the service gives under that id has another userName"
            )
        return user_id

    def _try(self, users: CanaryUsers, user_id: str, trial: Trial) -> Tried:
        if fold(trial.resource_type) != "user":
            return trial.untried("it is not an attribute of users")
        values, schema_id = trial.values(), trial.schema.id
        asks = any(attribute.returned == Returned.REQUEST for attribute in trial.schema.attributes)
        spot = _Spot(users, user_id, schema_id, tuple(values), asks=asks)
        try:
            self.clock.check()
            before = spot.read()
        except (TenantError, Interrupted) as error:
            return trial.untried(_why(error))
        untried = dict.fromkeys(spot.held(before), "the test user holds a value of it already")
        written = {name: value for name, value in values.items() if name not in untried}
        if not written:
            return trial.results({}, {}, untried)
        self.ledger.begin_canary(self.tenant, schema_id, written, rfc3339(self.clock.now()))
        spot = _Spot(users, user_id, schema_id, tuple(written), asks=asks)
        is_named = fold(schema_id) in map(fold, schemas_in(before))
        after: Json = None
        sent = set(written)
        try:
            self.clock.check()
            ends = spot.write(written, is_named=is_named)
            sent = {n for n, end in ends.items() if end.verdict.applied is not Applied.NO}
            after = spot.read()
            held = extension_in(after, schema_id)
            untried |= {
                name: end.message
                for name, end in ends.items()
                if end.verdict.applied is not Applied.CLAIMED and fold(name) not in held
            }
            tried = trial.results(written, held, untried)
            in_doubt = any(end.verdict.applied is Applied.UNKNOWN for end in ends.values())
        except (TenantError, Interrupted) as error:
            tried, in_doubt = trial.untried(_why(error)), True
        last = replace(spot, users=users.renewed())
        try:
            after = last.read() if after is None else after
            is_clean = last.clean(after, strip=not is_named, hidden=sent)
        except (TenantError, Interrupted) as error:
            self._warn(schema_id, spot.names, f"{error}; the next apply takes it away")
            return tried
        if not is_clean:
            self._warn(schema_id, spot.names, _STAYS)
        elif not in_doubt:  # what was not answered may come late
            self.ledger.end_canary(self.tenant, schema_id, spot.names)
        return tried

    def _warn(self, schema_id: str, names: Iterable[str], reason: str) -> None:
        self.warn(
            f"{self.tenant}: a value of the canary may be left on the test user, of "
            f"{self.names.get(fold(schema_id), schema_id)}: {few(list(names))}: {reason}"
        )


@dataclass(frozen=True, slots=True)
class _Spot:
    """The place of some attributes on a test user; `asks` where they are read by name as well."""

    users: CanaryUsers = field(repr=False)
    user_id: str = field(repr=False)
    schema_id: str
    names: tuple[str, ...]
    asks: bool

    def read(self) -> Json:
        """The test user, by a GET of its own."""
        found = self.users.read(self.user_id)
        if not self.asks:
            return found
        paths = [f"{self.schema_id}:{name}" for name in self.names]
        more = extension_in(self.users.read(self.user_id, paths), self.schema_id)
        whole = {**extension_in(found, self.schema_id), **more}
        return {"schemas": list(schemas_in(found)), self.schema_id: whole}

    def held(self, user: Json) -> frozenset[str]:
        """Those of the attributes that it holds."""
        held = extension_in(user, self.schema_id)
        return frozenset(name for name in self.names if fold(name) in held)

    def write(self, values: _Members, *, is_named: bool) -> dict[str, WriteResult]:
        """PATCH all values at once; where that is refused, each on its own. By attribute."""
        end = self._add(values, is_named=is_named)
        if not _is_of_content(end) or len(values) == 1:
            return dict.fromkeys(values, end)
        return {name: self._add({name: value}, is_named=is_named) for name, value in values.items()}

    def _add(self, values: _Members, *, is_named: bool) -> WriteResult:
        """Add values; a service may want to be told of the schema, or may not take that."""
        added: list[_Members] = [
            {"op": "add", "path": f"{self.schema_id}:{name}", "value": value}
            for name, value in values.items()
        ]
        named: list[_Members] = [{"op": "add", "path": "schemas", "value": [self.schema_id]}]
        end = self._patch([*named, *added] if not is_named else added)
        if _is_of_content(end) and not is_named:
            return self._patch(added)
        return end

    def clean(self, user: Json, *, strip: bool, hidden: Set[str] = frozenset()) -> bool:
        """Remove the attributes from the user as it was read; whether they are gone.

        With `strip`, the name of a schema of which nothing is held goes as well. What is `hidden`
        is removed once, be it shown or not.
        """
        for together in (True, False):
            held = self.held(user)
            removals: list[_Members] = [
                {"op": "remove", "path": f"{self.schema_id}:{name}"}
                for name in self.names
                if name in held or (together and name in hidden)
            ]
            named = schemas_in(user)
            others = [urn for urn in named if fold(urn) != fold(self.schema_id)]
            stays = len(extension_in(user, self.schema_id)) > len(held)
            if strip and not stays and len(others) < len(named) and others:
                removals.append({"op": "replace", "path": "schemas", "value": list(others)})
            if not removals:
                return True
            for operations in [removals] if together else [[each] for each in removals]:
                self._patch(operations)
            user = self.read()
        return not self.held(user)

    def _patch(self, operations: Sequence[_Members]) -> WriteResult:
        return self.users.patch(self.user_id, patch_of(operations))


def _id_if(user: Json, user_name: str) -> str | None:
    """The id of a user, if that is its userName, which is compared without case."""
    members = (
        {fold(name): value for name, value in user.items()} if isinstance(user, Mapping) else {}
    )
    found, user_id = members.get("username"), members.get("id")
    is_it = isinstance(found, str) and found.casefold() == user_name.casefold()
    return user_id if is_it and isinstance(user_id, str) and user_id else None


def _is_of_content(end: WriteResult) -> bool:
    """True of a refusal that another PATCH may not meet."""
    return end.verdict == Verdict(Applied.NO, Next.STOP) and end.means is None


def _why(error: TenantError | Interrupted) -> str:
    return _CUT_SHORT if isinstance(error, Interrupted) else str(error)


_STAYS = "it is there still; the next apply tries again"
_CUT_SHORT = "the run was to end before it was known"
