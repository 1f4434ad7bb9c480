"""Whatever the server, its user or the environment has set, the store on it is the same."""

import os
import re
import socket
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.adapters.database import open_store
from reconciler.adapters.database.tables import ALL, NAMES, RIGHTS, SEQUENCES
from reconciler.domain.records import Status, check_chain
from reconciler.errors import StateError
from tests.support.fakes import FakeClock
from tests.support.postgres import Server
from tests.support.store_world import (
    HR_URN,
    RECEIVER,
    WHEN,
    adopted,
    attempt,
    behind_its_back,
    created,
    dump,
    entry,
    event,
    intended,
    intent,
    messages,
    opened,
    rows,
    to_send,
)

WORDS = "Größe → 大"

DEED = """
import sys
from dataclasses import replace
from tests.support.store_world import entry, opened

with opened(sys.argv[1]) as store:
    store.record(replace(entry(), detail=sys.argv[2]))
    print(next(store.records())["detail"] == sys.argv[2])
"""


def reported(url: str, setting: str, value: str) -> str:
    return f"{url}%20-c{setting}%3D{value}"


@pytest.mark.parametrize("encoding", ["LATIN1", "WIN1252", "SQL_ASCII"])
def test_texts_are_stored_whatever_encoding_the_environment_sets(
    postgres: Server, encoding: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DEED, postgres.schema(), WORDS],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd()), "PGCLIENTENCODING": encoding},
    )

    assert done.stdout == "True\n"


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_texts_are_stored_whatever_encoding_the_user_has(postgres: Server, encoding: str) -> None:
    with opened(reported(postgres.schema(), "client_encoding", encoding)) as store:
        store.record(replace(entry(), detail=WORDS))

        assert next(store.records())["detail"] == WORDS


def test_a_database_without_an_encoding_is_refused_with_a_message(postgres: Server) -> None:
    name = f"{postgres.new()}_ascii"
    postgres.run(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")

    with pytest.raises(StateError, match="has server_encoding=SQL_ASCII, so what was recorded"):
        open_store(postgres.url(name))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("TimeZone", "Asia/Kolkata"),
        ("DateStyle", "German"),
        ("bytea_output", "escape"),
        ("default_transaction_isolation", "serializable"),
        ("default_transaction_deferrable", "on"),
        ("standard_conforming_strings", "off"),
    ],
)
def test_session_settings_change_nothing_that_is_stored(
    postgres: Server, setting: str, value: str
) -> None:
    plain = postgres.schema()
    with opened(reported(plain, setting, value)) as store:
        store.settle(store.intend(intent(), intended()), created(), event())
        [first, _] = messages(store)

        assert first.body == event().body(1)
        assert check_chain(store.records()).records == 4

    with opened(plain) as store:
        assert messages(store)[0] == first
        assert check_chain(store.records()).broken_at is None


def test_the_server_notices_a_runner_that_is_gone_even_while_it_owes_it_an_answer(
    postgres: Server,
) -> None:
    """Keepalives rest while an answer is on its way; only this ends the wait for its receipt."""
    with closing(open_store(postgres.schema())) as store:
        assert store._server is not None
        with store._server.session() as session, session.asking() as connection:
            [found] = connection.rows(
                "SELECT current_setting(?), current_setting(?)",
                "tcp_keepalives_idle",
                "tcp_user_timeout",
            )

    assert found == ("10", "30000" if hasattr(socket, "TCP_USER_TIMEOUT") else "0")


def seen_by(postgres: Server, *schemas: str) -> str:
    """A store's URL for somebody who looks into these schemas, one after the other."""
    return f"{postgres.url('postgres')}?options=-csearch_path%3D{'%2C'.join(schemas)}"


def test_another_search_path_to_the_same_tables_keeps_one_chain(
    postgres: Server,
) -> None:
    """As users do who share `public`, where only some have a schema of their own name."""
    shared, own = (postgres.schema().rpartition("%3D")[2] for _ in range(2))
    with (
        opened(seen_by(postgres, shared)) as store,
        opened(seen_by(postgres, own, shared), busy_timeout=0.05) as other,
    ):
        store.record(entry())
        other.record(entry())
        assert check_chain(store.records()).records == 2
        with store._database.writing(), pytest.raises(StateError, match="is locked: another"):
            other.record(entry())

    assert rows(postgres.url("postgres"), f"SELECT count(*) FROM {shared}.audit") == [(2,)]


def granted() -> dict[str, str]:
    """The rights of a runner, by table, as the page about state has them."""
    page = (Path(__file__).parents[2] / "docs/state.md").read_text()
    found = re.findall(r"^\| ((?:`[a-z]+`(?:, )?)+) \| (SELECT[A-Z, ]*) \|$", page, re.M)
    return {table: rights for tables, rights in found for table in re.findall("[a-z]+", tables)}


