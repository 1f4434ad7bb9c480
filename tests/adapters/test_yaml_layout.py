"""The canonical layout: values mean the same, every comment is there, and once is enough."""

import random
import re
from collections import Counter

import pytest

from reconciler.adapters.yaml_layout import layout_of
from reconciler.adapters.yaml_reader import read
from reconciler.adapters.yaml_writer import yaml_text
from tests.support.arena import seeded
from tests.support.program import ROOT

UNTIDY = """\
# yaml-language-server: $schema=x.json
# what it is

kind:   Tenant   # the kind
apiVersion: reconciler/v1
spec:
    # about the dialect
    dialect: genesys


    auth: # how
        type: bearer
        token: {env:  TOKEN,}
        # no more keys
    limits:
    # of extensions
        extensions: 10     # ten

    webhooks:
    - url: 'https://hr.example.com'   # HR
      # its secret
      secret:
          env: "SECRET"
    -   # another
        url: https://b.example.com
metadata: {labels: {env: 'prod'}, name: acme}
# the end
"""
TIDY = """\
# yaml-language-server: $schema=x.json
# what it is

apiVersion: reconciler/v1
kind: Tenant  # the kind
metadata: {name: acme, labels: {env: 'prod'}}
spec:
  # about the dialect
  dialect: genesys

  auth:  # how
    type: bearer
    token: {env: TOKEN}
    # no more keys
  limits:
    # of extensions
    extensions: 10  # ten

  webhooks:
    - url: 'https://hr.example.com'  # HR
      # its secret
      secret:
        env: "SECRET"
    # another
    - url: https://b.example.com
# the end
"""
PASTED = """\
kind: SchemaExtension
spec:
  schema: {
    "id": "urn:example:x",  # from the vendor
    "name": "on", "description": "It's \\ud83d\\ude00; x",
    "attributes": [
      {"name": "a", "type": "string", "x": 1.10},
      {
        # the second
        "name": "b" }
    ]
  }  # all of it
"""
OPENED = """\
kind: SchemaExtension
spec:
  schema:              # all of it
    id: urn:example:x  # from the vendor
    name: "on"
    description: "It's 😀; x"
    attributes:
      - {name: a, type: string, x: 1.1}
      # the second
      - name: b
"""
KEPT = {
    "texts in blocks": "a: |\n  one\n    two\n\nb: >-\n  one\n  two\n\n  three\nc: |+\n  x\n\n",
    "texts that go on": 'a: one\n  two\nb:\n  - "one\n    two"\n',
    "quotes": "a: 'it''s'\nb: \"\\u00e9 \\t\"\n'c': \"no\"\n",
    "a long line": f"a: [{', '.join(['word'] * 60)}]\nb: {'word ' * 60}x\n",
    "nothing and null": "a:\nb: null\nc: ~\nd: []\ne: {}\nf: ''\n",
    "documents": "# of all\n---\na: 1\n# below\n---\n# above\nb: 2\n",
    "one blank line": "a: 1\n\n# b\n\nb:\n  c: 1\n\n  # d\n\n  d: 1\n",
    "comments in a column": "a: 1       # one\nlong: two  # two\nb:         # three\n  c: 1\n",
    "comments with the signs of YAML": "# - {a: [x]}: &y *z\na: 1  # '\"\n",
    "members in a list on one line": "a: [{env: A}, {env: B}]\nb: [{c: []}]\n",
    "lists in lists": "- - a\n  - b:\n      - - c\n        - |\n          d\n- e: 1\n",
    "nothing but comments": "# a\n\n# b\n",
    "a key that is long": f'? {"k" * 200}\n: "a\n  b"\n',
    "nothing": "",
}


