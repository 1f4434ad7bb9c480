"""The forms in which a credential travels or is echoed, and where one may have been written."""

import base64
import json
import string
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from random import Random
from urllib.parse import quote, quote_plus


def forms(secret: str) -> Iterator[str]:
    """The forms in which a secret travels, or comes back."""
    octets = secret.encode()
    yield secret
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield "".join(f"%{octet:02x}" for octet in octets)
    yield quote(secret[0].encode()) + secret[1:]
    yield "".join(f"%{octet:02X}" for octet in secret[0].encode()) + secret[1:]
    yield json.dumps(secret)[1:-1]
    yield "".join(f"\\u{unit.hex()}" for unit in units(secret))
    for before in range(3):
        # Without the characters that hold bits of what stands around it
        whole = base64.b64encode(bytes(before) + octets).decode()
        yield whole[-(-before * 8 // 6) : (before + len(octets)) * 8 // 6]
    yield base64.urlsafe_b64encode(octets).decode().rstrip("=")
    yield octets.hex()
    yield octets.hex().upper()


def units(text: str) -> Iterator[bytes]:
    """The UTF-16 code units, of which JSON escapes each."""
    encoded = text.encode("utf-16-be")
    return (encoded[at : at + 2] for at in range(0, len(encoded), 2))


def drawn(random: Random) -> str:
    letters = random.choice(
        (
            string.ascii_letters + string.digits,
            string.ascii_letters + "%+/\"'\\<>&= ",
            string.ascii_letters + "äß€😀ñ",
            string.digits + "%",
        )
    )
    return "".join(random.choices(letters, k=random.choice((6, 9, 16, 40)))) + "Zq9"


def files(folder: Path) -> Mapping[str, str]:
    """All that was written, but what this test wrote itself."""
    return {
        str(path): path.read_bytes().decode("utf-8", "replace")
        for path in folder.rglob("*")
        if path.is_file() and "desired-state" not in path.parts
    }


def shown_in(texts: Mapping[str, str], secrets: Iterable[str]) -> list[tuple[str, str]]:
    """Where a form of a secret is shown, and which; a form of a few characters is in any text."""
    hidden = {form for secret in secrets for form in forms(secret) if len(form) > _TOO_SHORT}
    return [(where, form) for where, text in texts.items() for form in hidden if form in text]


_TOO_SHORT = 5
