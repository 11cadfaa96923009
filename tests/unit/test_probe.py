"""An instance hangs if a tiny picture is not answered and the instance uses no processor time meanwhile."""

from concurrent.futures import Future
from types import SimpleNamespace

import pytest

from app.errors import ServerUnavailableError
from app.triton.probe import Prober
from app.usage import Usage
from tests.support.served import TASK

NAMES = [f"din_{TASK.name}_0_{i}" for i in range(2)]


class Instances(dict[str, SimpleNamespace]):
    """Processes that use processor time only when they are told."""

    def __init__(self):
        self.seconds = dict.fromkeys(NAMES, 0.0)
        super().__init__({name: SimpleNamespace(cpu_times=self.reader(name)) for name in NAMES})

    def reader(self, name):
        return lambda: SimpleNamespace(user=self.seconds[name], system=0.0)


class Client:
    """It answers no picture by itself."""

    def __init__(self):
        self.sent, self.requests, self.error = [], 1, None

    def tasks(self):
        return {TASK.name: TASK}

    def usage(self):
        if self.error:
            raise self.error
        return {TASK.name: Usage(requests=self.requests), "unknown": Usage(requests=5)}

    def submit(self, network, pixels):
        self.sent.append(Future())
        return self.sent[-1]


@pytest.fixture
def client():
    return Client()


def test_an_instance_that_does_nothing_hangs(client):
    prober, instances = Prober(client, hung_s=0), Instances()
    assert prober.hung(instances) == []
    instances.seconds[NAMES[0]] = 1.0
    assert prober.hung(instances) == [NAMES[1]]
    assert len(client.sent) == 1


def test_busy_instances_do_not_hang(client):
    prober, instances = Prober(client, hung_s=0), Instances()
    for _ in range(5):
        assert prober.hung(instances) == []
        for name in NAMES:
            instances.seconds[name] += 1
    assert len(client.sent) == 1
    assert prober.hung(instances) == []
    assert prober.hung(instances) == NAMES  # they were busy, and are not any more


def test_answers_are_waited_for(client):
    prober = Prober(client, hung_s=60)
    assert [prober.hung(Instances()) for _ in range(3)] == [[], [], []]
    assert len(client.sent) == 1


def test_answered_pictures_are_sent_again_when_they_are_due(client):
    eager, lazy = (Prober(client, interval_s=seconds, hung_s=0) for seconds in (0, 60))
    for prober, sent in ((eager, 2), (lazy, 1)):
        client.sent.clear()
        prober.hung(Instances())
        client.sent[0].set_result(None)
        assert prober.hung(Instances()) == []
        assert len(client.sent) == sent


def test_networks_that_nobody_has_used_are_not_loaded(client):
    client.requests = 0
    assert Prober(client, hung_s=0).hung(Instances()) == []
    assert client.sent == []


def test_a_server_that_is_away_is_no_matter_of_the_probe(client):
    client.error = ServerUnavailableError("away")
    assert Prober(client, hung_s=0).hung(Instances()) == []
