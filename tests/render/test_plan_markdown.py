"""The plan in a pull request: what comes first, what is cut, and what foreign text cannot do."""

import json
import re
import weakref
from collections.abc import Iterator
from itertools import count
from random import Random, randrange

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.domain.jsontext import Json
from reconciler.domain.plan import Plan
from reconciler.render.markdown_text import code, size
from reconciler.render.plan_document import plan_document
from reconciler.render.plan_markdown import LIMIT, plan_markdown
from tests.support.fakes import URN
from tests.support.markdown_world import (
    PARSER,
    each,
    filled,
    fleet,
    hostile,
    rich,
    skeleton,
    tenants,
    tokens,
)
from tests.support.runner_rule import commands_in


def markdown_of(*kinds: str) -> str:
    models = tenants()
    return plan_markdown(plan_document(Plan(tenants=tuple(models[kind] for kind in kinds))))


def test_totals_and_digest_stand_at_the_top_and_at_the_bottom():
    document = rich()

    lines = plan_markdown(document).splitlines()

    totals = "Plan: 4 to add, 1 to change, 0 to destroy."
    unread = "Not planned: 1 of 15 tenants could not be read."
    assert lines[0] == f"## {totals} {unread}"
    assert f"Digest: `{document['digest']}` of commit `c0ffee` with edits since" in lines[2]
    own = "2 in sync, 5 drifted (1 outdated), 2 blocked, 1 unmanaged"
    assert lines[-1].startswith(f"{totals} {unread} {own}")
    assert f"`{document['digest']}`" in lines[-1]


def test_changes_that_need_a_look_stand_above_the_table_uncollapsed():
    text = plan_markdown(rich())

    before_table = text.partition("| tenant |")[0]
    assert (
        "**Needs a look:** 1 limit exceeded, 1 tenant not readable, 1 hurts many users, "
        "1 hurts an unknown number of users, 1 exposing, "
        "2 blocked (1 extension-limit, 1 incompatible), 1 missing, 1 changed out of band, "
        "1 outdated, 3 drifted." in before_table
    )
    assert "- not readable: `unreadable`: `no answer`" in before_table
    assert "- blocked (extension-limit): `urn:" in before_table
    assert "<details>" not in before_table


def test_what_hurts_many_users_or_nobody_knows_how_many_needs_a_look():
    lines = markdown_of("hurting", "uncounted").splitlines()

    many = "risk many: other goes: 3 of 40 hold a value"
    unknown = "risk unknown: other goes: how many hold a value is not known"
    assert f"- hurts many users: `{URN}` on `hurting`: `{many}`" in lines
    assert f"- hurts an unknown number of users: `{URN}` on `uncounted`: `{unknown}`" in lines
    assert "| `hurting` |  |  |  | 1 |  | users: many |" in lines
    assert f"#     {many}" in lines


def test_a_manifest_that_has_changed_and_is_not_applied_needs_a_look():
    [line] = [line for line in markdown_of("outdated").splitlines() if "`outdated`: " in line]

    assert line == (
        f"- only the manifest has changed, left as it is: `{URN}` on `outdated`: "
        "`onDrift is skip (the default; desired-state/acme.yaml:3 can set it below spec); "
        "with update it would be blocked (incompatible), because other exists only live. An "
        "update here adds optional attributes, changes descriptions, adds canonical values and "
        "loosens, nothing else; add a new attribute beside the old one and move the values "
        "(reconciler migrate writes the steps), or bring the manifest back to what is live`, "
        "`with update, must approve what is narrowing: nobody, as no manifest names an owner "
        "(spec.owners); with update, READER, WRITER, STORED: attribute 'other' is gone (SCH001)`"
    )


def test_a_plan_without_changes_says_so_and_needs_no_look():
    text = markdown_of("in sync")

    assert text.startswith("## No changes. Live schemas match the manifests.")
    assert "Needs a look" not in text
    assert "shortened" not in text


