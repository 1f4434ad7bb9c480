"""Broken manifests: examples cut, doubled, swapped and salted, from one seeded Random."""

from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

EXAMPLES = Path(__file__).parents[1] / "examples"
SEEDS = tuple(
    path.read_bytes()
    for path in sorted(EXAMPLES.rglob("*"))
    if path.suffix in (".yaml", ".json") and not path.is_symlink()
)
SALT: tuple[bytes, ...] = (
    b"&a ", b"*a", b"<<: ", b"!!binary ", b"!x ", b"? ", b"- ", b": ", b"{", b"}", b"[", b"]", b"'",
    b'"', b"|\n", b">-\n", b"---\n", b"...\n", b"%YAML 1.2\n", b"#", b"\t", b"\r", b"\n\n", b"\0",
    b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", "\u202e".encode(), "\u2028".encode(), b"\\ud800",
    b"null", b"~", b"no", b"010", b"1_0", b".nan", b"-0", b"1e999", b"9" * 5000, b"12:30", b"true",
    b"2024-01-01", b"[" * 70, b"{a: " * 70, b"# reconciler: ignore ", b"SCIM-A12 -- x\n", b"spec:",
    b"schema:", b"attributes:", b"subAttributes: [", b"name: ", b"type: complex", b"kind: Tenant",
    b"retired: [{name: a.b, type: integer}]", b"tenants: {names: ['[']}", b"  ",
    b"\xf0\x9f\x98\x80", b"capabilities: {}", b"id: urn:x:", b"a" * 300,
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 10**30, "", "a", "urn:example:x", [], {}, [None], [[]],
    "https://x.example/v2", "embedded://a\n", "http://localhost\n", {"": 0}, {"env": "A"},
)  # fmt: skip


def broken(random: Random) -> bytes:
    """An example with one to four things done to its bytes."""
    data = random.choice(SEEDS)
    for _ in range(random.randint(1, 4)):
        at, end = sorted((random.randint(0, len(data)), random.randint(0, len(data))))
        end = min(end, at + random.choice((1, 8, 80, 800)))
        part = random.choice((b"", random.choice(SALT), data[at:end] * 2, random.randbytes(2)))
        if random.random() < 0.5:  # instead of what stands there, or before it
            end = at
        data = data[:at] + part + data[end:]
    return data


def changed(document: Any, random: Random) -> Any:
    """The JSON value with one to three of its values replaced, left out or given a strange key."""
    holder = {"": deepcopy(document)}
    for _ in range(random.randint(1, 3)):
        container, key = random.choice(list(_places(holder)))
        match random.randrange(4):
            case 0 if container is not holder:
                del container[key]
            case 1 if isinstance(container, dict) and container is not holder:
                container[random.choice(("x", "names", "spec", "secret"))] = container[key]
            case 2:
                container[key] = deepcopy(random.choice(list(_places(holder)))[0])
            case _:
                container[key] = deepcopy(random.choice(VALUES))
    return holder[""]


def _places(value: Any) -> Any:
    """Each container with each of its keys or indices."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])
