"""The environment: who may get which secret, and what an unset or odd variable comes to."""

import os
import re
from pathlib import Path

import pytest

from reconciler.adapters.settings import Settings, origin
from reconciler.domain.manifest import SecretRef, SecretSource
from reconciler.domain.problem import Place
from reconciler.errors import UsageError

PLACE = Place("desired-state/acme.yaml", 9, 5)
CANARY = "canary-51c7"


def ref(source: SecretSource, name: str) -> SecretRef:
    return SecretRef(source, name, PLACE)


def test_a_secret_comes_from_its_variable_without_the_line_end_of_a_shell():
    settings = Settings({"ACME_SECRET": f"{CANARY}\n"})

    secret = settings.secret(ref(SecretSource.ENV, "ACME_SECRET"), secrets_dir=None)

    assert secret.reveal() == CANARY
    assert CANARY not in repr(secret) + repr(settings)


@pytest.mark.parametrize("environ", [{}, {"ACME_SECRET": ""}, {"ACME_SECRET": " \n"}])
def test_a_variable_that_is_not_set_is_named_with_its_place(environ):
    with pytest.raises(UsageError, match=r"ACME_SECRET is not set; desired-state/acme.yaml:9"):
        Settings(environ).secret(ref(SecretSource.ENV, "ACME_SECRET"), secrets_dir=None)


def test_a_secret_comes_from_a_file_below_the_folder_also_through_a_mounts_links(tmp_path: Path):
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026/token").write_text(CANARY)
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "token").symlink_to("..data/token")

    secret = Settings({}).secret(ref(SecretSource.FILE, "token"), secrets_dir=tmp_path)

    assert secret.reveal() == CANARY


def test_a_file_outside_the_folder_is_refused(tmp_path: Path):
    (tmp_path / "outside").write_text(CANARY)
    inside = tmp_path / "secrets"
    inside.mkdir()
    (inside / "link").symlink_to("../outside")

    for name in ("link", "../outside"):
        with pytest.raises(UsageError, match="leaves --secrets-dir") as caught:
            Settings({}).secret(ref(SecretSource.FILE, name), secrets_dir=inside)
        assert CANARY not in str(caught.value)


def test_a_file_that_is_missing_empty_or_no_text_is_reported(tmp_path: Path):
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")

    for name, word in (
        ("none", "no file"),
        ("empty", "is empty"),
        ("bytes", "is no text in UTF-8; save it as such"),
        ("n" * 300, "cannot be read: File name too long"),
    ):
        with pytest.raises(UsageError, match=word):
            Settings({}).secret(ref(SecretSource.FILE, name), secrets_dir=tmp_path)
    with pytest.raises(UsageError, match="give --secrets-dir"):
        Settings({}).secret(ref(SecretSource.FILE, "x"), secrets_dir=None)


def test_a_byte_order_mark_is_no_part_of_a_secret(tmp_path: Path):
    (tmp_path / "token").write_text(f"\ufeff{CANARY}\r\n", encoding="utf-8")
    (tmp_path / "wide").write_text(CANARY, encoding="utf-16")
    settings = Settings({})

    assert settings.secret(ref(SecretSource.FILE, "token"), secrets_dir=tmp_path).reveal() == CANARY
    with pytest.raises(UsageError, match="is no text in UTF-8") as caught:
        settings.secret(ref(SecretSource.FILE, "wide"), secrets_dir=tmp_path)
    assert CANARY not in str(caught.value)


def test_links_that_lead_in_a_circle_are_no_file(tmp_path: Path):
    (tmp_path / "one").symlink_to("other")
    (tmp_path / "other").symlink_to("one")

    with pytest.raises(UsageError, match="no file one below"):
        Settings({}).secret(ref(SecretSource.FILE, "one"), secrets_dir=tmp_path)


def test_a_file_that_is_longer_than_any_secret_is_refused(tmp_path: Path):
    (tmp_path / "long").write_text("x" * (64 * 1024 + 1))

    with pytest.raises(UsageError, match="more than 64 KiB, so it is no secret"):
        Settings({}).secret(ref(SecretSource.FILE, "long"), secrets_dir=tmp_path)


