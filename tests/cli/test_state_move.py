"""`state move` and `state check`: a store goes into another database, whole, and can be trusted."""

import json
import re
import signal
import time
from contextlib import closing

from reconciler.adapters.database import open_store
from reconciler.adapters.locks import FileLocks
from tests.support.applied import applied
from tests.support.lock_world import StoppedClock
from tests.support.postgres import Server
from tests.support.program import Folder
from tests.support.store_world import behind_its_back, rows

__all__ = ["applied"]

APPLY = ("apply", "--auto-approve")


def sequences(folder: Folder) -> list[int]:
    listed = folder.output("webhooks", "list")["data"]["webhooks"]
    return sorted(webhook["sequence"] for webhook in listed)


def change(folder: Folder) -> None:
    """Another extension, of which HR has to hear."""
    [file] = folder.path.glob("desired-state/*.yaml")
    text = file.read_text().rpartition("---\n")[2]
    second = (
        text.replace("User:One", "User:Two").replace('"one"', '"two"').replace('"One"', '"Two"')
    )
    file.with_name("second.yaml").write_text(second)


def test_a_store_moves_to_a_server_and_back_and_its_events_go_on(
    applied: Folder, postgres: Server
) -> None:
    head = applied.audit()[-1]["hash"]
    assert sequences(applied) == [1]
    url = postgres.url()

    moved = applied.run("state", "move", "--to", url)

    assert moved.code == 0, moved.everything
    planned = applied.run("plan")
    assert planned.code == 0
    assert "warning: the store was moved to postgresql+psycopg://127.0.0.1" in planned.err
    assert f"--state {url}" in moved.err
    old = applied.run(*APPLY)
    assert (old.code, "was moved to postgresql+psycopg://127.0.0.1" in old.err) == (1, True)
    assert "warning: this store was moved to" in applied.run("audit", "verify").err
    applied.environ["RECONCILER_STATE"] = url
    *_, last = applied.audit()
    assert (last["event"], last["status"], last["prev_hash"]) == ("STORE_MOVED", "SUCCESS", head)
    assert f"head {last['hash']}" in moved.out
    assert applied.run("audit", "verify", "--head", str(head)).code == 0
    assert "the store was moved" not in applied.run("plan").err
    change(applied)
    done = applied.run(*APPLY)
    assert done.code == 0, done.everything
    assert sequences(applied) == [1, 2]

    back = applied.run("state", "move", "--to", "back/state.db")
    assert back.code == 0, back.everything
    applied.environ["RECONCILER_STATE"] = "sqlite:///back/state.db"
    assert applied.run(*APPLY).code == 0
    checked = applied.output("state", "check")["data"]
    assert (checked["rows"]["outbox"], checked["open_intents"]) == (2, {})
    assert (applied.path / "back/state.db").stat().st_mode & 0o77 == 0


def test_a_move_that_is_killed_leaves_the_store_whole_and_is_done_again(
    applied: Folder, postgres: Server
) -> None:
    name = postgres.new()
    url = postgres.url(name)
    open_store(url).close()
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    with closing(postgres.connect(name)) as blocking:
        blocking.execute("BEGIN")
        blocking.execute("LOCK TABLE outbox IN SHARE MODE")  # the rows before are written by then
        process = applied.start("state", "move", "--to", url)
        ends = time.monotonic() + 20
        while rows(url, waiting) == [(0,)]:
            assert time.monotonic() < ends
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    postgres.wait_until_idle(name)

    assert rows(url, "SELECT count(*) FROM audit") == [(0,)]
    assert applied.run("state", "check").code == 0
    assert applied.run(*APPLY).code == 0
    done = applied.run("state", "move", "--to", url)
    assert done.code == 0, done.everything
    assert applied.run("state", "check", "--state", url).code == 0


def test_nothing_is_moved_while_a_run_holds_a_lock(applied: Folder) -> None:
    held = FileLocks(applied.path / ".reconciler/locks", holder="night", clock=StoppedClock())

    with held.hold("dev"):
        refused = applied.run("state", "move", "--to", "moved.db")

    assert refused.code == 5
    assert "tenant dev is held by night (process " in refused.err
    assert applied.run("state", "move", "--to", "moved.db").code == 0


def test_a_store_that_is_not_whole_is_not_moved(applied: Folder) -> None:
    place = applied.path / ".reconciler/state.db"
    behind_its_back(place, "UPDATE audit SET actor = 'nobody' WHERE seq = 2")

    refused = applied.run("state", "move", "--to", "moved.db")

    assert (refused.code, "the trail is broken at record 2" in refused.err) == (1, True)
    assert rows(applied.path / "moved.db", "SELECT count(*) FROM audit") == [(0,)]
    assert applied.run("state", "check").code == 1


def test_a_target_that_cannot_be_is_refused_by_the_name_of_its_option(applied: Folder) -> None:
    for to, texts in (
        (".reconciler/../.reconciler/state.db", "--to: it names the store that is to be moved"),
        ("sqlite:///.reconciler/state.db", "--to: it names the store that is to be moved"),
        ("mysql://x/y", "--to: the URL cannot be mysql: what is supported is"),
        ("postgresql+psycopg://u:hunter2@h/x", "--to: the URL holds a password"),
        ("desired-state/all.yaml/x.db", "--to: cannot make the folder"),
    ):
        refused = applied.run("state", "move", "--to", to)
        assert (refused.code, texts in refused.err) == (1, True), refused.everything
        assert "hunter2" not in refused.everything
    assert "--to names the database or file" in applied.run("state", "move").err
    assert applied.run(*APPLY).code == 0


def test_a_copy_whose_sequences_were_not_set_is_named_and_mended_by_what_is_printed(
    applied: Folder, postgres: Server
) -> None:
    url = postgres.url()
    assert applied.run("state", "move", "--to", url).code == 0
    behind_its_back(
        url, "SELECT setval('intents_id_seq', 1, false), setval('outbox_id_seq', 1, false)"
    )
    applied.environ["RECONCILER_STATE"] = url
    change(applied)

    refused = applied.run(*APPLY)
    assert (refused.code, "`reconciler state check` names them" in refused.everything) == (1, True)
    checked = applied.run("state", "check", "--format", "json")
    assert checked.code == 1
    assert json.loads(checked.out)["data"] is None
    [statement] = re.findall(r"run as the owner: (SELECT setval\(.*?\));", checked.err)
    behind_its_back(url, statement)  # the other is right since the apply that was refused

    assert applied.run("state", "check").code == 0
    assert applied.run(*APPLY).code == 0
    assert sequences(applied) == [1, 2]
