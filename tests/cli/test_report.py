"""`report`: one page, as a browser shows it, with keyboard and with a judge of accessibility."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from reconciler.adapters.database import open_store
from reconciler.domain.adoption import Count, CountMethod, Sample, SampleKey
from tests.support.browser import needs_chromium, shown
from tests.support.canary_world import TESTER, canary_world
from tests.support.indexing import APPLY, URN, IndexingWorld, indexing_world
from tests.support.program import HR_URN, DevTenant, Folder, assert_reported


def with_samples(folder: Folder) -> None:
    store = open_store(f"sqlite:///{folder.path}/.reconciler/state.db")
    for day, holders in enumerate((10, 40, 90), start=1):
        key = SampleKey(
            tenant="dev", resource_type="User", schema_id=HR_URN, attribute="isContractor"
        )
        count = Count(holders=holders, total=100, method=CountMethod.FILTER)
        at = f"2026-01-0{day}T00:00:00.000Z"
        store.add_samples([Sample(key=key, count=count, measured_at=at)])
    store.close()


@pytest.fixture
def page_file(dev_tenant: DevTenant) -> Path:
    folder = dev_tenant.folder
    folder.run("apply", "--auto-approve")
    with_samples(folder)
    assert_reported(folder.run("report", "--out", "fleet.html"), 0, "fleet.html is written")
    return folder.path / "fleet.html"


def test_before_the_first_apply_the_page_says_so(folder: Folder):
    done = folder.run("report")

    assert_reported(done, 0)
    assert "Nobody has counted yet" in (folder.path / "report.html").read_text()
    assert not (folder.path / ".reconciler").exists()


def test_a_folder_that_is_not_there_is_said(folder: Folder):
    assert_reported(folder.run("report", "--out", "none/x.html"), 1, "--out none/x.html cannot be")


@needs_chromium
@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 1200), ("light", 320)])
def test_a_judge_of_accessibility_finds_nothing(page_file: Path, scheme: str, width: int):
    open_up = page_file.read_text().replace("Content-Security-Policy", "x-judged-without-it")
    judged = page_file.with_name("judged.html")  # the judge is a script, which the page forbids
    judged.write_text(open_up)

    with shown(judged, scheme=scheme, width=width) as page:
        found = Axe().run(page)
        wide = page.evaluate("document.documentElement.scrollWidth")

    assert found.response["violations"] == []
    assert wide <= width


@needs_chromium
def test_the_keyboard_reaches_every_table_and_no_script_runs(page_file: Path):
    text = page_file.read_text()
    page_file.write_text(text.replace("</main>", "<script>document.title = 'run'</script></main>"))

    with shown(page_file) as page:
        reached = []
        for _ in range(20):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.getAttribute('aria-label')"))
        title = page.title()
        regions = page.get_by_role("region").count()

    assert len({name for name in reached if name}) == regions
    assert title.startswith("reconciler: 1 tenant,")


@needs_chromium
def test_the_print_of_the_page_holds_what_the_screen_scrolls(page_file: Path):
    with shown(page_file, width=1047) as page:  # what A4 has between its margins
        page.emulate_media(media="print")
        hidden = page.eval_on_selector_all(
            ".wide",
            """all => all.map(each => [each.scrollHeight - each.clientHeight,
                                       each.scrollWidth - each.clientWidth])""",
        )

    assert hidden == [[0, 0]] * len(hidden)


def answers(page: str) -> dict[str, str]:
    """The cell of each attribute in the one row of the table about what HR may send."""
    table = page.partition('aria-label="May HR send')[2].partition("</table>")[0]
    names = re.findall(r'scope="col">([^<]+)</th>', table)[2:]
    [cells] = re.findall(r'<tr><th scope="row">acme</th>(.*)</tr>', table)
    found = re.findall(r"<td[^>]*>([^<]*)</td>", cells)[1:]
    return dict(zip(names, found, strict=True))


def bare(world: IndexingWorld) -> None:
    world.tenant(hooks=False)


def unbound(world: IndexingWorld) -> None:
    world.service.bound = False


def late(world: IndexingWorld) -> None:
    world.service.delay = 1e9


def foolish(world: IndexingWorld) -> None:
    world.service.takes_anything = True


@pytest.mark.parametrize("change", [bare, unbound, late, foolish], ids=lambda f: f.__name__)
@pytest.mark.parametrize("writes", [True, False], ids=["written", "there before"])
def test_the_page_says_of_each_attribute_what_gate_says(
    tmp_path: Path, change: Callable[[IndexingWorld], None], writes: bool
) -> None:
    with indexing_world(tmp_path) as world:
        change(world)
        folder = world.folder
        if not writes:
            folder.run(*APPLY, "--state", "sqlite:///another.db")
        folder.run(*APPLY, "--gate", "hr", "--searchable-timeout", "2")
        if writes:
            world.manifest("badge", "grade")  # what no apply has looked at yet
        done = folder.run("report")
        said = json.loads(folder.run("gate", "acme", URN, "--format", "json").out)

    found = answers((folder.path / "report.html").read_text())
    expected = {each["attribute"]: each["ready"] for each in said["attributes"]}
    assert done.code == 0
    assert {name: cell == "yes" for name, cell in found.items()} == expected


def dropped(name: str, value: object) -> None:
    """What a service keeps that answers well and stores nothing."""


def coerced(name: str, value: object) -> object:
    return value if isinstance(value, dict) else f"{value}"[:20].upper()


@pytest.mark.parametrize(
    ("keep", "users", "found"),
    [
        (lambda _, value: value, TESTER, "persisted"),
        (dropped, TESTER, "dropped"),
        (coerced, TESTER, "coerced"),
        (lambda _, value: value, "", "not-tried"),
    ],
    ids=["kept", "dropped", "coerced", "not tried"],
)
def test_the_page_and_the_file_for_hr_say_what_a_test_user_has_kept(
    tmp_path: Path, keep: Callable[[str, object], object], users: str, found: str
) -> None:
    with canary_world(tmp_path) as world:
        world.service.keep = keep
        world.folder.environ["RECONCILER_CANARY_USERS"] = users
        world.folder.run(*APPLY, "--gate", "hr")
        world.folder.run("report")

    for_hr = json.loads((tmp_path / "hr/acme.json").read_text())["attributes"]
    cells = answers((tmp_path / "report.html").read_text())
    [badge] = [each for each in for_hr if each["attribute"] == "badge"]
    assert (badge["persisted"], badge["ready"]) == (found, found == "persisted")
    assert {name: cell == "yes" for name, cell in cells.items()} == {
        each["attribute"]: each["ready"] for each in for_hr
    }
