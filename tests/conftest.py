"""Shared fixtures: bundled photos, and one real Triton for the whole run."""

import signal
from collections.abc import Iterator
from pathlib import PurePath

import numpy as np
import pytest
import skimage.data
from xdist.scheduler import LoadFileScheduling

from app.client import ConnectionOptions, RestorationClient
from app.codec import Pixels
from app.triton import Triton, embedded
from din_model.data import degrade
from din_model.tasks import TASKS
from tests.support.processes import PageProcess, running_page


def pytest_addoption(parser):
    parser.addoption("--refresh-goldens", action="store_true", help="write the golden pictures anew, then look at them")


def pytest_configure():
    """Heed Ctrl-C: a shell has programs in the background ignore it, and all that the tests start would, too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


BROWSER = "tests/e2e"


class FolderScheduling(LoadFileScheduling):
    """Gives a worker whole files, and one of them all that needs a browser: two browsers would slow each other.

    The groups of pytest-xdist 3.8 would say the same, but pytest 9.2 ignores them.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return BROWSER if PurePath(BROWSER) in PurePath(file).parents else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Divide the tests among the workers."""
    return FolderScheduling(config, log)


@pytest.fixture(scope="session")
def triton() -> Iterator[Triton]:
    """The embedded Triton with the built models; a missing one is a failure, never a skip."""
    with Triton(embedded.launch()) as server:
        server.wait_ready()
        yield server


@pytest.fixture
def client(triton: Triton) -> Iterator[RestorationClient]:
    with RestorationClient(triton.url, ConnectionOptions(timeout_s=60)) as connection:
        yield connection


@pytest.fixture(scope="session")
def small_photo() -> Pixels:
    """A real photo made four times smaller: uint8 (60, 84, 3)."""
    return degrade(TASKS["sr_x4"], skimage.data.astronaut()[:240, 100:436], np.random.default_rng(0))


@pytest.fixture(scope="session")
def served_page(triton: Triton) -> Iterator[tuple[str, PageProcess]]:
    """The address and the process of a page that the whole run shares."""
    with running_page("--triton-url", triton.url) as page:
        yield page


@pytest.fixture(scope="session")
def page_url(served_page: tuple[str, PageProcess]) -> str:
    return served_page[0]
