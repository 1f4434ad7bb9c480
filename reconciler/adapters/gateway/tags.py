"""Entity tags for If-Match: where a service gives them, and how it spells them."""

import re
from collections.abc import Mapping
from typing import assert_never

from reconciler.domain.dialect import EtagMode
from reconciler.domain.jsontext import Json

_ENTITY_TAG = re.compile(r'(?:[Ww]/)?"[\x21\x23-\x7e]*"')
_BARE_TAG = re.compile(r"(?!\*)[\x21\x23-\x2b\x2d-\x7e]+")


def entity_tag(mode: EtagMode, header: str | None, resource: Json) -> str | None:
    """The tag of a resource as it came with that header, if any."""
    match mode:
        case EtagMode.NONE:
            return None
        case EtagMode.VERSION:
            return _version_tag(resource)
        case EtagMode.HEADER:
            return _header_tag(header or "") or _version_tag(resource)
        case _:
            assert_never(mode)


def _version_tag(resource: Json) -> str | None:
    """The entity tag in `meta.version`, RFC 7644 section 3.14; some services leave off quotes."""
    meta = resource.get("meta") if isinstance(resource, Mapping) else None
    version = meta.get("version") if isinstance(meta, Mapping) else None
    if not isinstance(version, str):
        return None
    return _known(version) or _known(f'"{version}"')


def _header_tag(tag: str) -> str | None:
    """The tag of a header, which is known again in its own spelling where that is no tag.

    Some services leave off the quotes of RFC 9110 section 8.8.3.
    """
    return tag if _BARE_TAG.fullmatch(tag) else _known(tag)


def _known(tag: str) -> str | None:
    """The tag as the service knows it: a compressing proxy adds `-gzip`; W/ stays as given."""
    stripped = re.sub(r'--?gzip"$', '"', tag)
    return stripped if _ENTITY_TAG.fullmatch(stripped) else None
