"""Opening the store: which URLs, which files, which PRAGMAs, and what a person is told."""

import os
import resource
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote

import pytest

from reconciler.adapters.database import folder_of, open_store
from reconciler.adapters.database.address import address_of
from reconciler.adapters.database.engine import explained, prepare
from reconciler.adapters.database.tables import FORMAT_VERSION
from reconciler.errors import StateError, UsageError
from tests.support.store_world import (
    Place,
    behind_its_back,
    dump,
    entry,
    opened,
    rows,
    to_send,
    url_of,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.mark.parametrize("there", [True, False])
def test_a_link_to_a_store_is_that_store_with_its_locks(tmp_path: Path, there: bool) -> None:
    real, link = tmp_path / "disk" / "state.db", tmp_path / "state.db"
    if there:
        with opened(real):
            pass
    link.symlink_to("disk/state.db")

    with opened(link) as store:
        store.record(entry())

    assert rows(real, "SELECT count(*) FROM audit") == [(1,)]
    assert folder_of(url_of(link)) == folder_of(url_of(real))


def test_a_link_to_itself_is_no_store(path: Path) -> None:
    path.symlink_to(path)

    with pytest.raises(StateError, match="cannot be opened"):
        open_store(url_of(path))


def test_a_new_store_waits_for_another_process_that_is_making_it(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.3, other.execute, ["ROLLBACK"])
        release.start()

        with opened(path, busy_timeout=20) as store:
            store.record(entry())

        release.join()


def test_a_new_store_does_not_wait_longer_than_it_may(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(StateError, match="is locked: another process is writing"):
            open_store(url_of(path), busy_timeout=0.05)


def test_a_new_store_is_made_with_the_folders_above_it(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "state.db"

    with opened(path) as store:
        store.record(entry())

    assert rows(path, "SELECT count(*) FROM audit") == [(1,)]


def test_a_relative_path_starts_at_the_working_directory(tmp_path: Path) -> None:
    code = (
        "from reconciler.adapters.database import open_store;"
        "open_store('sqlite:///.reconciler/state.db').close()"
    )

    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)

    assert (tmp_path / ".reconciler" / "state.db").is_file()


def test_a_file_is_opened_without_the_driver_of_a_server(path: Path) -> None:
    code = (
        "import sys; from reconciler.adapters.database import open_store, seen_and_kept\n"
        "open_store(sys.argv[1]).close(); seen_and_kept(sys.argv[1])\n"
        "print(sorted({'psycopg', 'sqlalchemy', 'ssl', 'ctypes'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, url_of(path)], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


def test_records_are_there_after_opening_the_store_again(place: Place) -> None:
    with opened(place) as store:
        store.record(entry())
        head = store.head()

    with opened(place) as store:
        assert store.head() == head
        assert head[0] == 1


def test_opening_an_existing_store_writes_nothing(path: Path) -> None:
    with opened(path) as store:
        store.record(entry())
    before = path.read_bytes()

    with opened(path) as store:
        assert len(list(store.records())) == 1

    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "url",
    [
        "",
        "state.db",
        "sqlite:",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///state.db?mode=ro",
        "sqlite:///file:state.db?uri=true",
        "sqlite:///a%00b",
        "sqlite:///a%ffb",
        "sqlite:///audit?x.db",
        "sqlite:///audit.db?",
        "sqlite:///audit.db?x=",
        "sqlite:///audit.db?&",
        "sqlite:///audit.db/",
        "sqlite:///audit%0A.db",
        "sqlite:///audit%1B%5B1m.db",
        "postgresql+psycopg://localhost/a%7Fb",
        "postgresql+psycopg://a%0Dm@localhost/a",
        "postgresql+psycopg2://localhost/a",
        "postgresql+psycopg://a@localhost:5432,localhost:5433/a",
        "sqlite:///%3Amemory%3A",
        "sqlite://@/state.db",
        "sqlite://:/state.db",
        "sqlite://:0/state.db",
        "sqlite://[]/state.db",
        "sqlite://[::1]/state.db",
        "sqlite://state.db",
        "sqlite:/state.db",
        "SQLite:///state.db",
        "sqlite://host/state.db",
        "sqlite://somebody@/state.db",
        "sqlite+aiosqlite:///state.db",
        "mysql://db/reconciler",
        "postgresql://somebody@localhost/reconciler",
        "postgresql+asyncpg://somebody@localhost/reconciler",
        "postgresql+psycopg://somebody@localhost",
    ],
)
def test_another_url_is_refused_and_the_message_says_what_is_supported(url: str) -> None:
    with pytest.raises(UsageError, match=r"sqlite:///"):
        open_store(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://somebody:hunter2@db/reconciler",
        "postgresql+psycopg://db/reconciler?user=a&password=hunter2",
        "postgresql+psycopg://db/reconciler?pass%77ord=hunter2",
        "postgresql+psycopg://a:p@ss:hunter2@db/reconciler",
        "sqlite://somebody:hunter2@/state.db",
        "mysql://:hunter2@db",
        "hunter2",
        "://hunter2",
        "postgresql+psycopg://a:hunter2@db:port/x",
    ],
)
def test_a_password_in_the_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError) as refusal:
        open_store(url)

    assert "hunter2" not in str(refusal.value)
    assert "RECONCILER_STATE" in str(refusal.value)


