"""The pages and forms in which a service lists its schemas, as its dialect says."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping

from reconciler.domain.dialect import Dialect, ListShape, Paging
from reconciler.domain.jsontext import Json
from reconciler.domain.scim import fold, id_of
from reconciler.embedded.wire import LIST_URN, Refused, whole_number

Documents = list[dict[str, Json]]


def listing(core: Documents, custom: Documents, query: Mapping[str, str], dialect: Dialect) -> Json:
    """The answer to a GET of all schemas, the RFC's own before the others.

    Raises Refused with 400 for a page that cannot be.
    """
    if dialect.list_shape is ListShape.SINGLE:
        return (custom or core)[0]
    everything = core + custom
    page, members = _page(everything, query, dialect)
    match dialect.list_shape:
        case ListShape.ARRAY:
            return [*page]
        case ListShape.MAP:
            return {id_of(document): document for document in page}
        case _:
            counts = {"totalResults": len(everything), "itemsPerPage": len(page)}
            return {"schemas": [LIST_URN], **counts, **members, "Resources": page}


def _page(
    everything: Documents, query: Mapping[str, str], dialect: Dialect
) -> tuple[Documents, dict[str, Json]]:
    """The documents of one page, and what a ListResponse says of its place."""
    most = dialect.page_size
    match dialect.paging:
        case Paging.NONE:
            return everything, {"startIndex": 1}
        case Paging.INDEX:
            count = _count(query, most)
            start = max(1, whole_number(query, "startIndex") or 1)
            return everything[start - 1 : start - 1 + count], {"startIndex": start}
        case Paging.CURSOR:
            count = _count(query, most)
            start = _after(everything, query.get("cursor", ""))
            page = everything[start : start + count]
            more = page and start + count < len(everything)
            return page, {"nextCursor": _cursor(page[-1])} if more else {}


def _count(query: Mapping[str, str], most: int) -> int:
    count = whole_number(query, "count")
    return most if count is None else min(most, max(0, count))


def _cursor(last: dict[str, Json]) -> str:
    """The cursor of the page behind a document, RFC 9865 section 2."""
    return urlsafe_b64encode(fold(id_of(last)).encode()).decode()


def _after(everything: Documents, cursor: str) -> int:
    """The place of the first document of a page; an empty cursor stands for the first page."""
    if not cursor:
        return 0
    try:
        key = urlsafe_b64decode(cursor).decode()
    except ValueError:
        key = ""
    places = [number for number, each in enumerate(everything) if fold(id_of(each)) == key]
    if not places:
        raise Refused(400, "cursor: this is none of ours", scim_type="invalidCursor")
    return places[0] + 1
