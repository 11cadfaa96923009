"""The room that uploads and results take is counted while some of them are deleted."""

import os
import shutil

from app.web import storage


def test_a_folder_that_is_deleted_while_it_is_counted_counts_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    kept, old = storage.new_folder(), storage.new_folder()
    for folder in (kept, old):
        (folder / "photo.png").write_bytes(b"x" * 100)
    assert storage.used() == 200
    scandir = os.scandir

    def delete_and_list(folder):
        if folder == str(old):
            shutil.rmtree(old)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", delete_and_list)
    assert storage.used() == 100