@pytest.mark.parametrize("url", ["sqlite:///a.db\n", "sqlite:///a\tb.db", "sqlite:///a.db\r\n"])
def test_a_line_end_in_the_url_is_no_part_of_a_name(url: str) -> None:
    with pytest.raises(UsageError, match="holds a line end or another control character"):
        open_store(url)


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("sqlite:///my store.db", "my store.db"),
        ("sqlite:///my%20store.db", "my store.db"),
        ("sqlite:///my%2520store.db", "my%20store.db"),
        ("sqlite:///my+store.db", "my+store.db"),
        ("sqlite:///audit%3Fx.db", "audit?x.db"),
        ("sqlite:///audit%23x.db", "audit#x.db"),
        ("sqlite:///audit#x.db", "audit#x.db"),
        ("sqlite:///a%2Fb.db", "a/b.db"),
        ("sqlite:///100%.db", "100%.db"),
        ("sqlite:///gr%C3%B6%C3%9Fe.db", "größe.db"),
        ("sqlite:///größe.db", "größe.db"),
        ("sqlite:///a@b:c.db", "a@b:c.db"),
        ("sqlite:///./a.db", "a.db"),
        ("sqlite:///../a.db", "../a.db"),
        ("sqlite:////a.db", "/a.db"),
        ("sqlite:///~/a.db", "~/a.db"),
        ("sqlite:///./:memory:", ":memory:"),
        ("sqlite:///file:a.db", "file:a.db"),
        ("sqlite:///C:\\a.db", "C:\\a.db"),
        ("sqlite:///C:/a.db", "C:/a.db"),
        ("sqlite:///%2e%2e/a.db", "../a.db"),
        ("sqlite:///a%GG.db", "a%GG.db"),
        ("sqlite:///a;b=c&d.db", "a;b=c&d.db"),
    ],
)
def test_a_url_names_one_file(url: str, file: str) -> None:
    assert address_of(url) == Path(file)


@pytest.mark.parametrize(
    "file", ["./:memory:", "file:a.db", "file:a.db%3Fmode=memory", "a%23b%3F.db"]
)
def test_the_file_that_is_named_is_the_one_that_is_made(tmp_path: Path, file: str) -> None:
    code = (
        "import sys; from reconciler.adapters.database import open_store;"
        "open_store(sys.argv[1]).close(); open_store(sys.argv[1], create=False).close()"
    )
    environ = {**os.environ, "PYTHONPATH": str(Path.cwd())}

    subprocess.run(
        [sys.executable, "-c", code, f"sqlite:///{file}"], cwd=tmp_path, check=True, env=environ
    )

    assert (tmp_path / unquote(file)).stat().st_size > 0


def test_a_store_whose_percent_signs_were_once_part_of_its_name_is_not_lost(tmp_path: Path) -> None:
    """SQLAlchemy, which once read these URLs, read them in one way before 2.1, then another."""
    with opened(f"sqlite:///{tmp_path}/my%2520store.db") as store:
        store.record(entry())

    with pytest.raises(UsageError, match=r"my store.db', and there is a file .*my%20store.db' too"):
        open_store(f"sqlite:///{tmp_path}/my%20store.db")

    (tmp_path / "my%20store.db").rename(tmp_path / "my store.db")
    with opened(f"sqlite:///{tmp_path}/my%20store.db") as store:
        assert store.head()[0] == 1


def test_a_missing_store_is_an_error_and_no_empty_trail(path: Path) -> None:
    with pytest.raises(StateError, match=r"no store .*state\.db yet: the first apply makes it"):
        open_store(f"sqlite:///{path}", create=False)

    assert not path.exists()


