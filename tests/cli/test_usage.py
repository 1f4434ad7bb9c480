"""Command lines: what is refused, and where options and their variables may stand."""

import pytest

from tests.support.program import Folder, assert_reported


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["plna"], "plna"),
        (["plan", "--dry-run"], "--dry-run"),
        (["plan", "--detailed"], "--detailed"),
        (["plan", "--parallelism", "0"], "--parallelism"),
        (["plan", "--parallelism", "many"], "--parallelism"),
        (["plan", "--parallelism", "9" * 10], "is too large; the most is 999999999"),
        (["plan", "--parallelism", "٣"], "is no whole number from 1 up"),
        (["plan", "--format", "yaml"], "yaml"),
        (["plan", "--desired-state", ""], "--desired-state: the text is empty"),
        (["plan", "--tenant", ""], "--tenant: the text is empty"),
        (["apply", "--auto-approve", "--approve", ""], "--approve: the text is empty"),
        (["apply", ""], "FILE: the text is empty"),
        (["plan", "--tenant", "nord"], "fits no tenant; there are local"),
        (["plan", "--target", "hr-extensoin"], "did you mean hr-extension?"),
        (["plan", "--exclude", "local/x"], "--exclude local/x fits no extension"),
        (["apply", "--auto-approve", ""], "FILE: the text is empty"),
        (["plan", "--out", ""], "--out: the text is empty"),
        (["plan", "--tenant", "local", "--tenant", ""], "--tenant: the text is empty"),
        (["audit", "verify", "--head", "c45177c6"], "'c45177c6' is no hash of a record"),
        (["apply", "--approve", "x", "y.json"], "y.json"),
        (["audit"], "COMMAND"),
        (["audit", "export"], "no store"),
        (["schema", "users"], "users"),
        (["plan", "--ca-bundle", "none.pem"], "none.pem"),
        (["dev-tenant", "--name", "../x"], "../x"),
        (["dev-tenant", "--port", "65536"], "127.0.0.1:65536: there are 65535 ports; choose"),
        (["validate", "desired-state"], "'desired-state'; did you mean --desired-state?"),
        (["status", "desired-state"], "'desired-state'; did you mean --desired-state?"),
        (["status", "local"], "'local'; did you mean --tenant?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_usage_error_is_one_message_and_exits_1(folder: Folder, arguments, word):
    done = folder.run(*arguments)

    assert_reported(done, 1, word)
    assert done.err.startswith("error: ")
    assert done.out == ""


def test_an_option_wins_over_its_variable_and_that_over_the_default(folder: Folder):
    by_variable = folder.run("plan", RECONCILER_FORMAT="json")
    by_option = folder.run("plan", "--format", "text", RECONCILER_FORMAT="json")
    wrong = folder.run("plan", RECONCILER_FORMAT="yaml")

    assert by_variable.out.startswith("{")
    assert by_option.out.startswith("Tenant local")
    assert_reported(wrong, 1, "RECONCILER_FORMAT: 'yaml' is none of text, markdown, json")


def test_global_options_stand_before_or_after_the_command(folder: Folder):
    (folder.path / "desired-state").rename(folder.path / "manifests")

    before = folder.run("--desired-state", "manifests", "validate")
    after = folder.run("validate", "--desired-state", "manifests")

    assert before == after
    assert before.code == 0
