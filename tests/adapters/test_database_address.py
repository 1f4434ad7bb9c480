"""The URL of a store whose relative paths begin in another folder."""

from pathlib import Path

import pytest

from reconciler.adapters.database.address import address_of, begun_in, file_of
from reconciler.errors import UsageError

SERVER = "postgresql+psycopg://db.example.com/name"


@pytest.mark.parametrize("folder", ["sub", "a b/100%/ü", "../up", "/var/lib/x"])
@pytest.mark.parametrize("name", [".reconciler/state.db", "a%20b.db", "/var/state.db"])
def test_the_file_of_a_store_begins_in_the_folder(folder: str, name: str):
    url = f"sqlite:///{name}"

    file = file_of(url)
    assert file is not None
    assert file_of(begun_in(Path(folder), url)) == Path(folder) / file


@pytest.mark.parametrize(
    ("given", "begun"),
    [
        (SERVER, SERVER),
        (f"{SERVER}?sslmode=verify-full", f"{SERVER}?sslmode=verify-full"),
        (f"{SERVER}?sslrootcert=ca.pem&port=5", f"{SERVER}?sslrootcert=sub/ca.pem&port=5"),
        (f"{SERVER}?passfile=/etc/pass", f"{SERVER}?passfile=/etc/pass"),
        (f"{SERVER}?sslrootcert=system", f"{SERVER}?sslrootcert=system"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("sqlite:///", "sqlite:///"),
        ("nonsense", "nonsense"),
    ],
)
def test_what_is_no_relative_path_of_a_url_stays_as_it_is(given: str, begun: str):
    assert begun_in(Path("sub"), given) == begun


def test_without_a_folder_a_url_stays_as_it_is():
    assert begun_in(Path(), f"{SERVER}?sslcert=a%2Fb.pem") == f"{SERVER}?sslcert=a%2Fb.pem"


def test_a_path_is_answered_by_the_url_of_that_file_and_nothing_else_is_repeated():
    with pytest.raises(UsageError, match=r"for that file write sqlite:///sub/state\.db$"):
        address_of("sub/state.db")
    for url in ("user:secret@host.db", "nonsense"):
        with pytest.raises(UsageError) as refused:
            address_of(url)
        assert url not in str(refused.value)