class Untidy:
    """Texts as nobody should write them, with comments wherever there may be one."""

    def __init__(self, chance: random.Random) -> None:
        self.chance, self.comments, self.keys = chance, 0, 0

    def text(self) -> str:
        """A file of some documents."""
        first = self.lines(0) + ("---" + self.end() if self.maybe(0.3) else "")
        more = self.chance.randrange(3)
        between = (["---", "...\n---"][self.maybe(0.3)] + self.end() for _ in range(more))
        return first + self.mapping(3, 0) + "".join(line + self.mapping(3, 0) for line in between)

    def maybe(self, odds: float) -> bool:
        return self.chance.random() < odds

    def comment(self) -> str:
        self.comments += 1
        return f"# c{self.comments}" + self.chance.choice(["", " - x: [1", ' "', "\t'"])

    def lines(self, indent: int) -> str:
        """Comments and blank lines before an entry."""
        text = ""
        while self.maybe(0.3):
            column = max(0, indent + self.chance.choice([0, 0, 0, -2, -4, 2, 1]))
            text += " " * column + (self.comment() if self.maybe(0.7) else "") + "\n"
        return text

    def end(self) -> str:
        """The end of a line."""
        return (
            self.chance.choice([" ", "   ", "\t"]) + self.comment() if self.maybe(0.2) else ""
        ) + "\n"

    def key(self) -> str:
        self.keys += 1
        known = ["kind", "metadata", "apiVersion", "name"]
        return self.chance.choice(
            ["k{}", "k{}", '"k{}"', "'k {}'", f"{self.chance.choice(known)}{{}}"]
        ).format(self.keys)

    def mapping(self, depth: int, indent: int) -> str:
        entries = range(self.chance.randrange(1, 4))
        return "".join(
            f"{self.lines(indent)}{' ' * indent}{self.key()}:{self.value(depth, indent, 0)}"
            for _ in entries
        )

    def sequence(self, depth: int, indent: int) -> str:
        return "".join(
            f"{self.lines(indent)}{' ' * indent}-{self.value(depth, indent, 1)}"
            for _ in range(self.chance.randrange(1, 4))
        )

    def value(self, depth: int, indent: int, least: int) -> str:
        """What stands behind a colon or a hyphen; a collection is so much further to the right."""
        kind = self.chance.randrange(9 if depth else 7)
        deeper = indent + self.chance.choice([1, 2, 4])
        match kind:
            case 0:
                text = self.end()
            case 1:
                mark = self.chance.choice(["|", ">"]) + self.chance.choice(["", "-", "+"])
                body = [f"{' ' * deeper}{word}\n" for word in ("# no", "  more", "x")]
                blank = "\n" if self.maybe(0.3) else ""
                text = f" {mark}{self.end()}{body[2]}{blank}{''.join(body)}{blank}"
            case 2:
                text = f" one\n{' ' * (indent + 2)}two{self.end()}"
            case 3:
                text = f' "one\n\n{" " * (indent + 3)}two \\\n\t\\  x"{self.end()}'
            case 4:
                text = self.end() + self.lines(deeper) + " " * deeper + self.scalar() + self.end()
            case 5 | 6:
                text = f" {self.flow(2, is_open=kind == 5)}{self.end()}"
            case 7:
                text = self.end() + self.mapping(depth - 1, deeper)
            case _:
                column = indent + self.chance.choice([least, 2, 3])
                text = self.end() + self.sequence(depth - 1, column)
        return text

    def scalar(self) -> str:
        return self.chance.choice(
            [
                "a b",
                "-1",
                "1.5",
                "true",
                "~",
                "u:a",
                "it's",
                '"\\u00e9 #"',
                "'#'",
                '"\\ud83d\\ude00"',
            ]
        )

    def flow(self, depth: int, *, is_open: bool) -> str:
        def gap() -> str:
            if not (is_open and self.maybe(0.5)):
                return self.chance.choice(["", " "])
            comment = f" {self.comment()}" if self.maybe(0.4) else ""
            own = f"\n{' ' * 12}{self.comment()}" if self.maybe(0.3) else ""
            return f"{comment}{own}\n{' ' * self.chance.randrange(9, 14)}"

        count = self.chance.randrange(4)
        if not depth or self.maybe(0.3):
            return self.scalar()
        if self.maybe(0.5):
            items = (gap() + self.flow(depth - 1, is_open=is_open) + gap() for _ in range(count))
            return f"[{','.join(items) or gap()}]"
        members = (
            f"{gap()}{self.key()}: {self.flow(depth - 1, is_open=is_open)}{gap()}"
            for _ in range(count)
        )
        return f"{{{','.join(members) or gap()}}}"


def laid_out(text: str) -> str:
    layout = layout_of(text.encode(), "x.yaml")
    assert layout.problems == ()
    return layout.after


def test_a_manifest_is_laid_out_and_its_comments_stay_where_they_are() -> None:
    assert laid_out(UNTIDY) == TIDY
    assert laid_out(TIDY) == TIDY


