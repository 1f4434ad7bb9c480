"""A service with users, and the ways in which services lie about how many hold a value."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from reconciler.domain.jsontext import Json
from tests.support.faultserver import Handler, Received, Script, json_reply
from tests.support.gateway_world import BASE, honest, listed, scim_error
from tests.support.gateway_world import service as paged_service

URN = "urn:example:2.0:User:HR"
Extension = dict[str, Json]


def users(number: int, extension: Callable[[int], Extension | None]) -> list[Extension]:
    """That many users; each with the extension that a function gives for its number."""
    found = []
    for n in range(number):
        user: Extension = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "id": f"u{n:05}",
            "userName": f"user{n}",
        }
        if (held := extension(n)) is not None:
            user[URN] = held
            user["schemas"].append(URN)
        found.append(user)
    return found


def holding(people: Sequence[Extension], path: str) -> int:
    """How many hold a value of an attribute of the extension: a count of this module's own."""
    return sum(1 for each in people if _values(each.get(URN), path.split(".")))


def _values(value: Json, names: Sequence[str]) -> list[Json]:
    if isinstance(value, list):
        return [found for item in value for found in _values(item, names)]
    if not names:
        if isinstance(value, dict):
            return [found for name in value for found in _values(value[name], [])]
        return [] if value in (None, "") else [value]
    if not isinstance(value, dict):
        return []
    same = [value[name] for name in value if name.lower() == names[0].lower()]
    return [found for each in same for found in _values(each, names[1:])]


def store_users(store: Path, people: Iterable[Extension]) -> None:
    """Make these the users of a built-in tenant that does not run, by its file."""
    dates = {"created": "2026-01-01T00:00:00Z", "lastModified": "2026-01-01T00:00:00Z"}
    rows = [
        (each["id"], json.dumps({**each, "meta": {"resourceType": "User", **dates}}))
        for each in people
    ]
    with closing(sqlite3.connect(store)) as shell:
        shell.execute("DELETE FROM resources")
        shell.executemany("INSERT INTO resources VALUES ('user', ?, ?)", rows)
        shell.commit()


def with_schemas(service: "PeopleService", *schemas: Json) -> Handler:
    """The service with these schemas live."""
    live = paged_service(honest(list(schemas)), {each["id"].lower(): each for each in schemas})
    return lambda request: (live if "/Schemas" in request.path else service)(request)


