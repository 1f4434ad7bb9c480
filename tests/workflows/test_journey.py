"""The workflows do what they say: each `run:` is executed, against live services on loopback."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.support.postgres import Server
from tests.support.program import HR_URN, WORK_URN
from tests.support.receiver import receiving
from tests.support.workflows.runner import Run
from tests.support.workflows.world import HR, TENANT, Company, company, environment_of_the_lock

pytestmark = [pytest.mark.process, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment_of_the_lock(tmp_path_factory.mktemp("lock") / "ready")


@pytest.fixture
def acme(tmp_path: Path, ready: Path, postgres: Server) -> Iterator[Company]:
    with company(tmp_path, ready, state=postgres.url()) as made:
        yield made
        for run in made.hub.history:
            assert not [secret for secret in made.secrets() if secret in run.log + run.summary]
            assert run.commands <= {"add-mask", "error", "warning", "notice"}


def comment(acme: Company, number: int) -> str:
    """The one comment that there is."""
    [stated] = acme.github.bodies(number)
    return stated


def well(run: Run, **jobs: str) -> None:
    expected = dict.fromkeys(run.jobs, "success") | jobs
    assert run.results == expected, run.log


def test_a_pull_request_is_planned_and_after_the_merge_applied(acme: Company):
    # given a pull request with a new attribute in a new extension
    acme.edit(HR, "isContractor", "isContingent")
    pull = acme.propose("contingent")
    assert acme.reviewed("validate", pull).results["validate"] == "failure"

    # when the break is said to be meant
    pull.labels.append("breaking-change")
    well(acme.reviewed("validate", pull))
    planned = acme.reviewed("plan", pull)

    # then its plan is in one comment, in the summary and in an artifact, and nothing was written
    well(planned)
    first = comment(acme, pull.number)
    assert "2 to add" in first
    assert "isContingent" in first
    assert "2 to add" in planned.jobs["plan"].summary
    document = json.loads((planned.artifact("plan") / "plan.json").read_text())
    assert document["digest"] in first
    assert acme.tenant.schemas() == []

    # when other files are pushed over it
    acme.edit(HR, "isContractor", "isAgencyWorker")
    acme.push(pull)
    well(acme.reviewed("plan", pull))

    # then the same comment says so
    second = comment(acme, pull.number)
    assert "isAgencyWorker" in second
    assert "isContingent" not in second

    # when it is merged
    applied = acme.hub.run("apply", acme.merge(pull))

    # then the tenant has it, HR knows, the comment says so, and the evidence is kept
    well(applied)
    assert applied.commands == {"add-mask"}
    names = [a["name"] for a in acme.tenant.get(HR_URN)["attributes"]]
    assert "isAgencyWorker" in names
    assert len(acme.tenant.inbox()) == 2
    assert "applied" in comment(acme, pull.number).lower()
    evidence = applied.artifact("evidence-1")
    records = [json.loads(line) for line in (evidence / "audit.jsonl").read_text().splitlines()]
    assert records[-1]["event"] == "RUN_COMPLETED"
    assert records[-1]["commit"] == acme.on_main("push").sha
    assert records[-1]["hash"] in applied.jobs["apply"].summary
    report = json.loads((evidence / "report.json").read_text())
    assert report["audit_head"]["hash"] == records[-1]["hash"]


def test_a_run_by_hand_of_another_branch_touches_nothing(acme: Company):
    event = replace(acme.on_main("workflow_dispatch"), ref="refs/heads/contingent")

    workflows = ("apply", "drift", "deliver", "adoption", "report")
    runs = [acme.hub.run(workflow, event) for workflow in workflows]

    assert {result for run in runs for result in run.results.values()} == {"skipped"}


def test_without_a_shared_store_the_evidence_has_the_file_of_the_state(acme: Company):
    acme.hub.variables["RECONCILER_STATE"] = ""
    pull = acme.propose("nothing")

    applied = acme.hub.run("apply", acme.merge(pull))

    well(applied)
    kept = {path.name for path in applied.artifact("evidence-1").rglob("*") if path.is_file()}
    assert {"audit.jsonl", "report.json", "state.db"} <= kept
    well(acme.scheduled("deliver"), deliver="skipped")


def test_drift_opens_an_issue_and_mending_closes_it(acme: Company):
    acme.started("apply")
    well(acme.scheduled("drift"))
    assert acme.github.issues == []

    # when somebody changes the tenant by hand
    live = acme.tenant.get(HR_URN)
    acme.tenant.put(HR_URN, {**live, "description": "by hand"})
    well(acme.scheduled("drift"))
    acme.tenant.put(HR_URN, {**live, "description": "by hand again"})
    well(acme.scheduled("drift"))

    # then there is one issue, and it says how things are now
    [issue] = acme.github.issues
    assert issue["state"] == "open"
    assert "acme" in issue["title"]
    assert "by hand again" in issue["body"]

    # when the tenant cannot be read
    acme.tenant.set_faults(forbid=True)
    unread = acme.scheduled("drift")
    acme.tenant.set_faults(forbid=False)

    # then nobody takes that for good news
    well(unread, plan="failure")
    assert issue["state"] == "open"

    # when it is put back
    acme.tenant.put(HR_URN, live)
    well(acme.scheduled("drift"))

    assert [issue["state"] for issue in acme.github.issues] == ["closed"]


def test_a_heartbeat_says_that_somebody_has_looked(acme: Company):
    with heard() as (url, beats):
        acme.hub.environments["plan"]["RECONCILER_HEARTBEAT_URL"] = url
        well(acme.scheduled("drift"))
        assert beats == ["/beat"]

        # a tenant that cannot be read is no reason to be calm
        acme.tenant.set_faults(forbid=True)
        failed = acme.scheduled("drift")

    assert beats == ["/beat"]
    assert failed.results["plan"] == "failure"


def test_webhooks_reach_a_receiver_that_was_down(acme: Company):
    secret = acme.hub.environments["webhooks"]["HR_WEBHOOK_SECRET"]
    with receiving(secret) as receiver:
        acme.edit(TENANT, f"{acme.tenant.root}/hr/scim/sync", receiver.url)
    pull = acme.propose("receiver")

    # when changes are applied while nobody listens
    applied = acme.hub.run("apply", acme.merge(pull))

    # then that is no failure; the schedule waits until they are due, a person need not
    well(applied)
    assert "2 pending" in applied.log
    nobody = acme.started("deliver", now=True)
    well(nobody, deliver="failure")  # red, so that somebody sees it; the next try is in minutes
    assert "0 delivered, 2 pending" in nobody.log
    with receiving(secret, port=receiver.port) as receiver:
        waited = acme.scheduled("deliver")
        assert receiver.got == []
        sent = acme.started("deliver", now=True)
    well(waited)
    assert "0 delivered, 2 pending" in waited.log
    well(sent)
    assert "2 delivered, 0 pending" in sent.log
    assert len(receiver.got) == 2


def test_users_are_counted_every_day_and_the_figures_are_kept(acme: Company):
    acme.started("apply")
    acme.tenant.add_user("ada")
    before = len(acme.tenant.inbox())

    counted = [acme.scheduled("adoption") for _ in range(2)]
    reported = acme.scheduled("report")

    for run in counted:
        well(run)
        assert re.search(r"isContractor +0 +1 +0\.0% +filling", run.log)
    page = (reported.artifact("fleet-report") / "index.html").read_text()
    assert "Adoption of hr-extension over all tenants" in page
    assert len(acme.tenant.inbox()) == before  # nothing was written, and nobody told


def test_without_a_shared_store_nobody_counts_or_reports(acme: Company):
    acme.hub.variables |= {"RECONCILER_STATE": "", "RECONCILER_REPORT_PAGE": "true"}

    runs = [acme.scheduled("adoption"), acme.scheduled("report")]

    assert {result for run in runs for result in run.results.values()} == {"skipped"}
    assert acme.hub.sites == []


def test_the_page_of_the_fleet_is_published_only_where_a_variable_says_so(acme: Company):
    acme.started("apply")

    # when nobody has said so, or has said something else
    for said in (None, "", "false", "yes", "1"):
        if said is not None:
            acme.hub.variables["RECONCILER_REPORT_PAGE"] = said
        kept = acme.scheduled("report")

        # then the page is an artifact of the run and nothing else
        well(kept, page="skipped")
        assert [path.name for path in kept.artifact("fleet-report").iterdir()] == ["index.html"]
    assert acme.hub.sites == []

    # when somebody has
    acme.hub.variables["RECONCILER_REPORT_PAGE"] = "true"
    published = acme.scheduled("report")

    # then it is what opens the site, and holds nobody's secret
    well(published)
    [site] = acme.hub.sites
    assert site == {"index.html": (published.artifact("fleet-report") / "index.html").read_bytes()}
    page = site["index.html"].decode()
    assert "SCIM schema extensions of 1 tenant" in page
    assert not [secret for secret in acme.secrets() if secret in page]


def test_no_page_is_published_where_the_report_failed(acme: Company):
    acme.hub.variables["RECONCILER_REPORT_PAGE"] = "true"
    acme.edit(HR, "type: boolean", "type: bolean")
    acme.hub.run("apply", acme.merge(acme.propose("slip")))

    failed = acme.scheduled("report")

    well(failed, report="failure", page="skipped")
    assert acme.hub.sites == []


def test_a_wrong_manifest_is_annotated_and_the_comment_shows_no_old_plan(acme: Company):
    acme.edit(HR, "isContractor", "isContingent")
    pull = acme.propose("slip")
    acme.reviewed("plan", pull)
    acme.edit(HR, "type: boolean", "type: bolean")
    acme.push(pull)

    validated = acme.reviewed("validate", pull)
    planned = acme.reviewed("plan", pull)

    well(validated, validate="failure")
    assert f"::error file={HR},line=" in validated.log
    [document] = acme.hub.sarif
    assert document["runs"][0]["results"]
    well(planned, plan="failure")
    assert f"There is no plan for {pull.head}" in comment(acme, pull.number)
    assert "isContingent" not in comment(acme, pull.number)


def test_a_fork_is_validated_and_gets_neither_a_plan_nor_a_secret(acme: Company):
    acme.edit(HR, "isContractor", "isContingent")
    pull = acme.propose("theirs", fork=True)
    pull.labels.append("breaking-change")

    validated = acme.reviewed("validate", pull)
    planned = acme.reviewed("plan", pull)

    well(validated, **{"code-scanning": "skipped"})
    well(planned, plan="skipped", comment="skipped")
    handed = [
        value for j in validated.jobs.values() for s in j.steps for value in s.environ.values()
    ]
    assert not acme.secrets() & set(handed)
    assert acme.github.comments == []


def test_a_pull_request_can_neither_redirect_a_credential_nor_bring_code(acme: Company):
    """Files that Python, git and pip would load by themselves, a tool and a lock of its own."""
    with heard() as (url, beats):
        acme.edit(TENANT, acme.tenant.root, url.removesuffix("/beat"))
        trace = acme.work.path.parent / "executed"
        code = f"open({str(trace)!r}, 'a').write(__name__ + chr(10))\n"
        for name in ("sitecustomize.py", "usercustomize.py", "json.py", "yaml.py"):
            acme.work.write(name, code)
        tool = acme.work.path / "reconciler/__init__.py"
        tool.write_text(tool.read_text() + code)
        acme.work.write("pip.conf", "[global]\nindex-url = http://127.0.0.1:1/\n")
        acme.work.write("requirements.txt", "evil==1\n")
        acme.edit(".github/actions/reconcile/action.yml", "read -ra", f"touch {trace}; read -ra")
        pull = acme.propose("evil")

        planned = acme.reviewed("plan", pull)

    well(planned)
    assert not trace.exists()
    assert beats == []
    assert "2 to add" in comment(acme, pull.number)


def test_without_listed_origins_no_credential_is_sent(acme: Company):
    del acme.hub.variables["RECONCILER_ALLOWED_ORIGINS"]
    pull = acme.propose("first")

    planned = acme.reviewed("plan", pull)

    well(planned, plan="failure")
    assert "RECONCILER_ALLOWED_ORIGINS does not list" in planned.log


def test_an_approved_plan_that_went_stale_is_not_applied(acme: Company):
    def somebody_creates_one() -> None:
        acme.tenant.post({"id": WORK_URN, "name": "WorkAssignments", "attributes": [{"name": "x"}]})

    applied = acme.hub.run(
        "apply", acme.on_main("workflow_dispatch"), before={"apply": somebody_creates_one}
    )

    well(applied, apply="failure")
    assert "exit code 4" in applied.log
    assert [schema["id"] for schema in acme.tenant.schemas()] == [WORK_URN]
    assert (applied.artifact("evidence-1") / "audit.jsonl").exists()


def test_the_action_installs_the_tool_from_its_lock(tmp_path: Path):
    """Nothing is prepared here: pip gets every package of the lock, by hash."""
    with company(tmp_path, None) as acme:
        well(acme.reviewed("validate", acme.propose("anything")))


@contextmanager
def heard() -> Iterator[tuple[str, list[str]]]:
    """A server that notes every path that it is asked for; its URL, and the notes."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(204)
            self.end_headers()

        def do_POST(self) -> None:
            self.do_GET()

        def log_request(self, code: object = "-", size: object = "-") -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/beat", paths
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
