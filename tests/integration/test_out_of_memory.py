"""An instance has no memory left: the photo is restored, or told so, and no instance that this has damaged is left.

Where memory ends decides what it damages: torch that is half imported, oneDNN that fails for ever, a tensor alone.
An instance that has rested keeps no more memory than it needs.
"""

import shutil

import numpy as np
import psutil
import pytest

from app.client import RestorationClient
from app.errors import ServerMemoryError
from app.pipeline.restore import restore
from app.triton import REPOSITORY, Policy, Triton, embedded
from tests.support.files import png
from tests.support.processes import process_of, wait_until

TASK = "sr_x4"
MEGABYTE = 1_000_000
RECOVERY_S = 60


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """One whose model may fail more often than here."""
    repository = tmp_path_factory.mktemp("repository")
    shutil.copytree(REPOSITORY / f"din_{TASK}", repository / f"din_{TASK}")
    with Triton(embedded.launch(), repository, policy=Policy(model_failures=100, steady_s=1)) as server:
        server.wait_ready()
        yield server


@pytest.fixture(scope="module")
def photo():
    return np.random.default_rng(0).integers(0, 256, (150, 200, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def expected(own, photo):
    with RestorationClient(own.url) as client:
        return restore(png(photo), client.task(TASK), client).after.rgb


def instances(own, client):
    """The processes of the task's instances."""
    names = [f"din_{TASK}_0_{i}" for i in range(client.task(TASK).network().instances)]
    return [psutil.Process(process_of(own.port, name)) for name in names]


def replace_instances(own, client):
    """Have the server and all instances replaced, so that none has loaded its network."""
    restarts, old = own.restarts, instances(own, client)
    for process in old:
        process.kill()
    wait_until(lambda: own.restarts > restarts and client.is_live() and TASK in client.tasks(), RECOVERY_S)


def answers(client, photo, number):
    """A photo as it is answered so many times at once, to be answered by every instance."""
    network = client.task(TASK).network()
    waiting = [client.submit(network, photo) for _ in range(number)]
    return [answer.result() for answer in waiting]


@pytest.mark.parametrize(
    ("is_loaded", "room_mb"),
    [(False, 300), (False, 570), (True, 4), (True, 40)],
)
def test_an_instance_without_memory_is_told_or_replaced(own, photo, expected, is_loaded, room_mb):
    with RestorationClient(own.url) as client:
        replace_instances(own, client)
        if is_loaded:
            answers(client, photo[:16, :16], 8)
        restarts, limited = own.restarts, instances(own, client)
        for process in limited:
            size = process.memory_info().vms + room_mb * MEGABYTE
            process.rlimit(psutil.RLIMIT_AS, (size, psutil.RLIM_INFINITY))
        try:
            after = restore(png(photo), client.task(TASK), client).after
        except ServerMemoryError as error:
            told = [str(error)]
        else:
            told = [str(notice) for notice in after.notices]
            # A little different in smaller tiles.
            assert np.abs(after.rgb.astype(int) - expected).mean() < 1
        assert own.restarts > restarts or "memory" in "".join(told)

        for process in limited:
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                process.rlimit(psutil.RLIMIT_AS, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
        again = restore(png(photo), client.task(TASK), client)
        assert np.array_equal(again.after.rgb, expected)
        assert all(np.array_equal(answer, expected) for answer in answers(client, photo, 8))


def test_a_server_without_memory_is_replaced_and_costs_no_photo(own, photo):
    large = np.tile(photo, (3, 3, 1))
    with RestorationClient(own.url) as client:
        expected = restore(png(large), client.task(TASK), client).after.rgb
        replace_instances(own, client)  # and the server, which has kept memory
        restarts, server = own.restarts, psutil.Process(process_of(own.port, "bin/tritonserver"))
        server.rlimit(psutil.RLIMIT_AS, (server.memory_info().vms, psutil.RLIM_INFINITY))
        assert np.array_equal(restore(png(large), client.task(TASK), client).after.rgb, expected)
        assert own.restarts > restarts


def test_an_instance_that_has_rested_gives_its_memory_back(triton, client):
    """What large tiles took, of dozens of instances, would fill a small machine."""
    instances = [psutil.Process(process_of(triton.port, f"din_{TASK}_0_{i}")) for i in range(2)]

    def kept_mb():
        """What the two hold of their own."""
        return sum(instance.memory_full_info().uss for instance in instances) / MEGABYTE

    tile = np.zeros((192, 192, 3), np.uint8)
    answers = [client.submit(client.task(TASK).network(), tile) for _ in range(8)]
    assert [answer.result().shape for answer in answers] == [(768, 768, 3)] * 8
    busy_mb = kept_mb()
    wait_until(lambda: kept_mb() < busy_mb - 40)
