"""No photo is lost by a fault between the page and Triton, or of Triton: the result is the same to the bit."""

import shutil
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from app.client import RestorationClient
from app.pipeline.restore import pixel_steps, run
from app.tasks import Quality
from app.triton import REPOSITORY, Policy, Triton, embedded
from benchmarks.faults import FAULTS, TASK, TILES, Scene, noise_photos, restore_all, watched
from tests.support.fault_proxy import fault_proxy

PHOTOS = 3


@pytest.fixture(scope="module")
def own():
    """A Triton that may be broken; the other tests' must not be."""
    with Triton(embedded.launch(), policy=Policy(model_failures=100)) as server:
        server.wait_ready()
        yield server


@pytest.fixture(scope="module")
def photos():
    return noise_photos(PHOTOS)


@pytest.fixture(scope="module")
def expected(photos, own):
    return restore_all(photos, own.port).photos


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_costs_no_photo(own, photos, expected, fault):
    struck = []
    with fault_proxy(own.port) as proxy:
        found = restore_all(photos, proxy.port, lambda: struck.append(FAULTS[fault](Scene(own, proxy))))
    assert found.right(expected) == PHOTOS, found.photos
    assert len(struck) == 1
    assert struck[0] != 0  # a fault of the proxy tells how many connections it broke


def test_a_photo_is_restored_by_one_version(tmp_path, photos, own):
    """Other weights take the network's place while a photo is in work: no tile of the first ones is left in it."""
    with RestorationClient(own.url) as client:
        finer = client.task(TASK).network(Quality.FINER)
        expected = run(pixel_steps(photos[0].rgb, finer, client))
    repository = tmp_path / "repository"
    model = Path(shutil.copytree(REPOSITORY / f"din_{TASK}", repository / f"din_{TASK}"))
    with ExitStack() as stack:
        first = stack.enter_context(Triton(embedded.launch(), repository))
        first.wait_ready()

        def exchange(step):
            """Once, when a third of the tiles are done."""
            if step.done < TILES // 3 or not (model / "1").is_dir():
                return
            first.stop()
            (model / "1").rename(model / "2")
            shutil.copy(REPOSITORY / finer.model / "1/model.pt", model / "2/model.pt")
            stack.enter_context(Triton(embedded.launch(), repository, first.port)).wait_ready()

        with RestorationClient(first.url) as client:
            assert client.task(TASK).network().version == "1"
            assert np.array_equal(watched(photos[0], client.task(TASK), client, exchange), expected)
            assert client.task(TASK).network().version == "2"
