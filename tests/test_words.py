"""One word for one thing: the glossary, and the measures that keep the language from drifting."""

import ast
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterable

import pytest

from tests.support.pages import FENCE, PAGES
from tests.support.source_tree import ROOT, Source, modules

GLOSSARY = ROOT / "docs/glossary.md"
ENTRY = re.compile(r"- \*\*([^*]+)\*\*( \(`([\w.]+)`\))?: \S.*\.")

# Verbs that stood for nouns here: a list of problems, a message, what remains.
VAGUE = {"told", "words", "left", "asked", "said"}
VAGUE_PER_10_000_NAMES = 10.0
CLAUSES_PERCENT = 3.0  # docstrings that open as a question does
ONE_CALLER_PERCENT = 25.0  # private helpers that their file names once beside their definition
COMMENTS_PER_1_000_LINES = 6.0


def entries() -> list[str]:
    return [line for line in GLOSSARY.read_text().splitlines() if line.startswith("- ")]


def defined(name: str, known: Iterable[Source]) -> bool:
    """Test whether `embedded.tenant` is a module, or `Plan.digest` a name in one or in a class."""
    sources = list(known)
    if name in {source.name for source in sources}:
        return True
    first, *rest = name.split(".")
    found = [node for source in sources for node in source.tree.body if first in named(node)]
    for part in rest:
        bodies = [node.body for node in found if isinstance(node, ast.ClassDef)]
        found = [node for body in bodies for node in body if part in named(node)]
    return bool(found)


def named(node: ast.stmt) -> set[str]:
    """The names that a statement defines."""
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
        case ast.Assign(targets=targets):
            return {target.id for target in targets if isinstance(target, ast.Name)}
        case _:
            return set()


def classes(sources: Iterable[Source]) -> dict[str, list[str]]:
    """The modules of each public class name; each command has its `Options`."""
    found: dict[str, list[str]] = defaultdict(list)
    for source in sources:
        for node in source.tree.body:
            if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
                continue
            if node.name != "Options" or not source.name.startswith("cli.commands."):
                found[node.name].append(source.name)
    return found


def other_paths(source: Source) -> bool:
    """Test whether a file gives the name `Path` to anything but pathlib's."""
    for node in source.nodes:
        match node:
            case ast.ImportFrom(names=aliases):
                if any(alias.asname == "Path" for alias in aliases):
                    return True
            case ast.stmt() if "Path" in named(node):
                return True
    return False


def vague_words(source: Source) -> tuple[int, int]:
    """How many names of a file are vague, and how many it has."""
    names = [
        token.string
        for token in tokenize.generate_tokens(io.StringIO(source.text).readline)
        if token.type == tokenize.NAME
    ]
    return sum(name in VAGUE for name in names), len(names)


def clause_docstrings(source: Source) -> tuple[int, int]:
    """How many docstrings of a file open with a bare clause, and how many it has."""
    found = [
        text
        for node in source.nodes
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module)
        if (text := ast.get_docstring(node))
    ]
    opening = re.compile(r"(What|Where|Whether|Which|Who|Whose|How)\b")
    return sum(bool(opening.match(text)) for text in found), len(found)


def one_caller_helpers(source: Source) -> tuple[int, int]:
    """How many private functions a file names once beside their definition, of all functions."""
    functions = [node for node in source.nodes if isinstance(node, ast.FunctionDef)]
    private = [
        node.name
        for node in functions
        if node.name.startswith("_") and not node.name.startswith("__")
        if len(re.findall(rf"\b{node.name}\b", source.text)) == 2
    ]
    return len(private), len(functions)


def comment_lines(source: Source) -> tuple[int, int]:
    """How many lines of a file are a comment that is for people, and how many it has."""
    comments = [
        token
        for token in tokenize.generate_tokens(io.StringIO(source.text).readline)
        if token.type == tokenize.COMMENT and not token.line[: token.start[1]].strip()
        if not re.match(r"#\s*(noqa|type:|fmt:|pragma|pylint)", token.string)
    ]
    return len(comments), source.text.count("\n")


