"""The same problems as text, JSON, workflow commands and SARIF; a text stays a text in each."""

import json
import re
import unicodedata
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from referencing import Registry

from reconciler.domain.problem import Place, Problem, Severity
from reconciler.domain.rules.catalogue import CATALOGUE
from reconciler.render.paint import Paint
from reconciler.render.plain_text import visible
from reconciler.render.problems_github import problems_github
from reconciler.render.problems_json import problem_counts, problem_diagnostic
from reconciler.render.problems_sarif import problems_sarif
from reconciler.render.problems_text import problems_text

SARIF = json.loads((Path(__file__).parents[1] / "data/sarif-schema-2.1.0.json").read_text())
RULES = sorted({rule.id for rule in CATALOGUE})
PLAIN, COLOURED = Paint(), Paint(on=True)
OBEYED = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}  # controls, directions, breaks, private characters

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
paths = st.text(st.sampled_from("ab/._- %,:;#?é\n\r\t\u202e"), min_size=1, max_size=12)
problems = st.lists(
    st.builds(
        Problem,
        st.builds(Place, paths, st.integers(1, 99), st.integers(1, 99)),
        st.sampled_from(Severity),
        st.sampled_from(RULES),
        texts | st.text("%25:,\r\n", max_size=8),
        st.sampled_from(["", "do this"]),
        st.sampled_from([(), ("READER",), ("READER", "WRITER")]),
    ),
    max_size=4,
)


def problem(message: str = "is wrong", **place: Any) -> Problem:
    known: dict[str, Any] = {"path": "a.yaml", "line": 2, "column": 5}
    return Problem(Place(**(known | place)), Severity.ERROR, "REC-SHAPE", message)


# Text


def text_of(one: Problem, line: str | None = None, *, paint: Paint = PLAIN) -> str:
    return problems_text([one], {} if line is None else {one.place: line}, paint=paint)


def test_a_problem_is_one_line_and_then_its_source_with_a_caret() -> None:
    assert text_of(problem(), "ab: no") == (
        "a.yaml:2:5: error[REC-SHAPE]: is wrong\n  2 | ab: no\n    |     ^\n"
    )
    assert text_of(problem()) == "a.yaml:2:5: error[REC-SHAPE]: is wrong\n"


@pytest.mark.parametrize(
    ("line", "column", "below"),
    [("名: x", 4, 4), ("e\u0301: x", 5, 3), ("a\u202e: x", 5, 9), ("x", 9, 1), ("", 1, 0)],
    ids=["wide", "combining", "bidi", "beyond the end", "empty"],
)
def test_the_caret_stands_below_the_column_as_a_terminal_shows_it(
    line: str, column: int, below: int
) -> None:
    *_, caret = text_of(problem(column=column), line).splitlines()

    assert caret == "    | " + " " * below + "^"


def test_of_a_long_line_what_is_around_the_column_is_shown() -> None:
    line = "x" * 500 + "!" + "y" * 500

    _, source, caret = text_of(problem(column=501), line).splitlines()

    assert source.count("…") == 2
    assert len(source) < 120
    assert source[caret.index("^")] == "!"


def test_colours_change_no_text_of_a_problem() -> None:
    coloured = text_of(problem(), "ab: no", paint=COLOURED)

    assert re.sub(r"\x1b\[\d+m", "", coloured) == text_of(problem(), "ab: no")
    assert "\x1b[31merror[REC-SHAPE]\x1b[0m" in coloured


@given(problems, texts)
def test_the_text_of_a_problem_has_no_control_characters(several: list[Problem], line: str) -> None:
    lines = {each.place: line for each in several}

    reported = problems_text(several, lines, paint=PLAIN)

    assert {unicodedata.category(c) for c in reported if c != "\n"}.isdisjoint(OBEYED)
    explained = any(each.consumers for each in several)
    assert reported.count("\n") == 3 * len(several) + explained


@pytest.mark.parametrize("column", [1, 60, 150, 299])
def test_the_source_of_a_problem_and_its_caret_fit_a_terminal(column: int) -> None:
    line = "".join(chr(ord("a") + place % 26) for place in range(300))
    one = problem(column=column)

    _, source, caret = problems_text([one], {one.place: line}, paint=PLAIN, width=80).splitlines()

    assert max(len(source), len(caret)) <= 80
    assert source[caret.index("^")] == line[column - 1]


# JSON