READING = """
import os, sys
from contextlib import closing
from reconciler.adapters.database import open_store
from reconciler.errors import StateError
from tests.support.store_world import entry

def look(url):
    with closing(open_store(url, only_read=True)) as store:
        print(len(list(store.records())), [each["seq"] for each in store.last_records(1)])
        try:
            store.settle(7, entry(), None)
        except StateError as error:
            print(error)

def send(url):
    try:
        open_store(url, create=False).close()
    except StateError as error:
        print(error)

look(sys.argv[1])
if os.geteuid() == 0:  # all is imported by now: who is not root may find it no more
    os.setuid(65534)
look(sys.argv[2])
send(sys.argv[2])
send(sys.argv[3])
"""


def test_a_store_that_may_only_be_read_is_read_and_stays_as_it_is(tmp_path: Path) -> None:
    own = tmp_path / "own.db"
    with TemporaryDirectory() as name, TemporaryDirectory() as open_folder:
        shared, alone = Path(name) / "state.db", Path(open_folder) / "state.db"
        alone.parent.chmod(0o777)
        for path in (own, shared, alone):
            with opened(path) as store:
                store.record_all([entry(), entry()])
        before = shared.read_bytes()
        alone.chmod(0o444)
        shared.chmod(0o444)
        shared.parent.chmod(0o555)
        try:
            done = subprocess.run(
                [sys.executable, "-c", READING, *map(url_of, (own, shared, alone))],
                capture_output=True,
                text=True,
                check=True,
                env={**os.environ, "PYTHONPATH": str(Path.cwd())},
            )
        finally:
            shared.parent.chmod(0o755)

        assert [each.name for each in shared.parent.iterdir()] == ["state.db"]
        assert shared.read_bytes() == before
    first, _, second, *refusals = done.stdout.splitlines()
    assert first == second == "2 [2]"
    read_only = " is read-only: make the file and its folder writable"
    named = [refusal.partition(read_only)[0] for refusal in refusals]
    assert named == [f"the store {path}" for path in (shared, shared, alone)], refusals


def test_an_empty_file_is_an_error_and_no_empty_trail(path: Path) -> None:
    path.touch()

    with pytest.raises(StateError, match="no store of this program"):
        open_store(f"sqlite:///{path}", create=False)


def test_an_existing_store_opens_without_create(place: Place) -> None:
    with opened(place) as store:
        store.record(entry())

    with closing(open_store(url_of(place), create=False)) as store:
        assert store.head()[0] == 1


def test_a_file_that_is_no_database_is_refused_and_kept(path: Path) -> None:
    path.write_bytes(b"kind: Tenant\n" * 100)
    before = path.read_bytes()

    with pytest.raises(StateError, match=r"state\.db is not a SQLite database.*--state"):
        open_store(f"sqlite:///{path}")

    assert path.read_bytes() == before


def test_a_database_of_another_program_is_left_alone(path: Path) -> None:
    behind_its_back(path, "CREATE TABLE bookmarks (url TEXT)")
    before = dump(path)

    with pytest.raises(StateError, match="no store of this program"):
        open_store(f"sqlite:///{path}")

    assert dump(path) == before


@pytest.mark.parametrize("version", [str(FORMAT_VERSION + 1), "17", "next", ""])
def test_a_store_of_another_format_is_refused_with_a_message(path: Path, version: str) -> None:
    with opened(path):
        pass
    behind_its_back(path, f"UPDATE meta SET value = '{version}'")

    knows = f"format {version}, and this program knows {FORMAT_VERSION}: a newer"
    with pytest.raises(StateError, match=knows):
        open_store(f"sqlite:///{path}")


def test_a_store_without_its_version_is_refused(place: Place) -> None:
    with opened(place):
        pass
    behind_its_back(place, "DELETE FROM meta")

    with pytest.raises(StateError, match="no store of this program"):
        open_store(url_of(place))


def test_a_folder_where_the_file_should_be_is_reported(path: Path) -> None:
    path.mkdir()

    with pytest.raises(StateError, match=r"cannot be opened: it has to be a file"):
        open_store(f"sqlite:///{path}")


def test_a_file_where_the_folder_should_be_is_reported(path: Path) -> None:
    path.touch()

    with pytest.raises(StateError, match=r"cannot make the folder .*state\.db.*--state"):
        open_store(f"sqlite:///{path / 'deeper' / 'state.db'}")


def test_a_file_above_the_store_is_reported_without_create_too(path: Path) -> None:
    path.touch()

    with pytest.raises(StateError, match="cannot be opened: Not a directory"):
        open_store(f"sqlite:///{path / 'state.db'}", create=False)


def test_a_folder_that_takes_no_files_is_reported() -> None:
    with pytest.raises(StateError, match="cannot be opened"):
        open_store("sqlite:////proc/state.db")


def test_a_full_disk_is_reported() -> None:
    with pytest.raises(StateError, match="the disk is full: free some space"):
        open_store("sqlite:////dev/full")


