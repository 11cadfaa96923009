"""A chain of tasks: its names, its limits, and what one task hands to the next."""

from dataclasses import replace

import numpy as np
import pytest

from app import codec
from app.codec import Photo
from app.errors import PhotoError, UnknownTaskError
from app.pipeline.chain import chain_steps
from app.pipeline.restore import Step, photo_steps, run
from app.tasks import Quality, chain_name, current_names, file_suffix, split_chain
from tests.support.clients import CountingClient, finished
from tests.support.served import DEHAZE, NETWORK, TASK

CLEAN = replace(TASK, degradation="BI")


class ScalingClient(CountingClient):
    """It enlarges by repeating pixels, and darkens at scale 1."""

    def __init__(self):
        self.sizes = []

    def descriptors(self, network, pixels, core, previous):
        return finished(np.zeros(1, np.float32))

    def submit(self, network, pixels, descriptors):
        self.sizes.append(pixels.shape[:2])
        if network.scale == 1:
            return finished(pixels // 2)
        return finished(pixels.repeat(network.scale, 0).repeat(network.scale, 1))


def noise(*shape, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def deep_photo():
    deep = noise(20, 30, 3, dtype=np.uint16)
    return Photo(codec.eight_bits(deep), noise(20, 30, dtype=np.uint16), deep=deep, exif=b"exif")


def test_each_task_restores_the_result_of_the_one_before(tmp_path):
    pixels = noise(20, 30, 3)
    codec.save_png(Photo(pixels), tmp_path / "photo.png")
    result = run(chain_steps(codec.decode(tmp_path / "photo.png"), (DEHAZE, TASK, TASK), ScalingClient()))
    assert np.array_equal(result.after.rgb, (pixels // 2).repeat(4, 0).repeat(4, 1))
    assert np.array_equal(result.before.rgb, pixels)
    assert [step.task for step in result.each] == [DEHAZE, TASK, TASK]
    assert [step.after.size for step in result.each] == [(20, 30), (40, 60), (80, 120)]
    assert result.tiles == sum(step.tiles for step in result.each)
    assert result.seconds == sum(step.seconds for step in result.each)
    assert result.usage is not None


def test_16_bits_and_alpha_are_handed_on_without_loss():
    photo, client = deep_photo(), ScalingClient()
    by_chain = run(chain_steps(photo, (DEHAZE, CLEAN), client))
    first = run(photo_steps(photo, DEHAZE, client))
    second = run(photo_steps(first.after, CLEAN, client))
    for name in ("rgb", "deep", "alpha"):
        assert np.array_equal(getattr(by_chain.after, name), getattr(second.after, name))
        assert getattr(by_chain.after, name).dtype == getattr(photo, name).dtype
    assert by_chain.after.exif == b"exif"


def test_one_task_is_restored_as_alone():
    photo = Photo(noise(20, 30, 3))
    result = run(chain_steps(photo, (TASK,), ScalingClient()))
    assert result.steps == ()
    assert result.each == (result,)


@pytest.mark.parametrize(
    ("size", "quality", "has_alpha"),
    [((20, 30), Quality.FAST, True), ((100, 75), Quality.FAST, True), ((100, 100), Quality.BEST, False)],
)
def test_progress_counts_the_tiles_of_the_whole_chain_from_the_beginning(size, quality, has_alpha):
    photo = Photo(noise(*size, 3), noise(*size) if has_alpha else None)
    told: list[Step] = []
    run(
        chain_steps(photo, (DEHAZE, CLEAN, TASK), ScalingClient(), quality),
        lambda done, total: told.append(Step(done, total)),
    )
    assert told[0].done == 0
    assert told[-1].done == told[-1].total == told[0].total
    assert [step.done for step in told] == sorted(step.done for step in told)
    assert len({step.total for step in told}) == 1


def test_a_chain_that_is_closed_cancels_what_it_asked_for():
    client = ScalingClient()
    steps = chain_steps(Photo(noise(100, 75, 3)), (TASK, TASK), client)
    next(steps), next(steps)
    asked = len(client.sizes)
    steps.close()
    assert len(client.sizes) == asked


@pytest.mark.parametrize(
    ("size", "scales", "sentence"),
    [
        ((4000, 6001), (1, 1), r"The photo has 24 megapixels, above the limit of 24 megapixels"),
        (
            (3000, 4000),
            (2, 1),
            r"Before step 2 the photo would have 48 megapixels, above the limit of 24 megapixels: use a photo of at "
            r"most 6 megapixels\.",
        ),
        (
            (2500, 2500),
            (1, 2, 2),
            r"Before step 3 the photo would have 25 megapixels, above the limit of 24 megapixels",
        ),
        (
            (2000, 2000),
            (2, 1, 4),
            r"Enlarged 8x the photo would have 256 megapixels, above the limit of 96 megapixels: use a photo of at "
            r"most 1\.5 megapixels\.",
        ),
    ],
)
def test_the_limits_are_those_of_every_step_and_are_checked_before_the_first(size, scales, sentence):
    chain = tuple(replace(TASK, scale=scale, networks=(replace(NETWORK, scale=scale),)) for scale in scales)
    client = ScalingClient()
    with pytest.raises(PhotoError, match=sentence):
        run(chain_steps(Photo(np.zeros((*size, 3), np.uint8)), chain, client))
    assert client.sizes == []


def test_what_just_fits_is_allowed():
    codec.check_size((4000, 6000), 1, 2)
    codec.check_size((2000, 3000), 2, 2)
    codec.check_size((1500, 1000), 2, 2, 2)


def test_names_are_separated_by_commas():
    assert split_chain("derain_heavy, sr_x2") == ("derain_heavy", "sr_x2")
    assert split_chain("sr_x2") == ("sr_x2",)
    assert chain_name((DEHAZE, TASK)) == "dehaze,sr_x2"
    assert file_suffix("derain_heavy,sr_x2", Quality.FAST) == "derain_heavy_sr_x2"
    assert file_suffix("derain_heavy,sr_x2", Quality.BEST) == "derain_heavy_best_sr_x2_best"
    assert current_names("derain_heavy, sr_x2", "fast") == ("derain_heavy,sr_x2", Quality.FAST, "")
    name, quality, notice = current_names("derain_heavy,sr_x4-din_96", "din")
    assert (name, quality) == ("derain_heavy,sr_x4", Quality.FINER)
    assert "use task derain_heavy,sr_x4 and quality finer" in notice


def test_a_chain_has_a_limit():
    with pytest.raises(UnknownTaskError, match=r"The chain has 5 steps, above the limit of 4") as error:
        split_chain("deblur," * 4 + "sr_x2")
    assert error.value.status == "INVALID_ARGUMENT"
