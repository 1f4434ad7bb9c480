"""Content codings: bodies that came compressed, though that was not requested, made plain again."""

import zlib
from collections.abc import Mapping

# The content codings of IANA's registry that change the bytes, RFC 9110 section 8.4.1
_COMPRESSIONS = frozenset((
    "aes128gcm", "br", "compress", "dcb", "dcz", "deflate", "exi", "gzip", "pack200-gzip",
    "x-compress", "x-gzip", "zstd",
))  # fmt: skip
_GZIP = 31  # to zlib: with the header and the trailer of RFC 1952
_ZLIB = 15  # those of RFC 1950
_BARE = -15  # none, as some servers send for `deflate`
_MOST_CODINGS = 3
_MOST_PARTS = 100  # of one gzip, RFC 1952 section 2.2


class Undecodable(Exception):
    """A body that cannot be made plain; the message says why."""


class PlainTooLong(Exception):
    """A body that is longer than allowed once it is plain."""


def codings_of(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The codings of a body that change its bytes, in the order in which they were applied.

    Those of its transfer come last, RFC 9112 section 6.1. Servers write a charset there, or `none`:
    what is no coding changes nothing.
    """
    fields = (headers.get(name, "") for name in ("content-encoding", "transfer-encoding"))
    listed = ",".join(fields).lower().split(",")
    return tuple(coding for coding in map(str.strip, listed) if coding in _COMPRESSIONS)


def plain(body: bytes, codings: tuple[str, ...], most: int) -> bytes:
    """The body without its codings. Raises Undecodable, and PlainTooLong beyond `most` bytes."""
    shown = ", ".join(codings)
    if len(codings) > _MOST_CODINGS:
        raise Undecodable(f"the body came compressed more than {_MOST_CODINGS} times")
    for coding in reversed(codings):
        try:
            match coding:
                case "gzip" | "x-gzip":
                    body = _inflated(body, _GZIP, most)
                case "deflate":
                    body = _inflated(body, _ZLIB if _has_zlib_header(body) else _BARE, most)
                case _:
                    raise Undecodable(
                        f"the body came compressed ({shown}), which was not asked for"
                    )
        except zlib.error as error:
            raise Undecodable(f"the body is not whole, or not {coding} as it says") from error
    return body


def _inflated(body: bytes, form: int, most: int) -> bytes:
    found = bytearray()
    for _ in range(_MOST_PARTS):
        if not body:
            return bytes(found)
        part = zlib.decompressobj(form)
        found += part.decompress(body, most + 1 - len(found))
        if len(found) > most:
            raise PlainTooLong
        if not part.eof:
            raise zlib.error("cut")
        body = part.unused_data.lstrip(b"\0") if form == _GZIP else b""
    raise Undecodable(f"the body came in more than {_MOST_PARTS} compressed parts")


def _has_zlib_header(body: bytes) -> bool:
    """Test for the two octets of RFC 1950 section 2.2."""
    return len(body) > 1 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
