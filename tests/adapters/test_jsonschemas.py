"""Findings say in plain words what to change, and never what a secret is."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry

from reconciler.adapters.jsonschemas import check
from reconciler.adapters.jsonschemas.acceptance import validator
from reconciler.adapters.jsonschemas.deciding import Unknown, compiled, decider
from reconciler.adapters.jsonschemas.wording import check as check_in_words
from reconciler.adapters.jsonschemas.wording import named, with_strict_end
from reconciler.adapters.packaged import schema_text
from reconciler.cli.commands.schema import SchemaName

Document = dict[str, Any]


def tenant(**spec: Any) -> Document:
    return {
        "apiVersion": "reconciler/v1",
        "kind": "Tenant",
        "metadata": {"name": "acme"},
        "spec": {"dialect": "genesys", "baseUrl": "https://scim.example.com/v2", **spec},
    }


def extension(**spec: Any) -> Document:
    return {
        "apiVersion": "reconciler/v1",
        "kind": "SchemaExtension",
        "metadata": {"name": "hr"},
        "spec": {"schema": {"id": "urn:example:hr", "attributes": [{"name": "a"}]}, **spec},
    }


def oauth2(**auth: Any) -> Document:
    return tenant(
        auth={
            "type": "oauth2-client-credentials",
            "tokenUrl": "https://login.example.com/token",
            "clientId": {"env": "ID"},
            "clientSecret": {"env": "SECRET"},
            **auth,
        }
    )


KNOWN = ("acme", "genesys", "oracle", "read-only", "rfc7644", "sap")


def messages(document: Any) -> list[str]:
    return [finding.message for finding in check(document, "manifest", dialects=KNOWN)]


def test_manifests_with_what_is_needed_have_no_finding() -> None:
    assert messages(tenant()) == []
    assert messages(extension()) == []
    assert messages(oauth2()) == []


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (None, ["the document: must be a mapping, not null"]),
        ([], ["the document: must be a mapping, not a list"]),
        ("x", ["the document: must be a mapping, not text"]),
        (
            {},
            [
                "the document lacks apiVersion",
                "the document lacks kind",
                "the document lacks metadata",
                "the document lacks spec",
            ],
        ),
        (tenant(limits=[]), ["spec.limits: must be a mapping, not a list"]),
        (tenant(limits={"extensions": -1}), ["spec.limits.extensions: must be 0 or more"]),
        (
            tenant(limits={"extensions": True}),
            ["spec.limits.extensions: must be a whole number, not true or false"],
        ),
        (
            tenant(limits={"maxCreates": 1.5}),
            ["spec.limits.maxCreates: must be a whole number, not a fraction"],
        ),
        (
            tenant(capabilities={"types": ["string", "string"]}),
            ["spec.capabilities.types: must not say the same twice"],
        ),
        (
            tenant(capabilities={"protectedPrefixes": ["urn:sap"]}),
            [
                "spec.capabilities.protectedPrefixes[0]: the beginning of URNs: urn:…:, "
                "with a colon at its end"
            ],
        ),
        (
            extension(owners={"additive": ["x" * 101]}),
            ["spec.owners.additive[0]: takes at most 100 characters"],
        ),
        (tenant(targetSystem=7), ["spec.targetSystem: must be text, not a number; quote it"]),
        (tenant(targetSystem=""), ["spec.targetSystem: must not be empty"]),
        (tenant(webhooks={}), ["spec.webhooks: must be a list, not a mapping"]),
        (
            tenant(webhooks=[{}]),
            ["spec.webhooks[0] lacks url", "spec.webhooks[0] lacks secret"],
        ),
        (
            tenant(dialect="Genesys"),
            ["spec.dialect: 'Genesys' is spelt genesys"],
        ),
        (
            tenant(dialect="okta"),
            [
                "spec.dialect: 'okta' is not known here; "
                "use acme, genesys, oracle, read-only, rfc7644 or sap"
            ],
        ),
        (extension(onDrift="updates"), [
            "spec.onDrift: 'updates' is not known here; did you mean update?"
        ]),
        (extension(onDrift=False), ["spec.onDrift: must be text, not true or false; quote it"]),
        (extension(tenants={}), ["spec.tenants: must not be empty"]),
        (extension(tenants={"names": []}), ["spec.tenants.names: must not be empty"]),
        (
            extension(tenants={"matchLabels": {"a b": 1}}),
            ["spec.tenants.matchLabels.'a b': must be text, not a number; quote it"],
        ),
        (extension(schema={}), ["spec.schema lacks id"]),
        (
            extension(schema={"id": "urn:x:y", "attributes": [{}]}),
            ["spec.schema.attributes[0] lacks name"],
        ),
    ],
)  # fmt: skip
def test_a_json_schema_error_is_reported_in_plain_english(
    document: Any, expected: list[str]
) -> None:
    assert sorted(messages(document)) == sorted(expected)


def test_a_dialect_has_one_of_the_known_names_for_each_validator() -> None:
    known, unknown = tenant(dialect="acme"), tenant(dialect="acmee")
    chosen = extension(tenants={"dialects": ["sap", "acmee"]})
    fast, plain = validator("manifest", KNOWN), decider("manifest", KNOWN)
    assert fast is not None
    assert plain is not None

    for judge in (fast.is_valid, plain, lambda document: not in_words(document, KNOWN)):
        assert [judge(document) for document in (known, unknown, chosen)] == [True, False, False]
    assert in_words(unknown, KNOWN) == [
        "spec.dialect: 'acmee' is not known here; did you mean acme?"
    ]
    assert in_words(chosen, KNOWN) == [
        "spec.tenants.dialects[1]: 'acmee' is not known here; did you mean acme?"
    ]
    assert in_words(unknown, ()) == []


def in_words(document: Any, dialects: tuple[str, ...]) -> list[str]:
    found = check_in_words(document, "manifest", dialects=dialects)
    return [finding.message for finding in found]


def test_an_api_version_of_the_future_is_refused() -> None:
    assert messages({**tenant(), "apiVersion": "reconciler/v2"}) == [
        "apiVersion: 'reconciler/v2' is not known here; did you mean reconciler/v1?"
    ]
    assert messages({**tenant(), "apiVersion": 1}) == ["apiVersion: must be reconciler/v1"]


@pytest.mark.parametrize(
    ("key", "advice"),
    [
        ("baseURL", "did you mean baseUrl?"),
        ("webhook", "did you mean webhooks?"),
        ("Limits", "did you mean limits?"),
        (
            "prune",
            "what can stand here is dialect, baseUrl, projection, targetSystem, auth, limits, "
            "webhooks, freeze, wave, canary, every, capabilities or formerly",
        ),
        ("ownerz", "what can stand here is"),  # what is reserved is not suggested
    ],
)
def test_an_unknown_key_is_reported_at_the_key_with_the_nearest(key: str, advice: str) -> None:
    (finding,) = check(tenant(**{key: {}}), "manifest")

    assert (finding.pointer, finding.at_key) == (("spec", key), True)
    assert finding.message.startswith(f"unknown key '{key}'; {advice}")


def test_a_tombstone_has_a_name_a_type_and_perhaps_a_date() -> None:
    stones: list[Any] = [
        {"name": "grade", "type": "string", "since": "2026-11-23"},
        {"name": "assignments.kind", "type": "boolean"},
    ]

    assert messages(extension(retired=stones)) == []
    assert messages(extension(retired=[{"name": "grade", "type": "String"}])) == [
        "spec.retired[0].type: 'String' is spelt string"
    ]
    assert messages(extension(retired=[{"nmae": "grade", "type": "string"}])) == [
        "spec.retired[0] lacks name",
        "unknown key 'nmae'; did you mean name?",
    ]
    assert messages(tenant(retired=[])) == [
        "spec.retired: reserved for a later version; leave it out"
    ]


def test_a_deprecated_attribute_has_a_name_a_date_and_perhaps_a_successor_and_a_reason() -> None:
    notices: list[Any] = [
        {"name": "grade", "since": "2026-11-23", "use": "band", "reason": "bands replace grades"},
        {"name": "assignments.kind", "since": "2026-11-23"},
    ]

    assert messages(extension(deprecated=notices)) == []
    assert messages(extension(deprecated=[{"name": "grade", "when": "2026"}])) == [
        "spec.deprecated[0] lacks since",
        "unknown key 'when'; what can stand here is name, since, use or reason",
    ]


@pytest.mark.parametrize("many", [0, 0.1, 5, 100])
def test_risk_has_a_percentage_from_which_on_users_are_many(many: float) -> None:
    assert messages(extension(risk={"many": many})) == []


def test_a_percentage_that_is_none_is_refused() -> None:
    assert messages(extension(risk={"many": 101})) == ["spec.risk.many: must be 100 or less"]
    assert messages(extension(risk={"many": "5"})) == ["spec.risk.many: must be a number, not text"]
    assert messages(extension(risk={"few": 5}))[0].startswith("unknown key 'few'")


@pytest.mark.parametrize("value", [True, None, "x", {}])
def test_a_reserved_key_says_so(value: Any) -> None:
    for document, key in (
        (tenant(deprecated=value), "deprecated"),
        (extension(canary=value), "canary"),
    ):
        assert messages(document) == [f"spec.{key}: reserved for a later version; leave it out"]


@pytest.mark.parametrize("name", ["canary@acme.example", "c", "a b", 'a"b'])
def test_a_canary_names_a_test_user(name: str) -> None:
    assert messages(tenant(canary={"userName": name})) == []


@pytest.mark.parametrize("name", ["", " a", "a ", "a,b", ",", "a\nb"])
def test_a_canary_without_a_whole_user_name_is_refused(name: str) -> None:
    assert len(messages(tenant(canary={"userName": name}))) == 1
    assert messages(tenant(canary={})) == ["spec.canary lacks userName"]


def test_each_unknown_and_missing_key_is_a_finding_of_its_own() -> None:
    document = {**tenant(), "extra": 1, "more": 2}
    del document["metadata"]

    findings = check(document, "manifest")

    assert {finding.pointer for finding in findings} == {(), ("extra",), ("more",)}


def test_the_spec_of_an_unknown_kind_is_left_alone() -> None:
    document = {**tenant(), "kind": "tenant"}
    document["spec"] = {"whatever": 1}

    assert messages(document) == ["kind: 'tenant' is spelt Tenant"]


LITERALS = ("hunter2", "", 42, True, None, ["hunter2"], "whsec_c2VjcmV0", 1.5)


@pytest.mark.parametrize("literal", LITERALS, ids=repr)
@pytest.mark.parametrize("name", ["clientId", "clientSecret"])
def test_a_literal_secret_is_an_error_and_is_not_echoed(name: str, literal: Any) -> None:
    assert messages(oauth2(**{name: literal})) == [
        f"spec.auth.{name}: a literal secret; write {{env: NAME}} or {{file: NAME}} instead, "
        "and renew the secret if others have seen it"
    ]


@pytest.mark.parametrize(
    "secret",
    [
        {},
        {"env": "hunter2-x"},
        {"file": "/hunter2"},
        {"env": "A", "file": "hunter2"},
        {"hunter2": None},
        {"value": "hunter2"},
        {"env": {"hunter2": 1}},
        {"env": ["hunter2"]},
    ],
    ids=repr,
)
def test_a_secret_in_the_wrong_place_is_not_echoed_either(secret: Any) -> None:
    found = messages(oauth2(clientSecret=secret))

    assert len(found) == 1
    assert "hunter2" not in found[0]


@pytest.mark.parametrize("name", ["token", "ci/token", "a.b/c-d_e", "_x"])
def test_a_secret_file_has_a_relative_name(name: str) -> None:
    assert messages(oauth2(clientSecret={"file": name})) == []


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../x", "a/../b", "a//b", "a/", ".x", "a/.ssh", "a\\b", "a\n", "", "~/x"],
)
def test_a_secret_file_is_never_outside(name: str) -> None:
    (message,) = messages(oauth2(clientSecret={"file": name}))

    assert message.startswith("spec.auth.clientSecret.file: a relative name below --secrets-dir")


@pytest.mark.parametrize(
    "name", ["GITHUB_TOKEN", "ACTIONS_ID_TOKEN", "RECONCILER_STATE", "PGPASSWORD", "PG"]
)
def test_a_variable_of_the_platform_is_refused(name: str) -> None:
    (message,) = messages(oauth2(clientSecret={"env": name}))

    assert message.endswith(
        "variables named GITHUB_*, ACTIONS_*, RECONCILER_* and PG* are never sent to a tenant; "
        "use another"
    )


@pytest.mark.parametrize(
    "name", ["A", "a_1", "MY_GITHUB_TOKEN", "_X", "GITHUB", "P", "MY_PGPASSWORD"]
)
def test_a_variable_outside_of_the_platform_is_accepted(name: str) -> None:
    assert messages(oauth2(clientSecret={"env": name})) == []


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "$A", "A=B", "Ä", "A\n"])
def test_a_variable_has_the_name_of_a_variable(name: str) -> None:
    assert messages(oauth2(clientSecret={"env": name})) == [
        "spec.auth.clientSecret.env: the name of an environment variable: letters, digits and _"
    ]


def test_a_webhook_has_one_secret_or_two_while_one_is_rotated() -> None:
    one, url = {"env": "A"}, "https://hr.example.com"

    assert messages(tenant(webhooks=[{"url": url, "secret": one}])) == []
    assert messages(tenant(webhooks=[{"url": url, "secret": [one]}])) == []
    assert messages(tenant(webhooks=[{"url": url, "secret": [one, one]}])) == []
    assert messages(tenant(webhooks=[{"url": url, "secret": []}])) == [
        "spec.webhooks[0].secret: must not be empty"
    ]
    assert messages(tenant(webhooks=[{"url": url, "secret": [one] * 3}])) == [
        "spec.webhooks[0].secret: takes at most 2"
    ]


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ({}, ["spec.auth lacks type"]),
        ({"type": "oauth2"}, ["spec.auth.type: 'oauth2' is not known here; "
                              "use oauth2-client-credentials, bearer, header, basic or none"]),
        ({"type": "bearer"}, ["spec.auth lacks token"]),
        ({"type": "basic"}, ["spec.auth lacks username", "spec.auth lacks password"]),
        ({"type": "oauth2-client-credentials"},
         ["spec.auth lacks tokenUrl", "spec.auth lacks clientId", "spec.auth lacks clientSecret"]),
        ({"type": "none", "token": {"env": "A"}},
         ["unknown key 'token'; what can stand here is type or certificate"]),
        ({"type": "bearer", "token": {"env": "A"}, "scopes": []},
         ["unknown key 'scopes'; what can stand here is type, token or certificate"]),
    ],
)  # fmt: skip
def test_each_kind_of_credentials_has_its_own_keys(auth: Document, expected: list[str]) -> None:
    assert messages(tenant(auth=auth)) == expected


@pytest.mark.parametrize("scope", ["a b", "", 'a"b', "a\\b", "ü", "a\n"])
def test_a_scope_is_one_word(scope: str) -> None:
    assert messages(oauth2(scopes=["fine:write", scope])) == [
        "spec.auth.scopes[1]: a scope is one word of visible ASCII characters"
    ]


GOOD_URLS = (
    "https://scim.example.com",
    "https://scim.example.com/",
    "https://scim.example.com:8443/a/b%20c/@x;y=1",
    "https://192.0.2.1/scim",
    "https://[2001:db8::1]:443/scim",
    "http://localhost",
    "http://localhost:8080/scim/v2",
    "http://127.0.0.1:1",
    "http://127.8.9.10/x",
    "http://[::1]:65535/x",
)
BAD_URLS = (
    "scim.example.com",
    "//scim.example.com",
    "ftp://example.com",
    "HTTPS://example.com",
    "file:///etc/passwd",
    "https://",
    "https:///path",
    "https://:443",
    "https://example.com:0x50",
    "https://example.com:65536",
    "https://example.com:99999",
    "https://user@example.com",
    "https://user:hunter2@example.com/",
    "https://good.example.com\\@evil.example.com",
    "https://example.com/#x",
    "https://example.com/a b",
    "https://example.com/ü",
    "https://exämple.com",
    "https://example.com\n",
    "https://example.com/\n",
    "http://example.com",
    "http://localhost.example.com",
    "http://127.0.0.1.example.com/",
    "http://127.0.0.1@example.com/",
    "http://localhost:hunter2@example.com/",
    "http://10.0.0.1",
    "http://[::2]",
    "http://2130706433",
    "http://0.0.0.0",
    "",
    " https://example.com",
)


@pytest.mark.parametrize("url", GOOD_URLS)
def test_an_https_url_and_a_loopback_url_are_taken_everywhere(url: str) -> None:
    assert messages(tenant(baseUrl=url)) == []
    assert messages(oauth2(tokenUrl=url)) == []
    assert messages(tenant(webhooks=[{"url": url, "secret": {"env": "A"}}])) == []


@pytest.mark.parametrize("url", BAD_URLS)
def test_an_http_or_odd_url_is_refused_everywhere_and_not_echoed(url: str) -> None:
    found = [
        *messages(tenant(baseUrl=url)),
        *messages(oauth2(tokenUrl=url)),
        *messages(tenant(webhooks=[{"url": url, "secret": {"env": "A"}}])),
    ]

    assert len(found) == 3
    assert not any("hunter2" in message for message in found)


def test_a_query_is_taken_in_a_token_url_only() -> None:
    url = "https://example.com/token?audience=x&tenant=1"

    assert messages(oauth2(tokenUrl=url)) == []
    assert len(messages(tenant(baseUrl=url))) == 1
    assert len(messages(tenant(webhooks=[{"url": url, "secret": {"env": "A"}}]))) == 1


SECRET_NAMES = ["client_secret", "password", "PASSWD", "api_key", "apikey", "client_assertion"]


@pytest.mark.parametrize("name", [*SECRET_NAMES, "access_token"])
def test_no_secret_is_taken_in_a_token_url_and_none_is_echoed(name: str) -> None:
    [message] = messages(oauth2(tokenUrl=f"https://example.com/token?a=1&{name}=hunter2"))

    assert "no secret in a URL" in message
    assert "hunter2" not in message


def test_a_client_has_a_secret_or_a_key() -> None:
    key = {"clientAuth": "private-key-jwt", "privateKey": {"file": "key.pem"}}
    bare = oauth2()["spec"]["auth"]
    secret = bare.pop("clientSecret")
    of_key = {**bare, **key, "keyId": "k1", "assertionAudience": "https://x/"}

    assert messages(tenant(auth=of_key)) == []
    assert len(messages(tenant(auth=bare))) == 1
    assert len(messages(tenant(auth={**bare, "clientAuth": "private-key-jwt"}))) == 1
    assert len(messages(tenant(auth={**of_key, "clientSecret": secret}))) == 1
    assert len(messages(tenant(auth={**bare, "clientSecret": secret, "keyId": "k1"}))) == 1


def test_a_certificate_stands_for_the_secret_of_a_client() -> None:
    bare = {**oauth2()["spec"]["auth"], "clientAuth": "tls-client-auth"}
    secret = bare.pop("clientSecret")
    certified = {**bare, "certificate": {"file": "acme/client.pem"}}

    assert messages(tenant(auth=certified)) == []
    assert messages(tenant(auth=bare)) == ["spec.auth lacks certificate"]
    for name, value in (("clientSecret", secret), ("privateKey", secret), ("keyId", "k1")):
        assert len(messages(tenant(auth={**certified, name: value}))) == 1, name


AUTHS: tuple[Document, ...] = (
    {"type": "none"},
    {"type": "bearer", "token": {"env": "A"}},
    {"type": "header", "scheme": "SSWS", "token": {"env": "A"}},
    {"type": "basic", "username": {"env": "A"}, "password": {"env": "B"}},
    oauth2()["spec"]["auth"],
)


@pytest.mark.parametrize("auth", AUTHS, ids=lambda auth: auth["type"])
def test_a_certificate_goes_with_every_kind_of_credentials(auth: Document) -> None:
    assert messages(tenant(auth={**auth, "certificate": {"file": "client.pem"}})) == []


@pytest.mark.parametrize(
    "certificate",
    ["hunter2", {"env": "hunter2"}, {}, {"file": "../hunter2"}, {"file": "a", "key": "hunter2"}],
)
def test_a_certificate_is_a_file_below_the_secrets(certificate: object) -> None:
    found = messages(tenant(auth={"type": "none", "certificate": certificate}))

    assert len(found) == 1
    assert "hunter2" not in found[0]


def test_a_header_token_has_a_scheme_of_one_word() -> None:
    auth = {"type": "header", "scheme": "SSWS", "token": {"env": "TOKEN"}}

    assert messages(tenant(auth=auth)) == []
    for scheme in ("", "SSWS abc", "SSWS:", "a\nb"):
        assert len(messages(tenant(auth={**auth, "scheme": scheme}))) == 1
    del auth["scheme"]
    assert len(messages(tenant(auth=auth))) == 1


def test_a_token_request_has_parameters() -> None:
    parameters = {"audience": "https://api.example.com/", "resource": ["urn:a", "urn:b"]}

    assert messages(oauth2(parameters=parameters)) == []


@pytest.mark.parametrize(
    "parameters",
    [
        *({name: "hunter2"} for name in [*SECRET_NAMES, "grant_type", "scope", "client_id", "a b"]),
        {"audience": ""},
        {"audience": "hunter2\n"},
        {"audience": 7},
        {"audience": []},
        {"audience": ["a", {}]},
        "audience=hunter2",
    ],
)
def test_a_parameter_that_is_no_text_or_may_be_a_secret_is_refused(parameters: object) -> None:
    found = messages(oauth2(parameters=parameters))

    assert len(found) == 1
    assert "hunter2" not in found[0]


def test_only_a_base_url_may_be_embedded() -> None:
    assert messages(tenant(baseUrl="embedded://local")) == []
    assert len(messages(oauth2(tokenUrl="embedded://local"))) == 1
    for name in ("", "Local", "a/b", "a.b", "a:1", "-a", "a-", "a" * 64, "a?b"):
        assert len(messages(tenant(baseUrl=f"embedded://{name}"))) == 1, name


def test_the_built_in_tenant_brings_auth_and_webhooks() -> None:
    document = tenant(baseUrl="embedded://local", auth={"type": "none"}, webhooks=[])

    assert messages(document) == [
        "spec.auth: the built-in tenant brings its own; leave it out",
        "spec.webhooks: the built-in tenant brings its own; leave it out",
    ]


@pytest.mark.parametrize("name", ["a", "acme-prod", "0", "a" * 63, "a1"])
def test_a_name_is_a_dns_label(name: str) -> None:
    assert messages({**tenant(), "metadata": {"name": name}}) == []


@pytest.mark.parametrize("name", ["", "A", "a_b", "a.b", "-a", "a-", "a" * 64, "a\n", "ä", "a b"])
def test_anything_else_is_no_name(name: str) -> None:
    assert len(messages({**tenant(), "metadata": {"name": name}})) == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)


def paths(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield at
    if isinstance(value, dict | list):
        for step, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from paths(item, (*at, step))


SAMPLES = (
    oauth2(scopes=["a"]) | {"metadata": {"name": "a", "labels": {"b": "c"}}},
    tenant(
        limits={"extensions": 1},
        webhooks=[{"url": "https://hr.example.com", "secret": {"env": "A"}}],
    ),
    extension(
        tenants={"names": ["a*"], "dialects": ["sap"], "matchLabels": {"a": "b"}},
        schema={
            "id": "urn:x:y",
            "attributes": [{"name": "a", "type": "complex", "subAttributes": [{"name": "b"}]}],
        },
    ),
)


@given(data=st.data())
def test_any_fault_in_a_manifest_is_reported_at_its_place(
    data: st.DataObject,
) -> None:
    document = copy.deepcopy(data.draw(st.sampled_from(SAMPLES)))
    *above, step = data.draw(st.sampled_from([path for path in paths(document) if path]))
    member(document, tuple(above))[step] = data.draw(json_values)

    found = check(document, "manifest")

    validator = Draft202012Validator(json.loads(schema_text("manifest")), registry=Registry())
    assert validator.is_valid(document) == (not found) or r"\n" in str(document)
    for finding in found:
        assert not re.search(
            r"is not valid under|does not fit|Additional|(?<!')\bNone\b", finding.message
        )


@pytest.mark.parametrize("name", SchemaName)
def test_the_quick_validator_knows_every_keyword_of_our_schemas(name: str) -> None:
    assert decider(name) is not None


WORDS = st.sampled_from(["a", "ab", "A\n", "abc", "", "ä"])
SCALARS = st.none() | st.booleans() | st.integers(-1, 9) | st.sampled_from([0.5, 1.0]) | WORDS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=5,
)
KEYWORDS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(
            ["object", "array", "string", "boolean", "null", "number", "integer"]
        )
        | st.just(["string", "integer"]),
        "enum": st.lists(SCALARS, min_size=1, max_size=3),
        "const": SCALARS,
        "pattern": st.sampled_from(["^a", "b$", "^$", "a|A"]),
        "minLength": st.integers(0, 3),
        "maxLength": st.integers(0, 3),
        "minItems": st.integers(0, 3),
        "maxItems": st.integers(0, 3),
        "minProperties": st.integers(0, 3),
        "maxProperties": st.integers(0, 3),
        "minimum": st.integers(-1, 3),
        "maximum": st.integers(-1, 3),
        "uniqueItems": st.booleans(),
        "required": st.lists(WORDS, max_size=2, unique=True),
        "description": st.just("says nothing"),
    },
)
SCHEMAS = st.recursive(
    KEYWORDS | st.booleans(),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(WORDS, inner, max_size=3),
            "additionalProperties": inner,
            "items": inner,
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
            "if": inner,
            "then": inner,
            "else": inner,
            "$ref": st.sampled_from(["#/$defs/word", "#/$defs/list"]),
        },
    ),
    max_leaves=4,
)
DEFS = {
    "word": {"type": "string", "minLength": 1},
    "list": {"type": "array", "items": {"$ref": "#/$defs/list"}},
}


@given(SCHEMAS, VALUES)
def test_the_quick_validator_agrees_with_jsonschema(schema: Any, value: Any) -> None:
    whole = {"$defs": DEFS, "allOf": [schema]}
    judge = Draft202012Validator(json.loads(json.dumps(whole), object_hook=with_strict_end))

    try:
        verdict = compiled(whole)(value)
    except Unknown:
        assert "uniqueItems" in json.dumps(schema)
        return
    assert verdict == judge.is_valid(value)


@pytest.mark.parametrize(
    "schema",
    [
        {"oneOf": [{}]}, {"enum": [[]]}, {"const": {}}, {"$ref": "#/$defs/x"},
        {"$ref": "https://example.com"}, {"patternProperties": {}}, {"type": "int"},
    ],
)  # fmt: skip
def test_the_quick_validator_leaves_an_unknown_keyword_to_jsonschema(schema: Any) -> None:
    with pytest.raises(Unknown):
        compiled({"properties": {"a": schema}})


def test_findings_come_in_the_same_order_each_time() -> None:
    document = tenant(x1=1, x2=2, x3=3, limits={"a": 1, "b": 2})

    assert check(document, "manifest") == check(copy.deepcopy(document), "manifest")


def test_a_path_in_a_document_is_shown_with_dots_and_brackets() -> None:
    assert named(()) == "the document"
    assert named(("spec", "schema", "attributes", 2, "name")) == "spec.schema.attributes[2].name"
    assert named(("labels", "a.b")) == "labels.'a.b'"
    assert len(named(("x" * 1000,))) < 100


@pytest.mark.parametrize("name", SchemaName)
def test_every_packaged_schema_is_a_schema_of_draft_2020_12(name: str) -> None:
    schema = json.loads(schema_text(name))

    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_property_of_a_manifest_is_described() -> None:
    schema = json.loads(schema_text("manifest"))

    properties = [p for p in paths(schema) if p[-2:-1] == ("properties",) and "if" not in p]

    assert len(properties) > 50
    assert [p for p in properties if not member(schema, p).get("description")] == []


def member(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def test_no_problem_shows_a_keyword_of_json_schema() -> None:
    """As `does not fit (pattern)`: what has no words of its own has them beside it."""
    wordless = {"pattern", "format", "not", "oneOf", "anyOf", "multipleOf", "contains"}
    schema = json.loads(schema_text("manifest"))

    keywords = [p for p in paths(schema) if p and p[-1] in wordless and "properties" not in p[-2:]]
    found = [p for p in keywords if not {"if", "not"} & {*p[:-1]}]

    assert len(found) > 10
    assert [p for p in found if "errorMessage" not in member(schema, p[:-1])] == []


def test_a_manifest_schema_refers_to_nothing_but_itself() -> None:
    text = schema_text("manifest")

    references = re.findall(r'"\$ref": "([^"]+)"', text)

    assert references
    assert all(reference.startswith("#/$defs/") for reference in references)


def test_a_name_that_is_no_packaged_schema_is_not_found() -> None:
    with pytest.raises(FileNotFoundError):
        schema_text("nothing")
