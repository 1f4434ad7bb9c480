"""A store that has grown old: what is shown of it, what is pruned, what is written to a file."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.program import Folder

MANIFESTS = Path("desired-state")


@pytest.fixture
def applied(tmp_path: Path) -> Folder:
    """One tenant whose extension was deployed and announced."""
    folder = Folder(tmp_path)
    (tmp_path / MANIFESTS).mkdir()
    tenant = {"dialect": "genesys", "baseUrl": "embedded://dev"}
    schema = {
        "id": "urn:ietf:params:scim:schemas:extension:acme:2.0:User:One",
        "name": "One",
        "attributes": [{"name": "grade", "type": "string"}],
    }
    documents = [
        {"kind": "Tenant", "metadata": {"name": "dev"}, "spec": tenant},
        {"kind": "SchemaExtension", "metadata": {"name": "one"}, "spec": {"schema": schema}},
    ]
    text = "\n---\n".join(json.dumps({"apiVersion": "reconciler/v1", **d}) for d in documents)
    (tmp_path / MANIFESTS / "all.yaml").write_text(text + "\n")
    done = folder.run("apply", "--auto-approve")
    assert done.code == 0, done.everything
    return folder


def ask(folder: Folder, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder.path / ".reconciler/state.db")) as shell:
        found = shell.execute(statement).fetchall()
        shell.commit()
    return found


@pytest.mark.parametrize("command", [("webhooks", "deliver"), ("apply", "--auto-approve")])
def test_webhooks_delivered_long_ago_are_pruned_and_not_announced_again(
    applied: Folder, command: tuple[str, ...]
) -> None:
    [(event,)] = ask(applied, "SELECT event_id FROM outbox")
    assert str(event) in applied.run("webhooks", "list").out
    ask(applied, "UPDATE outbox SET delivered_at = '2020-01-01T00:00:00.000Z'")
    kept = applied.run(*command, "--keep-delivered", "100000")
    assert kept.code == 0, kept.everything
    assert str(event) in applied.run("webhooks", "list").out

    done = applied.run(*command)

    assert done.code == 0, done.everything
    assert applied.run("webhooks", "list").out == ""
    again = applied.run("webhooks", "replay", str(event))
    assert again.code == 1
    assert "or it was delivered longer ago than --keep-delivered says" in again.err
    assert ask(applied, "SELECT event_id, state, length(body) FROM outbox") == [
        (event, "delivered", 0)
    ]


def test_the_list_shows_the_newest_records_and_the_file_gets_all(applied: Folder) -> None:
    listed = applied.run("audit", "list", "--last", "2").out.splitlines()
    exported = applied.run("audit", "export").out
    applied.run("audit", "export", "--out", "trail.jsonl")

    numbers = [json.loads(line)["seq"] for line in exported.splitlines()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert [int(line.split()[0]) for line in listed] == numbers[-2:]
    assert (applied.path / "trail.jsonl").read_text() == exported


def test_an_export_that_fails_on_its_way_leaves_no_file(applied: Folder) -> None:
    (applied.path / "out").mkdir()
    (applied.path / "out/trail.jsonl").write_text("as it was")
    ask(applied, "ALTER TABLE audit DROP COLUMN latency_ms")

    done = applied.run("audit", "export", "--out", "out/trail.jsonl")

    assert done.code == 1
    assert "answers with an error: no such column" in done.err
    assert [each.name for each in (applied.path / "out").iterdir()] == ["trail.jsonl"]
    assert (applied.path / "out/trail.jsonl").read_text() == "as it was"


@pytest.mark.parametrize("option", ["--keep-delivered", "--state-deadline"])
def test_the_longest_time_that_can_be_said_is_as_good_as_for_ever(
    applied: Folder, option: str
) -> None:
    ask(applied, "UPDATE outbox SET delivered_at = '1900-01-01T00:00:00.000Z'")

    done = applied.run("webhooks", "deliver", "--keep-delivered", "1000000", option, "999999999")

    assert (done.code, done.err) == (0, "")
    assert applied.run("webhooks", "list", "--state-deadline", "999999999").out