def test_a_fifo_among_the_secrets_is_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(UsageError, match="no file pipe"):
        Settings({}).secret(ref(SecretSource.FILE, "pipe"), secrets_dir=tmp_path)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://API.example.com/scim/v2", "https://api.example.com"),
        ("https://api.example.com:443/x", "https://api.example.com"),
        ("https://api.example.com:8443/x", "https://api.example.com:8443"),
        ("http://127.0.0.1:80/", "http://127.0.0.1"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("https://good.example.com@evil.example.com/", "https://evil.example.com"),
    ],
)
def test_an_origin_has_one_spelling(url, expected):
    assert origin(url, of="x") == expected


@pytest.mark.parametrize(
    "url",
    [
        f"https://user:{CANARY}@api.example.com:99999/",
        f"https://user:{CANARY}@api.example.com:x/",
        f"https://user:{CANARY}@[::1/",
        f"https://user:{CANARY}@[1:2]/",
        f"https://user:{CANARY}@/",
    ],
)
def test_a_url_without_an_origin_is_reported_and_no_password_of_it(url: str):
    with pytest.raises(UsageError, match="no host and port") as caught:
        origin(url, of="tenant acme")

    assert CANARY not in str(caught.value)


ALLOWED = {"RECONCILER_ALLOWED_ORIGINS": "https://a.example.com, https://B.example.com:443/x"}


@pytest.mark.parametrize("url", ["https://a.example.com/scim", "https://b.example.com/"])
def test_a_listed_origin_may_get_credentials(url):
    Settings(ALLOWED).require_allowed(url, what="tenant acme")
    Settings({}).require_allowed("https://anywhere.example.com", what="tenant acme")
    assert Settings(ALLOWED).origins_of("acme") == (
        "https://a.example.com",
        "https://b.example.com",
    )


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example.com",
        "https://a.example.com:8443",
        "https://a.example.com.evil.com",
        "https://a.example.com@evil.com",
        "https://evil.com/https://a.example.com",
    ],
)
def test_an_unlisted_origin_may_not_get_credentials(url):
    with pytest.raises(UsageError, match=r"tenant acme is at .* no credential was sent"):
        Settings(ALLOWED).require_allowed(url, what="tenant acme")


@pytest.mark.parametrize("stated", ["", " ", ","])
def test_a_list_that_is_set_and_empty_allows_nothing(stated: str):
    """What a job passes on of a variable that nobody has made; it must not open every way."""
    settings = Settings({"RECONCILER_ALLOWED_ORIGINS": stated})

    with pytest.raises(UsageError, match=r"RECONCILER_ALLOWED_ORIGINS does not list for it"):
        settings.require_allowed("https://a.example.com", tenant="acme", what="tenant acme")


PINNED = {
    "RECONCILER_ALLOWED_ORIGINS": "acme=https://a.example.com acme=https://login.example.com/x,"
    "beta-*=https://b.example.com https://rest.example.com https://q.example.com/?a=b"
}


@pytest.mark.parametrize(
    ("tenant", "hosts"),
    [
        ("acme", "a login"),
        ("beta-prod", "b"),
        ("beta", "rest q"),
        ("acme-2", "rest q"),
        ("", "rest q"),
    ],
)
def test_a_pinned_tenant_goes_to_its_own_origins_and_no_other_does(tenant: str, hosts: str):
    for host in ("a", "login", "b", "rest", "q"):
        url = f"https://{host}.example.com/scim/v2"
        if host in hosts.split():
            Settings(PINNED).require_allowed(url, tenant=tenant, what="it")
            continue
        with pytest.raises(
            UsageError, match=r"it is at .* does not list for it; no cred"
        ) as caught:
            Settings(PINNED).require_allowed(url, tenant=tenant, what="it")
        entry = re.search(r"is right, add (\S+) there$", str(caught.value))
        assert entry is not None
        listed = f"{PINNED['RECONCILER_ALLOWED_ORIGINS']} {entry[1]}"
        followed = Settings({"RECONCILER_ALLOWED_ORIGINS": listed})
        for allowed in (url, *(f"https://{each}.example.com" for each in hosts.split())):
            followed.require_allowed(allowed, tenant=tenant, what="it")


