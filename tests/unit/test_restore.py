"""The pipeline over a client that needs no server."""

import io
from concurrent.futures import Future
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from app.codec import Photo, Pixels, encode_png
from app.errors import PhotoError, ServerError, ServerMemoryError
from app.pipeline.requests import PATIENCE
from app.pipeline.restore import Step, photo_steps, plan_tiles, restore
from app.tasks import Quality
from tests.support.clients import CountingClient, NearestClient, finished
from tests.support.served import DEHAZE, NETWORK, TASK


def photo_bytes(size, mode="RGB"):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, len(mode))).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return pixels, buffer.getvalue()


def test_a_photo_of_many_tiles():
    pixels, data = photo_bytes((100, 75))
    client, progress = NearestClient(expected=12), []
    result = restore(data, TASK, client, progress=lambda done, total: progress.append((done, total)))
    assert np.array_equal(result.after.rgb, pixels.repeat(2, 0).repeat(2, 1))
    assert result.tiles == 12
    assert client.most_waiting == PATIENCE.in_flight
    assert progress == [(done, 12) for done in range(13)]


class BrightnessClient(CountingClient):
    """Its descriptor is a tile's mean brightness, and its restoration fills the tile with the one it is given."""

    def __init__(self):
        self.given, self.previous = [], []

    def descriptors(self, network, pixels, core, previous):
        self.previous.append(previous)
        top, bottom, left, right = core
        return finished(np.array([pixels[top:bottom, left:right].mean()], np.float32))

    def submit(self, network, pixels, descriptors):
        self.given.append(descriptors)
        own = pixels.mean() if descriptors is None else descriptors[0]
        return finished(np.full_like(pixels, round(float(own))))


def test_the_tiles_of_a_photo_share_its_descriptors():
    pixels, data = photo_bytes((100, 75))
    client, progress = BrightnessClient(), []
    result = restore(data, DEHAZE, client, progress=lambda done, total: progress.append((done, total)))
    assert result.tiles == 12
    # The cores cover the photo once, so the mean of theirs, weighted by area, is the photo's.
    assert all(np.allclose(descriptors, pixels.mean(), atol=1e-3) for descriptors in client.given)
    assert np.array_equal(result.after.rgb, np.full_like(pixels, round(pixels.mean())))
    assert progress == [(done, 36) for done in range(37)]
    first, second = client.previous[:12], client.previous[12:]
    assert first == [None] * 12
    assert all(np.array_equal(given, client.given[0]) for given in second)


def test_a_photo_in_one_piece_takes_its_own_descriptors():
    _, data = photo_bytes((20, 51))  # longer than a tile, but of fewer pixels
    client = BrightnessClient()
    assert restore(data, DEHAZE, client).tiles == 1
    assert client.given == [None]


def test_alpha_is_enlarged_with_the_photo():
    pixels, data = photo_bytes((20, 30), "RGBA")
    client = NearestClient()
    result = restore(data, TASK, client)
    assert np.array_equal(result.before.alpha, pixels[..., 3])
    assert result.after.alpha is not None
    assert result.after.alpha.shape == (40, 60)
    assert Image.open(io.BytesIO(encode_png(result.after))).mode == "RGBA"


def test_clean_alpha_is_restored_as_a_picture(monkeypatch):
    """The network enlarges alpha, too, if the task expects neither blur nor noise."""
    pixels, data = photo_bytes((20, 30), "RGBA")
    client, progress = NearestClient(), []
    monkeypatch.setattr(client, "submit", lambda network, tile, descriptors: finished(tile.repeat(2, 0).repeat(2, 1)))
    result = restore(
        data, replace(TASK, degradation="BI"), client, progress=lambda done, total: progress.append((done, total))
    )
    assert np.array_equal(result.after.alpha, pixels[..., 3].repeat(2, 0).repeat(2, 1))
    assert progress == [(0, 2), (1, 2), (1, 2), (2, 2)]


