"""A trial of a service's `pr` filters: counts are compared, and users are never kept."""

from collections.abc import Callable, Iterable, Mapping

from reconciler.domain.doctor import Finding, Grade
from reconciler.domain.http_reply import Answer, Reply
from reconciler.domain.jsontext import Json, NotJson, parse
from reconciler.domain.scim import Schema, fold

Users = Callable[[Mapping[str, str | int]], Reply]
"""GET /Users with a query."""

_NONSENSE = "reconcilerKnowsNoSuchAttribute"
_PAGE = 100


def judge_filters(users: Users, deployed: Schema | None) -> Finding:
    """Compare counts: a filter that is ignored counts everybody, one that is not understood nobody.

    `deployed` is an extension that users may carry, whose URN-qualified filter (RFC 7644 section
    3.10) is held against the users of one page that do.
    """
    everybody = _total(users({"count": 1, "attributes": "id"}))
    if everybody is None:
        return _unknown("users cannot be counted")
    if everybody == 0:
        return _unknown("there are no users to count")
    if everybody == 1 and _total(users({"count": 2, "attributes": "id"})) != 1:
        return _doubt("totalResults counts the users of a page, not all")
    named = _total(users({"filter": "userName pr", "count": 1, "attributes": "id"}))
    if named != everybody:
        counted = "nothing that can be counted" if named is None else f"{named}"
        return _doubt(f"`userName pr` finds {counted} of {everybody} users, and all have one")
    nonsense = _total(users({"filter": f"{_NONSENSE} pr", "count": 1, "attributes": "id"}))
    if nonsense:
        return _doubt(f"`pr` of an attribute that does not exist finds {nonsense} users")
    untried = _believed("no extension to try is live")
    return _of_extension(users, deployed, everybody) if deployed else untried


def _of_extension(users: Users, deployed: Schema, everybody: int) -> Finding:
    listed = _document(users({"count": _PAGE, "attributes": f"id,{deployed.id}"})).get("Resources")
    page: list[Json] = listed if isinstance(listed, list) else []
    seen = _holders(page, deployed)
    if not seen:
        return _believed(f"nobody on the first page carries {deployed.id}, so that is untried")
    attribute, holders = max(seen.items(), key=lambda item: (item[1], item[0]))
    query = f"{deployed.id}:{attribute} pr"
    counted = _total(users({"filter": query, "count": 1, "attributes": "id"}))
    if counted is None or counted < holders:
        found = "is refused" if counted is None else f"finds {counted}"
        return _doubt(f"`{query}` {found}, and {holders} users of one page hold a value")
    if counted > everybody - (len(page) - holders):
        found = f"finds {counted} of {everybody} users"
        return _doubt(f"`{query}` {found}, and {len(page) - holders} of one page hold no value")
    return _believed(f"`{query}` finds no fewer than hold one, and no more than may")


def _holders(page: Iterable[Json], deployed: Schema) -> dict[str, int]:
    """The number of users of a page that hold each attribute; no value is kept."""
    seen: dict[str, int] = {}
    for user in page:
        if not isinstance(user, dict):
            continue
        carried = next((v for m, v in user.items() if fold(m) == deployed.key), None)
        for name in carried if isinstance(carried, dict) else ():
            if (known := deployed.attribute(name)) is not None:
                seen[known.name] = seen.get(known.name, 0) + 1
    return seen


def _total(reply: Reply) -> int | None:
    document = _document(reply)
    total = document.get("totalResults")
    return total if isinstance(total, int) and not isinstance(total, bool) else None


def _document(reply: Reply) -> dict[str, Json]:
    if not isinstance(reply, Answer) or not reply.has_content:
        return {}
    try:
        document = parse(reply.body)
    except NotJson:
        return {}
    return document if isinstance(document, dict) else {}


def _believed(message: str) -> Finding:
    return Finding("filter", Grade.OK, f"`pr` filters can be believed; {message}")


def _doubt(message: str) -> Finding:
    return Finding("filter", Grade.WARNING, f"`pr` filters cannot be believed: {message}")


def _unknown(message: str) -> Finding:
    return Finding("filter", Grade.UNKNOWN, f"`pr` filters were not tried: {message}")