def test_the_docs_name_the_rights_that_a_message_asks_for() -> None:
    assert granted() == RIGHTS
    assert RIGHTS.keys() == NAMES["table"]
    assert SEQUENCES.keys() == {text.split()[2] for text in ALL if "id {id}" in text}


def test_a_runner_and_a_reader_need_no_more_rights_than_the_docs_name(postgres: Server) -> None:
    name = postgres.new()
    with opened(postgres.url(name)) as store:
        store.adopt(adopted(), event(), [RECEIVER])
    postgres.run(
        "DROP ROLE IF EXISTS runner, reader",
        "CREATE ROLE runner LOGIN",
        "CREATE ROLE reader LOGIN",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
        *(f"GRANT {rights} ON {table} TO runner" for table, rights in granted().items()),
        f"GRANT USAGE ON SEQUENCE {', '.join(SEQUENCES.values())} TO runner",
        database=name,
    )

    with opened(postgres.url(name, user="runner")) as store:
        locks = store.locks(holder="ci", clock=FakeClock())
        assert locks is not None
        with locks.hold("acme"):
            store.settle(store.intend(intent(), intended()), created(), event(2))
        first, second, third = to_send(store)
        store.delivered(first, attempt(Status.SYNCED, 204))
        store.failed(second, attempt(Status.FAILED, 500), None)
        store.begin_canary("acme", HR_URN, ["grade"], WHEN)
        store.end_canary("acme", HR_URN, ["grade"])
        store.end_counting("acme", "User")
        with (
            pytest.raises(StateError, match=r"permission denied for table audit; GRANT SELECT, I"),
            store._database.writing() as connection,
        ):
            connection.run("UPDATE audit SET detail = 'nothing happened'")

    with closing(open_store(postgres.url(name, user="reader"), create=False)) as store:
        assert check_chain(store.records()).records == 8
        assert to_send(store) == (third,)
        assert len(tuple(store.released())) == 3
        with pytest.raises(StateError, match="GRANT SELECT, INSERT ON audit"):
            store.record(entry())


@pytest.mark.parametrize(
    ("right", "texts"),
    [
        ("ALL ON SEQUENCE intents_id_seq", "GRANT USAGE ON SEQUENCE intents_id_seq to it"),
        ("ALL ON SEQUENCE outbox_id_seq", "GRANT USAGE ON SEQUENCE outbox_id_seq to it"),
        ("INSERT ON intents", "GRANT SELECT, INSERT, UPDATE ON intents to it"),
        ("SELECT ON meta", "GRANT SELECT ON meta to it"),
        ("INSERT ON holders", "GRANT SELECT, INSERT, DELETE ON holders to it"),
    ],
)
def test_a_right_that_is_missing_is_named_with_its_table_or_sequence(
    postgres: Server, right: str, texts: str
) -> None:
    name = postgres.new()
    with opened(postgres.url(name)):
        pass
    postgres.run(
        f"CREATE ROLE lacking_{name} LOGIN",
        f"GRANT ALL ON ALL TABLES IN SCHEMA public TO lacking_{name}",
        f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO lacking_{name}",
        f"REVOKE {right} FROM lacking_{name}",
        database=name,
    )

    with pytest.raises(StateError, match=texts):
        intend_locked(postgres.url(name, user=f"lacking_{name}"))


def intend_locked(url: str) -> None:
    with opened(url) as store:
        locks = store.locks(holder="ci", clock=FakeClock())
        assert locks is not None
        with locks.hold("acme"):
            store.intend(intent(), intended())


@pytest.mark.parametrize(
    "broken",
    [
        "SELECT setval('intents_id_seq', 1, false)",
        "SELECT setval('outbox_id_seq', 1, false)",
        "ALTER TABLE intents ALTER COLUMN id DROP DEFAULT; DROP SEQUENCE intents_id_seq",
    ],
)
def test_a_copy_whose_sequences_were_not_set_is_refused_and_stays_as_it_is(
    postgres: Server, broken: str
) -> None:
    url = postgres.schema()
    with opened(url) as store:
        store.intend(intent(), intended())
        store.intend(intent(tenant="beta"), intended("beta"))
    behind_its_back(url, broken)
    before = dump(url)

    with opened(url) as store:
        with pytest.raises(
            StateError, match=r"in a copy whose sequences.*`reconciler state check`"
        ):
            store.intend(intent(tenant="gamma"), intended("gamma"))

    assert dump(url) == before


@pytest.mark.parametrize(
    ("setting", "texts"),
    [
        ("statement_timeout", r"ended a statement: .*statement_timeout = '60s'"),
        ("default_transaction_read_only", "is read-only: name the primary server"),
    ],
)
def test_what_the_server_refuses_is_reported_with_what_helps(
    postgres: Server, setting: str, texts: str
) -> None:
    url = postgres.schema()
    value = "on" if setting.startswith("default") else "1"
    with opened(url):
        pass

    with pytest.raises(StateError, match=texts):
        with opened(reported(url, setting, value)) as store:
            store.record_all([entry()] * 2000)
