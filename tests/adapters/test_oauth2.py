"""Authenticator: one token for all threads, none longer than it lives, and no secret shown."""

import json
import re
import threading
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.adapters.oauth2 import (
    Anonymous,
    Authenticator,
    BasicCredentials,
    CertifiedClient,
    ClientCredentials,
    Credentials,
    HeaderToken,
)
from reconciler.domain.manifest import ClientAuth
from reconciler.domain.secret import Secret
from reconciler.errors import (
    AnswerUnreadable,
    CredentialsRefused,
    TenantError,
    TenantRefused,
    TenantUnavailable,
    TenantUntrusted,
)
from tests.support.fakes import FakeClock
from tests.support.faultserver import (
    Cut,
    FaultServer,
    Pause,
    Received,
    Script,
    in_turn,
    json_reply,
    reply,
    serving,
    unused_port,
)
from tests.support.token_world import (
    CLIENT_ID,
    CLIENT_SECRET,
    authenticating,
    counting,
    credentials,
    meeting,
    token,
    tokens,
)


def test_a_token_is_reported_for_masking_before_it_is_used() -> None:
    reported: list[Secret] = []
    clock = FakeClock()
    with serving(in_turn(token("t0k3n"), json_reply({"error": "invalid_client"}, 401))) as server:
        whom = credentials(server.url("/token"), auth=ClientAuth.BASIC)
        authenticator = Authenticator(whom, tokens(clock, reported.append))
        header = authenticator.header()
        authenticator.renew(header)
        with pytest.raises(CredentialsRefused):
            authenticator.header()
        sent = {received.headers["authorization"] for received in server.requests}

    [pair] = {f"Basic {secret.reveal()}" for secret in reported} & sent
    assert sent == {pair}
    assert header == "Bearer t0k3n"
    assert [secret.reveal() for secret in reported].count("t0k3n") == 1
    assert len(reported) == 3  # the pair for each request, and the one token


def test_a_basic_header_is_reported_for_masking_as_it_is_sent() -> None:
    reported: list[Secret] = []
    clock = FakeClock()
    whom = BasicCredentials(username=Secret("me"), password=Secret(CLIENT_SECRET))
    header = Authenticator(whom, tokens(clock, reported.append)).header()

    assert header == f"Basic {reported[0].reveal()}"
    assert b64decode(reported[0].reveal()).decode() == f"me:{CLIENT_SECRET}"


def form(request: Received) -> dict[str, list[str]]:
    return parse_qs(request.body.decode(), strict_parsing=True)


# --- what is sent --------------------------------------------------------------------------


def test_no_credentials_give_no_header() -> None:
    with authenticating(Anonymous()) as nobody:
        nobody.renew(None)
        assert nobody.header() is None


def test_a_bearer_token_is_sent_as_it_is_and_cannot_be_renewed() -> None:
    with authenticating(HeaderToken(token=Secret("abc"))) as authenticator:
        assert authenticator.header() == "Bearer abc"
        authenticator.renew("Bearer abc")
        assert authenticator.header() == "Bearer abc"


def test_a_token_stands_behind_the_scheme_of_its_service() -> None:
    with authenticating(HeaderToken(token=Secret("abc"), scheme="SSWS")) as authenticator:
        assert authenticator.header() == "SSWS abc"
        authenticator.renew("SSWS abc")
        assert authenticator.header() == "SSWS abc"


def test_basic_credentials_are_utf_8_in_base64() -> None:
    whom = BasicCredentials(username=Secret("jörg"), password=Secret("p:w"))
    with authenticating(whom) as authenticator:
        kind, _, encoded = (authenticator.header() or "").partition(" ")

    assert kind == "Basic"
    assert b64decode(encoded).decode() == "jörg:p:w"


def test_the_token_request_is_a_form_with_the_client_in_its_body() -> None:
    with serving(in_turn(token())) as server:
        whom = credentials(
            server.url("/oauth/token"), scopes=("user-provision:write", "scim:admin")
        )
        with authenticating(whom) as authenticator:
            assert authenticator.header() == "Bearer t0k3n"

    request = server.requests[0]
    assert (request.method, request.target) == ("POST", "/oauth/token")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert "authorization" not in request.headers
    assert form(request) == {
        "grant_type": ["client_credentials"],
        "scope": ["user-provision:write scim:admin"],
        "client_id": [CLIENT_ID],
        "client_secret": [CLIENT_SECRET],
    }


