"""PSNR and SSIM against closed forms and scikit-image."""

import math

import numpy as np
import pytest
import skimage.data
from skimage.metrics import structural_similarity

from imaging.metrics import Score, luma, psnr, score, ssim


@pytest.fixture
def photo():
    return skimage.data.astronaut()[100:180, 150:250]


@pytest.fixture
def noisy(photo):
    noise = np.random.default_rng(0).normal(0, 12, photo.shape)
    return np.clip(photo + noise, 0, 255).astype(np.uint8)


def test_luma_spans_the_studio_range():
    black, white, red = np.zeros(3), np.full(3, 255), np.array([255, 0, 0])
    assert luma(np.array([[black, white, red]], np.uint8)).tolist() == [[16, 235, 81]]


def test_psnr_of_a_constant_error():
    reference = np.full((20, 20, 3), 100, np.uint8)
    assert psnr(reference + np.uint8(5), reference, "rgb") == pytest.approx(20 * math.log10(255 / 5))
    assert psnr(reference, reference) == math.inf


def test_the_border_is_left_out(photo):
    framed = photo.copy()
    framed[:4], framed[-4:], framed[:, :4], framed[:, -4:] = 0, 0, 0, 0
    assert psnr(framed, photo, border=4) == math.inf
    assert ssim(framed, photo, border=4) == pytest.approx(1)
    assert psnr(framed, photo) < 20


@pytest.mark.parametrize("on", ["y", "rgb"])
def test_ssim_is_the_gaussian_windowed_one(photo, noisy, on):
    def reference(a, b):
        _, similarity = structural_similarity(
            a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, full=True
        )
        return similarity[5:-5, 5:-5].mean()

    planes = [(luma(noisy), luma(photo))] if on == "y" else [(noisy[..., c], photo[..., c]) for c in range(3)]
    expected = np.mean([reference(a.astype(float), b.astype(float)) for a, b in planes])
    assert ssim(noisy, photo, on) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("metric", "scale", "is_gray", "on", "border"),
    [
        ("y", 1, False, "y", 0),
        ("rgb", 1, False, "rgb", 0),
        ("y", 4, False, "y", 4),
        ("rgb", 4, False, "rgb", 4),
        ("y", 4, True, "rgb", 4),  # a gray photo is its own luma
    ],
)
def test_a_score_is_measured_by_the_protocol_of_the_paper(photo, noisy, metric, scale, is_gray, on, border):
    found = score(noisy, photo, metric, scale, is_gray)
    assert found == Score(psnr(noisy, photo, on, border), ssim(noisy, photo, on, border))
    others = [(on, border) for on in ("y", "rgb") for border in (0, 4)]
    assert sum(found == Score(psnr(noisy, photo, *other), ssim(noisy, photo, *other)) for other in others) == 1


def test_gray_photos_are_not_flattered_by_the_studio_range(photo, noisy):
    gray, noise = (picture[..., :1].repeat(3, 2) for picture in (photo, noisy))
    measured, flattered = (score(noise, gray, "y", is_gray=is_gray).psnr for is_gray in (True, False))
    assert flattered - measured == pytest.approx(20 * math.log10(255 / 219), abs=0.1)
