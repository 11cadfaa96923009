"""What the check of the images tells pip, and its errors. ``make image-check`` itself needs the rights of root."""

import re

import pytest

from tools import image_check


def test_pip_in_the_build_is_told_what_this_one_is_told(monkeypatch, tmp_path):
    (tmp_path / "index/simple").mkdir(parents=True)
    (tmp_path / "ca.crt").touch()
    listed = (
        f"global.cert='/nowhere/ca.crt'\n:env:.cert='{tmp_path}/ca.crt'\nglobal.constraint='/x'\n"
        f"global.extra-index-url='file://{tmp_path}/index/simple https://index.example/simple'\n"
    )
    monkeypatch.setattr(image_check, "run", lambda *command: listed)
    settings = image_check.pip_settings()
    assert settings == {
        "cert": f"{tmp_path}/ca.crt",
        "extra-index-url": f"file://{tmp_path}/index/simple https://index.example/simple",
    }
    assert image_check.local_paths(settings) == [tmp_path, tmp_path / "index"]


def test_a_program_that_is_missing_or_fails_is_named(tmp_path):
    with pytest.raises(image_check.ImageError, match="no-such-program is not installed"):
        image_check.run("no-such-program")
    with pytest.raises(image_check.ImageError, match=r"ls .* failed: .*No such file"):
        image_check.run("ls", str(tmp_path / "none"))


def test_the_containers_run_with_the_limits_of_the_guide():
    guide = re.sub(r" *\\\n *", " ", (image_check.ROOT / "docs/deployment.md").read_text())
    assert f"docker run {image_check.LIMITS} -p 7860:7860 din" in guide
    assert image_check.PHOTO.is_file()
    assert f"--include=$packages {image_check.SUITE} base" in guide
    assert f"packages={','.join(image_check.PACKAGES)}\n" in guide
