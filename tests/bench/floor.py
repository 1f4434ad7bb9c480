"""Floors, and the tutorial's flow: what a program would cost that did nothing but the work itself.

Run as `python floor.py NAME ARGUMENT…`; it must not import anything of the program.
"""

import json
import sqlite3
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import requests

CLIENT = {
    "grant_type": "client_credentials",
    "client_id": "fleet",
    "client_secret": "fleet-client-secret",
}
LIMIT = 50


def reads(listing: str, threads: str) -> None:
    """A token and the listing of each tenant, by a session a thread; bodies parsed."""
    _each(listing, threads, _listed)


def changes(listing: str, threads: str, folder: str) -> None:
    """Each schema of the folder for each tenant: GET, POST, GET, and two durable commits."""
    bodies = [path.read_bytes() for path in sorted(Path(folder).glob("*.json"))]
    with closing(sqlite3.connect("floor.db", check_same_thread=False)) as store:
        store.execute("PRAGMA journal_mode = WAL")
        store.execute("PRAGMA synchronous = FULL")
        store.execute("CREATE TABLE audit (seq INTEGER PRIMARY KEY, record TEXT)")
        store.execute("CREATE TABLE intents (id INTEGER PRIMARY KEY, desired TEXT, state TEXT)")
        turn = threading.Lock()
        record = "r" * 800  # about as long as a record of the trail

        def change(session: requests.Session, root: str) -> None:
            headers = _authorized(session, root)
            for body in bodies:
                url = f"{root}/scim/v2/Schemas/{json.loads(body)['id']}"
                session.get(url, headers=headers)
                with turn, store:
                    store.execute("INSERT INTO audit (record) VALUES (?)", (record,))
                    row = store.execute(
                        "INSERT INTO intents (desired, state) VALUES (?, 'open')", (body.decode(),)
                    ).lastrowid
                session.post(f"{root}/scim/v2/Schemas", data=body, headers=headers)
                json.loads(session.get(url, headers=headers).content)
                with turn, store:
                    store.execute("INSERT INTO audit (record) VALUES (?)", (record,))
                    store.execute("UPDATE intents SET state = 'settled' WHERE id = ?", (row,))

        _each(listing, threads, change)


def distant(listing: str, folder: str, place: str) -> None:
    """Each schema for each tenant: GET, POST, GET, and two commits of two round trips each.

    The first of both takes a lock and reads what the record to come is chained to.
    """
    import psycopg

    bodies = [path.read_bytes() for path in sorted(Path(folder).glob("*.json"))]
    record = "r" * 800
    begin = "BEGIN", "SELECT pg_advisory_xact_lock(1)", "SELECT max(seq) FROM records"
    append = "INSERT INTO records (record) VALUES (%s)"
    with requests.Session() as session, psycopg.connect(place, autocommit=True) as store:
        store.execute("CREATE TABLE IF NOT EXISTS records (seq SERIAL PRIMARY KEY, record TEXT)")

        def kept(*more: str) -> None:
            with store.pipeline():
                found = [store.execute(statement) for statement in begin]
            found[-1].fetchone()
            with store.pipeline():
                for each in (record, *more):
                    store.execute(append, (each,))
                store.execute("COMMIT")

        for root in _roots(listing):
            headers = _authorized(session, root)
            for body in bodies:
                url = f"{root}/scim/v2/Schemas/{json.loads(body)['id']}"
                session.get(url, headers=headers)
                kept(body.decode())
                session.post(f"{root}/scim/v2/Schemas", data=body, headers=headers)
                json.loads(session.get(url, headers=headers).content)
                kept()


def tutorial(listing: str, schema: str, receiver: str) -> None:
    """Tenant by tenant: a token, the listing by pages, the checks, a POST, a webhook."""
    body = json.loads(Path(schema).read_text())
    for root in _roots(listing):
        with requests.Session() as session:
            headers = _authorized(session, root)
            found: list[str] = []
            while True:
                page = session.get(
                    f"{root}/scim/v2/Schemas",
                    params={"startIndex": len(found) + 1, "count": 100},
                    headers=headers,
                ).json()
                found += [each["id"] for each in page["Resources"]]
                if len(found) >= page["totalResults"]:
                    break
            if body["id"] in found or len(found) >= LIMIT:
                continue
            answer = session.post(f"{root}/scim/v2/Schemas", json=body, headers=headers)
            answer.raise_for_status()
            event = {"event_type": "SCHEMA_EXTENSION_DEPLOYED", "extension_id": body["id"]}
            session.post(receiver, json=event).raise_for_status()


def posts(store: str, threads: str, receiver: str) -> None:
    """The bodies that wait in a store, by a session a thread."""
    with closing(sqlite3.connect(store)) as raw:
        bodies = [row[0] for row in raw.execute("SELECT body FROM outbox WHERE state = 'ready'")]
    _in_threads(threads, lambda session, body: session.post(receiver, data=body), bodies)


def _roots(listing: str) -> list[str]:
    return Path(listing).read_text().split()


def _each(listing: str, threads: str, work: Callable[[Any, str], object]) -> None:
    _in_threads(threads, work, _roots(listing))


def _in_threads(threads: str, work: Callable[[Any, Any], object], items: list[Any]) -> None:
    own = threading.local()

    def one(item: object) -> None:
        if not hasattr(own, "session"):
            own.session = requests.Session()
        work(own.session, item)

    with ThreadPoolExecutor(int(threads)) as pool:
        list(pool.map(one, items))


def _authorized(session: requests.Session, root: str) -> dict[str, str]:
    answer = session.post(f"{root}/token", data=CLIENT)
    return {"Authorization": f"Bearer {json.loads(answer.content)['access_token']}"}


def _listed(session: requests.Session, root: str) -> object:
    headers = _authorized(session, root)
    url = f"{root}/scim/v2/Schemas?startIndex=1&count=100"
    return json.loads(session.get(url, headers=headers).content)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["reads", listing, threads]:
            reads(listing, threads)
        case ["changes", listing, threads, folder]:
            changes(listing, threads, folder)
        case ["distant", listing, folder, place]:
            distant(listing, folder, place)
        case ["tutorial", listing, schema, receiver]:
            tutorial(listing, schema, receiver)
        case ["posts", store, threads, receiver]:
            posts(store, threads, receiver)
        case _:
            sys.exit("no such floor")
