"""An instance hangs if it uses no processor time while it is at work, or while a tiny picture is not answered."""

import os
from concurrent.futures import Future
from types import SimpleNamespace

import psutil
import pytest

from app.errors import ServerBusyError, ServerError, ServerMemoryError, ServerUnavailableError
from app.triton import probe
from app.triton.probe import AT_WORK, ERRORS, Prober
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
        self.sent, self.requests, self.error, self.answering = [], 1, None, True

    def is_live(self):
        return self.answering

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


def note(path, content, time_s):
    """Write what an instance notes at that time of the epoch: real ones are too close together here."""
    path.write_bytes(content)
    os.utime(path, (time_s, time_s))


@pytest.fixture
def prober_of(client, tmp_path):
    """A function that makes probers whose client answers no picture; no instance is at work."""
    for name in NAMES:
        note(tmp_path / name, b"0", 1)
    return lambda **times: Prober(client, tmp_path, **times)


def test_an_instance_that_does_nothing_hangs(client, prober_of):
    prober, instances = prober_of(hung_s=0), Instances()
    assert prober.hung(instances) == set()
    instances.seconds[NAMES[0]] = 1.0
    assert prober.hung(instances) == {NAMES[1]}
    assert len(client.sent) == 1


def test_busy_instances_do_not_hang(client, prober_of):
    prober, instances = prober_of(hung_s=0), Instances()
    for _ in range(5):
        assert prober.hung(instances) == set()
        for name in NAMES:
            instances.seconds[name] += 1
    assert len(client.sent) == 1
    assert prober.hung(instances) == set()
    assert prober.hung(instances) == set(NAMES)  # they were busy, and are not any more


def test_answers_are_waited_for(client, prober_of):
    prober = prober_of(hung_s=60)
    assert [prober.hung(Instances()) for _ in range(3)] == [set(), set(), set()]
    assert len(client.sent) == 1


def test_answered_pictures_are_sent_again_when_they_are_due(client, prober_of):
    eager, lazy = (prober_of(interval_s=seconds, hung_s=0) for seconds in (0, 60))
    for prober, sent in ((eager, 2), (lazy, 1)):
        client.sent.clear()
        prober.hung(Instances())
        client.sent[0].set_result(None)
        assert prober.hung(Instances()) == set()
        assert len(client.sent) == sent


def test_networks_that_nobody_has_used_are_not_loaded(client, prober_of):
    client.requests = 0
    assert prober_of(hung_s=0).hung(Instances()) == set()
    assert client.sent == []


def test_a_server_that_is_away_is_no_matter_of_the_probe(client, prober_of):
    client.error = ServerUnavailableError("away")
    assert prober_of(hung_s=0).hung(Instances()) == set()


def test_an_instance_that_does_nothing_at_work_hangs_although_another_answers(client, prober_of, tmp_path):
    prober, instances = prober_of(hung_s=0), Instances()
    prober.hung(instances)
    client.sent[0].set_result(None)
    note(tmp_path / NAMES[0], AT_WORK, 2)
    assert prober.hung(instances) == set()  # it has only begun
    assert prober.hung(instances) == {NAMES[0]}
    instances.seconds[NAMES[0]] += 1
    assert prober.hung(instances) == set()
    assert prober.hung(instances) == {NAMES[0]}
    note(tmp_path / NAMES[0], AT_WORK, 3)  # the next request
    assert prober.hung(instances) == set()
    note(tmp_path / NAMES[0], b"0", 4)
    assert prober.hung(instances) == prober.hung(instances) == set()


def test_work_is_given_time(client, prober_of, tmp_path):
    prober, instances = prober_of(hung_s=60), Instances()
    note(tmp_path / NAMES[0], AT_WORK, 2)
    assert [prober.hung(instances) for _ in range(3)] == [set(), set(), set()]


CROWDED = pytest.mark.parametrize(("load", "seconds"), [(0.1, 5), (2, 5), (6, 15), (100, 20)])


@pytest.fixture
def machine_at(monkeypatch):
    """A function that makes a machine of two cores with a load; returns its clock, a list of the seconds."""

    def at(load):
        now = [1000.0]
        monkeypatch.setattr(probe, "time", SimpleNamespace(monotonic=lambda: now[0]))
        monkeypatch.setattr(psutil, "getloadavg", lambda: (load, 0, 0))
        monkeypatch.setattr(psutil, "cpu_count", lambda: 2)
        return now

    return at


@CROWDED
def test_a_server_that_does_not_answer_hangs_after_a_while(load, seconds, client, prober_of, machine_at):
    now = machine_at(load)
    prober = prober_of(hung_s=5)
    for _ in range(2):  # each answer gives it the whole time again
        now[0] += 100
        assert prober.answers()
        client.answering = False
        now[0] += seconds - 1
        assert (prober.answers(), prober.is_silent()) == (False, False)
        now[0] += 1
        assert (prober.answers(), prober.is_silent()) == (False, True)
        client.answering = True


@CROWDED
def test_on_a_crowded_machine_an_instance_has_more_time(load, seconds, client, prober_of, tmp_path, machine_at):
    now = machine_at(load)
    prober, instances = prober_of(hung_s=5), Instances()
    note(tmp_path / NAMES[0], AT_WORK, 2)
    assert prober.hung(instances) == set()
    now[0] += seconds - 1
    assert prober.hung(instances) == set()
    now[0] += 1
    assert prober.hung(instances) == {NAMES[0]}


def test_instances_without_notes_are_found_by_their_pictures_alone(client, tmp_path):
    prober, instances = Prober(client, tmp_path / "nothing", hung_s=0), Instances()
    assert prober.hung(instances) == set()
    assert prober.hung(instances) == set(NAMES)


def answered(prober, client, errors):
    """The models that fail when the pictures have been answered so, one after the other; None is no error."""
    prober.hung(Instances())
    for error in errors:
        if error is None:
            client.sent[-1].set_result(None)
        else:
            client.sent[-1].set_exception(error)
        prober.hung(Instances())
    return prober.failing()


def test_a_network_that_answers_with_errors_alone_is_found(client, prober_of):
    refused = ServerError("could not run")
    model = TASK.networks[0].tiles_model
    assert answered(prober_of(interval_s=0), client, [refused] * (ERRORS - 1)) == set()
    assert answered(prober_of(interval_s=0), client, [refused] * ERRORS) == {model}
    assert answered(prober_of(interval_s=0), client, [refused, None] * ERRORS) == set()


@pytest.mark.parametrize("error", [ServerMemoryError("full"), ServerBusyError("busy"), ServerUnavailableError("away")])
def test_errors_that_pass_by_themselves_are_waited_for(client, prober_of, error):
    assert answered(prober_of(interval_s=0), client, [error] * 5) == set()