def test_json_on_several_lines_becomes_what_import_would_write() -> None:
    assert laid_out(PASTED) == OPENED
    assert laid_out(OPENED) == OPENED


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT)
def test_what_is_laid_out_stays_as_it_is(text: str) -> None:
    assert laid_out(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\ufeffa: 1\r\nb: |\r\n  x\r\n  y\r\n", "a: 1\nb: |\n  x\n  y\n"),
        ("a:\t1\t# x\t \n", "a: 1  # x\n"),
        ("a: 1", "a: 1\n"),
        ("\n\na: 1\n\n\n\nb: 2\n\n\n", "a: 1\n\nb: 2\n"),
        ("a:\n- 1\n-   2\n- - 3\n", "a:\n  - 1\n  - 2\n  - - 3\n"),
        ("a:\n  # of one\n  1 # one\n", "# of one\na: 1  # one\n"),
        ("a: 1\n  # deeper\n# before b\nb:\n    c: 1\n    # in b\n  # and\n", None),
        ('{kind: "a b",apiVersion: "c"}\n', '{apiVersion: "c", kind: "a b"}\n'),
        ('a: "\\u200b"\nb: [ "\\x41" ,"c"]\n', 'a: "\\u200b"\nb: ["\\x41", "c"]\n'),
        ("a: [ # none\n]\n", "a: []  # none\n"),
        ("---\n# empty\n---\na: 1\n...\n# behind\n", "# empty\n---\na: 1\n# behind\n"),
        ("a: { b : 1,'c':2 }\n", "a: {b: 1, 'c': 2}\n"),
        ("a:\n  - b: 1\n  # in a\n# above c\nc:\n- d\n# above e\ne: 1\n", None),
    ],
)
def test_a_text_is_laid_out(text: str, expected: str | None) -> None:
    after = laid_out(text)

    assert expected in (after, None)
    assert laid_out(after) == after
    assert [line.strip() for line in text.splitlines() if line.lstrip().startswith("#")] == [
        line.strip() for line in after.splitlines() if line.lstrip().startswith("#")
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [\n", "x.yaml:2:1: error[REC-TEXT]: "),
        ("a: 1\na: 2\n", "x.yaml:2:1: error[REC-TEXT]: duplicate key 'a'; the first is on line 1"),
        ("a: &b 1\n", "x.yaml:1:4: error[REC-TEXT]: an anchor; "),
        ("a: on\n", "x.yaml:1:4: error[REC-TEXT]: on is a word to some YAML readers"),
        ("%YAML 1.2\n---\na: 1\n", "x.yaml:1:1: error[REC-TEXT]: a line that begins with %"),
        ("a:\n\tb: 1\n", "x.yaml:2:1: error[REC-TEXT]: "),
    ],
)
def test_what_cannot_be_read_is_a_problem_at_its_place(text: str, message: str) -> None:
    layout = layout_of(text.encode(), "x.yaml")

    assert str(layout.problems[0]).startswith(message)
    assert layout.before == layout.after


@pytest.mark.parametrize(
    "path", sorted((ROOT / "tests/examples/valid").rglob("*.yaml")), ids=lambda path: path.stem
)
def test_an_example_keeps_its_meaning_and_is_laid_out_once(path) -> None:
    after = laid_out(path.read_text(encoding="utf-8"))
    assert laid_out(after) == after


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / "desired-state").rglob("*.yaml")),
    ids=lambda path: path.stem,
)
def test_the_manifests_that_ship_are_laid_out(path) -> None:
    text = path.read_text(encoding="utf-8")
    assert laid_out(text) == text


@pytest.mark.parametrize("round_", range(4))
def test_whatever_is_laid_out_keeps_its_comments_and_is_laid_out_once(round_: int) -> None:
    untidy, readable = Untidy(seeded()), 0
    for _ in range(40):
        text = untidy.text()
        if read(text.encode(), "x.yaml").problems:
            continue
        readable += 1
        after = laid_out(text)
        assert laid_out(after) == after, text
        assert Counter(re.findall("# c[0-9]+", after)) == Counter(re.findall("# c[0-9]+", text))
    assert readable > 20


def test_what_import_writes_is_laid_out() -> None:
    for path in (ROOT / "desired-state/extensions").glob("*.yaml"):
        (document,) = read(path.read_bytes(), str(path)).documents
        written = yaml_text(document.value)
        assert laid_out(written) == written
