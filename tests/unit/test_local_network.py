"""The address at which phones reach a page."""

import socket

import pytest

from app import local_network
from app.errors import AddressError
from app.local_network import BY_ITSELF, page_address


@pytest.mark.parametrize(
    ("url", "host", "address"),
    [
        ("http://laptop.local:7861/", "0.0.0.0", "http://laptop.local:7861"),
        ("https://example.org", "127.0.0.1", "https://example.org"),  # a proxy in between
        (BY_ITSELF, "192.0.2.7", "http://192.0.2.7:7861"),
        (BY_ITSELF, "2001:db8::7", "http://[2001:db8::7]:7861"),
        (BY_ITSELF, "laptop.local", "http://laptop.local:7861"),
    ],
)
def test_an_address_is_given_or_found(url, host, address):
    assert page_address(url, host, 7861) == address


def test_the_address_of_all_interfaces_is_the_one_of_the_network(monkeypatch):
    class Probe(socket.socket):
        def connect(self, address):
            assert address == local_network.ELSEWHERE

        def getsockname(self):
            return ("192.0.2.7", 40000)

    monkeypatch.setattr(socket, "socket", Probe)
    assert page_address(BY_ITSELF, "0.0.0.0", 7861) == "http://192.0.2.7:7861"


def test_a_machine_without_a_network_is_told_what_to_give(monkeypatch):
    class Probe(socket.socket):
        def connect(self, address):
            raise OSError("Network is unreachable")

    monkeypatch.setattr(socket, "socket", Probe)
    with pytest.raises(AddressError, match="--phones http://HOST:PORT"):
        page_address(BY_ITSELF, "0.0.0.0", 7861)


@pytest.mark.parametrize(
    ("url", "host", "sentence"),
    [
        (BY_ITSELF, "127.0.0.1", "give --host 0.0.0.0"),
        (BY_ITSELF, "::1", "give --host 0.0.0.0"),
        ("laptop:7861", "0.0.0.0", "not 'laptop:7861'"),
        ("ftp://laptop", "0.0.0.0", "not 'ftp://laptop'"),
    ],
)
def test_what_phones_cannot_reach_is_refused(url, host, sentence):
    with pytest.raises(AddressError, match=sentence):
        page_address(url, host, 7861)