def test_the_table_has_a_row_for_each_tenant_with_its_numbers():
    text = markdown_of("create", "update", "in sync", "drifted", "blocked", "unreadable")

    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert [[cell.strip() for cell in row.split("|")[1:7]] for row in rows] == [
        ["`create`", "1", "", "", "", ""],
        ["`update`", "", "1", "", "", ""],
        ["`in-sync`", "", "", "1", "", ""],
        ["`drifted`", "", "", "", "1", ""],
        ["`blocked`", "", "", "", "", "1"],
        ["`unreadable`", "", "", "", "", ""],
    ]


def test_each_tenant_has_one_collapsed_section_with_one_diff():
    text = markdown_of("create", "update")

    assert text.count("<details>\n<summary>") == text.count("</details>") == 2
    fences = [token for token in tokens(text) if token.type == "fence"]
    assert [fence.info for fence in fences] == ["diff", "diff"]
    assert "+     grade: string\n" in fences[0].content
    assert '-     description: live "old"\n' in fences[1].content
    assert '+     description: desired "new"\n' in fences[1].content
    assert "+     attributes.level: only desired: string\n" in fences[1].content


def test_the_markdown_has_no_marker_and_ends_with_one_newline():
    text = plan_markdown(rich())

    assert "<!--" not in text
    assert text.startswith("## ")
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


# Foreign text


def test_5000_hostile_strings_leave_the_frame_as_it_is():
    seed = randrange(2**32)
    random, document, used = Random(seed), rich(), 0

    def evil() -> str:
        nonlocal used
        used += 1
        return hostile(random)

    numbers = count()
    commands = []
    tame = skeleton(plan_markdown(filled(document, each(lambda: f"tame{next(numbers)}"))))
    while used < 5000:
        attacked = filled(document, each(evil))
        commands += commands_in(plan_markdown(attacked))
        assert skeleton(plan_markdown(attacked)) == tame, (seed, json.dumps(attacked))
    assert commands == []


@settings(max_examples=50)
@given(st.text(st.characters(), max_size=40))
@example("`" * 100 + "@acme")
@example("x" * 900 + "`@acme")
@example("\\")
@example("")
@example(" ")
def test_any_string_everywhere_leaves_the_frame_as_it_is(foreign):
    document = rich()

    attacked = plan_markdown(filled(document, lambda _: foreign), limit=10**9)

    tame = plan_markdown(filled(document, lambda _: "tame"), limit=10**9)
    assert skeleton(attacked) == skeleton(tame)


def test_the_frame_of_the_markdown_has_known_elements_only():
    frame = list(tokens(plan_markdown(filled(rich(), lambda _: "tame"))))

    assert {token.type for token in frame} <= {
        *("inline", "text", "code_inline", "fence", "softbreak", "html_block"),
        *(f"{block}_{end}" for block in BLOCKS for end in ("open", "close")),
    }
    texts = "".join(token.content for token in frame if token.type == "text")
    assert re.fullmatch(r"[\w ,.:()«»'-]*", texts)  # no @, #, / or <: nothing to make a link of
    assert "www" not in texts
    html = "".join(token.content for token in frame if token.type == "html_block")
    assert re.fullmatch(
        r"(<details>\n<summary><code>tame</code>: [\w ,]+</summary>\n|</details>\n)+", html
    )


BLOCKS = ("heading", "paragraph", "strong", "table", "thead", "tbody", "tr", "th", "td",
          "bullet_list", "list_item")  # fmt: skip


@pytest.mark.parametrize(
    "foreign",
    ["@acme", "x` @acme", "x | y", "\n\n# head", "<b>", "</details>", "[a](b)", "```\n", "**a**"],
)
def test_the_parser_notices_text_that_is_not_put_into_code(foreign):
    def framed(text: str) -> str:
        return f"| a |\n| - |\n| `{text}` {text} |\n\n```diff\n {text}\n```\n"

    assert skeleton(framed(foreign)) != skeleton(framed("tame"))


@given(st.text(max_size=30))
def test_a_code_span_shows_the_text_and_nothing_else(foreign):
    [paragraph] = [token for token in PARSER.parse(f"a {code(foreign)} b") if token.children]

    assert [child.type for child in paragraph.children or ()] == ["text", "code_inline", "text"]


