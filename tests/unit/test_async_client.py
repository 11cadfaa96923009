"""The client for programs that use asyncio: photos with progress, a few at a time, and what ends them."""

import asyncio
import contextlib
import threading
import time
from contextlib import aclosing

import numpy as np
import pytest

from app.client import AsyncRestorationClient
from app.errors import AddressError, DeadlineError, PhotoError, UnknownTaskError
from app.pipeline.restore import Restoration, Step
from tests.support.files import png
from tests.support.replica import SCALE, TASK, TILE, Replica, serving

PIXELS = np.arange(100 * 75 * 3, dtype=np.uint8).reshape(100, 75, 3)
LARGER = PIXELS.repeat(SCALE, 0).repeat(SCALE, 1)
TILES = 12
DEADLINE_S = 0.5
LATE_S = 20  # well above the deadlines here, well below what requests may take


@pytest.fixture
def replica():
    with serving(Replica()) as replica:
        yield replica


async def soon(holds):
    """Wait until a condition holds."""
    async with asyncio.timeout(LATE_S):
        while not holds():
            await asyncio.sleep(0.01)


def test_async_photos_with_progress(replica):
    async def restore():
        progress = []
        async with AsyncRestorationClient(replica.address) as client:
            assert await client.is_live()
            assert list(await client.tasks()) == [(await client.task(TASK)).name] == [TASK]
            result = await client.restore(PIXELS, TASK, progress=lambda *counts: progress.append(counts))
            async with aclosing(client.steps(png(PIXELS), TASK)) as steps:
                *seen, last = [step async for step in steps]
        assert progress == [(done, TILES) for done in range(TILES + 1)]
        assert [step[:2] for step in seen if isinstance(step, Step)] == progress
        assert isinstance(last, Restoration)
        return result, last

    for result in asyncio.run(restore()):
        assert np.array_equal(result.after.rgb, LARGER)


def test_async_photos_are_restored_a_few_at_a_time(replica):
    most, under_way, lock = 0, 0, threading.Lock()

    def count(number, call):
        nonlocal most, under_way
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.01)
        with lock:
            under_way -= 1

    async def restore():
        async with AsyncRestorationClient(replica.address, photos_at_once=2) as client:
            return await asyncio.gather(*(client.restore(PIXELS[:TILE, :TILE], TASK) for _ in range(20)))

    replica.before = count
    assert len(asyncio.run(restore())) == 20
    assert most <= 2


@pytest.mark.parametrize("way", ["cancel", "raise", "leave"])
def test_leaving_an_async_photo_ends_its_requests(replica, way):
    async def first_step(client):
        async with aclosing(client.steps(PIXELS, TASK)) as steps:
            async for step in steps:
                if step.done:
                    await soon(lambda: replica.inferences > 1)
                    if way == "raise":
                        raise ArithmeticError
                    if way == "leave":
                        break

    async def leave():
        async with AsyncRestorationClient(replica.address) as client:
            job = asyncio.create_task(first_step(client))
            await soon(lambda: replica.inferences > 1)
            if way == "cancel":
                job.cancel()
            await asyncio.wait([job])
            assert job.cancelled() == (way == "cancel")
            assert job.cancelled() or isinstance(job.exception(), ArithmeticError) == (way == "raise")
            await soon(replica.ended.is_set)

    replica.before = lambda number, call: replica.hold(number, call) if number > 1 else None
    asyncio.run(leave())


def test_the_deadline_of_an_async_photo_includes_its_wait_for_a_turn(replica):
    async def restore():
        async with AsyncRestorationClient(replica.address, photos_at_once=1) as client:
            await client.task(TASK)
            replica.before = replica.hold
            first = asyncio.create_task(client.restore(PIXELS, TASK))
            await soon(lambda: replica.inferences)
            for deadline_s in (0, DEADLINE_S):
                with pytest.raises(DeadlineError):
                    await client.restore(PIXELS, TASK, deadline_s=deadline_s)
            with contextlib.suppress(asyncio.CancelledError):
                first.cancel()
                await first

    asyncio.run(restore())


def test_an_async_client_restores_at_least_one_photo_at_a_time():
    with pytest.raises(AddressError, match="photos_at_once is 0: give 1 or more"):
        AsyncRestorationClient("127.0.0.1:1", photos_at_once=0)


def test_errors_of_async_photos_are_those_of_the_pipeline(replica):
    async def restore():
        async with AsyncRestorationClient(replica.address) as client:
            with pytest.raises(PhotoError, match="uint8"):
                await client.restore(PIXELS[..., 0], TASK)
            with pytest.raises(UnknownTaskError):
                await client.restore(PIXELS, "colourise")

    asyncio.run(restore())
