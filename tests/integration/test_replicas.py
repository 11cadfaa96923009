"""Two Tritons, behind Envoy and by round robin: the tiles of a photo spread over both, and none is lost."""

import os
import signal
from collections.abc import Iterator

import numpy as np
import pytest

from app.client import RestorationClient
from app.triton import Policy, Triton, embedded
from benchmarks.faults import TASK, TILES, noise_photos, restore_all, watched
from tests.support.certificates import identities
from tests.support.envoy import healthy_tritons, running_envoy
from tests.support.processes import process_of, wait_until

RECOVERY_S = 120


@pytest.fixture(scope="module")
def second() -> Iterator[Triton]:
    """A replica that may be broken, beside the one of all tests."""
    with Triton(embedded.launch(), policy=Policy(model_failures=100)) as server:
        server.wait_ready()
        yield server


@pytest.fixture(scope="module", params=["Envoy", "round robin"])
def address(
    request: pytest.FixtureRequest, triton: Triton, second: Triton, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of both."""
    if request.param == "round robin":
        yield f"{triton.url},{second.url}"
        return
    ports = [triton.port, second.port]
    with running_envoy(tmp_path_factory.mktemp("envoy"), ports, identities("localhost")) as envoy:
        wait_until(lambda: healthy_tritons(envoy) == len(ports))
        yield f"127.0.0.1:{envoy.grpc}"


@pytest.fixture(scope="module")
def photo():
    return noise_photos(1)[0]


@pytest.fixture(scope="module")
def expected(photo, triton):
    return restore_all([photo], triton.port).photos[0]


def tiles_of(server: Triton) -> int:
    """How many tiles a replica has restored."""
    with RestorationClient(server.url) as client:
        return client.usage()[TASK].requests


def is_live(server: Triton) -> bool:
    with RestorationClient(server.url) as client:
        return client.is_live()


def test_the_tiles_of_a_photo_spread_over_both(address, triton, second, photo, expected):
    before = [tiles_of(server) for server in (triton, second)]
    with RestorationClient(address) as client:
        restored = watched(photo, client.task(TASK), client, lambda step: None)
    restored_by = [tiles_of(server) - count for server, count in zip((triton, second), before, strict=True)]
    assert np.array_equal(restored, expected)
    assert min(restored_by) > 0
    assert sum(restored_by) >= TILES  # and probes of the supervisors


def test_a_replica_that_is_killed_costs_no_tile_and_takes_load_again(address, second, photo, expected):
    killed: list[int] = []

    def kill_once(step):
        if step.done >= TILES // 3 and not killed:
            killed.append(process_of(second.port, "bin/tritonserver"))
            os.kill(killed[0], signal.SIGKILL)

    with RestorationClient(address) as client:
        task = client.task(TASK)
        assert np.array_equal(watched(photo, task, client, kill_once), expected)
        assert killed

        def serves_again():
            assert np.array_equal(watched(photo, task, client, lambda step: None), expected)
            return is_live(second) and tiles_of(second) > 0

        wait_until(serves_again, RECOVERY_S)
