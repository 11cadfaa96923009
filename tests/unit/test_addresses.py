"""Addresses of servers, and the replicas behind them."""

import socket

import pytest

from app.client import ConnectionOptions, RestorationClient
from app.client.addresses import Address, look_up, read_addresses
from app.client.channels import Channels
from app.errors import AddressError


def test_several_replicas_are_one_address():
    assert read_addresses("127.0.0.1:8001") == (Address("127.0.0.1", 8001),)
    assert read_addresses("a:1, dns:///b.c-d:2,[::1]:3,a:1") == (
        Address("a", 1),
        Address("b.c-d", 2),
        Address("[::1]", 3),
    )
    assert Address("[::1]", 3).target == "dns:///[::1]:3"


@pytest.mark.parametrize(
    "url",
    [
        *("", "localhost", ":8001", "localhost:grpc", "http://localhost:8001", "http://localhost:8001/x", "a:1,"),
        *("a:0", "a:65536", "a:-1", "a:²", "dns://8.8.8.8/a:1", "::1:8001", "a b:1"),
    ],
)
def test_malformed_addresses_are_named(url):
    with pytest.raises(AddressError, match="is not an address of the form HOST:PORT or dns:///HOST:PORT"):
        RestorationClient(url)


@pytest.fixture
def names(monkeypatch):
    """The hosts that are known, by name; a test may change them."""
    known: dict[str, list[tuple[socket.AddressFamily, str]]] = {}

    def getaddrinfo(host, port, *, type):
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(family, type, 6, "", (address, port)) for family, address in known[host]]

    monkeypatch.setattr("socket.getaddrinfo", getaddrinfo)
    return known


def test_a_host_with_addresses_of_both_families_is_not_two(names):
    v4, v6 = socket.AF_INET, socket.AF_INET6
    names.update(both=[(v6, "fd::1"), (v4, "10.0.0.1"), (v4, "10.0.0.2")], new=[(v6, "fd::2")])
    both, new, none = read_addresses("both:1,new:2,none:3")
    assert look_up([both, new, none]) == {
        Address("10.0.0.1", 1): both,
        Address("10.0.0.2", 1): both,
        Address("[fd::2]", 2): new,
    }


def test_replicas_are_those_that_the_name_has_now(names, monkeypatch):
    monkeypatch.setattr("app.client.channels.LOOK_UP_S", 0.0)
    channels = Channels("pods:8001", ConnectionOptions())
    assert channels.replicas() == {}
    names["pods"] = [(socket.AF_INET, "10.0.0.1"), (socket.AF_INET, "10.0.0.2")]
    before = channels.replicas()
    assert list(before) == ["10.0.0.1:8001", "10.0.0.2:8001"]
    names["pods"] = [(socket.AF_INET, "10.0.0.2"), (socket.AF_INET, "10.0.0.3")]
    after = channels.replicas()
    assert list(after) == ["10.0.0.2:8001", "10.0.0.3:8001"]
    assert after["10.0.0.2:8001"] is before["10.0.0.2:8001"]
    channels.close()


def test_requests_go_to_the_addresses_in_turn():
    channels = Channels("a:1,b:2,c:3", ConnectionOptions())
    first, second, third, again = (channels.in_turn() for _ in range(4))
    assert first == again
    assert first[1:] + first[:1] == second
    assert second[1:] + second[:1] == third
    channels.close()
