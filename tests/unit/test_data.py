"""Reading, pairing and cropping photos."""

from dataclasses import replace

import numpy as np
import pytest
import skimage.data
from PIL import Image

from din_model.camera import add_camera_artifacts
from din_model.data import (
    Batches,
    PatchSampler,
    crop_to_multiple,
    dataset_pairs,
    degrade,
    evaluation_pairs,
    list_photos,
    read_photo,
)
from din_model.datasets import read_dataset
from din_model.keep import Keep
from din_model.tasks import TASKS
from imaging.degradations.haze import haze
from imaging.degradations.motion_blur import MOTION_BLUR
from imaging.metrics import psnr


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
    with pytest.raises(ValueError, match=r"coffee\.png is 60x75 .* 256x300: not 4 times its size"):
        list(evaluation_pairs(TASKS["sr_x4"], photos, lq))


def test_the_pairs_of_data_sets_come_one_after_the_other(photos, tmp_path):
    for folder in ("rain/gt", "rain/input"):
        (tmp_path / folder).mkdir(parents=True)
        Image.new("RGB", (64, 48), (9, 9, 9)).save(tmp_path / folder / "7.png")
    pairs = list(dataset_pairs(TASKS["derain_light"], [f"pairs:{tmp_path / 'rain'}", str(photos)]))
    assert [p.name for p in pairs] == ["7", "astronaut", "coffee"]
    assert np.array_equal(pairs[0].lq, pairs[0].hq)
    assert (pairs[1].lq > pairs[1].hq).any()


def sampler(task, dataset, seed=0, patch=48):
    return PatchSampler(TASKS[task], [(read_dataset(str(dataset)), 1.0)], seed, patch)


@pytest.mark.parametrize("task", ["sr_x4", "sr_x3_dn", "derain_light"])
def test_patches_of_a_batch_are_aligned(photos, task):
    lq, hq = Batches(sampler(task, photos), 16)[0]
    scale = TASKS[task].scale
    assert lq.shape == (16, 3, 48, 48)
    assert hq.shape == (16, 3, 48 * scale, 48 * scale)
    # A patch and its reduced target are one picture: they correlate, and no shift by a pixel does so better.
    small = hq.unflatten(3, (48, scale)).unflatten(2, (48, scale)).mean((3, 5))

    def agreement(dy, dx):
        error = lq[..., 4:-4, 4:-4] - small.roll((dy, dx), (2, 3))[..., 4:-4, 4:-4]
        return -float((error**2).mean())

    assert max((agreement(dy, dx), (dy, dx)) for dy in (-1, 0, 1) for dx in (-1, 0, 1))[1] == (0, 0)


@pytest.mark.parametrize(("task", "turned"), [("derain_light", {False}), ("sr_x3_dn", {False, True})])
def test_patches_are_turned_by_quarters_unless_the_degradation_is_upright(tmp_path, task, turned):
    ramp = np.zeros((192, 192, 3), np.uint8) + np.arange(192, dtype=np.uint8)[:, None, None]  # from top to bottom
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    targets = [sampler(task, tmp_path).patch(iteration, 0)[1].astype(int) for iteration in range(12)]
    assert {bool((target[:, 0] == target[:, -1]).all()) for target in targets} == {not turn for turn in turned}
    assert len({np.sign(target[-1, -1, 0] - target[0, 0, 0]) for target in targets}) == 2


def test_a_batch_depends_on_seed_and_iteration_alone(photos):
    def batches(seed):
        return Batches(sampler("sr_x3_dn", photos, seed), 4)

    first, again = batches(3), batches(3)
    first[0]
    assert np.array_equal(first[7][0], again[7][0])
    assert not np.array_equal(first[7][0], first[8][0])
    assert not np.array_equal(first[7][0], batches(4)[7][0])


def test_two_processes_see_what_one_with_the_doubled_batch_sees(photos):
    patches = sampler("derain_light", photos)
    halves = [Batches(patches, 2, rank)[5] for rank in (0, 1)]
    whole = Batches(patches, 4)[5]
    for i in (0, 1):
        assert np.array_equal(np.concatenate([half[i] for half in halves]), whole[i])