def test_self_ensemble_is_the_mean_of_eight_orientations(monkeypatch):
    """A restoration that depends on the orientation shows that all eight are asked for and turned back."""
    pixels, data = photo_bytes((24, 30))
    seen = []

    def brighten_left(network, tile, descriptors):
        seen.append(tile)
        restored = tile.repeat(2, 0).repeat(2, 1) // 2
        restored[:, : restored.shape[1] // 2] += 80
        return finished(restored)

    client, progress = NearestClient(), []
    monkeypatch.setattr(client, "submit", brighten_left)
    result = restore(data, TASK, client, Quality.BEST, lambda done, total: progress.append((done, total)))
    orientations = {
        np.ascontiguousarray(np.rot90(p, turns)).tobytes() for p in (pixels, pixels[:, ::-1]) for turns in range(4)
    }
    assert {tile.tobytes() for tile in seen} == orientations
    assert len(seen) == 8
    # In four of the eight the left half faces any given side: every pixel is brightened in half of them.
    assert np.array_equal(result.after.rgb, (pixels // 2 + 40).repeat(2, 0).repeat(2, 1))
    assert result.quality is Quality.BEST
    assert progress[-1] == (8, 8)
    assert progress == sorted(progress)


def test_a_self_ensemble_of_rain_has_no_quarter_turns(monkeypatch):
    pixels, data = photo_bytes((24, 30))
    seen, client = [], NearestClient()

    def watch(network, tile, descriptors):
        seen.append(tile)
        return finished(tile.repeat(2, 0).repeat(2, 1))

    monkeypatch.setattr(client, "submit", watch)
    upright = replace(TASK, networks=tuple(replace(network, quarter_turns=False) for network in TASK.networks))
    result = restore(data, upright, client, Quality.BEST)
    halves = [np.ascontiguousarray(np.rot90(p, turns)) for p in (pixels, pixels[:, ::-1]) for turns in (0, 2)]
    assert {tile.tobytes() for tile in seen} == {half.tobytes() for half in halves}
    assert len(seen) == 4
    assert np.array_equal(result.after.rgb, pixels.repeat(2, 0).repeat(2, 1))


def test_usage_is_reported():
    _, data = photo_bytes((20, 30))
    client = NearestClient()
    usage = restore(data, TASK, client).usage
    assert usage is not None
    assert (usage.requests, usage.queue_s, usage.batches) == (3, 0.0, {1: 3})


def test_a_finished_photo_is_kept_where_triton_tells_nothing(monkeypatch):
    _, data = photo_bytes((20, 30))
    client = NearestClient()
    monkeypatch.setattr(client, "replica_usage", dict)
    result = restore(data, TASK, client)
    assert result.usage is None
    assert result.after.rgb.shape == (40, 60, 3)


def test_closing_cancels_pending_requests(monkeypatch):
    """A visitor who stops, or leaves, frees the server at once."""
    pixels, _ = photo_bytes((100, 75))
    client = NearestClient(expected=10**9)
    first: list[Future[Pixels]] = []

    def answer_first(network, tile, descriptors):
        future: Future[Pixels] = Future()
        client.futures.append((future, tile))
        if not first:
            first.append(future)
            future.set_result(tile.repeat(2, 0).repeat(2, 1))
        return future

    monkeypatch.setattr(client, "submit", answer_first)
    steps = photo_steps(Photo(pixels), TASK, client)
    assert [next(steps), next(steps)] == [Step(0, 12), Step(1, 12)]
    steps.close()
    waiting = [future for future, _ in client.futures if future is not first[0]]
    assert len(waiting) == PATIENCE.in_flight - 1
    assert all(future.cancelled() for future in waiting)


def test_a_failed_tile_fails_the_photo_and_takes_the_others_back(monkeypatch):
    _, data = photo_bytes((100, 75))
    client = NearestClient(expected=10**9, fail_at=0)
    answer = client.answer
    monkeypatch.setattr(
        client, "answer", lambda future, tile: answer(future, tile) if future is client.futures[0][0] else None
    )
    with pytest.raises(ServerError, match="refused"):
        restore(data, TASK, client)
    assert len(client.futures) == PATIENCE.in_flight
    assert all(future.cancelled() for future, _ in client.futures[1:])


def test_a_mistake_is_found_before_anything_is_sent():
    with pytest.raises(PhotoError, match="empty"):
        restore(b"", TASK, NearestClient())


class SmallClient(NearestClient):
    """It has memory for tiles of so many pixels."""

    def __init__(self, most):
        self.most, self.sides = most, []

    def submit(self, network, pixels, descriptors):
        self.sides.append(max(pixels.shape))
        if pixels.shape[0] * pixels.shape[1] <= self.most:
            return finished(pixels.repeat(2, 0).repeat(2, 1))
        future: Future[Pixels] = Future()
        future.set_exception(ServerMemoryError("full"))
        return future


def test_a_server_short_of_memory_gets_smaller_tiles():
    pixels, data = photo_bytes((100, 75))
    client, progress = SmallClient(20 * 20), []
    result = restore(data, TASK, client, progress=lambda done, total: progress.append((done, total)))
    assert np.array_equal(result.after.rgb, pixels.repeat(2, 0).repeat(2, 1))
    assert [str(notice) for notice in result.after.notices] == [
        "The server ran out of memory: the photo was restored in smaller tiles."
    ]
    assert client.sides[-1] == 16
    assert result.tiles == len(plan_tiles((100, 75), replace(NETWORK, tile=16, whole_pixels=256)))
    assert progress[-1] == (result.tiles, result.tiles)


def test_a_server_without_memory_for_the_smallest_tiles_is_told_of():
    _, data = photo_bytes((100, 75))
    client = SmallClient(1)
    with pytest.raises(ServerMemoryError):
        restore(data, TASK, client)
    assert min(client.sides) == 16  # half of that would be all overlap