def test_with_basic_client_auth_id_and_secret_are_form_encoded_first_and_not_in_the_body() -> None:
    with serving(in_turn(token())) as server:
        whom = credentials(server.url("/token"), auth=ClientAuth.BASIC)
        with authenticating(whom) as authenticator:
            authenticator.header()

    request = server.requests[0]
    encoded = request.headers["authorization"].removeprefix("Basic ")
    user, _, password = b64decode(encoded).decode("ascii").partition(":")
    assert (unquote_plus(user), unquote_plus(password)) == (CLIENT_ID, CLIENT_SECRET)
    assert form(request) == {"grant_type": ["client_credentials"]}


# --- how long a token is used --------------------------------------------------------------


@pytest.mark.parametrize(
    ("expires_in", "used_for"),
    [
        (600, 540),
        ("600", 540),
        (600.5, 540.5),
        (100, 50),
        (30, 15),
        (3600, 3540),
        (86_400, 3540),
        (10**30, 3540),
        (10**400, 240),
        (None, 240),
        (0, 240),
        (-1, 240),
        ("soon", 240),
        ("", 240),
        (True, 240),
        ([600], 240),
        ({"seconds": 600}, 240),
        ("NaN", 240),
        ("Infinity", 3540),
    ],
)
def test_a_token_is_used_until_a_minute_or_half_its_life_before_it_expires(
    expires_in: Any, used_for: float
) -> None:
    clock = FakeClock()
    with meeting(counting(expires_in=expires_in), clock) as (_server, authenticator):
        first = authenticator.header()
        clock.seconds = used_for - 0.01
        still = authenticator.header()
        clock.seconds = used_for
        renewed = authenticator.header()

    assert (first, still, renewed) == ("Bearer t1", "Bearer t1", "Bearer t2")


def test_sixteen_threads_ask_for_one_token() -> None:
    barrier = threading.Barrier(16)
    got: list[str | None] = []
    with meeting(counting()) as (server, authenticator):

        def work() -> None:
            barrier.wait(5)
            got.append(authenticator.header())

        run_together(work, 16)

    assert got == ["Bearer t1"] * 16
    assert len(server.requests) == 1


def test_sixteen_threads_whose_token_failed_ask_for_one_new_token() -> None:
    barrier = threading.Barrier(16)
    got: list[str | None] = []
    with meeting(counting()) as (server, authenticator):
        failed = authenticator.header()

        def work() -> None:
            barrier.wait(5)
            authenticator.renew(failed)
            got.append(authenticator.header())

        run_together(work, 16)

    assert got == ["Bearer t2"] * 16
    assert len(server.requests) == 2


def run_together(work: Callable[[], None], count: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)


def test_an_old_failure_does_not_throw_a_new_token_away() -> None:
    with meeting(counting()) as (_server, authenticator):
        first = authenticator.header()
        authenticator.renew(first)
        second = authenticator.header()
        authenticator.renew(first)

        assert authenticator.header() == second == "Bearer t2"


# --- one token for many tenants --------------------------------------------------------------


def test_tenants_with_equal_credentials_share_one_token() -> None:
    with serving(counting()) as server:
        shared = tokens(FakeClock())
        headers = {
            Authenticator(credentials(server.url("/token")), shared).header() for _ in range(50)
        }

    assert headers == {"Bearer t1"}
    assert len(server.requests) == 1


def test_tenants_that_differ_in_anything_that_is_sent_do_not_share_a_token() -> None:
    with serving(counting()) as server:
        one = credentials(server.url("/token"))
        others = [
            replace(one, token_url=server.url("/other")),
            replace(one, client_id=Secret("another")),
            replace(one, client_secret=Secret("another")),
            replace(one, scopes=("scim:admin",)),
            replace(one, client_auth=ClientAuth.BASIC),
        ]
        shared = tokens(FakeClock())
        headers = [Authenticator(whom, shared).header() for whom in (one, *others, one)]

    assert headers == [f"Bearer t{n}" for n in (1, 2, 3, 4, 5, 6, 1)]


def test_no_tenant_requests_a_token_of_a_client_that_was_refused() -> None:
    with serving(in_turn(json_reply({"error": "invalid_client"}, 401))) as server:
        shared = tokens(FakeClock())
        for _ in range(5):
            tenant = Authenticator(credentials(server.url("/token")), shared)
            with pytest.raises(CredentialsRefused, match="invalid_client"):
                tenant.header()

    assert len(server.requests) == 1