def test_a_damaged_file_is_reported(path: Path) -> None:
    with opened(path) as store:
        for _ in range(100):
            store.record(entry())
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)

    with pytest.raises(StateError, match="is damaged: restore it"):
        open_store(f"sqlite:///{path}")


def test_a_store_that_lost_a_table_is_reported(path: Path) -> None:
    with opened(path) as store:
        behind_its_back(path, "DROP TABLE audit")

        with pytest.raises(StateError, match="answers with an error: no such table: audit"):
            store.record(entry())


def test_a_writer_that_does_not_end_is_reported_after_the_timeout(path: Path) -> None:
    with opened(path, busy_timeout=0.05) as store, closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(StateError, match="is locked: another process is writing"):
            store.record(entry())

        other.rollback()
        store.record(entry())
        assert store.head()[0] == 1


def test_a_writer_that_ends_in_time_is_waited_for(place: Place) -> None:
    begun, freed = threading.Event(), threading.Event()
    with opened(place, busy_timeout=20) as store, opened(place) as other:

        def write() -> None:
            with other._database.writing():
                begun.set()
                freed.wait(0.1)

        writer = threading.Thread(target=write)
        writer.start()
        assert begun.wait(10)

        store.record(entry())

        writer.join()
        assert store.head()[0] == 1


def test_readers_do_not_wait_for_a_writer(place: Place) -> None:
    with opened(place, busy_timeout=0.05) as store, opened(place) as other:
        store.record(entry())
        with other._database.writing():
            assert len(list(store.records())) == 1
            assert store.head()[0] == 1
            assert to_send(store) == ()
            assert tuple(store.released()) == ()
            assert store.open_intents("acme") == ()


def test_the_last_to_close_leaves_one_file(path: Path) -> None:
    with opened(path) as store:
        store.record(entry())

    assert [each.name for each in path.parent.iterdir()] == ["state.db"]


# ------------------------------------------------------------------------------- PRAGMAs


@pytest.fixture
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as connection:
        yield connection


@pytest.mark.parametrize(
    ("name", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 1234)],
)
def test_every_pragma_is_set(raw: sqlite3.Connection, name: str, value: str | int) -> None:
    prepare(raw, 1234)

    assert raw.execute(f"PRAGMA {name}").fetchone() == (value,)


def test_the_driver_begins_no_transactions_of_its_own(raw: sqlite3.Connection) -> None:
    prepare(raw, 0)

    raw.execute("CREATE TABLE t (x)")
    raw.execute("INSERT INTO t VALUES (1)")

    assert raw.isolation_level is None
    assert not raw.in_transaction


def test_a_pragma_that_is_not_taken_is_an_error_and_closes_the_connection() -> None:
    memory = sqlite3.connect(":memory:")  # it can have no write-ahead log

    with pytest.raises(StateError, match=r"does not take journal_mode=WAL.*local disk"):
        prepare(memory, 0)

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        memory.execute("SELECT 1")


def test_the_file_stays_in_wal_mode(path: Path) -> None:
    with opened(path):
        pass

    assert rows(path, "PRAGMA journal_mode") == [("wal",)]


# ------------------------------------------------------------- what SQLite says, in our words


def test_a_read_only_file_is_reported(path: Path) -> None:
    with opened(path):
        pass
    with (
        closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection,
        pytest.raises(StateError, match=r"the store state is read-only: make the file and"),
        explained("state"),
    ):
        connection.execute("DELETE FROM meta")


def test_an_error_without_a_code_keeps_its_words(raw: sqlite3.Connection) -> None:
    with (
        pytest.raises(StateError, match=r"the store state cannot be used: .*binding"),
        explained("state"),
    ):
        raw.execute("SELECT ?", ())


def test_a_disk_that_refuses_to_grow_the_log_is_reported_and_keeps_the_trail_whole(
    path: Path,
) -> None:
    """A real write error: the kernel lets the process make no file larger than 200 kB."""
    code = (
        "import resource, sys\n"
        "from reconciler.errors import StateError\n"
        "from tests.support.store_world import entry, opened\n"
        "from pathlib import Path\n"
        "with opened(Path(sys.argv[1])) as store:\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))\n"
        "    for number in range(200):\n"
        "        try:\n"
        "            store.record(entry())\n"
        "        except StateError as error:\n"
        "            print(number, error)\n"
        "            break\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )

    acknowledged, _, message = ended.stdout.partition(" ")
    assert "cannot be read or written, the disk gives an error" in message
    assert rows(path, "SELECT count(*) FROM audit") == [(int(acknowledged),)]
    assert int(acknowledged) > 0
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
