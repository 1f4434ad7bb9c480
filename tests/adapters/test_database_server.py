"""A store on a server: which URLs, which servers, which versions, and what a person is told."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest

from reconciler.adapters.database import folder_of, open_store
from reconciler.adapters.database.address import Address, address_of
from reconciler.adapters.database.migrations import STEPS
from reconciler.adapters.database.postgresql import lock_key
from reconciler.adapters.database.tables import ALL, FORMAT_VERSION
from reconciler.domain.records import Status, check_chain
from reconciler.errors import StateError, UsageError
from reconciler.ports import Due
from tests.support.older_stores import NEW_SINCE, as_version
from tests.support.postgres import Server
from tests.support.store_world import (
    HR,
    RECEIVER,
    WHEN,
    Place,
    adopted,
    attempt,
    behind_its_back,
    created,
    dump,
    entry,
    event,
    intended,
    intent,
    opened,
    rows,
    shape,
    to_send,
    url_of,
)

# ---------------------------------------------------------------------------------- URLs


@pytest.mark.parametrize(
    ("url", "texts"),
    [
        ("postgresql+psycopg://a@db.example.com/x", "add \\?sslmode=verify-full"),
        ("postgresql+psycopg://10.0.0.7/x", "add \\?sslmode=verify-full"),
        ("postgresql+psycopg:///x?host=db.example.com", "add \\?sslmode=verify-full"),
        ("postgresql+psycopg:///x?host=/run/pg,db.example.com", "add \\?sslmode=verify-full"),
        ("postgresql+psycopg://localhost,db.example.com/x", "add \\?sslmode=verify-full"),
        ("postgresql+psycopg://localhost/x?sslpassword=hunter2", 'may say after the "\\?"'),
        ("postgresql+psycopg://localhost/x?hunter2=1", 'may say after the "\\?"'),
        ("postgresql+psycopg://localhost/x?host=a&host=b", 'may say after the "\\?"'),
        (
            "postgresql+psycopg://localhost/x?host=db.example.com",
            "names its host or its port twice",
        ),
        ("postgresql+psycopg://localhost:5432/x?port=5433", "names its host or its port twice"),
        ("postgresql+psycopg://localhost", "names no database"),
        ("postgresql+psycopg://@localhost/x", "no user before its @"),
        ("postgresql+psycopg://%2Frun%2Fpostgresql/x", "a % in its host"),
        ("postgresql+psycopg://localhost:/x", "is no database URL"),
        ("postgresql+psycopg://localhost:0/x", "is no database URL"),
        ("postgresql+psycopg://localhost:65536/x", "is no database URL"),
        ("postgresql+psycopg://localhost:５４３２/x", "is no database URL"),
        ("postgresql+psycopg://localhost/x?", "has to give NAME=VALUE after"),
        ("postgresql+psycopg://localhost/x?sslmode", "has to give NAME=VALUE after"),
        ("postgresql+psycopg://localhost/x?sslmode=", "has to give NAME=VALUE after"),
        ("postgresql+psycopg://localhost/x?sslmode=disable&", "has to give NAME=VALUE after"),
        ("postgresql+psycopg://localhost/x?&sslmode=disable", "has to give NAME=VALUE after"),
        ("postgresql+psycopg://localhost/x?=disable", "has to give NAME=VALUE after"),
        ("postgresql+psycopg://localhost/x?host=", "has to give NAME=VALUE after"),
        ("postgresql+psycopg://localhost/x?password=", "holds a password"),
        ("postgresql+psycopg://localhost/x?options=-c+a=b", "has a \\+ after the"),
        (
            "postgresql+psycopg://localhost/x?options=%ff",
            "percent signs that make no text",
        ),
        ("postgresql+psycopg://localhost/a%00b", "percent signs that make no text"),
        ("postgresql+psycopg://localhost/x\n", "a line end or another control character"),
        ("postgresql+psycopg://localhost/x?sslmode=disable\nhost=x", "a line end or another"),
        ("postgresql+psycopg://localhost/x?SSLMODE=disable", "once each, only"),
        ("postgresql+psycopg2://localhost/x", "cannot be postgresql\\+psycopg2: what is supported"),
        ("postgres://localhost/x", "cannot be postgres: what is supported"),
    ],
)
def test_a_database_url_that_cannot_be_used_is_refused_with_a_message(url: str, texts: str) -> None:
    with pytest.raises(UsageError, match=texts) as refusal:
        open_store(url)

    assert "hunter2" not in str(refusal.value)
    assert "RECONCILER_STATE" in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "parameters"),
    [
        ("h/x", {"host": "h", "dbname": "x"}),
        ("me%40here@h:05432/x", {"user": "me@here", "host": "h", "port": "5432", "dbname": "x"}),
        ("h/a%2Fb", {"host": "h", "dbname": "a/b"}),
        ("h/a/b#c", {"host": "h", "dbname": "a/b#c"}),
        ("/x?host=/run/a%2Bb", {"dbname": "x", "host": "/run/a+b"}),
        ("h/x?options=-ca%3Db%20-cc%3Dd", {"host": "h", "dbname": "x", "options": "-ca=b -cc=d"}),
        ("h/x?application_name=a=b", {"host": "h", "dbname": "x", "application_name": "a=b"}),
        ("h/x?application_name=a?b#c", {"host": "h", "dbname": "x", "application_name": "a?b#c"}),
    ],
)
def test_each_part_of_a_url_is_a_parameter(url: str, parameters: dict[str, str]) -> None:
    joint = "&" if "?" in url else "?"
    address = address_of(f"postgresql+psycopg://{url}{joint}sslmode=disable")

    assert isinstance(address, Address)
    assert address.parameters() == parameters | {"sslmode": "disable"}


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("sqlite:///a/b.db", Path("a")),
        ("sqlite:///b.db", Path()),
        ("postgresql+psycopg://localhost/x", None),
        ("postgresql+psycopg://[::1]:5433/x", None),
        ("postgresql+psycopg:///x?host=/run/postgresql", None),
        ("postgresql+psycopg:///x?host=/run/postgresql,::1", None),
        ("postgresql+psycopg://db.example.com/x?sslmode=verify-full", None),
        ("postgresql+psycopg://?service=reconciler", None),
    ],
)
def test_only_a_sqlite_store_has_a_folder(url: str, folder: Path | None) -> None:
    assert folder_of(url) == folder


def test_a_store_is_reached_through_a_socket_too(postgres: Server) -> None:
    url = f"postgresql+psycopg://postgres@/{postgres.new()}?host={postgres.data}"
    with opened(f"{url}&port={postgres.port}") as store:
        store.record(entry())

        assert store.head()[0] == 1


# --------------------------------------------------------------------- what cannot be opened


def refusal(url: str, *, create: bool = True, **environ: str) -> str:
    """What the program says, in a process of its own with such an environment."""
    code = (
        "import sys\n"
        "from reconciler.adapters.database import open_store\n"
        "from reconciler.errors import StateError\n"
        "try:\n"
        "    open_store(sys.argv[1], create=sys.argv[2] == 'True').close()\n"
        "    print('opened')\n"
        "except StateError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, url, str(create)],
        stdout=PIPE,
        text=True,
        check=True,
        env={"PATH": os.defpath, "PYTHONPATH": str(Path.cwd()), **environ},
    )
    assert "hunter2" not in done.stdout
    return done.stdout


@pytest.mark.process
def test_a_host_from_pghost_needs_tls(postgres: Server) -> None:
    url = f"postgresql+psycopg://postgres@/{postgres.new()}"

    def stated(url: str, host: str) -> str:
        return refusal(url, PGHOST=host, PGPORT=str(postgres.port), PGSSLMODE="disable")

    assert "speaks no TLS, and sslmode asks for it" in stated(url, "127.0.0.1")
    assert stated(f"{url}?sslmode=disable", "127.0.0.1") == "opened\n"
    assert stated(url, str(postgres.data)) == "opened\n"


def test_a_server_that_is_not_running_is_reported() -> None:
    with pytest.raises(
        StateError,
        match=r"^the store postgresql\+psycopg://127\.0\.0\.1:1/x cannot be reached: nobody",
    ):
        open_store("postgresql+psycopg://somebody@127.0.0.1:1/x")


def test_a_socket_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="there is no such socket"):
        open_store(f"postgresql+psycopg:///x?host={tmp_path}")


def test_a_host_without_an_address_is_reported() -> None:
    with pytest.raises(StateError, match=r"nowhere\.invalid/x cannot be reached: no such host"):
        open_store("postgresql+psycopg://nowhere.invalid/x?sslmode=verify-full")


def test_a_database_that_is_not_there_is_reported(postgres: Server) -> None:
    with pytest.raises(StateError, match="has no such database or user: create it"):
        open_store(postgres.url("nowhere"))


def test_a_schema_that_is_not_there_is_reported(postgres: Server) -> None:
    with pytest.raises(StateError, match="has no schema to put tables into"):
        open_store(postgres.url("postgres") + "?options=-csearch_path%3Dnowhere")


@pytest.mark.parametrize(
    ("parameter", "texts"),
    [
        ("sslmode=require", "speaks no TLS, and sslmode asks for it"),
        ("sslmode=hunter2", "named by a URL that the driver cannot use"),
        ("connect_timeout=hunter2", "named by a URL that the driver cannot use"),
        ("service=nowhere", "named by a service that no file defines: see PGSERVICEFILE"),
    ],
)
def test_an_unusable_sslmode_or_option_is_reported(
    postgres: Server, parameter: str, texts: str
) -> None:
    with pytest.raises(StateError, match=texts) as refused:
        open_store(f"{postgres.url('postgres')}?{parameter}")

    assert "hunter2" not in str(refused.value)


@pytest.fixture
def requested(postgres: Server) -> Iterator[str]:
    """A database whose user is asked for a password."""
    name = postgres.new()
    postgres.run(
        "DROP ROLE IF EXISTS asked",
        "CREATE ROLE asked LOGIN PASSWORD 'hunter2'",
        "CREATE SCHEMA AUTHORIZATION asked",
        database=name,
    )
    yield postgres.url(name, user="asked")
    postgres.run("DROP OWNED BY asked", database=name)
    postgres.run("DROP ROLE asked")


@pytest.mark.process
def test_a_password_is_taken_from_the_environment_or_a_file(requested: str, tmp_path: Path) -> None:
    secret = tmp_path / "pgpass"
    secret.write_text("*:*:*:asked:hunter2\n")
    secret.chmod(0o600)

    assert "asks for a password: give it with PGPASSFILE" in refusal(requested)
    assert "does not accept the user or the password" in refusal(requested, PGPASSWORD="hunter2x")
    assert refusal(requested, PGPASSWORD="hunter2") == "opened\n"
    assert refusal(requested, PGPASSFILE=str(secret)) == "opened\n"
    assert refusal(f"{requested}?passfile={secret}") == "opened\n"


@pytest.mark.process
def test_a_password_that_the_server_repeats_is_not_shown(requested: str) -> None:
    program = (
        "import sys\n"
        "from reconciler.adapters.database.address import address_of\n"
        "from reconciler.adapters.database.deadline import Deadline\n"
        "from reconciler.adapters.database.postgresql import Link\n"
        "import psycopg\n"
        "raw = psycopg.connect(**address_of(sys.argv[1]).parameters())\n"
        "link = Link(raw, Deadline(9.0), 'there')\n"
        "try: link.rows(\"SELECT 'hunter2, which is no number'::int\")\n"
        "except Exception as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, requested],
        env={**os.environ, "PGPASSWORD": "hunter2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 'invalid input syntax for type integer: "…, which is no number"' in done.stdout, done


@pytest.mark.process
def test_a_service_file_can_hold_the_whole_connection(
    requested: str, postgres: Server, tmp_path: Path
) -> None:
    name = requested.rpartition("/")[2]
    service = tmp_path / "services"
    service.write_text(
        f"[state]\nhost=127.0.0.1\nport={postgres.port}\nuser=asked\n"
        f"password=hunter2\ndbname={name}\n"
    )
    given = "postgresql+psycopg://?service=state"

    assert refusal(given, PGSERVICEFILE=str(service)) == "opened\n"
    postgres.run("ALTER ROLE asked NOLOGIN")
    stated = refusal(given, PGSERVICEFILE=str(service))
    assert stated.startswith("the store postgresql+psycopg://?service=state does not let this user")


def test_a_user_without_rights_is_reported(postgres: Server) -> None:
    name = postgres.new()
    postgres.run(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
    postgres.run("CREATE ROLE guest LOGIN", "GRANT pg_read_all_data TO guest")
    postgres.run(f"GRANT CONNECT ON DATABASE {name} TO guest")
    try:
        with pytest.raises(StateError, match="does not allow this to its user"):
            open_store(postgres.url(name, user="guest"))
        with closing(open_store(postgres.url(name))) as store:
            store.record(entry())
        url = postgres.url(name, user="guest")
        with closing(open_store(url, create=False)) as store:  # a reader of the trail
            assert check_chain(store.records()).records == 1
            with pytest.raises(StateError, match="does not allow this to its user"):
                store.record(entry())
    finally:
        postgres.run(f"REVOKE ALL ON DATABASE {name} FROM guest", "DROP OWNED BY guest")
        postgres.run("DROP ROLE guest")


@pytest.mark.parametrize(
    ("setting", "texts"),
    [
        ("ROLE limited NOLOGIN", "does not let this user log in: grant it LOGIN"),
        ("ROLE limited CONNECTION LIMIT 0", "has no connection left: end some, or raise its limit"),
        ("DATABASE {name} CONNECTION LIMIT 0", "has no connection left: end some, or raise its"),
        ("DATABASE {name} ALLOW_CONNECTIONS false", "takes no connections: see ALLOW_CONNECTIONS"),
    ],
)
def test_a_locked_user_or_database_is_reported(postgres: Server, setting: str, texts: str) -> None:
    name = postgres.new()
    postgres.run("DROP ROLE IF EXISTS limited", "CREATE ROLE limited LOGIN")
    postgres.run(f"ALTER {setting.format(name=name)}")

    with pytest.raises(StateError, match=texts):
        open_store(postgres.url(name, user="limited"))


def test_a_missing_store_is_an_error_and_no_empty_trail(postgres: Server) -> None:
    with pytest.raises(StateError, match="without tables, so no store of this program yet"):
        open_store(postgres.schema(), create=False)


def test_tables_of_another_program_are_left_alone(postgres: Server) -> None:
    url = postgres.schema()
    behind_its_back(url, "CREATE TABLE bookmarks (url text)")

    with pytest.raises(StateError, match="is a database, but no store of this program"):
        open_store(url)

    assert rows(url, "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()") == [(1,)]


def test_a_database_in_another_encoding_is_refused(postgres: Server) -> None:
    name = f"{postgres.new()}_latin"
    postgres.run(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")

    with pytest.raises(StateError, match="has server_encoding=LATIN1, so what was recorded"):
        open_store(postgres.url(name))


def test_a_replica_or_a_read_only_database_is_reported(postgres: Server) -> None:
    name = postgres.new()
    postgres.run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")

    with pytest.raises(StateError, match="is read-only: name the primary"):
        open_store(postgres.url(name))


def test_a_server_that_does_not_sync_is_refused(own_postgres: Server) -> None:
    url = own_postgres.url()
    with opened(url):
        pass
    own_postgres.stop()
    (own_postgres.data / "postgresql.auto.conf").write_text("fsync = off\n")
    own_postgres.start()

    with opened(url) as store, pytest.raises(StateError, match="has fsync=off, so what was"):
        store.record(entry())


@pytest.mark.parametrize(
    ("configured", "used"), [("off", "on"), ("local", "on"), ("on", "on"), ("remote_apply",) * 2]
)
def test_a_commit_is_synchronous_whatever_the_session_is_set_to(
    postgres: Server, configured: str, used: str
) -> None:
    """A trigger notes, in the transaction that stores a record, what is in force."""
    url = postgres.schema()
    with opened(url):
        pass
    behind_its_back(
        url,
        "CREATE FUNCTION note() RETURNS trigger AS $$ BEGIN"
        " NEW.detail = current_setting('synchronous_commit'); RETURN NEW; END $$ LANGUAGE plpgsql",
        "CREATE TRIGGER note BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION note()",
    )

    with opened(f"{url}%20-csynchronous_commit%3D{configured}") as store:
        store.record(entry())

    assert rows(url, "SELECT detail FROM audit") == [(used,)]


# ------------------------------------------------------------------------- what goes wrong


def test_a_writer_that_does_not_end_is_reported_after_the_timeout(postgres: Server) -> None:
    url = postgres.schema()
    with opened(url, busy_timeout=0.05) as store, opened(url) as other:
        with other._database.writing(), pytest.raises(StateError, match="is locked: another"):
            store.record(entry())

        store.record(entry())
        assert store.head()[0] == 1


def test_the_writers_lock_has_the_number_that_earlier_releases_gave_it(postgres: Server) -> None:
    url = postgres.schema()
    schema = url.rpartition("%3D")[2]
    with opened(url) as store, store._database.writing():
        held = rows(
            url,
            "SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks"
            " WHERE locktype = 'advisory' AND objsubid = 1 AND granted",
        )

    assert (lock_key(schema, "chain"),) in held


def test_a_writer_cut_off_in_the_middle_keeps_nothing_and_the_next_run_goes_on(
    postgres: Server,
) -> None:
    name = postgres.new()

    def urls() -> Any:
        yield RECEIVER
        postgres.cut(name)

    with opened(postgres.url(name)) as store:
        store.record(entry())

        with pytest.raises(StateError, match="was lost: the connection to its server ended"):
            store.adopt(adopted(), event(), urls())

        assert to_send(store) == ()
        with pytest.raises(StateError, match="whether this step was recorded is not known"):
            store.adopt(adopted(), event(), [RECEIVER])  # nor may what comes next rest on it

    with opened(postgres.url(name)) as store:
        store.adopt(adopted(), event(), [RECEIVER])
        assert len(to_send(store)) == 1
        assert check_chain(store.records()).records == 3


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
def test_a_server_that_goes_and_comes_back_has_kept_what_it_confirmed(
    own_postgres: Server, how: signal.Signals
) -> None:
    with opened(own_postgres.url()) as store:
        for _ in range(5):
            store.record(entry())
        own_postgres.stop(how)
        with pytest.raises(StateError, match=r"nobody listens|was lost"):
            store.record(entry())

        own_postgres.start()

        store.record(entry())
        result = check_chain(store.records())
        assert (result.records, result.broken_at) == (6, None)


def test_a_table_that_is_gone_is_reported(postgres: Server) -> None:
    url = postgres.schema()
    with opened(url) as store:
        behind_its_back(url, "DROP TABLE audit CASCADE")

        with pytest.raises(StateError, match='not whole: relation "audit" does not exist'):
            store.record(entry())


def test_texts_with_nul_are_stored_readably(place: Place) -> None:

    with opened(place) as store:
        store.record(replace(entry(), detail="cut\0off"))

        assert [record["detail"] for record in store.records()] == ["cut�off"]
        assert check_chain(store.records()).broken_at is None


# ------------------------------------------------------------------------------- versions


older = pytest.mark.parametrize("version", range(1, FORMAT_VERSION))


def filled(place: Place) -> None:
    """With what every version can hold."""
    known = replace(intent(), base_url=None)
    with opened(place) as store:
        number = store.intend(known, intended())
        verified = replace(created(), after_digest=HR.fingerprint())
        store.settle(number, verified, event())
        store.intend(known, intended())


def kept(place: Place) -> list[tuple[Any, ...]]:
    """What the store keeps beside its trail."""
    whole = rows(
        place, "SELECT id, run_id, tenant, change, desired, state FROM intents ORDER BY id"
    )
    row = "SELECT intent_id, tenant, url, schema_id, state, event_id, sequence, attempts, due_at"
    return whole + rows(place, f"{row} FROM outbox ORDER BY id")


def test_every_older_version_has_a_step_and_no_other() -> None:
    assert sorted(STEPS) == list(range(1, FORMAT_VERSION))


@older
def test_an_older_store_is_brought_forward_with_all_that_it_holds(
    place: Place, version: int
) -> None:
    filled(place)
    before = shape(place), kept(place)
    as_version(version, place)

    with opened(place) as store:
        result = check_chain(store.records())
        bound = 1 if version < 7 else 0
        assert (result.records, result.broken_at) == (3 + 2 + bound, None)
        assert len(to_send(store)) == 2
        assert len(store.open_intents("acme")) == 1

    assert rows(place, "SELECT value FROM meta") == [(str(FORMAT_VERSION),)]
    assert (shape(place), kept(place)) == before


def test_a_store_that_was_brought_forward_binds_what_it_held_to_the_trail(place: Place) -> None:
    with opened(place) as store:
        for number in range(3):
            store.adopt(adopted(), event(number), [RECEIVER])
        waiting, done, failed = to_send(store)
        store.delivered(done, attempt(Status.SYNCED, 204))
        store.failed(failed, attempt(Status.FAILED, 500), None)
        store.intend(intent(), intended())
    as_version(6, place)
    behind_its_back(
        place,
        "INSERT INTO outbox (tenant, url, schema_id, state, event_id, sequence, body, released_by, "
        "attempts, due_at) SELECT tenant, 'https://evil.example.com', schema_id, state, event_id, "
        f"sequence, body, 5, 0, due_at FROM outbox WHERE id = {waiting.id}",
    )

    with opened(place) as store:
        *_, first, second, third, bound = store.records()
        found = [(r["event"], r["status"], r["run_id"]) for r in (first, second, third, bound)]

    assert found == [
        ("HR_SYNC_QUEUED", None, "brought-forward"),
        ("HR_SYNC_QUEUED", "SYNCED", "brought-forward"),
        ("HR_SYNC_QUEUED", "FAILED", "brought-forward"),
        ("SCHEMA_EXTENSION_CREATE_INTENDED", None, "brought-forward"),
    ]
    assert str(first["detail"]).startswith(f"{waiting.event_id} to {RECEIVER}: queued as number 1")
    places = rows(
        place, "SELECT released_by, ended_by FROM outbox WHERE state <> 'held' ORDER BY id"
    )
    assert places == [
        (first["seq"], None),
        (second["seq"], second["seq"]),
        (third["seq"], third["seq"]),
        (5, None),  # a delivery is no change
    ]


def test_the_records_of_format_7_stay_as_they_are(place: Place) -> None:
    filled(place)
    with opened(place) as store:
        before = list(store.records())
    as_version(7, place)

    with opened(place) as store:
        assert list(store.records()) == before
        assert list(store.misfits()) == []
        assert check_chain(store.records()).broken_at is None


def test_a_store_that_was_set_back_to_an_older_version_is_refused(place: Place) -> None:
    filled(place)
    behind_its_back(place, *NEW_SINCE[7], "UPDATE meta SET value = '6'")

    with pytest.raises(StateError, match="says that it is of an older format, and its trail"):
        open_store(url_of(place))


def test_an_open_intent_of_version_2_says_neither_where_nor_what_was_live(place: Place) -> None:
    with opened(place) as store:
        before = "sha256:" + "a" * 64
        store.intend(replace(intent(), before=before, live_before=HR), intended())
    as_version(2, place)

    with opened(place) as store:
        [(number, kept)] = store.open_intents("acme")
        assert kept == replace(intent(), before=before, base_url=None)

        store.settle(number, created(), event())
        newer = replace(intent(), live_before=HR)
        store.intend(newer, intended())
        assert [kept for _, kept in store.open_intents("acme")] == [newer]


@pytest.mark.parametrize("version", [3, 4, 5])
def test_an_open_intent_of_versions_3_to_5_knows_the_names_of_what_was_live(
    place: Place, version: int
) -> None:
    with opened(place) as store:
        store.intend(replace(intent(), live_before=HR), intended())
    behind_its_back(place, """UPDATE intents SET live_before = '["grade", "Größe, \\"2\\""]'""")
    as_version(version, place)

    with opened(place) as store:
        [(_, kept)] = store.open_intents("acme")

    assert kept == replace(intent(), names_before=("grade", 'Größe, "2"'))


def test_a_row_delivered_before_version_4_gets_its_release_time(place: Place) -> None:
    with opened(place) as store:
        store.adopt(adopted(), event(), [RECEIVER])
        [queue] = store.queues(Due(None))
        [pending] = store.next_rows(queue, Due(None), after=0)
        late = "2026-09-02T03:04:05.678Z"
        store.delivered(pending.row, replace(attempt(Status.SYNCED, 204), timestamp=late))
        store.adopt(adopted(), event(2), [RECEIVER])
    as_version(3, place)

    with opened(place):
        pass

    kept = rows(place, "SELECT state, delivered_at FROM outbox ORDER BY id")
    assert kept == [("delivered", WHEN), ("ready", None)]


@older
def test_a_command_that_only_reads_leaves_an_older_store_as_it_is(
    place: Place, version: int
) -> None:
    filled(place)
    as_version(version, place)
    before = dump(place)

    with pytest.raises(StateError, match="`webhooks deliver` or the next apply brings it forward"):
        open_store(url_of(place), create=False, only_read=True)

    assert dump(place) == before


@pytest.mark.parametrize(
    ("version", "in_the_way"),
    [
        (1, "CREATE TABLE holders (x integer)"),
        (1, "ALTER TABLE intents ADD COLUMN live_before integer"),
        (2, "ALTER TABLE intents ADD COLUMN live_before integer"),
    ],
)
def test_a_migration_that_fails_leaves_the_old_store(
    place: Place, version: int, in_the_way: str
) -> None:
    """What a step would make is there already; the steps before it are undone too."""
    filled(place)
    as_version(version, place)
    behind_its_back(place, in_the_way)
    before = shape(place), rows(place, "SELECT * FROM audit")

    with pytest.raises(StateError, match=r"holders|live_before"):
        open_store(url_of(place))

    assert (shape(place), rows(place, "SELECT * FROM audit")) == before
    assert rows(place, "SELECT value FROM meta") == [(str(version),)]


@pytest.mark.process
def test_stores_that_are_opened_at_once_are_migrated_once(place: Place) -> None:
    filled(place)
    as_version(1, place)
    code = "import sys; from reconciler.adapters.database import open_store as o; o(sys.argv[1])"

    both = [
        subprocess.Popen([sys.executable, "-c", code + ".close()", url_of(place)]) for _ in range(3)
    ]

    assert [each.wait(30) for each in both] == [0, 0, 0]
    assert rows(place, "SELECT value FROM meta") == [(str(FORMAT_VERSION),)]


@pytest.mark.parametrize("version", ["0", str(FORMAT_VERSION + 1), "17", "next", ""])
def test_a_store_of_a_newer_release_is_refused_and_left_alone(place: Place, version: str) -> None:
    filled(place)
    behind_its_back(place, f"UPDATE meta SET value = '{version}'")
    before = dump(place)

    knows = f"format {version}, and this program knows {FORMAT_VERSION}: a newer"
    with pytest.raises(StateError, match=knows):
        open_store(url_of(place))

    assert dump(place) == before


def test_both_databases_get_the_same_tables_new_or_brought_forward(place: Place) -> None:
    tables = [text for text in ALL if text.lstrip().startswith("CREATE TABLE")]
    column = re.compile(r'^    "?(\w+)"? (?:TEXT|INTEGER|\{\w+\})( NOT NULL)?,$', re.MULTILINE)
    wanted = {
        text.split()[2]: [(name, not rule) for name, rule in column.findall(text)]
        for text in tables
    }
    for version in range(FORMAT_VERSION, 0, -1):
        with opened(place):
            assert shape(place) == wanted
        if version > 1:
            as_version(version - 1, place)
            assert shape(place) != wanted
