"""A file is replaced as a whole or not at all."""

import pytest

from din_model.files import replacing


def test_a_file_is_replaced_once_it_is_written(tmp_path):
    path = tmp_path / "folder" / "model.pt"
    for text in ("first", "second"):
        with replacing(path) as partial:
            partial.write_text(text)
            assert not path.exists() or path.read_text() == "first"
        assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


def test_a_file_stays_as_it_was_where_writing_fails(tmp_path):
    path = tmp_path / "model.pt"
    path.write_text("whole")

    def write_half():
        with replacing(path) as partial:
            partial.write_text("ha")
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        write_half()
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_has_the_mode_of_a_new_one(tmp_path):
    new, written = tmp_path / "new", tmp_path / "model.safetensors"
    new.touch()
    with replacing(written) as partial:
        partial.unlink()
        partial.touch(mode=0o600)
    assert written.stat().st_mode == new.stat().st_mode