@pytest.mark.parametrize(
    ("environ", "terminal", "expected"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
    ],
)
def test_colour_is_for_terminals_unless_somebody_says_otherwise(environ, terminal, expected):
    assert Settings(environ).colour(terminal=terminal) is expected


def test_the_actor_is_the_account_and_can_always_be_written_down():
    assert Settings({"GITHUB_ACTOR": "octocat"}).actor == "github:octocat"
    assert Settings({"GITHUB_ACTOR": "bad\udcff"}).actor == "github:bad\\udcff"
    assert Settings({}).actor.partition(":")[0] in ("user", "uid")


@pytest.mark.parametrize(
    ("listed", "allowed"),
    [
        ("canary@acme.example", True),
        ("x, Canary@acme.example ,y", True),
        ("", False),
        (",", False),
        ("canary", False),
        ("*", False),
        ("x canary@acme.example", False),
    ],
)
def test_a_user_may_be_written_to_where_the_list_has_it(listed: str, allowed: bool) -> None:
    settings = Settings({"RECONCILER_CANARY_USERS": listed})

    assert settings.is_canary_user("canary@acme.example") is allowed
    assert not Settings({}).is_canary_user("canary@acme.example")


BESIDE = {
    "RECONCILER_ALLOWED_ORIGINS": "https://a.example.com https://c.example.com",
    "RECONCILER_WEBHOOK_HOSTS": "hr.example.com, other.example.com",
    "RECONCILER_CANARY_USERS": "one@acme.example, two@acme.example",
}


def bound(own: dict[str, str], callers: dict[str, str]) -> Settings:
    return Settings(own, beside=Settings(Settings({**callers, "SECRET": "x"}).allow_lists))


def test_the_allow_lists_of_a_caller_bind_beside_the_own():
    own = {
        "RECONCILER_ALLOWED_ORIGINS": "https://a.example.com https://b.example.com",
        "RECONCILER_WEBHOOK_HOSTS": "HR.example.com third.example.com",
        "RECONCILER_CANARY_USERS": "two@acme.example,three@acme.example",
    }
    both = bound(own, BESIDE)

    both.require_allowed("https://a.example.com", what="it")
    with pytest.raises(UsageError, match="RECONCILER_ALLOWED_ORIGINS does not list"):
        both.require_allowed("https://c.example.com", what="it")
    with pytest.raises(UsageError, match="of the machine that called the workers does not list"):
        both.require_allowed("https://b.example.com", what="it")
    assert both.webhook_hosts == ("hr.example.com",)
    users = ("one@acme.example", "TWO@acme.example", "three@acme.example")
    assert [both.is_canary_user(name) for name in users] == [False, True, False]


def test_an_allow_list_that_one_of_both_has_not_set_leaves_the_other_to_bind():
    for settings in (bound({}, BESIDE), bound(BESIDE, {})):
        assert settings.webhook_hosts == ("hr.example.com", "other.example.com")
        settings.require_allowed("https://c.example.com", what="it")
        with pytest.raises(UsageError, match="no credential was sent"):
            settings.require_allowed("https://b.example.com", what="it")
        assert not settings.is_canary_user("one@acme.example")  # unset, it allows nobody
    assert bound({}, {}).webhook_hosts is None
    bound({}, {}).require_allowed("https://anywhere.example.com", what="it")


def test_a_list_of_a_caller_that_is_set_and_empty_allows_nothing():
    empty = bound(BESIDE, dict.fromkeys(BESIDE, ""))

    assert empty.webhook_hosts == ()
    with pytest.raises(UsageError, match="no credential was sent"):
        empty.require_allowed("https://a.example.com", what="it")


def test_nothing_but_allow_lists_is_given_to_workers():
    assert Settings({**BESIDE, "SECRET": "x", "RECONCILER_STATE": "y"}).allow_lists == BESIDE
