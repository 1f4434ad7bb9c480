"""docs/watching.md: its lines of progress and of the log are those that the program writes."""

import re

import pytest

from reconciler.domain.outcome import Outcome, OutcomeKind
from reconciler.domain.plan import Create, Subject
from reconciler.occurrences import Phase, TenantEnded
from reconciler.render.progress_text import ChangeUnderWay, Tally
from tests.support.fakes import extension
from tests.support.otlp import receiving
from tests.support.pages import blocks
from tests.support.program import DevTenant

LIVE_LINE, EACH_END, MANY, LOG, RECEIVER = (text for _, text in blocks("docs/watching.md"))


def test_the_line_of_a_terminal_is_the_sum_of_a_phase():
    found = Tally(Phase.PLAN, 40, 0.0, done=12, failed=1, tenants={"acme-prod": 0.9})

    assert f"{found.line(3.9)}\n" == LIVE_LINE


def test_the_line_of_many_tenants_is_the_sum_of_a_phase():
    found = Tally(Phase.PLAN, 400, 0.0, done=120, failed=3, tenants={"acme-prod": 1.2})

    assert f"{found.line(10.2)}\n" == MANY


def test_the_lines_without_a_terminal_are_those_of_tenants_and_changes():
    plan = Tally(Phase.PLAN, 3, 0.0, tenants=dict.fromkeys(("acme-prod", "acme-test"), 0.0))
    plan.tenants["acme-dev"] = 0.0
    apply = Tally(Phase.APPLY, 2, 0.0, tenants={"acme-prod": 0.0})
    prod, dev = (
        Create(Subject(tenant=name, extension=extension(name="hr-extension")))
        for name in ("acme-prod", "acme-dev")
    )
    for change in (prod, dev):
        apply.changes[change.subject.id] = ChangeUnderWay(change, 0.0)

    lines = [
        plan.end(TenantEnded(Phase.PLAN, "acme-prod", None), 0.4),
        plan.end(TenantEnded(Phase.PLAN, "acme-test", "503"), 2.1),
        plan.end(TenantEnded(Phase.PLAN, "acme-dev", None), 3.0),
        apply.end_change(Outcome(change=prod, kind=OutcomeKind.APPLIED), 1.2),
        *apply.still(10.0),
        apply.end_change(Outcome(change=dev, kind=OutcomeKind.APPLIED), 14.8),
        apply.end(TenantEnded(Phase.APPLY, "acme-prod", None), 1.5),
    ]

    assert lines == EACH_END.splitlines()


def forms(text: str) -> list[str]:
    """Lines of a log without names, hosts, paths before the last part, ids and numbers."""
    text = re.sub(r"(run|tenant)=[\w-]+", r"\1=NAME", text)
    text = re.sub(r"https?://\S+/", "URL/", text)
    text = re.sub(r" /\S+/(\S+) at [\w.:]+:", r" /\1 at HOST:", text)
    return re.sub(r"\d+", "N", text).splitlines()


@pytest.mark.process
def test_the_log_is_that_of_a_plan_whose_tenant_asks_to_wait(dev_tenant: DevTenant):
    dev_tenant.set_faults(too_many_requests=1, retry_after=3)

    done = dev_tenant.folder.run("plan", "-v")

    assert done.code == 0, done.everything
    assert set(forms(LOG)) - set(forms(done.err)) == set()


@pytest.mark.process
def test_the_variable_names_the_receiver_of_traces(dev_tenant: DevTenant):
    name, shown = RECEIVER.removeprefix("export ").strip().split("=")

    with receiving() as receiver:
        done = dev_tenant.folder.run("plan", **{name: receiver.url})

    assert done.code == 0, done.everything
    assert re.sub(r"\d+$", "", shown) == re.sub(r"\d+$", "", receiver.url)
    assert receiver.named("reconciler plan")
