"""Loopback: the hosts and addresses that are this machine's own, decided in one place."""

from functools import lru_cache
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

_NETWORKS = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


@lru_cache(maxsize=64)
def is_loopback_host(host: str) -> bool:
    """Test whether the host of a URL is this machine's own loopback; a name is not looked up."""
    # A name that leads to 127.0.0.1 today may lead elsewhere when it is connected to.
    return host == "localhost" or is_loopback_address(host)


def is_loopback_url(url: str) -> bool:
    """Test whether a URL leads to this machine's own loopback."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:  # brackets around what is no address; nothing can be asked there
        return False
    return is_loopback_host(host)


def is_loopback_address(address: str) -> bool:
    """Test whether an IP address is plainly this machine's own; a name is none.

    An address that holds another one (::ffff:127.0.0.1) is none, in every version of Python.
    """
    # Not `is_loopback`: Python 3.13 began to look into such addresses.
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return any(found in network for network in _NETWORKS)
