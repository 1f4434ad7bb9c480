"""A password that is a word of ours: it is hidden where the tenant echoes it, and nowhere else."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from reconciler.domain.diff import harms
from reconciler.domain.manifest import Manages
from reconciler.domain.outcome import harm_message
from reconciler.domain.redaction import NO_REDACTION, REDACTED, Redaction
from reconciler.domain.scim import Schema
from reconciler.domain.secret import Secret
from reconciler.render.plan_document import tenant_document
from tests.support.domain_world import dialect, document, extension, live, planned

GRADE = {"name": "grade", "type": "string"}
LEVEL = {"name": "level", "type": "complex", "subAttributes": [{"name": "step"}]}
SERVICE = dialect(ignored=("returned",), immutable=("uniqueness",))
SILENT = {"grade", "level", "step", "urn", "example", "HR", "PAY", "NEW", "prod"}


def echoed(word: str) -> list[dict[str, Any]]:
    """What a service holds that shows a word wherever it can be shown."""
    part = {"name": word, "type": "string", f"x-{word}": word}
    held = {**GRADE, "type": f"x-{word}", "canonicalValues": [word], "returned": "always"}
    return [
        document(
            "HR",
            held,
            {**LEVEL, "subAttributes": [part, {"name": "step", "uniqueness": f"x-{word}"}]},
            {"name": f"x-{word}", "description": f"by {word}", "required": True},
            description=f"it is {word}",
            **{f"x-{word}": [word, {word: word}]},
        ),
        {**document("PAY", {**GRADE, "description": f"of {word}"}), "name": word},
        document(f"of-{word}", GRADE),
    ]


def shown(word: str, redaction: Redaction, *, update: bool) -> str:
    """The plan of a tenant that echoes a word, without what is hashed."""
    there = replace(live(*echoed(word)), redaction=redaction)
    wanted = [
        extension("HR", GRADE, LEVEL, update=update),
        extension("PAY", GRADE, update=update, manages=Manages.ATTRIBUTES),
        extension("NEW", GRADE, update=update),
    ]
    found: Any = tenant_document(planned(wanted, there, service=SERVICE))
    del found["digest"]
    for change in found["changes"]:
        del change["live_fingerprint"]
    return json.dumps(found, ensure_ascii=False)


def words(text: str) -> list[str]:
    return sorted(set(re.findall("[A-Za-z]{3,}", text)) - SILENT)


@pytest.mark.parametrize("update", [True, False])
def test_a_plan_hides_a_password_that_is_any_word_of_its_own_only_where_it_is_echoed(
    update: bool,
) -> None:
    expected = shown(REDACTED, NO_REDACTION, update=update)

    assert len(words(expected)) > 60
    for word in words(expected):
        assert shown(word, Redaction((Secret(word),)), update=update) == expected, word


def test_a_harm_hides_a_password_that_is_any_word_of_its_message_only_where_it_is_echoed() -> None:
    def message(word: str, redaction: Redaction) -> str:
        before = Schema.from_json(echoed(word)[0])
        after = replace(
            before, description=f"no {word}", attributes=before.attributes[1:], vendor=()
        )
        desired = Schema.from_json(document("HR", {"name": "other"}))
        found = harms(before, after, desired=desired, manages=Manages.ATTRIBUTES)
        return harm_message(found, redaction, own=desired.text())

    expected = message(REDACTED, NO_REDACTION)
    for word in words(expected):
        assert message(word, Redaction((Secret(word),))) == expected, word