def test_a_wait_for_the_token_of_another_thread_ends_with_the_callers_time() -> None:
    with serving(in_turn((Pause(20),))) as server:
        shared = tokens(FakeClock())
        whom = credentials(server.url("/token"))
        patient = threading.Thread(target=fails, args=(Authenticator(whom, shared),))
        patient.start()
        while not server.requests:
            patient.join(0.01)
        with pytest.raises(TenantUnavailable, match="did not come in time"):
            Authenticator(whom, shared).header(0.1)
        server.close()
        patient.join()


def fails(authenticator: Authenticator) -> None:
    with pytest.raises(TenantUnavailable):
        authenticator.header(1.0)


def test_a_caller_whose_time_was_up_does_not_fail_the_others() -> None:
    clock = FakeClock()

    def slow(request: Received) -> Script:
        clock.seconds += 3
        return token() if len(server.requests) > 1 else reply(503)

    with serving(slow) as server:
        shared = tokens(clock)
        whom = credentials(server.url("/token"))
        with pytest.raises(TenantUnavailable):
            Authenticator(whom, shared).header(2.0)
        header = Authenticator(whom, shared).header()

    assert header == "Bearer t0k3n"


def test_an_endpoint_that_hangs_is_waited_for_by_one_tenant_and_not_by_each() -> None:
    """All tries together last as long as a tenant has, so the last one ends with its time."""
    clock = FakeClock()

    def hang(_: Received) -> Script:
        clock.seconds += 5
        return (Cut.RESET,)

    with serving(hang) as server:
        shared = tokens(clock)
        whom = credentials(server.url("/token"))
        for _ in range(5):
            with pytest.raises(TenantUnavailable):
                Authenticator(whom, shared).header(10.0)

    assert len(server.requests) == 2


@pytest.mark.parametrize("kinds", [1, 100], ids=["the same again", "a new one each time"])
def test_a_token_that_many_tenants_refuse_is_not_renewed_for_each_of_them(kinds: int) -> None:
    clock = FakeClock()
    issued = in_turn(*(token(access_token=f"t{n % kinds}") for n in range(100)))
    with serving(issued) as server:
        shared = tokens(clock)
        whom = credentials(server.url("/token"))
        for _ in range(50):
            refused_twice(Authenticator(whom, shared))
        assert len(server.requests) == 4

        clock.seconds += 31
        for _ in range(50):
            refused_twice(Authenticator(whom, shared))
        assert len(server.requests) == 5


def refused_twice(authenticator: Authenticator) -> None:
    header = authenticator.header()
    authenticator.renew(header)
    if authenticator.header() != header:
        authenticator.note_renewal(helped=False)


def test_a_token_is_renewed_as_often_as_that_helps() -> None:
    issued = in_turn(*(token(access_token=f"t{n}") for n in range(100)))
    with serving(issued) as server:
        authenticator = Authenticator(credentials(server.url("/token")), tokens(FakeClock()))
        for n in range(40):
            authenticator.renew(authenticator.header())
            authenticator.header()
            authenticator.note_renewal(helped=n % 3 == 2)

    assert len(server.requests) == 41


# --- when no token comes -------------------------------------------------------------------


