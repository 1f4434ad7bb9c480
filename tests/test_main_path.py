"""Plan, apply, plan on the built-in tenant, by the real program; tests/cli has all the rest."""

from tests.support.program import Folder


def test_plan_apply_plan_on_the_built_in_tenant(folder: Folder):
    first = folder.run_cold("plan", "-q")
    applied = folder.run_cold("apply", "--auto-approve")
    again = folder.run_cold("plan", "--detailed-exitcode")

    assert first.code == 0
    assert "Plan: 2 to add, 0 to change, 0 to destroy." in first.out
    assert first.err == ""
    assert applied.code == 0
    assert applied.out.count("applied and verified") == 2
    assert "Apply complete! Extensions: 2 added, 0 changed, 0 destroyed." in applied.out
    assert "Webhooks: 2 delivered, 0 pending." in applied.out
    assert again.code == 0
    assert "No changes." in again.out


def test_plan_writes_nothing_but_the_store_of_the_built_in_tenant(folder: Folder):
    folder.run_cold("plan")

    made = [p for p in (folder.path / ".reconciler").rglob("*") if p.is_file()]
    assert {p.name.split("-")[0] for p in made} == {"local.db"}
