"""Redaction: credentials taken out of text that came from outside, in whatever form it has them."""

import base64
import json
import re
import string
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from urllib.parse import quote, quote_plus, unquote

from reconciler.domain.foreign import Foreign
from reconciler.domain.jsontext import Json, texts_in
from reconciler.domain.secret import Secret

REDACTED = "…"
_LAYERS = 3  # of encodings, one around the other; of one alone there may be more
_ENOUGH_FOR_GAPS = 8  # characters; with blanks between them fewer are found in innocent text
_LONGEST_TEAR = 5  # characters: `u0041`
_WORD = re.compile(r"\w+")
_LONGEST_WORD = 64  # characters of a word of ours around a secret
_SHORTEST_CORE = 4  # characters of Base64, octets of hexadecimal; fewer say nothing


class Redaction:
    """The credentials of one tenant, and how they are taken out of what its services send.

    `secrets` are passwords, tokens and client secrets, `names` user names and client ids. A
    service may echo them as they are, percent-encoded in part or whole (RFC 3986 section 2.1),
    with JSON or HTML escapes, in Base64 (RFC 4648 sections 4 and 5) or in hexadecimal, alone or
    within a pair, and with blanks or line ends in between.
    """

    def __init__(self, secrets: Iterable[Secret] = (), names: Iterable[Secret] = ()) -> None:
        self._secrets = tuple(dict.fromkeys(s.reveal() for s in secrets if s.reveal()))
        self._names = tuple(dict.fromkeys(n.reveal() for n in names if n.reveal()))

    def __repr__(self) -> str:
        return "Redaction(…)"

    def __reduce__(self) -> tuple[type["Redaction"], tuple[()]]:
        """Raise TypeError where it knows a secret: none leaves its process."""
        if self._secrets or self._names:
            raise TypeError("what knows a secret is not pickled; send what may be shown")
        return Redaction, ()

    def message(self, text: str, *, own: str = "") -> str:
        """The text of an error, without secrets and without user names."""
        return _without(self.text(text, own=own), self._of_names, own)

    def text(self, text: str, *, own: str = "") -> str:
        """Any other text from outside, without secrets; a user name may be an ordinary word.

        What stands in `own`, a text of ours, reveals nothing new, and stays, by whole words; what
        is taken out leaves a mark that `own` does not have, so that the two are never the same.
        """
        return _without(text, self._of_secrets, own)

    def texts(self, texts: Iterable[str], *, own: str = "") -> tuple[str, ...]:
        """Several of them."""
        return tuple(self.text(text, own=own) for text in texts)

    def parts(self, parts: Iterable[str], *, own: str = "") -> tuple[str, ...]:
        """The parts of a message or of a path: what is Foreign without secrets, the rest as is."""
        # A password may be a word that we use: our own sentences are never looked through.
        return tuple(self.text(p, own=own) if isinstance(p, Foreign) else p for p in parts)

    def may_be_in(self, text: str) -> bool:
        """Test quickly whether a text may hold a secret; False is certain."""
        return self._of_secrets.may_be_in(text)

    def value(self, value: Json, *, own: str = "") -> Json:
        """JSON from outside, the texts and names of members in it without secrets."""
        # Together: of most documents that are shown, no text holds a sign of any secret.
        if not self.may_be_in("\0".join(texts_in(value))):
            return value
        return self._value(value, own)

    def _value(self, value: Json, own: str) -> Json:
        match value:
            case str():
                return self.text(value, own=own)
            case dict():
                return {
                    self.text(name, own=own): self._value(item, own) for name, item in value.items()
                }
            case list():
                return [self._value(item, own) for item in value]
            case int() | float() if not isinstance(value, bool):
                text = json.dumps(value)  # a password may be a number
                shown = self.text(text, own=own)
                return value if shown == text else shown
            case _:
                return value

    @cached_property
    def _of_secrets(self) -> "_Needles":
        written = dict.fromkeys(form for secret in self._secrets for form in _written(secret))
        return _Needles(
            self._secrets,
            frozenset(
                core for form in written for core in (*_base64_cores(form), *_hexadecimal(form))
            ),
        )

    @cached_property
    def _of_names(self) -> "_Needles":
        return _Needles(self._names, frozenset())


NO_REDACTION = Redaction()


