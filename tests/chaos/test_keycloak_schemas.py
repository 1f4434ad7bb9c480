"""A real Keycloak and its user profile: what we write, and that all else stays to the letter."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from itertools import count, pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from reconciler.adapters.clock import StopSignal, SystemClock
from reconciler.adapters.keycloak.gateway import KeycloakWriter
from reconciler.domain.deciding import plan_tenant
from reconciler.domain.manifest import Manages, OnDrift, Tenant
from reconciler.domain.outcome import Outcome, OutcomeKind
from reconciler.domain.plan import Change, Skip, Update
from reconciler.domain.selection import Selection
from reconciler.writing import Write
from tests.support.fakes import MemoryJournal, extension, patience
from tests.support.fakes import tenant as acme
from tests.support.faultserver import Received, serving
from tests.support.keycloak import (
    NEWEST,
    OLDER,
    WRITE,
    Keycloak,
    Realm,
    Refusal,
    started_keycloak,
)
from tests.support.keycloak_world import KEYCLOAK, declare, folder_of, realm_writer, relaying
from tests.support.profiles import URN, random_attribute, random_wanted
from tests.support.runs import context_of

pytestmark = pytest.mark.chaos

LEVEL = {"name": "level", "type": "integer", "caseExact": True, "description": "Level"}


TIGHT = {
    "name": "tight",
    "annotations": {},
    "required": {"roles": ["admin"]},
    "permissions": {"view": ["admin"], "edit": ["user"]},
}
LOOSE = {"name": "tight", "mutability": "readWrite", "required": False}


def seeded() -> Random:
    seed = int.from_bytes(os.urandom(4))
    sys.stdout.write(f"seed {seed}\n")
    return Random(seed)


def attributes_of(realm: Realm) -> dict[str, Any]:
    return {each["name"]: each for each in realm.profile()["attributes"]}


def without(realm: Realm, *names: str) -> str:
    """The whole profile but for those attributes, to the letter."""
    profile = realm.profile()
    profile["attributes"] = [a for a in profile["attributes"] if a["name"] not in names]
    return json.dumps(profile)


def random_realm(keycloak: Keycloak, random: Random, **options: Any) -> Realm:
    """A realm with attributes of any kind, and names that SCIM has none for."""
    realm = keycloak.realm(**options)
    realm.declare(
        *(random_attribute(random, f"theirs{number}") for number in range(8)),
        *(random_attribute(random, name) for name in ("o.ther", "twice", "Twice", "1st")),
    )
    return realm


def test_a_plan_after_an_import_is_empty(keycloak: Keycloak, tmp_path: Path) -> None:
    realm = random_realm(keycloak, seeded())
    folder = folder_of(tmp_path, realm, realm.client(*WRITE))
    before = without(realm)

    imported = folder.run("import", "acme")
    planned = folder.run("plan", "--detailed-exitcode")

    assert imported.code == 0, imported.everything
    assert planned.code == 0, planned.everything
    assert "1 in sync" in planned.out
    assert without(realm) == before


def test_a_plan_after_an_apply_is_empty_and_the_rest_of_the_realm_stays(
    keycloak: Keycloak, tmp_path: Path
) -> None:
    random = seeded()
    for number in range(3):
        realm = random_realm(keycloak, random, events=number == 1)
        folder = folder_of(tmp_path / str(number), realm, realm.client(*WRITE, "view-events"))
        before = without(realm)
        names = [f"ours{each}" for each in range(5)]
        declare(folder, *(random_wanted(random, name) for name in names))

        applied = folder.run("apply", "--auto-approve")
        planned = folder.run("plan", "--detailed-exitcode")

        assert applied.code == 0, applied.everything
        assert planned.code == 0, planned.everything
        assert without(realm, *names) == before


@dataclass
class Ours:
    """A writer of ours in this process: it plans, writes and proves, and plans again."""

    writer: KeycloakWriter
    tenant: Tenant = field(default_factory=lambda: replace(acme(), dialect=KEYCLOAK))

    def plan(self, *attributes: dict[str, Any]) -> Change:
        """What has to be done for those attributes, if anything has."""
        document = {"id": URN, "attributes": list(attributes)}
        wanted = extension(document, on_drift=OnDrift.UPDATE, manages=Manages.ATTRIBUTES)
        live = self.writer.read_all([URN])
        [change] = plan_tenant(
            self.tenant, extensions=[wanted], live=live, selection=Selection()
        ).changes
        return change

    def write(self, change: Update) -> Outcome:
        """Carry out what was planned, unless the realm has changed since."""
        return (
            Write(
                context=context_of(MemoryJournal(), clock=SystemClock(StopSignal())),
                tenant=self.tenant,
                writer=self.writer,
                retry=patience(1),
                change=change,
                live=self.writer.find(URN),
                intent=1,
            )
            .carry_out()
            .outcome
        )


def test_two_hundred_random_manifests_are_applied_and_planned_as_empty_then(
    keycloak: Keycloak,
) -> None:
    random = seeded()
    realm = random_realm(keycloak, random)
    with realm_writer(realm, realm.client(*WRITE)) as writer:
        ours = Ours(writer)
        for number in range(200):
            before = without(realm)
            wanted = [random_wanted(random, f"n{number}x{each}") for each in range(2)]
            change = ours.plan(*wanted)
            assert isinstance(change, Update), wanted

            outcome = ours.write(change)

            assert outcome.kind is OutcomeKind.APPLIED, (wanted, outcome.detail)
            assert isinstance(ours.plan(*wanted), Skip), wanted
            assert without(realm, *(each["name"] for each in wanted)) == before
            if number % 20 == 19:
                realm.undeclare(*(n for n in attributes_of(realm) if n.startswith("n")))


def test_every_change_that_loosens_is_applied_and_changes_nothing_else(keycloak: Keycloak) -> None:
    before = {
        "name": "grade",
        "displayName": "Grade",
        "validations": {"options": {"options": ["b", "a"]}, "length": {"max": 9}},
        "annotations": {"inputType": "select"},
        "required": {"roles": ["admin"]},
        "permissions": {"view": ["admin", "user"], "edit": ["user"]},
        "multivalued": False,
    }
    realm = keycloak.realm()
    realm.declare(before)
    with realm_writer(realm, realm.client(*WRITE)) as writer:
        ours = Ours(writer)
        change = ours.plan({"name": "grade", "caseExact": True, "canonicalValues": ["c", "b", "a"]})
        assert isinstance(change, Update)

        assert ours.write(change).kind is OutcomeKind.APPLIED

    assert attributes_of(realm)["grade"] == {
        "name": "grade",
        "validations": {"options": {"options": ["b", "a", "c"]}, "length": {"max": 9}},
        "annotations": {"inputType": "select"},
        "permissions": {"view": ["admin", "user"], "edit": ["admin", "user"]},
        "multivalued": False,
    }


@dataclass
class Foreign:
    """Somebody else who reads and writes the whole profile, again and again."""

    realm: Realm
    number: int
    names: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        for turn in count():
            if self.stop.wait(Random(f"{self.number}.{turn}").uniform(0.2, 2.0)):
                return
            name = f"f{self.number}x{turn}"
            try:
                self.realm.declare({"name": name, "annotations": {}})
            except Refusal:  # 500 for most who write at once
                continue
            self.names.append(name)


def test_six_foreign_writers_at_once_lose_nothing_to_us_that_is_not_named(
    keycloak: Keycloak,
) -> None:
    realm = keycloak.realm(events=True)
    client = realm.client(*WRITE, "view-events")
    [account] = realm.ask("GET", f"/clients?clientId={client.id}")
    others = [Foreign(realm, number) for number in range(6)]
    threads = [threading.Thread(target=each.run) for each in others]
    named: set[str] = set()
    kinds: dict[OutcomeKind, int] = {}
    claimed: list[str] = []
    core = without(realm)
    with realm_writer(realm, client) as writer:
        ours = Ours(writer)
        for thread in threads:
            thread.start()
        try:
            ends = time.monotonic() + 30
            for number in count():
                if time.monotonic() > ends + (0 if claimed else 60):
                    break
                name = f"ours{number}"
                change = ours.plan({"name": name, "caseExact": True})
                assert isinstance(change, Update)
                outcome = ours.write(change)
                kinds[outcome.kind] = kinds.get(outcome.kind, 0) + 1
                named |= set(outcome.fields)
                if outcome.kind is OutcomeKind.APPLIED:
                    # What others undo later is theirs to answer for.
                    assert writer.seen is not None
                    assert name in {each.name for each in writer.seen.attributes}
                    claimed.append(name)
                if outcome.kind is OutcomeKind.CONFLICT:
                    assert "somebody else wrote" in outcome.detail, outcome.detail
        finally:
            for each in others:
                each.stop.set()
            for thread in threads:
                thread.join()
    sys.stdout.write(f"{kinds}, of others {sum(len(each.names) for each in others)}\n")
    events = profile_events(realm)
    lost = lost_to(account["id"], events)
    assert lost <= named, lost - named
    mine = [name for name in attributes_of(realm) if name[0] in "fo" and name not in _CORE]
    assert without(realm, *mine) == core
    assert claimed


_CORE = ("username", "email", "firstName", "lastName")


def profile_events(realm: Realm) -> list[tuple[str, int, frozenset[str]]]:
    """Each write that was done, in order: by which client, when, and what was there after it."""
    kept = []
    for page in count():
        query = f"?resourceTypes=USER_PROFILE&first={page * 100}&max=100"
        events = realm.ask("GET", f"/admin-events{query}")
        kept += events
        if len(events) < 100:
            break
    return [
        (
            each["authDetails"]["clientId"],
            each["time"],
            frozenset(a["name"] for a in json.loads(each["representation"])["attributes"]),
        )
        for each in sorted(kept, key=lambda event: event["time"])
    ]


def lost_to(client: str, events: list[tuple[str, int, frozenset[str]]]) -> set[str]:
    """What a write of that client took out, which others had just put there."""
    return {
        name
        for (_, _, before), (by, _, after) in pairwise(events)
        if by == client
        for name in before - after
    }


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_write_of_somebody_else_in_our_window_is_a_conflict_that_names_what_is_lost(
    keycloak: Keycloak, tmp_path: Path, moment: str
) -> None:
    realm = keycloak.realm(events=True)
    stale = realm.profile()
    stale["attributes"].append({"name": "theirs", "annotations": {}})

    def write(request: Received, *_: Any) -> None:
        if request.method == "PUT":
            realm.ask("PUT", "/users/profile", stale)

    relay = relaying(realm.server.root, **{moment: write})
    with serving(relay) as server:
        client = realm.client(*WRITE, "view-events")
        folder = folder_of(tmp_path, realm, client, root=f"http://127.0.0.1:{server.port}")
        declare(folder, LEVEL)

        done = folder.run("apply", "--auto-approve")

    assert done.code == 3, done.everything
    assert "somebody else wrote between our read and its proof: the client " in done.everything
    if moment == "before":
        assert "and lost of that is theirs; ours is there" in done.everything
    else:
        assert "ours is not there: plan again" in done.everything
    assert folder.audit()[-2]["status"] == "FAILED"


@dataclass
class Killing:
    """A relay that kills the program at one of its requests, before or after it is done."""

    at: int
    after: bool
    seen: int = 0
    program: "subprocess.Popen[str] | None" = None
    killed: threading.Event = field(default_factory=threading.Event)

    def before_request(self, _: Received) -> None:
        self.seen += 1
        if not self.after:
            self._kill_at()

    def after_request(self, _: Received, status: int, body: bytes) -> None:
        if self.after:
            self._kill_at()

    def _kill_at(self) -> None:
        if self.seen == self.at and self.program is not None and not self.killed.is_set():
            self.program.kill()
            self.program.wait()
            self.killed.set()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_apply_killed_at_any_request_is_finished_by_the_next(
    keycloak: Keycloak, tmp_path: Path, after: bool
) -> None:
    realm = random_realm(keycloak, seeded(), events=True)
    client = realm.client(*WRITE, "view-events")
    before = without(realm)
    for at in count(1):
        realm.declare(TIGHT)
        killing = Killing(at, after)
        relay = relaying(realm.server.root, killing.before_request, killing.after_request)
        with serving(relay) as server:
            root = f"http://127.0.0.1:{server.port}"
            folder = folder_of(tmp_path / str(at), realm, client, root=root)
            declare(folder, LEVEL, LOOSE)
            killing.program = folder.start("apply", "--auto-approve")
            killing.program.communicate(timeout=60)

            again = folder.run("apply", "--auto-approve")
            planned = folder.run("plan", "--detailed-exitcode")

        assert again.code == 0, (at, again.everything)
        assert planned.code == 0, (at, planned.everything)
        assert without(realm, "level", "tight") == before
        events = [(each["event"], each["status"]) for each in folder.audit()]
        done = [status for event, status in events if event == "SCHEMA_EXTENSION_UPDATED"]
        assert [each for each in done if each != "FAILED"] in (["SUCCESS"], ["RECOVERED"]), events
        assert folder.run("audit", "verify").code == 0
        realm.undeclare("level", "tight")
        if not killing.killed.is_set():
            return


@pytest.mark.parametrize(
    ("roles", "command", "role"),
    [
        ((), ("plan",), "view-realm"),
        (("view-realm",), ("apply", "--auto-approve"), "manage-realm"),
    ],
)
def test_a_403_names_the_role_that_is_missing(
    keycloak: Keycloak, tmp_path: Path, roles: tuple[str, ...], command: tuple[str, ...], role: str
) -> None:
    realm = keycloak.realm()
    folder = folder_of(tmp_path, realm, realm.client(*roles))
    declare(folder, LEVEL)

    done = folder.run(*command)

    assert done.code in (1, 3)
    assert f"needs the role {role} of the client realm-management" in done.everything
    assert "level" not in attributes_of(realm)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"selector": {"scopes": ["nosuch"]}}, "'nosuch'.*no such client scope"),
        ({"requiredFor": {"roles": ["boss"]}}, "'boss'.*the roles admin and user alone"),
        ({"validations": {"nosuch": {}}}, "'nosuch'.*no validator of that name"),
        ({"validations": {"length": {}}}, "'length'.*the settings of that validator"),
        ({"validations": {"pattern": {"pattern": "("}}}, "the settings of that validator"),
        ({"sorted": True}, "sorted.*leave it out of the manifest"),
        ({"defaultValue": {"a": 1}}, "a value of another kind"),
    ],
)
def test_what_keycloak_refuses_is_told_in_our_words_beside_its_own(
    keycloak: Keycloak, wanted: dict[str, Any], message: str
) -> None:
    realm = keycloak.realm()
    before = without(realm)
    with realm_writer(realm, realm.client(*WRITE)) as writer:
        ours = Ours(writer)
        change = ours.plan({"name": "level", "caseExact": True, **wanted})
        assert isinstance(change, Update)
        outcome = ours.write(change)

    assert outcome.kind is OutcomeKind.NOT_APPLIED
    assert re.search(message, outcome.detail), outcome.detail
    assert without(realm) == before


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"group": "nosuch"}, "the profile has no group nosuch: make it there first"),
        ({"permissions": {"view": ["admin"], "edit": ["user"]}}, 'would be "readOnly"'),
        ({"permissions": {"view": ["user", "admin"], "edit": ["admin"]}}, "permissions would be"),
        ({"validations": {"double": {}}}, 'type would be "decimal"'),
        ({"name": "TWICE"}, "the profile has the attribute Twice in another case"),
        ({"uniqueness": "server"}, "uniqueness"),
        ({"type": "complex", "subAttributes": [{"name": "a"}]}, "complex"),
        ({"name": "eMail"}, "eMail"),
    ],
)
def test_what_keycloak_cannot_say_is_blocked_in_the_plan(
    keycloak: Keycloak, tmp_path: Path, wanted: dict[str, Any], message: str
) -> None:
    realm = keycloak.realm()
    realm.declare({"name": "twice"}, {"name": "Twice"})
    before = without(realm)
    folder = folder_of(tmp_path, realm, realm.client(*WRITE))
    declare(folder, {"name": "level", **wanted})

    planned = folder.run("plan", "--detailed-exitcode")
    applied = folder.run("apply", "--auto-approve")

    assert planned.code in (1, 2), planned.everything
    assert message in planned.everything
    assert applied.code in (1, 3), applied.everything
    assert without(realm) == before


def test_an_upgrade_of_keycloak_is_no_difference(tmp_path: Path) -> None:
    """With the data of the older one, as it is moved on at the start of the newer."""
    random = seeded()
    with started_keycloak(OLDER) as older:
        realm = random_realm(older, random)
        client = realm.client(*WRITE)
        folder = folder_of(tmp_path, realm, client)
        declare(folder, *(random_wanted(random, f"ours{each}") for each in range(10)))
        applied = folder.run("apply", "--auto-approve")
        before = json.dumps(realm.profile())
        older.stop()
        assert older.home is not None
        with started_keycloak(NEWEST, data=older.home / "data") as newer:
            moved = Realm(newer, realm.name)
            folder_of(tmp_path, moved, client)

            planned = folder.run("plan", "--detailed-exitcode")

            assert applied.code == 0, applied.everything
            assert planned.code == 0, planned.everything
            assert json.dumps(moved.profile()) == before
