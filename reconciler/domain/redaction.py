"""Redaction: credentials taken out of text that came from outside, in whatever form it has them."""

import base64
import re
import string
from collections.abc import Iterable, Iterator
from functools import cached_property

from reconciler.domain.jsontext import Json
from reconciler.domain.secret import Secret

REDACTED = "…"
# Between characters: a folded header, a pretty-printed body. Each repetition here and below has a
# bound, for a body may be megabytes of blanks or backslashes.
_GAP = r"(?:\s|\\[rnt]?){0,16}"
_SLASHES = r"\\{1,8}"
_ENOUGH_FOR_GAPS = 8  # characters; with blanks between them fewer are found in innocent text
_SHORTEST_CORE = 4  # characters of Base64; fewer say nothing


class Redaction:
    """The credentials of one tenant, and how they are taken out of what its services send.

    `secrets` are passwords, tokens and client secrets, `names` user names and client ids. A
    service may echo them as they are, percent-encoded in part or whole (RFC 3986 section 2.1),
    with JSON or HTML escapes, in Base64 (RFC 4648 sections 4 and 5), alone or within a pair, and
    with blanks or line ends in between.
    """

    def __init__(self, secrets: Iterable[Secret] = (), names: Iterable[Secret] = ()) -> None:
        self._secrets = tuple(dict.fromkeys(s.reveal() for s in secrets if s.reveal()))
        self._names = tuple(dict.fromkeys(n.reveal() for n in names if n.reveal()))

    def __repr__(self) -> str:
        return "Redaction(…)"

    def message(self, text: str) -> str:
        """The text of an error, without secrets and without user names."""
        if not text:  # as after nearly every write; the patterns take 20 ms to compile, a tenant
            return text
        text = self.text(text)
        return self._of_names.sub(REDACTED, text) if self._of_names else text

    def text(self, text: str) -> str:
        """Any other text from outside, without secrets; a user name may be an ordinary word."""
        if self._of_secrets is None:
            return text
        text = self._of_secrets.sub(REDACTED, text)
        return text if self._of_base64 is None else _without(text, self._of_base64)

    def value(self, value: Json) -> Json:
        """JSON from outside, the texts and names of members in it without secrets."""
        match value:
            case str():
                return self.text(value)
            case dict():
                return {self.text(name): self.value(item) for name, item in value.items()}
            case list():
                return [self.value(item) for item in value]
            case _:
                return value

    def concerns(self, body: bytes) -> bool:
        """Test whether a body may hold a secret; False says that it does not.

        Whole pages go through here, so that only an encoded one is looked at character by
        character.
        """
        if any(form in body for form in self._plain_forms):
            return True
        if not any(sign in body for sign in (b"%", b"\\", b"&", b"\n", b"  ")):
            return False
        text = body.decode(errors="replace")
        return any(p is not None and p.search(text) for p in (self._of_secrets, self._of_base64))

    @cached_property
    def _plain_forms(self) -> tuple[bytes, ...]:
        forms = (form for secret in self._secrets for form in (secret, *_base64_cores(secret)))
        return tuple(form.encode(errors="surrogatepass") for form in forms)

    @cached_property
    def _of_secrets(self) -> re.Pattern[str] | None:
        return _pattern(self._secrets)

    @cached_property
    def _of_base64(self) -> re.Pattern[str] | None:
        return _pattern(core for secret in self._secrets for core in _base64_cores(secret))

    @cached_property
    def _of_names(self) -> re.Pattern[str] | None:
        return _pattern(self._names)


def _pattern(values: Iterable[str]) -> re.Pattern[str] | None:
    """One pattern for all forms of all values, the longest first."""
    forms = [_spelled(value) for value in sorted(values, key=len, reverse=True)]
    return re.compile("|".join(forms)) if forms else None


def _without(text: str, core: re.Pattern[str]) -> str:
    """The text without each Base64 text of which a part is found, for its rest holds bits too."""
    kept, end = [], 0
    for found in core.finditer(text):
        if found.start() < end:
            continue
        kept += [text[end : found.start()].rstrip(_OF_BASE64), REDACTED]
        end = found.end()
        while end < len(text) and text[end] in _OF_BASE64:
            end += 1
    return "".join((*kept, text[end:]))


def _spelled(value: str) -> str:
    """A pattern for a value, of which each character may be encoded on its own."""
    gap = _GAP if len(value) >= _ENOUGH_FOR_GAPS else ""
    return gap.join(f"(?:{'|'.join(_encodings(character))})" for character in value)


def _encodings(character: str) -> Iterator[str]:
    yield re.escape(character)
    code = ord(character)
    octets = character.encode(errors="surrogatepass")
    # `%25` is an encoded per cent sign: encoded twice, as by a proxy.
    yield "".join(rf"%(?:25){{0,4}}{_hex(octet, 2)}" for octet in octets)
    if character == " ":
        yield r"\+"
    units = character.encode("utf-16-be", errors="surrogatepass")
    pairs = zip(units[::2], units[1::2], strict=True)
    yield "".join(rf"{_SLASHES}u{_hex(high * 256 + low, 4)}" for high, low in pairs)
    if code < 256:
        yield rf"{_SLASHES}x{_hex(code, 2)}"
    yield rf"&#0*{code};"
    yield rf"&#[xX]0*{_hex(code, 1)};"
    if character in _NAMED:
        yield re.escape(_NAMED[character])
    if (escape := _ESCAPES.get(character)) is not None:
        yield rf"{_SLASHES}{re.escape(escape)}"


# The short escapes of RFC 8259 section 7.
_ESCAPES = {'"': '"', "\\": "\\", "/": "/"} | dict(zip("\b\f\n\r\t", "bfnrt", strict=True))
_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"}


def _hex(number: int, digits: int) -> str:
    return "".join(
        f"[{digit.lower()}{digit.upper()}]" if digit.isalpha() else digit
        for digit in f"{number:0{digits}x}"
    )


def _base64_cores(value: str) -> Iterator[str]:
    """The part of a value's Base64 that no octet before or after it changes."""
    octets = value.encode(errors="surrogatepass")
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + octets).decode()
        # The first characters hold bits of what is before, the last ones bits of what is after.
        first = -(-before * 8 // 6)
        last = (before + len(octets)) * 8 // 6
        core = encoded[first:last]
        if len(core) >= _SHORTEST_CORE:
            yield core
            if (safe := core.translate(_URL_SAFE)) != core:
                yield safe


_OF_BASE64 = f"{string.ascii_letters}{string.digits}+/-_=%"
_URL_SAFE = str.maketrans("+/", "-_")
