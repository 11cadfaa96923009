"""Reading, pairing and cropping photos."""

import numpy as np
import pytest
import skimage.data
from PIL import Image

from din_model.data import PatchSampler, crop_to_multiple, evaluation_pairs, list_photos, read_photo
from din_model.tasks import TASKS


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "hq"
    folder.mkdir()
    for name in ("astronaut", "coffee"):
        Image.fromarray(getattr(skimage.data, name)()[:257, :301]).save(folder / f"{name}.png")
    return folder


def test_missing_and_empty_folders_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder .*nowhere"):
        list_photos(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="holds no photo"):
        list_photos(tmp_path)


def test_a_damaged_photo_is_named(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG damaged")
    with pytest.raises(ValueError, match=r"broken\.png is not a readable photo"):
        read_photo(tmp_path / "broken.png")


def test_pairs_are_cropped_and_degraded(photos):
    task = TASKS["sr_x4"]
    pairs = list(evaluation_pairs(task, photos, None))
    assert [p.name for p in pairs] == ["astronaut", "coffee"]
    assert all(p.hq.shape == (256, 300, 3) and p.lq.shape == (64, 75, 3) for p in pairs)


def test_folders_that_are_no_pairs_are_refused(photos, tmp_path):
    lq = tmp_path / "lq"
    lq.mkdir()
    Image.new("RGB", (75, 64)).save(lq / "astronaut.png")
    with pytest.raises(ValueError, match="hq holds 2 photos, .*lq holds 1: they must be pairs"):
        list(evaluation_pairs(TASKS["sr_x4"], photos, lq))
    Image.new("RGB", (75, 60)).save(lq / "coffee.png")
    with pytest.raises(ValueError, match=r"coffee\.png.*not 4 times its size"):
        list(evaluation_pairs(TASKS["sr_x4"], photos, lq))


def test_a_task_without_degradation_needs_inputs(photos):
    with pytest.raises(ValueError, match="deblur has no synthetic degradation"):
        list(evaluation_pairs(TASKS["deblur"], photos, None))
    with pytest.raises(ValueError, match="deblur has no synthetic degradation"):
        PatchSampler(TASKS["deblur"], [photos], batch=1, seed=0)


@pytest.mark.parametrize("task", ["sr_x4", "sr_x3_dn", "derain_light"])
def test_patches_of_a_batch_are_aligned(photos, task):
    sampler = PatchSampler(TASKS[task], [photos], batch=16, seed=0)
    lq, hq = sampler(0)
    scale = TASKS[task].scale
    assert lq.shape == (16, 3, 48, 48)
    assert hq.shape == (16, 3, 48 * scale, 48 * scale)
    # A patch and its reduced target are one picture: they correlate, and no shift by a pixel does so better.
    small = hq.unflatten(3, (48, scale)).unflatten(2, (48, scale)).mean((3, 5))

    def agreement(dy, dx):
        error = lq[..., 4:-4, 4:-4] - small.roll((dy, dx), (2, 3))[..., 4:-4, 4:-4]
        return -float((error**2).mean())

    assert max((agreement(dy, dx), (dy, dx)) for dy in (-1, 0, 1) for dx in (-1, 0, 1))[1] == (0, 0)


def test_a_batch_depends_on_seed_and_iteration_alone(photos):
    task = TASKS["sr_x3_dn"]
    first, again = PatchSampler(task, [photos], 4, seed=3), PatchSampler(task, [photos], 4, seed=3)
    first(0)
    assert np.array_equal(first(7)[0], again(7)[0])
    assert not np.array_equal(first(7)[0], first(8)[0])
    assert not np.array_equal(first(7)[0], PatchSampler(task, [photos], 4, seed=4)(7)[0])


def test_random_degradations_change_with_time_and_fixed_ones_do_not(photos):
    random, fixed = (PatchSampler(TASKS[name], [photos], 1, seed=0) for name in ("derain_light", "sr_x4"))
    assert np.array_equal(random.lq(0, 0), random.lq(0, PatchSampler.KEPT - 1))
    assert not np.array_equal(random.lq(0, 0), random.lq(0, PatchSampler.KEPT))
    assert not np.array_equal(random.lq(1, 0), random.lq(1, PatchSampler.KEPT - 1))  # another photo, another time
    assert np.array_equal(fixed.lq(0, 0), fixed.lq(0, PatchSampler.KEPT))


def test_photos_smaller_than_a_patch_are_left_out(photos):
    with pytest.raises(ValueError, match="no photo in .* is at least 384x384"):
        PatchSampler(TASKS["sr_x8"], [photos], batch=1, seed=0)


def test_crop_to_multiple():
    assert crop_to_multiple(np.zeros((10, 12, 3), np.uint8), 4).shape == (8, 12, 3)
