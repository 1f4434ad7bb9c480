"""docs/services/keycloak.md followed word by word, from a fresh realm to HR that was told."""

import os
import re
import sys
import time
from pathlib import Path

import pytest

from tests.support.faultserver import unused_port
from tests.support.keycloak import NEWEST, Keycloak, built_keycloak
from tests.support.pages import Command, blocks, fits, page_with, run

PAGE = "docs/services/keycloak.md"

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]


def test_the_page_leads_from_a_fresh_realm_to_a_verified_attribute(
    keycloak: Keycloak, tmp_path: Path
) -> None:
    realm = f"page-{os.getpid()}-{time.time_ns() % 10**6}"
    program = [Command(text, None) for language, text in blocks(PAGE) if language == "bash"]
    instead = {
        "http://127.0.0.1:8080": keycloak.root,
        "realm=try": f"realm={realm}",
        "-r try": f"-r {realm}",
        "/realms/try": f"/realms/{realm}",
        "8765": str(unused_port()),
    }
    (tmp_path / "here/bin").mkdir(parents=True)
    kcadm = tmp_path / "here/bin/kcadm.sh"
    kcadm.write_text(f'exec bash {built_keycloak(NEWEST)}/bin/kcadm.sh "$@"\n')
    kcadm.chmod(0o755)
    environ = {
        "PATH": f"{kcadm.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path / "here"),
        "LANG": "C.UTF-8",
        "LOGNAME": "ann",
        "ADMIN_PASSWORD": "admin",
        "KEYCLOAK_CLIENT_SECRET": f"secret-of-{realm}",
    }

    printed = run(program, tmp_path / "here", environ, instead)

    profile = keycloak.ask("GET", f"/realms/{realm}/users/profile")
    names = [attribute["name"] for attribute in profile["attributes"]]
    assert names[:4] == ["username", "email", "firstName", "lastName"]
    assert sorted(names[4:]) == ["departmentCode", "payrollStartDate"]
    assert re.search(r"^ok +events ", printed[-1], re.M), printed[-1]
    assert "applied and verified" in printed[-1]
    assert "204" in printed[-1]
    assert fits(page_with(PAGE, "text"), printed[-1]), printed[-1]
