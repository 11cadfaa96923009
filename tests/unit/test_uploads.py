"""Uploaded photos, which may have been deleted."""

from dataclasses import replace

import numpy as np
import pytest
from babel.lists import format_list
from gradio_client.utils import is_valid_file

from app import codec
from app.errors import PhotoError
from app.i18n import ENGLISH, LANGUAGES, say
from app.web.api import Api
from app.web.restore.jobs import check_photos
from app.web.restore.layout import PHOTO_TYPES
from app.web.restore.uploads import photo_sizes, preview
from tests.support.files import png
from tests.support.served import TASK


@pytest.fixture
def gone(tmp_path):
    return tmp_path / "gone.png"


def test_a_deleted_photo_is_told_and_has_no_size(gone):
    states, sentences = preview([gone], TASK, ENGLISH)
    assert states == []
    assert "gone.png: This photo is no longer on the server" in sentences
    assert photo_sizes([gone], TASK) == []


def test_sizes_are_those_of_the_photos_that_can_be_read(gone, tmp_path, small_photo):
    path = tmp_path / "photo.png"
    path.write_bytes(png(small_photo))
    assert photo_sizes([gone, path], TASK) == [small_photo.shape[:2]]


def test_a_photo_that_a_task_refuses_has_no_size_for_it(tmp_path):
    path = tmp_path / "large.png"
    path.write_bytes(png(np.zeros((4000, 4000), np.uint8)))
    assert photo_sizes([path], replace(TASK, scale=1)) == photo_sizes([path], None) == [(4000, 4000)]
    assert photo_sizes([path], replace(TASK, scale=4)) == []


@pytest.mark.parametrize("suffix", codec.READ_SUFFIXES)
def test_gradio_takes_every_format_that_is_read(suffix):
    assert is_valid_file(f"photo{suffix}", PHOTO_TYPES)
    assert is_valid_file(f"PHOTO{suffix.upper()}", PHOTO_TYPES)


def test_gradio_takes_no_other_files():
    assert not is_valid_file("notes.txt", PHOTO_TYPES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_file_that_is_no_image_is_answered_with_every_format(language):
    sentence = say("error.not_an_image", formats=codec.READ_LABELS).into(language)
    assert format_list(codec.READ_LABELS, style="or", locale=language) in sentence


def test_programs_are_told_every_format():
    assert format_list(codec.READ_LABELS, style="or", locale=ENGLISH) in (Api.restore.__doc__ or "")


def test_a_job_of_deleted_photos_is_refused(gone):
    with pytest.raises(PhotoError, match="This photo is no longer on the server"):
        check_photos([gone], (TASK,))