@dataclass(kw_only=True)
class PeopleService:
    """A fault server's handler: /Users of RFC 7644, but for the lies that are set."""

    people: list[Extension]
    endpoint: str = "Users"
    types: list[Json] | None = None
    most: int = 1000  # resources of a page, whatever count says
    slice_totals: bool = False  # totalResults is that of the page
    remaining_totals: bool = False  # or of what is left from startIndex on
    without_totals: bool = False
    claimed: int | None = None  # or always this
    ignores_paging: bool = False
    ignores_zero: bool = False  # count=0 is no count at all
    refuses_zero: bool = False
    refuses_count: int | None = None  # the status of an answer to any count
    refuses_beyond: int | None = None  # the status of an answer to a page beyond the end
    ignores_filters: bool = False
    refuses_filters: int | None = None
    urn_filters: int | bool = True  # False: they find nobody; a number: a refusal
    sub_filters: int | bool = True
    ignores_part: bool = False  # `badge.id pr` finds who has a badge
    ignores_name: bool = False  # `urn:x pr` finds whoever has the extension
    knows_names: frozenset[str] | None = None  # others are refused with 400
    falsy: bool = False  # `pr` does not find false
    only_single: bool = False  # `pr` does not find lists
    rows: bool = False  # `pr` finds a user once for each value
    cap: int = 10**9  # totalResults stops there
    cut: bool = False  # nothing comes after the first page
    ignores_attributes: bool = False
    drops_extension: bool = False  # where `attributes` names it by its URN
    drops_schemas: bool = False
    without_ids: bool = False
    cursors: bool = False
    before: Callable[["PeopleService", Received], Script | None] = lambda *_: None
    queries: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, request: Received) -> Script:
        if request.path == f"{BASE}/ResourceTypes" and self.types is not None:
            return json_reply(listed(self.types))
        if request.path != f"{BASE}/{self.endpoint}":
            return scim_error(404, "no such endpoint")
        query = {k: v[0] for k, v in parse_qs(urlsplit(request.target).query).items()}
        self.queries.append(query)
        if (instead := self.before(self, request)) is not None:
            return instead
        count = int(query.get("count", self.most))
        found = self._filtered(query.get("filter"))
        if self.refuses_count is not None and "count" in query:
            found = self.refuses_count
        if count == 0 and self.refuses_zero:
            found = 400
        beyond = int(query.get("startIndex", 1)) > max(1, len(self.people))
        if beyond and self.refuses_beyond is not None:
            found = self.refuses_beyond
        if isinstance(found, int):
            return scim_error(found, f"invalid query; did you mean {self.people[:1]}")
        return json_reply(self._page(found, query, count))

    def _page(self, found: list[Extension], query: dict[str, str], count: int) -> Json:
        start = int(query.get("startIndex", 1))
        if self.cursors:
            start = int(query.get("cursor") or 1)
        if self.ignores_paging or (count == 0 and self.ignores_zero):
            page = found[: self.most] if self.cut else found
        else:
            page = found[start - 1 : start - 1 + min(count, self.most)]
        total: int | None = len(found) if self.claimed is None else self.claimed
        if self.slice_totals:
            total = len(page)
        if self.remaining_totals:
            total = max(0, len(found) - start + 1)
        total = None if total is None else min(total, self.cap)
        document = listed(
            [self._projected(each, query.get("attributes")) for each in page],
            totalResults=None if self.without_totals else total,
            startIndex=1 if self.ignores_paging else start,
        )
        if self.cursors and start - 1 + len(page) < len(found) and page:
            document["nextCursor"] = str(start + len(page))
        return document

    def _projected(self, user: Extension, attributes: str | None) -> Extension:
        shown = dict(user)
        if attributes is not None and not self.ignores_attributes:
            names = attributes.lower().split(",")
            always = {"id"} if self.drops_schemas else {"id", "schemas"}
            shown = {
                name: value
                for name, value in user.items()
                if name in always
                or any(
                    each == name.lower() or each.startswith(f"{name}:".lower()) for each in names
                )
            }
            if self.drops_extension:
                shown.pop(URN, None)
        if self.without_ids:
            shown.pop("id", None)
        return shown

    def _filtered(self, text: str | None) -> list[Extension] | int:
        """Who is found by a filter, or the status of its refusal."""
        if text is None or self.ignores_filters:
            return self.people
        path = text.removesuffix(" pr")
        if self.refuses_filters is not None or path == text:
            return self.refuses_filters or 400
        if not path.lower().startswith(f"{URN}:".lower()):
            return [each for each in self.people if each.get(path)]
        path = path[len(URN) + 1 :]
        known = self.knows_names is None or path in self.knows_names
        habit = self.urn_filters if "." not in path else self.urn_filters and self.sub_filters
        if habit is not True or not known:
            return (habit or []) if habit is not True else 400
        if self.ignores_name:
            return [each for each in self.people if each.get(URN)]
        if self.ignores_part:
            path = path.partition(".")[0]
        names = path.split(".")
        found = ((each, _values(self._understood(each).get(URN), names)) for each in self.people)
        return [each for each, values in found for _ in (values if self.rows else values[:1])]

    def _understood(self, user: Extension) -> Extension:
        """A user as the filters of the service see it."""
        extension = user.get(URN)
        if not isinstance(extension, dict):
            return user
        kept = {
            name: value
            for name, value in extension.items()
            if not (self.falsy and value is False)
            and not (self.only_single and isinstance(value, list))
        }
        return {**user, URN: kept}