def test_random_degradations_change_with_time_and_fixed_ones_do_not(photos):
    random, fixed = sampler("derain_light", photos), sampler("sr_x4", photos)
    kept = PatchSampler.KEPT

    def lq(patches, index, iteration):
        return patches.pair(index, iteration)[0]

    assert np.array_equal(lq(random, 0, 0), lq(random, 0, kept - 1))
    assert not np.array_equal(lq(random, 0, 0), lq(random, 0, kept))
    assert not np.array_equal(lq(random, 1, 0), lq(random, 1, kept - 1))  # another photo, another time
    assert np.array_equal(lq(fixed, 0, 0), lq(fixed, 0, kept))


def test_windows_are_degraded_with_what_is_around_them(photos):
    patches = sampler("deblur", photos, patch=32)
    seen = []

    def watch(hq, scale, rng):
        seen.append(hq.shape)
        return hq

    blur = replace(MOTION_BLUR, apply=watch)
    patches.task = replace(patches.task, degradation=blur)
    for generation in range(20):
        lq, hq = patches.pair(0, generation * PatchSampler.KEPT)
        assert np.array_equal(lq, hq)  # cut at the same place
        assert lq.shape == (32 * PatchSampler.WINDOW,) * 2 + (3,)
    assert max(seen) == (32 * PatchSampler.WINDOW + 2 * MOTION_BLUR.context_px,) * 2 + (3,)
    assert len(set(seen)) > 1  # less at the border of a photo


def test_a_share_of_the_inputs_has_noise_and_jpeg(photos):
    plain, camera = (sampler("sr_x2", photos, patch=32) for _ in range(2))
    camera.camera = 0.3
    changed = []
    for place in range(200):
        (lq, hq), (other, same) = plain.patch(0, place), camera.patch(0, place)
        assert np.array_equal(hq, same)
        assert psnr(lq, other, "rgb") > 25
        changed.append(not np.array_equal(lq, other))
    assert np.mean(changed) == pytest.approx(0.3, abs=0.1)


def test_a_part_of_the_degradation_is_left_in_the_ground_truth(photos):
    whole, part = (sampler("dehaze_outdoor", photos, patch=32) for _ in range(2))
    part.keep = Keep(0.2, 0.6)
    kept = []
    for place in range(50):
        (lq, clear), (same, target) = whole.patch(0, place), part.patch(0, place)
        assert np.array_equal(lq, same)
        removed, haze = target.astype(float) - lq, clear.astype(float) - lq
        share = 1 - (removed * haze).sum() / (haze * haze).sum()
        assert np.abs(removed - (1 - share) * haze).max() <= 1  # rounding, and the share's own estimate
        kept.append(share)
    assert 0.19 < min(kept) < 0.3
    assert 0.5 < max(kept) < 0.61


def test_where_a_photo_is_enlarged_nothing_can_be_left(photos):
    with pytest.raises(ValueError, match="sr_x2 enlarges"):
        PatchSampler(TASKS["sr_x2"], [(read_dataset(str(photos)), 1.0)], seed=0, patch=32, keep=Keep(0.1, 0.2))


def test_a_camera_s_noise_and_jpeg_are_slight_and_in_place(photos):
    photo = read_photo(photos / "coffee.png")
    for seed in range(20):
        seen = add_camera_artifacts(photo, np.random.default_rng(seed))
        assert (seen.shape, seen.dtype) == (photo.shape, photo.dtype)
        assert np.array_equal(seen, add_camera_artifacts(photo, np.random.default_rng(seed)))
        assert 28 < psnr(seen, photo, "rgb") < 50
        assert psnr(seen, photo, "rgb") > psnr(np.roll(seen, 1, 1), photo, "rgb")


def test_a_mixture_is_drawn_by_its_weights(photos, tmp_path):
    (tmp_path / "gray").mkdir()
    Image.new("RGB", (64, 64), (128, 128, 128)).save(tmp_path / "gray/gray.png")
    mixture = [(read_dataset(str(photos)), 1.0), (read_dataset(str(tmp_path / "gray")), 3.0)]
    patches = PatchSampler(TASKS["sr_x2"], mixture, seed=0, patch=16)
    plain = [np.ptp(patches.patch(0, place)[1]) == 0 for place in range(400)]
    assert np.mean(plain) == pytest.approx(0.75, abs=0.07)


