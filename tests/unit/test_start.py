"""A page that starts before its Triton waits for it."""

import pytest

from app import cli
from app.errors import ServerError, ServerUnavailableError
from app.i18n import say


class LateClient:
    """Its server responds after so many questions, or never."""

    def __init__(self, away, error=ServerUnavailableError):
        self.away, self.error, self.asked = away, error, 0

    def tasks(self):
        self.asked += 1
        if self.asked <= self.away:
            raise self.error(say("error.server_away"))
        return {}


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(cli, "ASK_AGAIN_S", 0.001)


def test_a_triton_that_comes_later_is_waited_for(caplog):
    caplog.set_level("INFO")
    client = LateClient(away=3)
    cli.wait_for_tasks(client)
    assert client.asked == 4
    assert [record.getMessage() for record in caplog.records] == ["Waiting for Triton, for at most 30 s"]


def test_a_triton_that_is_there_is_not_talked_about(caplog):
    caplog.set_level("INFO")
    cli.wait_for_tasks(LateClient(away=0))
    assert caplog.records == []


def test_a_triton_that_never_comes_is_given_up():
    client = LateClient(away=10**9)
    with pytest.raises(ServerUnavailableError, match="does not respond"):
        cli.wait_for_tasks(client, timeout_s=0.02)
    assert client.asked > 1


def test_other_errors_are_not_waited_for():
    client = LateClient(away=1, error=ServerError)
    with pytest.raises(ServerError):
        cli.wait_for_tasks(client)
    assert client.asked == 1
