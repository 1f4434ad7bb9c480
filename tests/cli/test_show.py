"""`show`: a saved plan is read tenant by tenant as we write it, and in whatever layout as JSON."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.saved_plan import saved_plan
from reconciler.domain.jsontext import Json
from reconciler.domain.plan import Plan
from reconciler.errors import UsageError
from reconciler.render.json_text import json_text
from reconciler.render.plan_document import checksum, plan_document, plan_json
from tests.support.markdown_world import tenants
from tests.support.program import Folder, assert_reported, folder

__all__ = ["folder"]


def document() -> Json:
    return plan_document(Plan(tenants=tuple(sorted(tenants().values(), key=lambda t: t.name))))


def written(folder: Path, text: str) -> Path:
    file = folder / "plan.json"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    "layout",
    [
        lambda made: "".join(plan_json(made)),
        json.dumps,
        lambda made: json.dumps(made, indent=4),
        lambda made: json.dumps(made, indent=2, sort_keys=True),
        lambda made: "".join(plan_json(made)).replace("\n", "\r\n"),
        lambda made: "".join(plan_json(made | {"tenants": []})),
    ],
    ids=["ours", "one line", "indented by 4", "sorted", "another line end", "no tenants"],
)
def test_a_saved_plan_reads_alike_in_any_layout(layout: Any, tmp_path: Path) -> None:
    made = document()
    text = layout(made)

    with saved_plan(written(tmp_path, text)) as read:
        for _ in "12":
            found = [{**each, "changes": list(each["changes"])} for each in read["tenants"]]
            assert {**read, "tenants": found} == json.loads(text)
        assert checksum(read) == checksum(json.loads(text))


def test_a_saved_plan_of_a_large_tenant_is_read_change_by_change(tmp_path: Path) -> None:
    made = document()
    [large] = [each for each in made["tenants"] if each["changes"]][:1]
    change = large["changes"][0]
    large["changes"] = [change | {"recipe": "x" * 100_000} for _ in range(100)]
    file = written(tmp_path, "".join(plan_json(made)))

    tracemalloc.start()
    with saved_plan(file) as read:
        numbers = [sum(1 for _ in tenant["changes"]) for tenant in read["tenants"]]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert max(numbers) == 100
    assert most < file.stat().st_size / 3


def test_a_problem_of_a_saved_plan_is_reported_with_its_place(tmp_path: Path) -> None:
    text = "".join(plan_json(document()))
    broken = text.replace('"dialect": ', '"dialect" ', 1)
    line = broken[: broken.index('"dialect" ')].count("\n") + 1

    with pytest.raises(UsageError, match=f"is no saved plan: .* at line {line} column"):
        saved_plan(written(tmp_path, broken)).__enter__()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda made: made["tenants"][0].pop("changes"), "changes"),
        (lambda made: made["tenants"][0].update(changes=7), "changes"),
        (lambda made: made["tenants"][0]["changes"].append(7), "no saved plan of this version"),
        (lambda made: made["tenants"][0]["changes"][-1].pop("action"), "action"),
        (lambda made: made["tenants"][0].update(more=[]), "more"),
        (lambda made: made["tenants"][0].update(name=7), "name"),
        (lambda made: made["tenants"].append("acme"), "no saved plan of this version"),
        (lambda made: made["tenants"].append(made["tenants"][0]), "names a tenant twice"),
        (lambda made: made.update(approvals=7), "approvals"),
        (lambda made: made["tenants"].reverse(), "not in order of name"),
    ],
    ids=[
        "no changes",
        "a number of changes",
        "no change",
        "no action",
        "more",
        "no name",
        "no tenant",
        "twice",
        "no approvals",
        "another order",
    ],
)
def test_a_file_that_is_no_plan_is_refused_however_far_it_could_be_read(
    edit: Any, message: str, tmp_path: Path
) -> None:
    made = document()
    edit(made)

    with pytest.raises(UsageError, match=message):
        saved_plan(written(tmp_path, json_text(made))).__enter__()


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9, 0.99])
def test_a_file_that_is_cut_is_no_plan(cut: float, tmp_path: Path) -> None:
    text = "".join(plan_json(document()))

    with pytest.raises(UsageError, match="is no saved plan"):
        saved_plan(written(tmp_path, text[: round(len(text) * cut)])).__enter__()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    },\n    {\n", "    }\n    {\n"),
        ("    }\n  ],", "    },\n  ],"),
        ("[\n    {\n", "[,\n    {\n"),
        ("        },\n        {\n", "        }\n        {\n"),
        ("        }\n      ]\n    }", "        },\n      ]\n    }"),
        ('"changes": [\n        {\n', '"changes": [,\n        {\n'),
        ('"changes": [\n        {\n', '"changes": [\n      ],\n        {\n'),
    ],
    ids=[
        *("one lacks", "one after the last", "one before the first"),
        *("one lacks within", "one after the last within", "one before the first within"),
        "an end too early",
    ],
)
def test_a_plan_with_a_comma_too_few_or_too_many_is_no_json(
    old: str, new: str, tmp_path: Path
) -> None:
    made = document()
    made["tenants"][0]["changes"] *= 2
    text = "".join(plan_json(made))
    assert old in text

    with pytest.raises(UsageError, match=r"is no saved plan: .* at line"):
        saved_plan(written(tmp_path, text.replace(old, new, 1))).__enter__()


@pytest.mark.parametrize("text", ["", "{", '{"a": 1}', "[]", '{"a":1,"a":2}', "\x00"])
def test_show_refuses_a_file_that_is_no_plan(folder: Folder, text):
    folder.write("bad.json", text)

    assert_reported(folder.run("show", "bad.json"), 1, "bad.json is no saved plan")
    assert_reported(folder.run("apply", "bad.json"), 1, "bad.json is no saved plan")


def test_show_reports_a_missing_file(folder: Folder):
    assert_reported(folder.run("show", "none.json"), 1, "none.json cannot be read")
    assert_reported(
        folder.run("plan", "--out", "no/such/plan.json"), 1, "no/such/plan.json cannot be written"
    )


def test_show_prints_a_saved_plan_as_plan_did(folder: Folder):
    printed = folder.run("plan", "--out", "plan.json")
    as_json = folder.run("plan", "--format", "json")

    assert folder.run("show", "plan.json").out == printed.out
    assert folder.run("show", "plan.json", "--format", "json").out == as_json.out