def test_every_second_photo_is_degraded_as_a_donor_is(tmp_path):
    for folder, value in {"plain": 100, "pair/gt": 30, "pair/input": 80}.items():
        (tmp_path / folder).mkdir(parents=True)
        Image.new("RGB", (64, 64), (value,) * 3).save(tmp_path / folder / "1.png")
    mixture = [(read_dataset(str(tmp_path / "plain")), 1.0)]
    donors = read_dataset(f"pairs:{tmp_path / 'pair'}")
    patches = PatchSampler(TASKS["derain_light"], mixture, seed=0, patch=16, donors=donors)
    lqs = [patches.pair(0, generation * PatchSampler.KEPT)[0] for generation in range(100)]
    # The donor's rain lies evenly on the whole photo, the generator's in streaks.
    assert np.mean([not np.ptp(lq, (0, 1)).any() and lq.min() > 100 for lq in lqs]) == pytest.approx(0.5, abs=0.15)
    with pytest.raises(ValueError, match="motion blur cannot be transferred from a pair"):
        PatchSampler(TASKS["deblur"], mixture, seed=0, patch=16, donors=donors)
    with pytest.raises(ValueError, match="has no input: it is no pair"):
        PatchSampler(TASKS["derain_light"], mixture, seed=0, patch=16, donors=mixture[0][0])


@pytest.fixture
def hazy_room(tmp_path):
    for folder in ("gt", "input", "depth"):
        (tmp_path / folder).mkdir()
    clear = skimage.data.coffee()[:280, :300]
    depth = np.linspace(0, 1, 280)[:, None].repeat(300, 1)
    Image.fromarray(clear).save(tmp_path / "gt/1.png")
    Image.fromarray(haze(clear, depth, 0.9, 1.2)).save(tmp_path / "input/1_1.png")
    Image.fromarray((255 * depth).astype(np.uint8)).save(tmp_path / "depth/1.png")
    return tmp_path


def test_a_hazy_pair_is_seen_as_it_is_and_every_other_time_with_new_haze(hazy_room):
    patches = sampler("dehaze_indoor", f"its:{hazy_room}")
    given = read_photo(hazy_room / "input/1_1.png")
    seen = [patches.pair(0, generation * PatchSampler.KEPT)[0] for generation in range(3)]
    assert np.array_equal(seen[0], given)
    assert not np.array_equal(seen[1], given)
    assert np.array_equal(seen[2], given)


def test_a_pair_of_another_task_stays_as_it_is(hazy_room):
    patches = sampler("derain_mixed", f"its:{hazy_room}")
    assert np.array_equal(patches.pair(0, PatchSampler.KEPT)[0], read_photo(hazy_room / "input/1_1.png"))


def test_a_depth_map_decides_where_the_haze_is(hazy_room):
    clear = read_photo(hazy_room / "gt/1.png")
    pair = next(dataset_pairs(TASKS["dehaze_indoor"], [f"depth:{hazy_room}"]))
    change = np.abs(pair.lq.astype(int) - clear)
    assert change[0].max() <= 1  # nearest: depth 0
    assert change[-1].mean() > 20
    Image.new("L", (5, 5)).save(hazy_room / "depth/1.png")
    with pytest.raises(ValueError, match=r"the depth map .*1\.png is 5x5, its photo 280x300"):
        degrade(TASKS["dehaze_indoor"], clear, np.random.default_rng(0), hazy_room / "depth/1.png")


def test_photos_smaller_than_a_patch_are_left_out(photos):
    with pytest.raises(ValueError, match="no photo in .* is at least 384x384"):
        sampler("sr_x8", photos)
    assert len(sampler("sr_x8", photos, patch=32)) == 2


def test_crop_to_multiple():
    assert crop_to_multiple(np.zeros((10, 12, 3), np.uint8), 4).shape == (8, 12, 3)