def share(counts: Iterable[tuple[int, int]], of: int) -> float:
    some, every = map(sum, zip(*counts, strict=True))
    return of * some / every


# The glossary


def test_the_glossary_has_one_well_formed_line_a_word() -> None:
    assert len(entries()) > 50
    assert [line for line in entries() if not ENTRY.fullmatch(line)] == []


def test_the_glossary_is_alphabetical_and_has_each_word_once() -> None:
    found = [line.split("**")[1].casefold() for line in entries()]

    assert found == sorted(set(found))


def test_every_code_name_in_the_glossary_exists() -> None:
    found = {
        name
        for line in entries()
        for name in re.findall(r"(?<=\*\* \(`)[\w.]+(?=`\))|(?<=`)[A-Z]\w+[a-z]\w*(?=`)", line)
    }

    assert len(found) > 40
    assert sorted(name for name in found if not defined(name, modules())) == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_uses_ordinary_quotation_marks(page: str) -> None:
    prose = FENCE.sub("", (ROOT / page).read_text())

    assert re.findall(r"[^\n]*[«»„“][^\n]*", prose) == []


# No word for two things


def test_a_class_name_is_one_class_over_the_package() -> None:
    twice = {name: where for name, where in classes(modules()).items() if len(where) > 1}

    assert twice == {}


def test_path_is_the_path_of_pathlib() -> None:
    assert [source.name for source in modules() if other_paths(source)] == []


# Measures of the language, so that it does not drift back


def test_vague_words_do_not_come_back() -> None:
    assert share(map(vague_words, modules()), 10_000) <= VAGUE_PER_10_000_NAMES


def test_docstrings_open_with_a_noun_phrase_or_an_imperative() -> None:
    assert share(map(clause_docstrings, modules()), 100) <= CLAUSES_PERCENT


def test_helpers_with_one_caller_stay_where_they_are_used() -> None:
    assert share(map(one_caller_helpers, modules()), 100) <= ONE_CALLER_PERCENT


def test_comments_say_why() -> None:
    assert share(map(comment_lines, modules()), 1_000) >= COMMENTS_PER_1_000_LINES


# Each measure counts what it is for


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("m.n", True),
        ("A", True),
        ("A.b", True),
        ("A.c", True),
        ("f", True),
        ("X", True),
        ("g", False),
        ("A.f", False),
        ("m", False),
    ],
)
def test_a_code_name_is_looked_up_in_modules_and_classes(name: str, found: bool) -> None:
    text = "X = 1\nclass A:\n    b: int\n    def c(self): ...\ndef f(): ..."

    assert defined(name, [Source("m.n", text)]) is found


def test_classes_of_one_name_are_found_and_private_ones_left_out() -> None:
    text = "class A: ...\nclass _B: ..."

    assert classes([Source("m", text), Source("n", text)]) == {"A": ["m", "n"]}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from pathlib import Path", False),
        ("Path = tuple[str, ...]", True),
        ("from reconciler.domain.x import Place as Path", True),
        ("class Path: ...", True),
        ("x: Path", False),
    ],
)
def test_another_path_is_found(text: str, found: bool) -> None:
    assert other_paths(Source("m", text)) is found


def test_vague_words_are_counted_as_names_only() -> None:
    assert vague_words(Source("m", "told = left(x)  # told\n'said'\n")) == (2, 3)


def test_clauses_that_open_a_docstring_are_counted() -> None:
    text = '"""What it is."""\ndef f():\n    """Whatever."""\nclass A:\n    """Who it is."""'

    assert clause_docstrings(Source("m", text)) == (2, 3)


def test_helpers_with_one_caller_are_counted() -> None:
    text = "def f():\n    _a()\n    _b()\n    _b()\ndef _a(): ...\ndef _b(): ...\n"

    assert one_caller_helpers(Source("m", text)) == (1, 3)


def test_comments_for_people_are_counted() -> None:
    text = "# why\nx = 1  # beside\n# noqa: E501\n"

    assert comment_lines(Source("m", text)) == (1, 3)
