"""The way to a server under TLS: who is believed, and what a person is told where nobody is."""

import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import trustme

from reconciler.adapters.database import open_store
from reconciler.errors import StateError
from tests.support.postgres import Server
from tests.support.store_world import entry

_YES = b"S"  # to the 8 bytes that ask for TLS before all else
_ENOUGH = 1 << 16


@contextmanager
def under_tls(upstream: int, certificate: trustme.LeafCert) -> Iterator[int]:
    """The port of a front that speaks TLS: the server that the tests start was built without it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=_accept, args=(listener, upstream, context, threads))
        accepting.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for thread in threads:
                thread.join()


def _accept(
    listener: socket.socket, upstream: int, context: ssl.SSLContext, threads: list[threading.Thread]
) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        thread = threading.Thread(target=_serve, args=(client, upstream, context))
        threads.append(thread)
        thread.start()


def _serve(client: socket.socket, upstream: int, context: ssl.SSLContext) -> None:
    """Until the client goes; one that does not believe us goes at once."""
    with client:
        assert len(client.recv(8)) == 8
        client.sendall(_YES)
        try:
            inside = context.wrap_socket(client, server_side=True)
        except (ssl.SSLError, OSError):
            return
        with inside, socket.create_connection(("127.0.0.1", upstream)) as server:
            ends: dict[socket.socket, socket.socket] = {inside: server, server: inside}
            while _passed(ends, [inside] if inside.pending() else select.select(ends, [], [])[0]):
                pass


def _passed(ends: dict[socket.socket, socket.socket], ready: list[socket.socket]) -> bool:
    """Whether both ends are still there."""
    for end in ready:
        try:
            data = end.recv(_ENOUGH)
        except ssl.SSLWantReadError:
            continue
        except OSError:
            return False
        if not data:
            return False
        ends[end].sendall(data)
    return True


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    authority.cert_pem.write_to_path(folder / "ours.pem")
    trustme.CA().cert_pem.write_to_path(folder / "theirs.pem")
    return folder


def test_a_server_whose_certificate_is_believed_keeps_the_store(
    postgres: Server, authority: trustme.CA, files: Path
) -> None:
    with under_tls(postgres.port, authority.issue_cert("localhost")) as port:
        stated = f"?sslmode=verify-full&sslrootcert={files}/ours.pem"
        url = f"postgresql+psycopg://postgres@localhost:{port}/{postgres.new()}{stated}"

        with closing(open_store(url)) as store:
            store.record(entry())

            assert store.head()[0] == 1


@pytest.mark.parametrize(
    ("host", "stated", "texts"),
    [
        ("localhost", "&sslrootcert={files}/theirs.pem", "shows a certificate that is not accept"),
        ("localhost", "&sslrootcert=system", "shows a certificate that is not accepted: see sslr"),
        ("127.0.0.1", "&sslrootcert={files}/ours.pem", "shows a certificate that is not accepted"),
        ("localhost", "&sslrootcert={files}/none.pem", "nobody here can judge: name the file of"),
        ("localhost", "", "nobody here can judge: name the file"),
    ],
)
def test_a_server_with_an_untrusted_certificate_is_reported_and_sent_nothing(
    postgres: Server, authority: trustme.CA, files: Path, host: str, stated: str, texts: str
) -> None:
    database = postgres.new()
    with under_tls(postgres.port, authority.issue_cert("localhost")) as port:
        url = f"postgresql+psycopg://postgres@{host}:{port}/{database}?sslmode=verify-full"

        with pytest.raises(StateError, match=texts) as refused:
            open_store(url + stated.format(files=files))

        assert "create it" not in str(refused.value)
        assert str(files) not in str(refused.value)


def test_a_server_that_wants_tls_of_a_user_is_reported(postgres: Server) -> None:
    with pytest.raises(StateError, match="in from here without TLS: ask for it with sslmode"):
        open_store(postgres.url(user="careful"))