class _Needles:
    """The forms of some credentials that are looked for, once a text is decoded."""

    def __init__(self, values: Iterable[str], cores: frozenset[str]) -> None:
        forms = {form for value in values for form in _layers_of(value)}
        forms |= {form.replace(" ", "+") for form in forms}
        self.cores = cores
        self.long = {_bare(f) for f in forms if len(f) >= _ENOUGH_FOR_GAPS} | cores
        self.short = {form for form in forms if len(form) < _ENOUGH_FOR_GAPS} - {""}

    def may_be_in(self, text: str) -> bool:
        """Test whether a text may hold one; most texts hold no sign of any."""
        if not self.long and not self.short:
            return False
        if "%" in text or "\\" in text or "&" in text:
            return True
        bare = _bare(text)
        return any(n in bare for n in self.long) or any(n in text for n in self.short)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Decoded:
    """A text with its escapes taken out, and where in the original each part of it stands.

    A piece begins at `starts[i]` here and at `begins[i]` there, where it ends at `ends[i]`; one
    that was not decoded is as long here as it is there.
    """

    text: str
    starts: list[int]
    begins: list[int]
    ends: list[int]

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The place in the original of what stands here from `start` to `end`."""
        first = bisect_right(self.starts, start) - 1
        last = bisect_right(self.starts, end - 1) - 1
        return self._at(first, start)[0], self._at(last, end - 1)[1]

    def _at(self, piece: int, position: int) -> tuple[int, int]:
        following = self.starts[piece + 1] if piece + 1 < len(self.starts) else len(self.text)
        begin, end = self.begins[piece], self.ends[piece]
        if end - begin == following - self.starts[piece]:
            begin += position - self.starts[piece]
            return begin, begin + 1
        return begin, end


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Own:
    """A text of ours, taken apart: a schema with thousands of texts is held beside one of them."""

    text: str
    lines: frozenset[str]
    words: frozenset[str]
    mark: str

    def has(self, part: str) -> bool:
        """Test for a part that begins and ends with whole words."""
        words = _WORD.findall(part)
        if not self.words.issuperset(words):
            return False
        return [part] == words or self._has_apart(part)

    def _has_apart(self, part: str) -> bool:
        """Test for a part with no letter, digit or underscore right before or behind it."""
        at = self.text.find(part)
        while at >= 0:
            end = at + len(part)
            if not _is_of_word(self.text[at - 1 : at]) and not _is_of_word(
                self.text[end : end + 1]
            ):
                return True
            at = self.text.find(part, at + 1)
        return False


@lru_cache(maxsize=8)
def _taken_apart(own: str) -> _Own:
    mark = REDACTED
    while mark in own:
        mark += REDACTED
    return _Own(own, frozenset(own.split("\0")), frozenset(_WORD.findall(own)), mark)


def _without(text: str, needles: _Needles, ours: str = "") -> str:
    """The text without all that the needles find, at each layer of its encodings."""
    if not needles.may_be_in(text):
        return text
    own = _taken_apart(ours)
    if text in own.lines:
        return text
    found: list[tuple[int, int]] = []
    layers: list[_Decoded] = []
    layer = text
    for _ in range(_LAYERS + 1):
        bare = _replaced(layer, _BLANK, lambda _: "")
        for haystack, wanted, ways in (
            (layer, needles.short, layers),
            (bare.text, needles.long, [*layers, bare]),
        ):
            for needle in wanted:
                places = [_origin(place, ways) for place in _places(haystack, needle)]
                if needle in needles.cores:
                    places = [_whole(text, place) for place in places]
                elif layers:
                    places += _torn(text, haystack, needle, ways)
                found += (place for place in places if not _stands_in(own, text, place))
        layers.append(_replaced(layer, _ESCAPE, _decoded))
        if layers[-1].text == layer:
            break
        layer = layers[-1].text
    return "".join(_kept(text, sorted(found), own.mark))


def _stands_in(own: _Own, text: str, place: tuple[int, int]) -> bool:
    """Test for a part of a text in our own, with the rest of the words that it begins and ends."""
    if not own.text:
        return False
    begin, end = place
    # A secret may be a part of one of our words, as `age` is of `page`.
    while begin > 0 and _is_of_word(text[begin - 1]) and place[0] - begin < _LONGEST_WORD:
        begin -= 1
    while end < len(text) and _is_of_word(text[end]) and end - place[1] < _LONGEST_WORD:
        end += 1
    return own.has(text[begin:end])


def _is_of_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _origin(place: tuple[int, int], ways: Sequence[_Decoded]) -> tuple[int, int]:
    for way in reversed(ways):
        place = way.origin(*place)
    return place


def _torn(
    text: str, haystack: str, needle: str, ways: Sequence[_Decoded]
) -> Iterator[tuple[int, int]]:
    """The places of a needle an end of which was taken for part of an escape: `%` before `41…`."""
    most = min(_LONGEST_TEAR, (len(needle) - 1) // 2)
    for head, tail in product(range(most + 1), repeat=2):
        before, middle, after = needle[:head], needle[head : len(needle) - tail], needle[-tail:]
        after = after if tail else ""
        for place in _places(haystack, middle) if head or tail else ():
            begin, end = _origin(place, ways)
            start = begin - head
            if start >= 0 and text.startswith(before, start) and text.startswith(after, end):
                yield start, end + tail


def _replaced(
    text: str, pattern: re.Pattern[str], replacement: Callable[[re.Match[str]], str]
) -> _Decoded:
    parts: list[str] = []
    starts, begins, ends = [], [], []
    length = position = 0
    for match in pattern.finditer(text):
        for part, begin, end in (
            (text[position : match.start()], position, match.start()),
            (replacement(match), match.start(), match.end()),
        ):
            if part:
                parts.append(part)
                starts.append(length)
                begins.append(begin)
                ends.append(end)
                length += len(part)
        position = match.end()
    if position < len(text):
        parts.append(text[position:])
        starts.append(length)
        begins.append(position)
        ends.append(len(text))
    return _Decoded("".join(parts), starts, begins, ends)


def _places(text: str, needle: str) -> Iterator[tuple[int, int]]:
    at = text.find(needle)
    while at >= 0:
        yield at, at + len(needle)
        at = text.find(needle, at + len(needle))


def _whole(text: str, place: tuple[int, int]) -> tuple[int, int]:
    """The place of the whole Base64 text, for the rest of it holds bits of the secret too."""
    begin, end = place
    while begin > 0 and text[begin - 1] in _OF_BASE64:
        begin -= 1
    while end < len(text) and text[end] in _OF_BASE64:
        end += 1
    return begin, end


def _kept(text: str, found: Iterable[tuple[int, int]], mark: str) -> Iterator[str]:
    position = 0
    for begin, end in found:
        if begin >= position:
            yield text[position:begin]
            yield mark
        position = max(position, end)
    yield text[position:]


def _bare(text: str) -> str:
    return "".join(text.split())


def _layers_of(value: str) -> Iterator[str]:
    """The value, and what it decodes to where it looks as if it were encoded."""
    for _ in range(_LAYERS + 1):
        yield value
        value = _ESCAPE.sub(_decoded, value)


_BLANK = re.compile(r"\s+")
_HEX = "[0-9A-Fa-f]"
# `%25` is an encoded per cent sign: encoded twice, as by a proxy. Each repetition has a bound, for
# a body may be megabytes of blanks or backslashes.
_PERCENT = "%(?:25){0,4}"
_MORE = f"{_PERCENT}[89abAB]{_HEX}"
_OCTETS = (
    f"{_PERCENT}(?:[0-7]{_HEX}|[cdCD]{_HEX}{_MORE}|[eE]{_HEX}{_MORE}{_MORE}"
    f"|[fF][0-7]{_MORE}{_MORE}{_MORE})"
)
_SLASHES = r"\\{1,8}"
_PAIR = f"{_SLASHES}u[dD][89abAB]{_HEX}{{2}}{_SLASHES}u[dD][c-fC-F]{_HEX}{{2}}"
_ESCAPE = re.compile(
    f"(?P<octets>{_OCTETS})|(?P<pair>{_PAIR})"
    rf"|{_SLASHES}(?:u(?P<code>\{{0*{_HEX}{{1,6}}\}}|{_HEX}{{4}})"
    rf"|x(?P<octet>{_HEX}{{2}})|(?P<short>[bfnrt\"/])|)"
    rf"|&#0*(?P<number>[0-9]{{1,7}});|&#[xX]0*(?P<hex>{_HEX}{{1,6}});"
    r"|&(?P<name>amp|lt|gt|quot|apos);"
)
_LAST = 0x10FFFF  # code point of Unicode
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_SHORT = dict(zip("bfnrt", "\b\f\n\r\t", strict=True))  # RFC 8259 section 7


def _decoded(escape: re.Match[str]) -> str:
    """What an escape stands for; backslashes before anything else stand for nothing."""
    match escape.lastgroup:
        case "octets":
            return unquote(re.sub("%(?:25)*(?=[^%]{2}(?:%|$))", "%", escape[0]), errors="replace")
        case "pair":
            high, low = re.findall(f"u({_HEX}{{4}})", escape[0])
            return bytes.fromhex(high + low).decode("utf-16-be")
        case ("code" | "octet" | "hex" | "number") as group:
            code = int(escape[group].strip("{}"), 10 if group == "number" else 16)
            return chr(code) if code <= _LAST else ""
        case "short":
            return _SHORT.get(escape["short"], escape["short"])
        case "name":
            return _NAMED[escape["name"]]
        case _:
            return ""


def _written(value: str) -> Iterator[bytes]:
    """A value as it is written in a form or in JSON, each of which may be encoded as a whole."""
    octets = value.encode(errors="surrogatepass")
    yield octets
    yield quote(octets, safe="").encode()
    yield quote_plus(octets).encode()
    yield json.dumps(value)[1:-1].encode()


def _base64_cores(octets: bytes) -> Iterator[str]:
    """The part of their Base64 that no octet before or after them changes."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + octets).decode()
        # The first characters hold bits of what is before, the last ones bits of what is after.
        first = -(-before * 8 // 6)
        last = (before + len(octets)) * 8 // 6
        core = encoded[first:last]
        if len(core) >= _SHORTEST_CORE:
            yield core
            yield core.translate(_URL_SAFE)


def _hexadecimal(octets: bytes) -> Iterator[str]:
    """Their hexadecimal in either case."""
    if len(octets) >= _SHORTEST_CORE:
        yield octets.hex()
        yield octets.hex().upper()


_OF_BASE64 = f"{string.ascii_letters}{string.digits}+/-_=%"
_URL_SAFE = str.maketrans("+/", "-_")