ILL: list[tuple[Script, float]] = [
    (json_reply({}, 429, {"Retry-After": "2"}), 2.0),
    (reply(500), 0.0),
    (reply(502, b"<html>Bad gateway</html>"), 0.0),
    (reply(503, b"", {"Retry-After": "soon"}), 0.0),
    (reply(504), 0.0),
    ((Cut.RESET,), 0.0),
    ((b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{",), 0.0),
]


@pytest.mark.parametrize(("ill", "wait"), ILL)
def test_a_sick_endpoint_is_asked_again_no_sooner_than_it_wants(ill: Script, wait: float) -> None:
    clock = FakeClock()
    with meeting(in_turn(ill, ill, token()), clock) as (server, authenticator):
        assert authenticator.header() == "Bearer t0k3n"

    assert len(server.requests) == 3
    assert clock.slept == [wait, wait]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_endpoint_that_stays_sick_is_unavailable_after_a_few_tries(status: int) -> None:
    with meeting(in_turn(reply(status))) as (server, authenticator):
        with pytest.raises(TenantUnavailable, match=f"{status}.*run again"):
            authenticator.header()

    assert len(server.requests) == 5


@pytest.mark.parametrize(
    ("headers", "texts"),
    [
        ({"Retry-After": "3600"}, "503; it asks to wait 3600 s; run again after that"),
        (
            {"Retry-After": "Sun, 01 Mar 2048 12:00:00 GMT"},
            "503; it asks to wait until Sun, 01 Mar 2048 12:00:00 GMT; run again after that",
        ),
    ],
)
def test_an_endpoint_that_asks_for_a_long_wait_is_asked_once_and_quoted(
    headers: dict[str, str], texts: str
) -> None:
    with meeting(in_turn(reply(503, b"", headers))) as (server, authenticator):
        with pytest.raises(TenantUnavailable, match=re.escape(texts)):
            authenticator.header()

    assert len(server.requests) == 1


def test_an_endpoint_that_is_not_there_is_unavailable() -> None:
    url = f"http://127.0.0.1:{unused_port()}/token"
    with authenticating(credentials(url)) as authenticator:
        with pytest.raises(
            TenantUnavailable, match=r"POST http://127\.0\.0\.1:\d+/token.*tokenUrl"
        ):
            authenticator.header()


@pytest.mark.parametrize("auth", ClientAuth)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_secret_follows_a_redirect(status: int, auth: ClientAuth) -> None:
    with serving(in_turn(token())) as thief:
        with serving(in_turn(reply(status, b"", {"Location": thief.url()}))) as server:
            with authenticating(credentials(server.url(), auth=auth)) as authenticator:
                with pytest.raises(TenantUntrusted, match=f"{status}.*tokenUrl"):
                    authenticator.header()

    assert thief.connections == 0
    assert len(server.requests) == 1


REFUSALS: list[tuple[Script, type[TenantError], str]] = [
    (json_reply({"error": "invalid_client"}, 401), CredentialsRefused, "401 invalid_client; check"),
    (json_reply({"error": "invalid_client"}, 400), CredentialsRefused, "400 invalid_client"),
    (json_reply({"error": "invalid_scope"}, 400), CredentialsRefused, "check scopes"),
    (json_reply({"error": "invalid_target"}, 400), CredentialsRefused, "check audience and"),
    (json_reply({"error": "access_denied"}, 403), CredentialsRefused, "is not granted what it"),
    (json_reply({"error": "unauthorized_client"}, 403), CredentialsRefused, "grant"),
    (json_reply({"error": "invalid_client"}, 200), CredentialsRefused, "200 invalid_client"),
    (json_reply({"error": {"code": 1}}, 400), CredentialsRefused, "without an error code"),
    (json_reply({"message": "no"}, 401), CredentialsRefused, "401 without an error code"),
    (reply(401), CredentialsRefused, "401 without an error code"),
    (reply(401, b"<html>"), CredentialsRefused, "401 without an error code"),
    (reply(404, b"<html>"), TenantRefused, "tokenUrl is probably wrong"),
    (reply(405), TenantRefused, "tokenUrl is probably wrong"),
    (reply(400, b"<!doctype html><title>Sign in"), AnswerUnreadable, "an HTML page"),
    (reply(200, b"<html>"), AnswerUnreadable, "an HTML page"),
    (reply(200, b"access_token=abc"), AnswerUnreadable, "something else"),
    (reply(200, b""), AnswerUnreadable, "nothing came"),
    (reply(200, b"[]"), AnswerUnreadable, "instead of a JSON object"),
    (json_reply({"token_type": "bearer"}), AnswerUnreadable, "no usable access_token"),
    (token(""), AnswerUnreadable, "no usable access_token"),
    (token("a\r\nX-Evil: 1"), AnswerUnreadable, "no usable access_token"),
    (token("ü"), AnswerUnreadable, "no usable access_token"),
    (json_reply({"access_token": 7}), AnswerUnreadable, "no usable access_token"),
    (token(token_type="mac"), AnswerUnreadable, "not of type Bearer"),
    (json_reply({"error": "x"}), CredentialsRefused, "200 x"),
    (json_reply({"error": "invalid_client"}, 201), CredentialsRefused, "201 invalid_client"),
    (reply(202, b""), AnswerUnreadable, "202, but nothing came"),
    (reply(204, b""), AnswerUnreadable, "204, but nothing came"),
    (json_reply({"status": "queued"}, 202), AnswerUnreadable, "202, but the answer holds no"),
    (token(token_type="DPoP"), AnswerUnreadable, "not of type Bearer"),
    (token(token_type="N_A"), AnswerUnreadable, "not of type Bearer"),
    (json_reply({"error": "invalid_request"}, 400), CredentialsRefused, "check clientAuth, scopes"),
    (json_reply({"error": "use_dpop_nonce"}, 400), CredentialsRefused, "(DPoP, RFC 9449)"),
    (json_reply({"error": "server_error"}, 400), TenantUnavailable, "server_error; run again"),
    (json_reply({"error": "slow_down"}, 403), TenantUnavailable, "slow_down; run again later"),
    (json_reply({"message": "no"}, 415), TenantRefused, "415 without an error code; check that"),
    (json_reply({"error": "invalid_client"}, 406), CredentialsRefused, "406 invalid_client"),
    (reply(413, b"<html>"), AnswerUnreadable, "413, but an HTML page came"),
    (json_reply({}, 431), TenantRefused, "431; our header is longer than it takes"),
    (reply(421, b"<html>"), TenantRefused, "421; what answered does not serve this host"),
    (reply(505), TenantUnavailable, "505; run again later"),
    (reply(511, b"<html>"), TenantUnavailable, "511; a network on the way wants somebody to log"),
]  # fmt: skip


@pytest.mark.parametrize(("script", "kind", "texts"), REFUSALS)
def test_a_refusal_is_one_message_and_is_never_repeated(
    script: Script, kind: type[TenantError], texts: str
) -> None:
    with meeting(in_turn(script, token()), path="/oauth/token?k=c4n4ry") as (server, authenticator):
        with pytest.raises(kind, match=r"^POST http://127\.0\.0\.1:\d+/oauth/token: ") as caught:
            authenticator.header()

    assert type(caught.value) is kind
    assert texts in str(caught.value)
    assert "c4n4ry" not in str(caught.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "kind", ["bearer", "Bearer", "BEARER", None, "", "BearerToken", " bearer "]
)
def test_the_token_type_is_bearer_in_any_case(kind: str | None) -> None:
    with meeting(in_turn(token(token_type=kind))) as (_server, authenticator):
        assert authenticator.header() == "Bearer t0k3n"


FORM = b"access_token=t0k3n&token_type=bearer&expires_in=60"
TOKENS = {
    "created": json_reply({"access_token": "t0k3n"}, 201),
    "non-authoritative": json_reply({"access_token": "t0k3n"}, 203),
    "with blanks around it": json_reply({"access_token": " t0k3n\n"}),
    "with an error that is none": json_reply({"access_token": "t0k3n", "error": "none"}),
    "as a form": reply(200, FORM, {"Content-Type": "application/x-www-form-urlencoded"}),
    "after a byte order mark": reply(200, b'\xef\xbb\xbf{"access_token": "t0k3n"}'),
    "declared in another encoding": reply(
        200, b'{"access_token": "t0k3n"}', {"Content-Type": "application/json; charset=iso-8859-1"}
    ),
    "as text": reply(200, b'{"access_token": "t0k3n"}', {"Content-Type": "text/plain"}),
}


@pytest.mark.parametrize("form", TOKENS)
def test_an_answer_with_an_access_token_is_a_token(form: str) -> None:
    with meeting(in_turn(TOKENS[form])) as (_server, authenticator):
        assert authenticator.header() == "Bearer t0k3n"


@pytest.mark.parametrize(
    ("granted", "missing"),
    [
        ("read write", ()),
        ("write  read extra", ()),
        ("read", ("write",)),
        ("READ", ("read", "write")),
        (["read"], ("write",)),
        ("read,other", ("write",)),
        ("", ()),
        (None, ()),
        (7, ()),
    ],
)
def test_scopes_that_were_not_granted_are_known(granted: object, missing: tuple[str, ...]) -> None:
    with serving(in_turn(token(scope=granted))) as server:
        whom = credentials(server.url(), scopes=("read", "write"))
        with authenticating(whom) as authenticator:
            authenticator.header()

            assert authenticator.not_granted == missing


def test_parameters_and_the_query_of_the_token_url_are_sent() -> None:
    with serving(in_turn(token())) as server:
        whom = replace(
            credentials(server.url("/token?tenant=a%20b&p=")),
            parameters=(("audience", "https://x/"), ("resource", "a"), ("resource", "b")),
        )
        with authenticating(whom) as authenticator:
            authenticator.header()
        [request] = server.requests

    assert request.target == "/token?tenant=a%20b&p="
    sent = parse_qsl(request.body.decode())
    assert [pair for pair in sent if pair[0] in ("audience", "resource")] == list(whom.parameters)


@pytest.mark.parametrize(
    "refusal", [json_reply({"error": "invalid_client"}, 401), reply(401, b"<html>")]
)
def test_a_client_that_was_refused_does_not_ask_again_in_this_run(refusal: Script) -> None:
    with meeting(in_turn(refusal, token())) as (server, authenticator):
        messages = []
        for _ in range(3):
            with pytest.raises(CredentialsRefused) as caught:
                authenticator.header()
            messages.append(str(caught.value))

    assert len(server.requests) == 1
    assert len(set(messages)) == 1


def test_an_endpoint_that_was_sick_is_left_alone_for_a_while_and_asked_again_later() -> None:
    clock = FakeClock()
    with meeting(in_turn(*[reply(503)] * 5, token()), clock) as (server, authenticator):
        for _ in range(3):
            with pytest.raises(TenantUnavailable, match="503; run again later"):
                authenticator.header()
        assert len(server.requests) == 5
        clock.seconds += 31
        assert authenticator.header() == "Bearer t0k3n"


# --- what is never shown -------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    status=st.sampled_from([200, 400, 401, 403, 404, 500]),
    where=st.sampled_from(["error", "error_description", "message", "access", "raw", "html"]),
)
def test_no_secret_is_shown_however_an_endpoint_echoes_it(status: int, where: str) -> None:
    echo = {"raw": CLIENT_SECRET.encode(), "html": f"<title>{CLIENT_SECRET}".encode()}.get(where)
    body = echo or json.dumps({where: CLIENT_SECRET, "error_uri": CLIENT_ID}).encode()
    with meeting(in_turn(reply(status, body))) as (_server, authenticator):
        with pytest.raises(TenantError) as caught:
            authenticator.header()

    shown = f"{caught.value} {caught.value!r} {authenticator!r} {vars(authenticator)}"
    assert "c4n4ry" not in shown
    assert CLIENT_ID not in shown


def test_an_error_code_of_the_rfcs_is_shown_whatever_the_client_is_called() -> None:
    with serving(in_turn(json_reply({"error": "invalid_client"}, 401))) as server:
        whom = replace(credentials(server.url()), client_id=Secret("client"))
        with authenticating(whom) as authenticator, pytest.raises(CredentialsRefused) as caught:
            authenticator.header()

    assert "401 invalid_client; check clientId" in str(caught.value)


def test_a_refused_certificate_may_have_gone_to_an_address_for_other_clients() -> None:
    with serving(in_turn(json_reply({"error": "invalid_client"}, 401))) as server:
        whom = CertifiedClient(token_url=server.url(), client_id=Secret("me"))
        with authenticating(whom) as authenticator, pytest.raises(CredentialsRefused) as caught:
            authenticator.header()

    assert "mtls_endpoint_aliases in its /.well-known/openid-conf" in str(caught.value)


def test_a_secret_that_looks_like_an_error_code_is_not_shown() -> None:
    with serving(in_turn(json_reply({"error": "secretword"}, 400))) as server:
        whom = ClientCredentials(
            token_url=server.url(), client_id=Secret("me"), client_secret=Secret("secretword")
        )
        with authenticating(whom) as authenticator, pytest.raises(CredentialsRefused) as caught:
            authenticator.header()

    assert "secretword" not in str(caught.value)


@pytest.mark.parametrize(
    "whom",
    [
        HeaderToken(token=Secret("c4n4ry")),
        BasicCredentials(username=Secret("c4n4ry"), password=Secret("c4n4ry")),
        credentials("https://localhost/token"),
    ],
)
def test_credentials_do_not_show_themselves(whom: Credentials) -> None:
    assert "c4n4ry" not in f"{whom} {whom!r}"


def test_a_token_does_not_show_itself() -> None:
    with meeting(in_turn(token("c4n4ry-token"))) as (_server, authenticator):
        authenticator.header()
        shared = vars(authenticator)["_token"]
        assert (
            "c4n4ry"
            not in f"{authenticator!r} {[getattr(shared, name) for name in shared.__slots__]}"
        )


def served(server: FaultServer) -> list[str]:
    return [request.method for request in server.requests]


def test_nothing_but_post_to_the_token_url_is_ever_sent() -> None:
    with meeting(counting()) as (server, authenticator):
        for _ in range(3):
            authenticator.renew(authenticator.header())

    assert served(server) == ["POST"] * 3
    assert {request.target for request in server.requests} == {"/token"}
