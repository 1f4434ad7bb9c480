"""The plan in a pull request: what comes first, what is cut, and what foreign text cannot do."""

import json
import re
import weakref
from collections.abc import Iterator
from itertools import count
from random import Random, randrange
from typing import SupportsIndex

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.domain.jsontext import Json
from reconciler.domain.plan import Plan
from reconciler.render.markdown_text import code, size
from reconciler.render.origin import Origin
from reconciler.render.plan_document import plan_document
from reconciler.render.plan_markdown import LIMIT, plan_markdown
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

ORIGIN = Origin(
    at="2026-11-30 14:36 UTC",
    run="https://github.example/acme/scim/actions/runs/7",
    files="https://github.example/acme/scim/blob/c0ffee",
)


def markdown_of(*kinds: str) -> str:
    models = tenants()
    return plan_markdown(plan_document(Plan(tenants=tuple(models[kind] for kind in kinds))))


def test_totals_and_digest_stand_once_and_at_the_top():
    document = rich()
    text = plan_markdown(document, origin=ORIGIN)

    lines = text.splitlines()

    totals = "Plan: 4 to add, 1 to change, 0 to destroy."
    unread = "Not planned: 1 of 16 tenants could not be read."
    assert lines[0] == f"## {totals} {unread}"
    assert lines[2] == (
        "3 in sync, 5 drifted (1 outdated), 2 blocked, 1 unmanaged, 1 not readable."
    )
    assert lines[4] == (
        f"Digest: `{document['digest']}`, planned at `2026-11-30 14:36 UTC` by "
        "[this run](https://github.example/acme/scim/actions/runs/7) "
        "of commit `c0ffee` with edits since"
    )
    for once in (totals, unread, document["digest"]):
        assert text.count(once) == 1


def test_changes_that_need_a_look_stand_above_all_details():
    text = plan_markdown(rich())

    before_details = text.partition("<details")[0]
    assert (
        "**Needs a look:** 1 limit exceeded, 1 tenant not readable, 1 hurts many users, "
        "1 hurts an unknown number of users, 1 exposing, "
        "2 blocked (1 extension-limit, 1 incompatible), 1 missing, 1 changed out of band, "
        "1 outdated, 3 drifted." in before_details
    )
    assert "- not readable: `unreadable`: `no answer`" in before_details
    assert "- blocked (extension-limit): `acme` on `blocked`: " in before_details


def test_what_hurts_many_users_or_nobody_knows_how_many_needs_a_look():
    lines = markdown_of("hurting", "uncounted").splitlines()

    many = "risk many: other goes: 3 of 40 hold a value"
    unknown = "risk unknown: other goes: how many hold a value is not known"
    assert f"- hurts many users: `acme` on `hurting`: `{many}`" in lines
    assert f"- hurts an unknown number of users: `acme` on `uncounted`: `{unknown}`" in lines
    row = "| `hurting` |  |  |  | 1 |  | users: many | 1 of 10 | "
    assert any(line.startswith(row) for line in lines)
    assert f"- `{many}`" in lines


