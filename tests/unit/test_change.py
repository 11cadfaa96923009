"""What a restoration changes, in numbers."""

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageFilter

from app.codec import Photo
from app.web.restore.change import change, difference

PHOTO = Photo(skimage.data.coffee())


def values(text):
    return {name: int(str(value).rstrip("%").replace("−", "-")) for name, value in text.values.items()}


def test_nothing_has_changed():
    assert str(change(PHOTO, PHOTO)) == "Detail +0%, contrast +0%, brightness +0%"


def test_a_sharpened_photo_has_more_detail():
    blurred = Photo(np.asarray(Image.fromarray(PHOTO.rgb).filter(ImageFilter.GaussianBlur(2))))
    found = values(change(blurred, PHOTO))
    assert found["detail"] > 30
    assert found["brightness"] == 0
    assert values(change(PHOTO, blurred))["detail"] < -20


def test_a_photo_without_haze_has_more_contrast():
    hazy = Photo((PHOTO.rgb * 0.4 + 140).astype(np.uint8))
    found = values(change(hazy, PHOTO))
    assert found["contrast"] == pytest.approx(150, abs=10)
    assert found["brightness"] < -20


def test_an_enlarged_photo_is_compared_with_its_bicubic_enlargement():
    h, w = PHOTO.size
    twice = Photo(np.asarray(Image.fromarray(PHOTO.rgb).resize((2 * w, 2 * h), Image.Resampling.BICUBIC)))
    found = values(change(PHOTO, twice))
    assert all(abs(value) <= 1 for value in found.values()), found


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (3, 2)])
def test_a_tiny_photo_has_numbers_too(size):
    photo = Photo(np.zeros((*size, 3), np.uint8))
    assert set(values(change(photo, photo)).values()) == {0}


@pytest.mark.parametrize(
    ("old", "new", "text"), [(0, 0, "+0%"), (100, 99.8, "+0%"), (100, 80, "−20%"), (0, 10, "+1900%"), (50, 75, "+50%")]
)
def test_a_difference_is_in_percent_of_what_there_was(old, new, text):
    assert str(difference(old, new)) == text
