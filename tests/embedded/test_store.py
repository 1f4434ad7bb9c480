"""The store: what survives a kill, who may read it, and two processes on one file."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.embedded.store import EmbeddedStore, StoredSchema, ValueTaken, open_embedded_store
from reconciler.errors import StateError, UsageError
from tests.support.dev_process import tenant_process
from tests.support.embedded_client import HR, USER, Client, TestClock, connected, extension, running


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    with open_embedded_store(tmp_path, "local") as store:
        yield store


def schema(number: int, version: int = 1) -> StoredSchema:
    key = f"urn:example:{number}"
    return StoredSchema(
        key=key, document={"id": key}, created="then", modified="now", version=version
    )


# -- the promise ----------------------------------------------------------------------------------


@pytest.mark.process
def test_every_answered_write_survives_sigkill(tmp_path: Path) -> None:
    holders = {"filter": f"{HR}:hrDepartmentCode pr", "count": "0"}
    with tenant_process(tmp_path) as (process, access), connected(access) as client:
        created = client.send("POST", "/Schemas", extension())
        user = {"schemas": [USER, HR], "userName": "ann", HR: {"hrDepartmentCode": "A1"}}
        answered = client.send("POST", "/Users", user)
        token = client.headers
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)

    with tenant_process(tmp_path) as (_, again), connected(again) as client:
        client.headers = token
        assert created.status_code == answered.status_code == 201
        assert client.send("GET", f"/Schemas/{HR}").json()["meta"]["version"] == 'W/"1"'
        assert client.send("GET", "/Users", params=holders).json()["totalResults"] == 1
        assert client.credentials() == (access.client_id.reveal(), access.client_secret.reveal())
        assert again.webhook_secret == access.webhook_secret


@pytest.mark.process
def test_two_processes_write_to_one_tenant_and_nothing_is_lost(tmp_path: Path) -> None:
    with (
        tenant_process(tmp_path) as (_, one),
        tenant_process(tmp_path) as (_, two),
        connected(one) as first,
        connected(two) as second,
    ):

        def create(number: int) -> int:
            client = (first, second)[number % 2]
            answer = client.send("POST", "/Schemas", extension(f"urn:example:{number // 2}"))
            return answer.status_code

        with ThreadPoolExecutor(4) as pool:
            answers = sorted(pool.map(create, range(24)))

        assert set(answers) == {201, 400, 409}  # two more ids than there is room for
        assert answers.count(201) == 10
        assert first.send("GET", "/Schemas").json()["totalResults"] == 13
    with closing(sqlite3.connect(tmp_path / "local.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.process
def test_many_processes_may_make_the_file_at_once(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from reconciler.embedded.store import open_embedded_store\n"
        "with open_embedded_store(Path(sys.argv[1]), 'local') as store:\n"
        "    print(store.credentials().client_id.reveal())"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "new")]
    pipe = subprocess.PIPE
    running = [subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) for _ in range(4)]

    stated = [process.communicate(timeout=30) for process in running]

    assert [errors for _, errors in stated] == [""] * 4
    assert len({client_id for client_id, _ in stated}) == 1


def test_a_second_opening_finds_the_same_identity_and_another_tenant_has_its_own(
    tmp_path: Path,
) -> None:
    with open_embedded_store(tmp_path, "a") as one, open_embedded_store(tmp_path, "b") as other:
        first, foreign = one.credentials(), other.credentials()
    with open_embedded_store(tmp_path, "a") as again:
        assert again.credentials() == first
    assert first.client_secret != foreign.client_secret
    assert first.webhook_secret.reveal().startswith("whsec_")
    assert len(b64decode(first.webhook_secret.reveal().removeprefix("whsec_"))) == 32


def test_nobody_else_may_read_the_files(client: Client, tmp_path: Path) -> None:
    client.send("POST", "/Schemas", extension())

    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}

    assert modes.keys() >= {"local.db"}
    assert set(modes.values()) == {0o600}


# -- what cannot be opened ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "Local", "a_b", "../up", "-a", "a-", "a" * 64, "a\n", "ü"])
def test_a_name_that_is_no_dns_label_is_a_usage_error(tmp_path: Path, name: str) -> None:
    with (
        pytest.raises(UsageError, match="built-in tenant"),
        open_embedded_store(tmp_path / "x", name),
    ):
        pass

    assert not (tmp_path / "x").exists()


def test_a_file_that_is_no_database_is_a_state_error_and_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "local.db"
    path.write_text("these are my notes, not a database\n" * 50)

    with pytest.raises(StateError, match=r"local\.db.*not a database"):
        with open_embedded_store(tmp_path, "local"):
            pass

    assert path.read_text().startswith("these are my notes")


def test_a_file_of_a_later_version_is_a_state_error(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "local.db")) as connection:
        connection.execute("PRAGMA user_version = 99")

    with pytest.raises(StateError, match="format 99"), open_embedded_store(tmp_path, "local"):
        pass


def test_a_folder_that_is_a_file_is_a_state_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with (
        pytest.raises(StateError, match="cannot be opened"),
        open_embedded_store(tmp_path / "file", "a"),
    ):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_a_state_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with (
            pytest.raises(StateError, match="cannot be opened"),
            open_embedded_store(tmp_path, "a"),
        ):
            pass
    finally:
        tmp_path.chmod(0o700)


# -- its rows -------------------------------------------------------------------------------------


def test_schemas_keep_the_order_of_their_creation_when_they_are_saved_again(
    store: EmbeddedStore,
) -> None:
    for number in (3, 1, 2):
        store.save_schema(schema(number))
    store.save_schema(schema(3, version=2))

    assert [(each.key[-1], each.version) for each in store.schemas()] == [
        ("3", 2), ("1", 1), ("2", 1),
    ]  # fmt: skip


def test_a_step_that_fails_leaves_nothing_behind(store: EmbeddedStore) -> None:
    def failing_step() -> None:
        with store.transaction():
            store.save_schema(schema(1))
            raise LookupError

    with pytest.raises(LookupError):
        failing_step()

    assert store.schemas() == ()


def test_a_step_inside_another_fails_with_it(store: EmbeddedStore) -> None:
    def failing_step() -> None:
        with store.transaction():
            with store.transaction():
                store.save_schema(schema(1))
            assert len(store.schemas()) == 1
            raise LookupError

    with pytest.raises(LookupError):
        failing_step()

    assert store.schemas() == ()


def test_a_value_that_is_taken_leaves_the_resource_as_it_was(store: EmbeddedStore) -> None:
    store.save_resource("user", {"id": "1", "n": 1}, [("urn:n", "ann")])
    store.save_resource("user", {"id": "2", "n": 1}, [("urn:n", "bob")])

    with pytest.raises(ValueTaken):
        store.save_resource("user", {"id": "2", "n": 2}, [("urn:n", "ann")])
    store.delete_resource("user", "1")
    store.save_resource("user", {"id": "3"}, [("urn:n", "ann")])

    assert store.resource("user", "2") == {"id": "2", "n": 1}
    assert store.resources("user") == [{"id": "2", "n": 1}, {"id": "3"}]
    assert store.count_resources("user") == 2


def test_a_writer_waits_for_another_process_instead_of_failing(
    tmp_path: Path, store: EmbeddedStore
) -> None:
    with (
        open_embedded_store(tmp_path, "local") as other,
        ThreadPoolExecutor(1) as pool,
    ):
        with other.transaction():
            other.save_schema(schema(1))
            waiting = pool.submit(store.save_schema, schema(2))
        waiting.result(timeout=10)

    assert [each.key for each in store.schemas()] == ["urn:example:1", "urn:example:2"]


def test_the_inbox_outlives_the_server(tmp_path: Path, clock: TestClock) -> None:
    with open_embedded_store(tmp_path, "local") as store:
        store.receive("evt_1", 7, b"\xff")
        store.receive("evt_1", 8, b"\xff")

    with running(tmp_path, clock) as client:
        assert client.raw("GET", "/hr/scim/sync").json() == [
            {"id": "evt_1", "timestamp": 7, "body": "�", "copies": 2}
        ]