def test_a_long_string_is_shortened_where_it_stands():
    document = filled(rich(), lambda _: "x" * 100_000)

    text = plan_markdown(document)

    assert size(text) <= LIMIT
    assert max(len(line) for line in text.splitlines()) < 2500


# The limit


@pytest.mark.parametrize("number", [1, 60, 700])
@pytest.mark.parametrize(
    "kinds",
    [
        ("in sync",),
        ("create",),
        ("update", "create", "in sync"),
        ("blocked", "unreadable", "drifted"),
        tuple(tenants()),
    ],
)
def test_any_fleet_fits_with_its_totals_and_its_digest(number, kinds):
    document = fleet(number, kinds, attributes=30)

    text = plan_markdown(document)

    assert size(text) <= LIMIT
    assert text.count(f"`{document['digest']}`") == 2
    lines = text.splitlines()
    counts = document["summary"]
    for line in (lines[0], lines[-1]):
        assert f"Plan: {counts['create']} to add, {counts['update']} to change" in line
    assert_whole(text)


def assert_whole(text: str) -> None:
    """Each section is closed, each fence is a section's, and the text after the last is ours."""
    found = list(tokens(text))
    opened = [t for t in found if t.type == "html_block" and t.content.startswith("<details>")]
    closed = [t for t in found if t.type == "html_block" and t.content == "</details>\n"]
    fences = [t for t in found if t.type == "fence"]
    assert len(opened) == len(closed) >= len(fences)
    assert all(t.content.endswith("\n") and "`" not in t.content for t in fences)
    assert found[-1].type == "paragraph_close"


def parts_of(text: str) -> dict[str, bool]:
    """Which kinds of detail are there at all."""
    return {
        "in sync": "= in sync" in text,
        "creates": "+     a000: string" in text,
        "updates": "+     attributes.level" in text,
        "drift": "-     attributes.other" in text,
        "sections": "</code>: 1 to add" in text,
        "rows": re.search(r"^\| `t\d+` \| 1 ", text, re.M) is not None,
        "grave sections": "<details>" in text,
        "grave rows": "| `t" in text,
    }


