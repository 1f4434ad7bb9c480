"""The server around the tenant: starting, stopping, and clients that do not behave."""

import http.client
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from reconciler.embedded import DevTenantAccess, Faults, serve
from reconciler.embedded.store import open_embedded_store
from reconciler.errors import UsageError
from tests.support.dev_process import tenant_process
from tests.support.embedded_client import HR, Client, TestClock, connected, extension, running


def open_sockets() -> list[str]:
    """What the descriptors of this process point to, as far as they are sockets."""
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    targets = [str(link.readlink()) for link in links if link.is_symlink()]
    return sorted(target for target in targets if target.startswith("socket:"))


def port_of(access: DevTenantAccess) -> int:
    port = urlsplit(access.base_url).port
    assert port is not None
    return port


def exchange(port: int, data: bytes) -> bytes:
    """Send bytes, close our half, and read all that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


def test_the_addresses_are_on_loopback_and_one_port(client: Client) -> None:
    port = port_of(client.access)

    assert client.access.base_url == f"http://127.0.0.1:{port}/scim/v2"
    assert client.access.token_url == f"http://127.0.0.1:{port}/oauth/token"
    assert client.access.webhook_url == f"http://127.0.0.1:{port}/hr/scim/sync"


def test_access_does_not_show_its_secrets(client: Client) -> None:
    shown = repr(client.access)

    for secret in (*client.credentials(), client.access.webhook_secret.reveal()):
        assert secret not in shown


def test_a_port_can_be_chosen_and_is_free_again_afterwards(tmp_path: Path) -> None:
    with serve("local", tmp_path) as access:
        port = port_of(access)

    for _ in range(2):
        with serve("local", tmp_path, port=port) as access, connected(access) as client:
            assert port_of(access) == port
            assert client.send("GET", "/Schemas").status_code == 200


@pytest.mark.parametrize("port", [None, -1, 70000])
def test_a_port_that_cannot_be_had_is_a_usage_error_that_names_it(
    tmp_path: Path, port: int | None
) -> None:
    with serve("a", tmp_path) as access:
        wanted = port_of(access) if port is None else port

        with pytest.raises(UsageError, match=rf"127\.0\.0\.1:{wanted}.*--port"):
            with serve("b", tmp_path, port=wanted):
                pass


def test_the_server_stops_soon_and_leaves_no_thread_and_no_socket(
    tmp_path: Path, clock: TestClock
) -> None:
    before = open_sockets(), threading.active_count()

    with running(tmp_path, clock) as client:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: client.send("GET", "/Schemas"), range(24)))
        assert {answer.status_code for answer in answers} == {200}
        began = time.monotonic()
    ended = time.monotonic()

    assert (open_sockets(), threading.active_count()) == before
    assert ended - began < 2


def test_the_server_stops_when_its_block_fails(tmp_path: Path) -> None:
    before = open_sockets(), threading.active_count()

    with pytest.raises(LookupError), serve("local", tmp_path):
        raise LookupError

    assert (open_sockets(), threading.active_count()) == before
    with open_embedded_store(tmp_path, "local") as store:
        assert store.schemas() == ()


def test_creations_at_the_same_time_make_one_schema(client: Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.send("POST", "/Schemas", extension()), range(8)))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


def test_an_unknown_path_is_404_and_names_the_scim_path(client: Client) -> None:
    for path in ("/", "/scim", "/scim/v20/Schemas", "/api/Users"):
        answer = client.raw("GET", path)
        assert answer.status_code == 404
        assert "/scim/v2" in answer.json()["detail"]


# -- clients that do not behave -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("length", "status"), [("abc", b" 400 "), ("-1", b" 400 "), ("1048577", b" 413 ")]
)
def test_a_length_that_is_none_or_too_much_is_refused(
    client: Client, length: str, status: bytes
) -> None:
    request = f"POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"

    answer = exchange(port_of(client.access), request.encode())

    assert status in answer.split(b"\r\n")[0]


def test_a_body_in_chunks_is_read(client: Client) -> None:
    parts = [
        b'{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], ',
        b'"userName": "chunks"}',
    ]

    made = requests.post(
        f"{client.access.base_url}/Users",
        data=iter(parts),
        headers={**client.headers, "Content-Type": "application/scim+json"},
        timeout=10,
    )

    assert (made.status_code, made.json()["userName"]) == (201, "chunks")


CHUNKED = b"POST /oauth/token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        (b"1d;ext=1\r\ngrant_type=client_credentials\r\n0\r\nTrailer: x\r\n\r\n", b" 401 "),
        (b"xyz\r\n", b" 400 "),
        (b"-1\r\n", b" 400 "),
        (b"1\r\nabc\r\n", b" 400 "),
        (b"ffffffff\r\n", b" 413 "),
        (b"9" * 5000, b" 400 "),
    ],
)
def test_chunks_are_read_within_limits(client: Client, rest: bytes, status: bytes) -> None:
    answer = exchange(port_of(client.access), CHUNKED + rest)

    assert status in answer.split(b"\r\n")[0]


def test_another_transfer_coding_is_refused(client: Client) -> None:
    answer = exchange(port_of(client.access), CHUNKED.replace(b"chunked", b"gzip, chunked"))

    assert b" 501 " in answer.split(b"\r\n")[0]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        CHUNKED + b"5\r\nab",
        b"nonsense\r\n\r\n",
        b"GET /scim/v2/Schemas HTTP/1.1\r\n",
        b"POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf",
        b"GET /scim/v2/Schemas/%ff%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_a_broken_request_harms_nobody_and_is_not_printed(
    client: Client, data: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    exchange(port_of(client.access), data)

    assert client.send("GET", "/Schemas").status_code == 200
    assert capfd.readouterr() == ("", "")


def test_a_client_that_hangs_up_before_the_answer_is_not_printed(
    client: Client, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", port_of(client.access))) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.sendall(b"GET /_dev/faults HTTP/1.1\r\nHost: x\r\n\r\n")

    assert client.send("GET", "/Schemas").status_code == 200
    assert capfd.readouterr() == ("", "")


def test_every_answer_says_its_length_and_ends_the_connection(client: Client) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(client.access), timeout=10)
    try:
        connection.request("GET", "/_dev/faults")
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()

    assert int(answer.headers["Content-Length"]) == len(body)
    assert answer.will_close


def test_a_store_that_breaks_is_a_scim_error_and_no_traceback(
    client: Client, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with open_embedded_store(tmp_path, "local") as other, other.transaction() as db:
        db.execute("DROP TABLE schemas")

    answer = client.send("GET", "/Schemas")

    assert (answer.status_code, answer.json()["status"]) == (500, "500")
    assert "store" in answer.json()["detail"]
    assert capfd.readouterr() == ("", "")


# -- what it costs --------------------------------------------------------------------------------


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['scim2_models'] = None\n"
        "from pathlib import Path; from reconciler.embedded import serve\n"
        "from reconciler.errors import UsageError\n"
        "try:\n"
        "    with serve('local', Path(sys.argv[1])): pass\n"
        "except UsageError as error: print(error)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "none")],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip

    assert "the built-in tenant needs the extra demo; add it by: " in done.stdout
    assert "scim2-models" in done.stdout
    assert not (tmp_path / "none").exists()


def test_reading_schemas_never_imports_the_models_that_take_long(tmp_path: Path) -> None:
    program = (
        "import sys, urllib.request; from pathlib import Path\n"
        "from reconciler.embedded import serve\n"
        "with serve('local', Path(sys.argv[1])) as access:\n"
        "    url = access.base_url.removesuffix('/scim/v2') + '/_dev/faults'\n"
        "    urllib.request.urlopen(url).close()\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip

    loaded = set(done.stdout.split())
    assert "reconciler" in loaded
    assert not loaded & {"pydantic", "scim2_models", "deepdiff", "requests", "psycopg"}


def test_a_tenant_in_another_process_answers_and_says_nothing_on_its_own(tmp_path: Path) -> None:
    with tenant_process(tmp_path) as (process, access), connected(access) as client:
        assert client.send("POST", "/Schemas", extension()).status_code == 201
        assert client.send("GET", "/Users").status_code == 200
        output, errors = process.communicate(timeout=10)  # the end of its input ends it
        assert (output, errors, process.returncode) == ("", "", 0)


def test_faults_belong_to_a_server_and_not_to_the_store(tmp_path: Path, clock: TestClock) -> None:
    with running(tmp_path, clock, Faults(html=True)) as odd, running(tmp_path, clock) as well:
        well.send("POST", "/Schemas", extension())

        assert odd.send("GET", f"/Schemas/{HR}").text.startswith("<!doctype")
        assert well.send("GET", f"/Schemas/{HR}").json()["id"] == HR
