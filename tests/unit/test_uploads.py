"""Uploaded photos, which may have been deleted."""

import pytest

from app.errors import PhotoError
from app.i18n import ENGLISH
from app.web.restore.jobs import check_photos
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
    assert photo_sizes([gone]) == []


def test_sizes_are_those_of_the_photos_that_can_be_read(gone, tmp_path, small_photo):
    path = tmp_path / "photo.png"
    path.write_bytes(png(small_photo))
    assert photo_sizes([gone, path]) == [small_photo.shape[:2]]


def test_a_job_of_deleted_photos_is_refused(gone):
    with pytest.raises(PhotoError, match="This photo is no longer on the server"):
        check_photos([gone], TASK)
