"""The proxies that may tell a visitor's address."""

import argparse
import os

import pytest
from uvicorn import Config

from app.web.proxies import LOOPBACK, OF_A_SPACE, VARIABLE, default_proxies, read_proxies, trust


@pytest.mark.parametrize("text", ["127.0.0.1", "10.0.0.0/8,192.168.1.7", "2001:db8::/32", ""])
def test_addresses_and_networks_are_taken(text):
    assert read_proxies(text) == text


@pytest.mark.parametrize("text", ["proxy", "*", "10.0.0.1/8", "127.0.0.1,300.1.1.1"])
def test_anything_else_is_refused_by_name(text):
    with pytest.raises(argparse.ArgumentTypeError, match=r"neither an address nor a network"):
        read_proxies(text)


def test_a_space_trusts_its_proxy_and_others_this_machine(monkeypatch):
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert default_proxies() == LOOPBACK
    monkeypatch.setenv("SPACE_ID", "someone/din")
    assert default_proxies() == OF_A_SPACE


def test_the_web_server_takes_them(monkeypatch):
    monkeypatch.setenv(VARIABLE, "1.2.3.4")
    trust("10.0.0.0/8")
    assert os.environ[VARIABLE] == Config(lambda: None).forwarded_allow_ips == "10.0.0.0/8"