def test_a_manifest_that_has_changed_and_is_not_applied_needs_a_look():
    [line] = [line for line in markdown_of("outdated").splitlines() if "`outdated`: " in line]

    assert line == (
        "- only the manifest has changed, left as it is: `acme` on `outdated`: "
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
    assert [[cell.strip() for cell in row.split("|")[1:9]] for row in rows] == [
        ["`unreadable`", "", "", "", "", "", "not readable", ""],
        ["`update`", "", "1", "", "", "", "", "1 of 10"],
        ["`create`", "1", "", "", "", "", "", "0 of 10"],
        ["`blocked`", "", "", "", "", "1", "", "0 of 0"],
        ["`drifted`", "", "", "", "1", "", "", "1 of 10"],
        ["`in-sync`", "", "", "1", "", "", "", "2 of 10"],
    ]
    assert rows[1].endswith(" | `genesys`, `https://update.example.com/scim/v2` |")


def test_each_tenant_with_changes_of_its_own_has_one_open_section_with_one_diff():
    text = markdown_of("create", "update")

    assert text.count("<details open>\n<summary><code>") == 2
    fences = [token for token in tokens(text) if token.type == "fence"]
    assert [fence.info for fence in fences] == ["diff", "diff"]
    assert "+ grade: string\n" in fences[1].content
    assert '- description: live "old"\n' in fences[0].content
    assert '+ description: desired "new"\n' in fences[0].content
    assert "+ attributes.level: only desired: string\n" in fences[0].content


@pytest.mark.parametrize("kind", ["drifted", "incompatible", "outdated", "changed"])
def test_what_is_left_alone_or_blocked_is_in_no_diff(kind: str):
    fences = [token for token in tokens(markdown_of(kind)) if token.type == "fence"]

    assert [fence.info for fence in fences] == ["text"]
    assert "attributes.other: only live: string\n" in fences[0].content
    assert not re.search("^[-+!#]", fences[0].content, re.M)


def test_what_is_in_sync_and_what_is_long_needs_a_click():
    assert "<details>\n<summary><code>in-sync</code>: 1 in sync, 1 unmanaged" in markdown_of(
        "in sync"
    )
    long, short = (plan_markdown(fleet(1, ("create",), attributes=n)) for n in (70, 7))
    assert "<details>\n<summary><code>t00000</code>: 1 to add" in long
    tables = ("<details open>\n<summary>20 tenants", "<details>\n<summary>21 tenants")
    for number, table in zip((20, 21), tables, strict=True):
        assert table in plan_markdown(fleet(number, ("create",)))
    assert "<details open>\n<summary><code>t00000</code>: 1 to add" in short


def test_a_manifest_is_linked_at_its_line_and_only_inside_of_the_repository():
    document = plan_document(Plan(tenants=(tenants()["create"],)))
    [tenant] = document["tenants"]
    [change] = tenant["changes"]
    base = "https://github.example/acme/scim/blob/c0ffee"

    for path, url in {
        "desired-state/acme.yaml": f"{base}/desired-state/acme.yaml#L3",
        "./a b/(é)].yaml": f"{base}/a%20b/%28%C3%A9%29%5D.yaml#L3",
        "../other.yaml": None,
        "/tmp/other.yaml": None,
    }.items():
        change["source"]["path"] = path
        found = tokens(plan_markdown(document, origin=ORIGIN))
        links = [str(token.attrs.get("href")) for token in found if token.type == "link_open"]
        assert [link for link in links if "/blob/" in link] == ([url] if url else [])


def test_lines_of_a_diff_fit_into_a_comment_and_lose_nothing():
    document = plan_document(Plan(tenants=(tenants()["create"],)))
    change: Json
    [tenant] = document["tenants"]
    [change] = tenant["changes"]
    text = f"{'word ' * 60}{'x' * 300}"
    change["after"]["description"] = text

    [fence] = [token for token in tokens(plan_markdown(document)) if token.type == "fence"]

    assert max(map(len, fence.content.splitlines())) <= 100
    assert all(line.startswith("+") for line in fence.content.splitlines())
    assert f'+ description = "{text}"' in fence.content.replace("\n+     \u21b3 ", "")


def test_words_for_consumers_are_explained_once_where_they_stand():
    assert markdown_of("risky").count("READER: who reads users.\n") == 1
    legend = (
        "READER: who reads users; WRITER: connectors that fill them; STORED: values that are there."
    )
    assert markdown_of("incompatible").count(legend) == 1
    assert "who reads users" not in markdown_of("create")


def test_only_what_is_written_has_to_be_approved():
    assert "Must approve" in markdown_of("risky")
    assert "**Must approve**" not in markdown_of("incompatible", "blocked", "drifted")


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
    assert re.fullmatch(r"[\w ,.:;()'-]*", texts)  # no @, #, / or <: nothing to make a link of
    assert "www" not in texts
    html = "".join(token.content for token in frame if token.type == "html_block")
    assert re.fullmatch(
        r"(<details( open)?>\n<summary>(Same in \d tenants: (<code>tame</code>, )+)?"
        r"<code>tame</code>: [\w ,]+</summary>\n|"
        r"<details open>\n<summary>16 tenants</summary>\n|</details>\n)+",
        html,
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
    assert text.count(f"`{document['digest']}`") == 1
    counts = document["summary"]
    assert f"Plan: {counts['create']} to add, {counts['update']} to change" in text.splitlines()[0]
    assert_whole(text)


def assert_whole(text: str) -> None:
    """Each section is closed, each fence is a section's, and nothing is cut off at the end."""
    found = list(tokens(text))
    opened = [t for t in found if t.type == "html_block" and t.content.startswith("<details")]
    closed = [t for t in found if t.type == "html_block" and t.content == "</details>\n"]
    fences = [t for t in found if t.type == "fence"]
    assert len(opened) == len(closed) >= len(fences)
    assert all(t.content.endswith("\n") and "`" not in t.content for t in fences)
    assert found[-1].content == "</details>\n"


def parts_of(text: str) -> dict[str, bool]:
    """Which kinds of detail are there at all."""
    return {
        "in sync": "`=` **in sync**" in text,
        "creates": "+ a000: string" in text,
        "updates": "+ attributes.level" in text,
        "drift": "\nattributes.other" in text,
        "sections": "</code>: 1 to add" in text,
        "rows": re.search(r"^\| `t\d+` \| 1 ", text, re.M) is not None,
        "grave sections": "</code>: not readable" in text,
        "grave rows": "| `t" in text,
    }


def test_more_is_cut_only_when_all_that_goes_first_is_gone():
    document = fleet(
        90, ("in sync", "create", "update", "drifted", "unreadable"), attributes=9, apart=True
    )
    whole = size(plan_markdown(document, limit=10**9))
    seen = []

    for limit in (*range(whole + 2000, 3500, -(whole // 60)), 2900):
        there = list(parts_of(plan_markdown(document, limit=limit)).values())
        assert there == sorted(there), (limit, there)
        seen.append(there.count(True))

    assert seen == sorted(seen, reverse=True)
    assert {seen[0], seen[-1]} == {8, 0}


def test_blocked_and_risky_tenants_are_cut_last():
    document = fleet(
        400, ("create", "blocked", "create", "risky", "incompatible"), attributes=9, apart=True
    )

    text = plan_markdown(document)

    assert "sections of tenants (160), rows of the table (160)" in text
    rows = re.findall(r"^\| `t\d+` \| (\d?) .* \| (\d?) \| (.*) \| \d", text, re.M)
    assert set(rows) == {("", "1", ""), ("1", "", "exposing"), ("", "1", "narrowing")}
    assert len(rows) == 240
    assert text.count("1 blocked</summary>") > 15


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
    document = fleet(2, ("create",), attributes=200, apart=True)
    whole = plan_markdown(document, limit=10**9)

    cut = plan_markdown(document, limit=size(whole) - 1)

    assert [line for line in cut.splitlines() if line.startswith("<summary><")] == [
        "<summary><code>t00000</code>: 1 to add</summary>",
        "<summary><code>t00001</code>: 1 to add, shortened</summary>",
    ]
    assert "+ a199: string" in cut


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


def test_risks_and_approvers_stand_above_all_details():
    lines = plan_markdown(rich()).partition("<details")[0].splitlines()

    assert any(
        re.fullmatch(r"- exposing: `acme` on `risky`: `READER: .* \(SCH010\)`", line)
        for line in lines
    )
    assert "- exposing: `@acme/privacy`: `acme` (1 tenant)" in lines
    assert "- additive: `@acme/hr`: `acme` (1 tenant)" in lines


def test_the_risk_of_a_tenant_is_what_its_changes_are_beyond_additive():
    text = markdown_of("create", "risky", "incompatible", "in sync")

    rows = [line.split("|")[7].strip() for line in text.splitlines() if line.startswith("| `")]
    assert rows == ["exposing", "", "narrowing", ""]


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
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: SupportsIndex, /) -> Tenant:
        tenant = Tenant(json.loads(self._texts[number]))
        self._given = [one for one in self._given if one() is not None]
        self._given.append(weakref.ref(tenant))
        self.most = max(self.most, len(self._given))
        return tenant

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
