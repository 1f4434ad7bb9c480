"""The program against what a real Keycloak answered: each of our requests is the recorded one."""

import re
from pathlib import Path

import pytest

from tests.support.faultserver import serving
from tests.support.keycloak import Client, Keycloak, Realm
from tests.support.keycloak_recording import NAME, RECORDING, STEPS, Played, take
from tests.support.keycloak_world import folder_of

pytestmark = pytest.mark.process


def test_every_request_is_as_it_was_recorded_from_a_real_keycloak(tmp_path: Path) -> None:
    played = Played.recorded()
    outputs = []
    with serving(played) as server:
        realm = Realm(Keycloak(f"http://127.0.0.1:{server.port}"), NAME)
        folder = folder_of(tmp_path, realm, Client("reconciler", "s3cret"))
        for number, step in enumerate(STEPS):
            played.step = number
            outputs.append(take(folder, step))

    assert played.unknown == [], "write it anew by python -m tests.support.keycloak_recording"
    assert played.remaining() == []
    assert "applied and verified" in outputs[1]
    assert "somebody else wrote between our read and its proof" in outputs[3]
    assert "and lost of that is theirs; ours is there" in outputs[3]
    assert "unsupported scope 'nosuch'" in outputs[5]
    assert "make it there first, or leave it out" in outputs[5]


def test_no_request_of_the_recording_changes_what_is_not_ours() -> None:
    ours = {"grade", "start", "count", "isSenior"}
    last = None
    for each in Played.recorded().exchanges:
        if each.target.endswith("/users/profile"):
            shown = each.body if each.method == "PUT" else each.answer
            rest = [a for a in shown["attributes"] if a["name"] not in ours]
            if each.method == "PUT":
                assert rest == last
            last = rest


def test_the_recording_holds_no_secret() -> None:
    text = RECORDING.read_text()

    assert not re.search(r"eyJ[\w-]+\.|secret-of|client_secret|127\.0\.0\.1:\d", text)
