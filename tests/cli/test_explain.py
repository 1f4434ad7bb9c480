"""`explain`: what a key of a manifest is for, in the words of the JSON Schema."""

import pytest

from tests.support.program import Folder, assert_reported
from tests.support.terminal import at_a_terminal


def test_a_key_is_explained_with_its_values_and_default(folder: Folder) -> None:
    done = folder.run("explain", "spec.auth.clientAuth")

    assert done.code == 0, done.everything
    assert done.out.startswith("KIND:     Tenant\nKEY:      spec.auth.clientAuth  <string>\n")
    assert "VALUES:   post, basic, private-key-jwt, tls-client-auth\n" in done.out
    assert 'DEFAULT:  "post"\n' in done.out


def test_the_keys_inside_are_listed_for_each_kind_that_has_the_key(folder: Folder) -> None:
    both = folder.run("explain").out
    one = folder.run("explain", "schemaextension.spec").out

    assert both.count("KEY:      spec  <object>  required") == 3
    assert "  onDrift  <string>\n" in one
    assert "  baseUrl" not in one
    assert "  baseUrl  <string>  required\n" in both
    assert folder.run("explain", "spec.schema.attributes[].returned").out.count("KIND:") == 1
    assert folder.run("explain", "spec.schema.attributes[0].returned").out.count("KIND:") == 1


def test_the_template_of_a_tenant_set_has_the_keys_of_a_tenant(folder: Folder) -> None:
    below = folder.run("explain", "TenantSet.spec.template.auth.tokenUrl")

    assert below.out == folder.run("explain", "Tenant.spec.auth.tokenUrl").out
    assert below.out == folder.run("explain", "spec.template.auth.tokenUrl").out
    assert "{column}" in folder.run("explain", "TenantSet.spec.template").out


def test_explain_in_json_has_the_key_and_those_inside_of_it(folder: Folder) -> None:
    keys = folder.output("explain", "spec.auth")["data"]["keys"]

    assert [key["path"] for key in keys[:2]] == ["spec.auth", "spec.auth.type"]
    [found] = [key for key in keys if key["path"] == "spec.auth.clientAuth"]
    assert found["values"] == ["post", "basic", "private-key-jwt", "tls-client-auth"]
    assert (found["default"], found["only_for"]) == ("post", ["oauth2-client-credentials"])
    assert folder.output("explain", "Tenant")["data"]["keys"][0]["path"] == "apiVersion"
    unknown = folder.output("explain", "spec.auht")
    assert unknown["data"] is None
    assert "did you mean auth?" in unknown["diagnostics"][0]["message"]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("spec.auht", "spec has no key 'auht'; did you mean auth?"),
        ("spec.owners.aditive", "spec.owners has no key 'aditive'; did you mean additive?"),
        ("spek", "a manifest has no key 'spek'; did you mean spec?"),
        ("Tenant.spec.owners", "spec has no key 'owners'"),
        ("metadata.name.x", "metadata.name has no key 'x'; there are none"),
        ("clientauth", "a manifest has no key 'clientauth'; did you mean spec.auth.clientAuth?"),
        ("auth.scopes", "a manifest has no key 'auth'; did you mean spec.auth.scopes?"),
        ("name", "did you mean metadata.name, "),
        ("metadata.labels.env", "metadata.labels takes keys of your own, and no other"),
    ],
)
def test_a_key_that_is_not_there_gets_a_suggestion(folder: Folder, key: str, message: str) -> None:
    assert_reported(folder.run("explain", key), 1, message)


def test_no_line_is_wider_than_the_terminal_and_a_pipe_gets_each_text_whole(folder: Folder) -> None:
    for columns in (40, 80, 200):
        shown = at_a_terminal(folder.path, "explain", "spec.auth", environ={}, columns=columns)

        assert max(map(len, shown.screen)) <= min(columns, 100)
    lines = folder.run("explain", "spec.auth.clientAuth", COLUMNS="40").out.splitlines()
    assert lines[-1].startswith("  Client id and secret in the form body (post)")
    assert lines[-1].endswith("(tls-client-auth, RFC 8705).")