@given(problems)
def test_the_json_of_problems_has_each_and_counts_severities(several: list[Problem]) -> None:
    found = [problem_diagnostic(each) for each in several]
    counts = problem_counts(several)

    assert [(p["path"], p["line"], p["column"]) for p in found] == [
        (p.place.path, p.place.line, p.place.column) for p in several
    ]
    assert [(p["rule"], p["severity"], p["message"]) for p in found] == [
        (p.rule, p.severity, p.message) for p in several
    ]
    assert [(p["recipe"], p["consumers"]) for p in found] == [
        (p.recipe or None, list(p.consumers)) for p in several
    ]
    assert sum([counts["error"], counts["warning"], counts["info"]]) == len(several)
    assert list(counts) == list(Severity)


# Workflow commands


COMMAND = re.compile(
    r"::(error|warning|notice) file=([^,:]*),line=(\d+),col=(\d+),title=([^,:]*)::([^\r\n]*)"
)


def as_the_runner_reads(text: str, *, in_property: bool = False) -> str:
    """What the runner makes of it: it takes the escapes back, `%25` last."""
    escapes = {"%0D": "\r", "%0A": "\n", **({"%3A": ":", "%2C": ","} if in_property else {})}
    for escape, character in escapes.items():
        text = text.replace(escape, character)
    return text.replace("%25", "%")


@pytest.mark.parametrize(
    ("text", "data", "written"),
    [
        ("100%", "100%25", "100%25"),
        ("%0A", "%250A", "%250A"),
        ("a:b,c", "a:b,c", "a%3Ab%2Cc"),
        ("a\nb\rc", r"a\nb\rc", r"a\nb\rc"),
        ("::error::x", "::error::x", "%3A%3Aerror%3A%3Ax"),
    ],
)
def test_a_workflow_command_is_escaped(text: str, data: str, written: str) -> None:
    command = problems_github([problem(text, path=text)])

    assert command == f"::error file={written},line=2,col=5,title=REC-SHAPE::{data}\n"


@given(problems)
def test_the_runner_reads_each_problem_as_it_was(several: list[Problem]) -> None:
    lines = problems_github(several).splitlines()

    found = [COMMAND.fullmatch(line) for line in lines]
    assert len(lines) == len(several)
    for match, each in zip(found, several, strict=True):
        assert match is not None
        assert as_the_runner_reads(match[2], in_property=True) == visible(each.place.path)
        assert (match[3], match[4]) == (str(each.place.line), str(each.place.column))
        assert match[5] == each.rule
        assert as_the_runner_reads(match[6]) == visible(each.text)


# SARIF


@given(problems)
def test_sarif_follows_its_published_schema(several: list[Problem]) -> None:
    document = json.loads(problems_sarif(several, version="1.2.3"))

    Draft7Validator(SARIF, registry=Registry()).validate(document)
    (run,) = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted({each.rule for each in several})
    for result, each in zip(run["results"], several, strict=True):
        location = result["locations"][0]["physicalLocation"]
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == each.rule
        assert result["message"]["text"] == each.text.replace("](", "] (")
        artifact = location["artifactLocation"]
        outside = each.place.path.startswith("/")
        assert unquote(artifact["uri"]) == ("file://" if outside else "") + each.place.path
        assert artifact.get("uriBaseId") == (None if outside else "%SRCROOT%")
        assert location["region"]["startLine"] == each.place.line


def test_quoted_manifest_text_is_no_link_in_sarif() -> None:
    parts = "attribute 'a': '[sign in](https://evil.example) [](1)' is no type"
    one = Problem(Place("a.yaml"), Severity.ERROR, "SCIM-A04", parts)

    (run,) = json.loads(problems_sarif([one], version="1"))["runs"]

    text = run["results"][0]["message"]["text"]
    assert not re.search(r"\]\(", text)
    assert text.replace("] (", "](") == parts


@pytest.mark.parametrize("rule", RULES)
def test_sarif_knows_each_rule_with_its_reason(rule: str) -> None:
    one = Problem(Place("a.yaml"), Severity.INFO, rule, "words")
    reasons = [r.reason for r in CATALOGUE if r.id == rule]

    (run,) = json.loads(problems_sarif([one], version="1"))["runs"]

    (described,) = run["tool"]["driver"]["rules"]
    assert all(reason in described["shortDescription"]["text"] for reason in reasons)
    assert run["results"][0]["level"] == "note"
