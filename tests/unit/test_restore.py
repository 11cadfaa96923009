"""The pipeline over a client that needs no server."""

import io
from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from app.client import ServedTask
from app.codec import encode_png
from app.errors import PhotoError, ServerError, ServerUnavailableError, UnknownTaskError
from app.restore import TILES_IN_FLIGHT, restore

TASK = ServedTask("sr_x2", 0, "Enlarge 2x", 2, 1, "din_t", "bf16", "", "", "", 32, 4, 0, 1024, 4096)


class NearestClient:
    """Enlarges by repeating pixels, and can fail at a given tile."""

    def __init__(self, fail_at=None):
        self.futures, self.most_waiting, self.fail_at = [], 0, fail_at

    def task(self, name):
        if name != TASK.name:
            raise UnknownTaskError(f"There is no task {name!r}.")
        return TASK

    def submit(self, task, pixels, attention):
        future = Future()
        self.futures.append((future, pixels))
        waiting = [f for f, _ in self.futures if not f.done()]
        self.most_waiting = max(self.most_waiting, len(waiting))
        if len(waiting) == TILES_IN_FLIGHT or len(self.futures) == self.expected:
            for waiting_future, tile in self.futures:
                if not waiting_future.done():
                    self.answer(waiting_future, tile)
        return future

    def answer(self, future, tile):
        if self.fail_at is not None and self.futures[self.fail_at][0] is future:
            future.set_exception(ServerUnavailableError("gone"))
        else:
            future.set_result(tile.repeat(2, 0).repeat(2, 1))


def photo_bytes(size, mode="RGB"):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, len(mode))).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return pixels, buffer.getvalue()


def test_a_photo_of_many_tiles():
    pixels, data = photo_bytes((100, 75))
    client, progress = NearestClient(), []
    client.expected = 12
    result = restore(data, "sr_x2", client, lambda done, total: progress.append((done, total)))
    assert np.array_equal(result.after.rgb, pixels.repeat(2, 0).repeat(2, 1))
    assert result.tiles == 12
    assert client.most_waiting == TILES_IN_FLIGHT
    assert progress == [(done, 12) for done in range(13)]


class BrightnessClient:
    """Its attention is a tile's mean brightness, and its restoration fills the tile with the attention it is given."""

    task_ = replace(TASK, name="dehaze", scale=1, attention_rounds=2)

    def __init__(self):
        self.given, self.asked_under = [], []

    def task(self, name):
        return self.task_

    def attention(self, task, pixels, core, under):
        self.asked_under.append(under)
        top, bottom, left, right = core
        return finished(np.array([pixels[top:bottom, left:right].mean()], np.float32))

    def submit(self, task, pixels, attention):
        self.given.append(attention)
        own = pixels.mean() if attention is None else attention[0]
        return finished(np.full_like(pixels, round(float(own))))


def finished(result):
    future = Future()
    future.set_result(result)
    return future


def test_the_tiles_of_a_photo_share_its_attention():
    pixels, data = photo_bytes((100, 75))
    client, progress = BrightnessClient(), []
    result = restore(data, "dehaze", client, lambda done, total: progress.append((done, total)))
    assert result.tiles == 12
    # The cores cover the photo once, so the mean of theirs, weighted by area, is the photo's.
    assert all(np.allclose(attention, pixels.mean(), atol=1e-3) for attention in client.given)
    assert np.array_equal(result.after.rgb, np.full_like(pixels, round(pixels.mean())))
    assert progress == [(done, 36) for done in range(37)]
    first, second = client.asked_under[:12], client.asked_under[12:]
    assert first == [None] * 12
    assert all(np.array_equal(under, client.given[0]) for under in second)


def test_a_photo_in_one_piece_takes_its_own_attention():
    _, data = photo_bytes((20, 51))  # longer than a tile, but of fewer pixels
    client = BrightnessClient()
    assert restore(data, "dehaze", client).tiles == 1
    assert client.given == [None]


def test_alpha_is_enlarged_with_the_photo():
    pixels, data = photo_bytes((20, 30), "RGBA")
    client = NearestClient()
    client.expected = 1
    result = restore(data, "sr_x2", client)
    assert np.array_equal(result.before.alpha, pixels[..., 3])
    assert result.after.alpha.shape == (40, 60)
    assert Image.open(io.BytesIO(encode_png(result.after))).mode == "RGBA"


def test_a_failed_tile_fails_the_photo_and_takes_the_others_back():
    _, data = photo_bytes((100, 75))
    client = NearestClient(fail_at=0)
    client.expected = 10**9
    client.answer = lambda future, tile: (
        NearestClient.answer(client, future, tile) if future is client.futures[0][0] else None
    )
    with pytest.raises(ServerError, match="gone"):
        restore(data, "sr_x2", client)
    assert len(client.futures) == TILES_IN_FLIGHT
    assert all(future.cancelled() for future, _ in client.futures[1:])


def test_mistakes_are_found_before_anything_is_sent():
    client = SimpleNamespace(task=lambda name: TASK)
    with pytest.raises(PhotoError, match="empty"):
        restore(b"", "sr_x2", client)
    with pytest.raises(UnknownTaskError, match="no task 'colourise'"):
        restore(b"", "colourise", NearestClient())