def test_more_is_cut_only_when_all_that_goes_first_is_gone():
    document = fleet(90, ("in sync", "create", "update", "drifted", "unreadable"), attributes=9)
    whole = size(plan_markdown(document, limit=10**9))
    seen = []

    for limit in (*range(whole + 2000, 3500, -(whole // 60)), 2900):
        there = list(parts_of(plan_markdown(document, limit=limit)).values())
        assert there == sorted(there), (limit, there)
        seen.append(there.count(True))

    assert seen == sorted(seen, reverse=True)
    assert {seen[0], seen[-1]} == {8, 0}


def test_blocked_and_risky_tenants_are_cut_last():
    document = fleet(400, ("create", "blocked", "create", "risky", "incompatible"), attributes=9)

    text = plan_markdown(document)

    assert "sections of tenants (160), rows of the table (160)" in text
    rows = re.findall(r"^\| `t\d+` \| (\d?) .* \| (\d?) \| (.*) \|$", text, re.M)
    assert set(rows) == {("", "1", ""), ("1", "", "exposing"), ("", "1", "narrowing")}
    assert len(rows) == 240
    assert text.count("1 blocked</summary>") > 20


def test_markdown_that_fits_is_not_cut():
    document = fleet(90, ("in sync", "create"), attributes=9)
    whole = plan_markdown(document, limit=10**9)

    assert plan_markdown(document, limit=size(whole) + 2000) == whole
    cut = plan_markdown(document, limit=size(whole) + 1900)
    assert "It cannot be approved from this text: the saved plan has all of it, " in cut
    assert "**This is shortened**" in cut
    assert "what is in sync (" in cut
    assert size(whole) - size(cut) < 1000


def test_a_section_that_lacks_something_says_so():
    document = fleet(2, ("create",), attributes=200)
    whole = plan_markdown(document, limit=10**9)

    cut = plan_markdown(document, limit=size(whole) - 1)

    assert [line for line in cut.splitlines() if line.startswith("<summary>")] == [
        "<summary><code>t00000</code>: 1 to add</summary>",
        "<summary><code>t00001</code>: 1 to add, shortened</summary>",
    ]
    assert "+     a199: string" in cut


def test_changes_that_need_a_look_are_counted_where_they_do_not_fit():
    document = fleet(1500, ("unreadable",))

    text = plan_markdown(document)

    named = text.count("- not readable: ")
    assert "**Needs a look:** 1500 tenants not readable." in text
    assert 50 < named < 1500
    assert f"what needs a look ({1500 - named})" in text
    assert size(text) > LIMIT * 0.9


def test_equal_warnings_of_several_tenants_stand_once():
    text = plan_markdown(fleet(25, ("blocked",)))

    [line] = [line for line in text.splitlines() if line.startswith("- blocked")]
    assert "on `t00000`, `t00001`, " in line
    assert "`t00009` and 15 more: `" in line
    assert "**Needs a look:** 25 blocked (25 extension-limit)." in text


def test_risks_and_approvers_stand_above_the_table():
    lines = plan_markdown(rich()).partition("| tenant |")[0].splitlines()

    assert any(
        re.fullmatch(r"- exposing: `urn:\S+` on `risky`: `READER: .* \(SCH010\)`", line)
        for line in lines
    )
    assert "- exposing: `@acme/privacy`: `acme` (1 tenant)" in lines
    assert "- additive: `@acme/hr`: `acme` (1 tenant)" in lines
    narrowing = (
        "- narrowing: nobody, as no manifest names an owner (spec.owners): `acme` (1 tenant)"
    )
    assert narrowing in lines


def test_the_risk_of_a_tenant_is_what_its_changes_are_beyond_additive():
    text = markdown_of("create", "risky", "incompatible", "in sync")

    rows = [line.split("|")[7].strip() for line in text.splitlines() if line.startswith("| `")]
    assert rows == ["", "exposing", "narrowing", ""]


def test_approvals_are_cut_to_owners_and_counts():
    document = fleet(300, ("risky",))
    document["approvals"] = [
        {"kind": "additive", "owners": [f"@acme/{n}"], "changes": [f"t/{n}{m}" for m in range(50)]}
        for n in range(300)
    ]

    text = plan_markdown(document)

    assert size(text) <= LIMIT
    assert "whose approval is needed for what (" in text
    assert "- additive: `@acme/299`: 50 changes\n" in text
    assert "**Must approve** (300 for additive):" in text


def test_rows_that_do_not_fit_are_added_up_in_one():
    document = fleet(1500, ("create", "in sync", "create"))

    text = plan_markdown(document)

    [more] = re.findall(r"^\| (\d+) more \| (\d*) \|  \| (\d*) \|", text, re.M)
    shown = len(re.findall(r"^\| `t", text, re.M))
    hidden, add, in_sync = (int(number or 0) for number in more)
    assert (hidden + shown, in_sync) == (1500, 500)
    assert add == 1000 - shown


def test_the_same_plan_gives_the_same_bytes():
    def once() -> Json:
        return plan_markdown(fleet(200, tuple(tenants()), attributes=30))

    assert once() == once()


class Tenant(dict):
    """A document of a tenant that can be asked whether anybody still has it."""


class Tenants:
    """Tenants that are read anew each time, as those of a spool are."""

    def __init__(self, documents: list[Json]) -> None:
        self._texts = [json.dumps(one) for one in documents]
        self._given: list[weakref.ref[Tenant]] = []
        self.most = 0

    def __iter__(self) -> Iterator[Tenant]:
        for text in self._texts:
            tenant = Tenant(json.loads(text))
            self._given = [one for one in self._given if one() is not None]
            self._given.append(weakref.ref(tenant))
            self.most = max(self.most, len(self._given))
            yield tenant

    def __len__(self) -> int:
        return len(self._texts)


@pytest.mark.parametrize("limit", [LIMIT, 6_000])
def test_of_a_large_fleet_no_more_than_a_few_tenants_are_in_memory(limit: int):
    document = fleet(200, tenants(), attributes=5)
    read = Tenants(document["tenants"])

    assert plan_markdown(document | {"tenants": read}, limit=limit) == plan_markdown(
        document, limit=limit
    )
    assert read.most <= 4
