"""A new task is one entry of TASKS and the file of its degradation: all else follows.

Both are added to a copy of the sources; the task is then trained, shipped, exported, served and offered by the page.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import skimage.data
from gradio_client import handle_file
from PIL import Image

from app.triton import REPOSITORY
from imaging.metrics import psnr
from tests.support.files import ROOT, read
from tests.support.page_client import page_client
from tests.support.processes import running_page

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

DEGRADATION = '''"""Photos that are too dark."""

from __future__ import annotations

import numpy as np

from imaging.degradations.kind import Degradation, Image


def darken(hq: Image, scale: int, rng: np.random.Generator) -> Image:
    """Halve the brightness."""
    return hq // 2


DARKNESS = Degradation("darkness", darken, is_random=False)
'''
IMPORT = "from imaging.degradations.darkness import DARKNESS\n"
TASK = '        Task("brighten", "Brighten dark photos", Family("light", "Brighten"), "Too dark", "Dim.", DARKNESS),\n'
END_OF_TASKS = "    )\n}\n"
RECIPES = """
[data.photos]
where = "photos"
about = "one photo"
licence = "free"

[network.brighten-din_t]
data = { photos = 1 }
validate = ["photos"]
iterations = 60
batch = 2
patch = 16
rate = 1e-3
"""
SETS = '[brighten]\nPhotos = { data = "photos" }\n'
BESIDE = "din_sr_x4"  # a task that is there already


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the packages with one task more."""
    root = tmp_path_factory.mktemp("sources")
    for package in ("app", "din_model", "imaging"):
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "imaging/degradations/darkness.py").write_text(DEGRADATION)
    tasks = root / "din_model/tasks.py"
    before, end, after = tasks.read_text().rpartition(END_OF_TASKS)
    assert end, "TASKS ends otherwise"
    header, first, rest = before.partition("from imaging.degradations")
    tasks.write_text(header + IMPORT + first + rest + TASK + end + after)
    return root


@pytest.fixture(scope="module")
def photo(sources: Path) -> Path:
    """A photo to train and to score on."""
    (sources / "data/photos").mkdir(parents=True)
    path = sources / "data/photos/astronaut.png"
    Image.fromarray(skimage.data.astronaut()[:96, 180:280]).save(path)
    return path


def run(sources: Path, *arguments: object) -> str:
    """The output of a program of the copy."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=sources,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def trained(sources: Path, photo: Path) -> str:
    """The output of training."""
    (sources / "recipes.toml").write_text(RECIPES)
    (sources / "sets.toml").write_text(SETS)
    files = ("--recipes", "recipes.toml", "--sets", "sets.toml", "--log", "log.csv", "--runs", "runs")
    return run(sources, "din_model.train", "--root", "data", *files, "--validate-every", 30, "--cpu", "--fp32")


@pytest.fixture(scope="module")
def repository(sources: Path, trained: str) -> Path:
    """The model repository with the new task and one that was there before."""
    folder = sources / "model_repository"
    run(sources, "din_model.export", "--task", "brighten", "--repository", folder)
    shutil.copytree(REPOSITORY / BESIDE, folder / BESIDE)
    return folder


def test_it_is_trained_and_shipped(sources, trained):
    assert "brighten-din_t" in trained
    weights = sources / "din_model/weights/brighten-din_t.safetensors"
    assert weights.is_file()
    assert weights.with_suffix(".md").read_text().startswith("# ")
    assert not (ROOT / "din_model/weights/brighten-din_t.safetensors").exists()


def test_it_is_exported_with_its_labels(repository):
    config = (repository / "din_brighten/config.pbtxt").read_text()
    for word in ("Brighten dark photos", "light", "Brighten", "Too dark", "Dim.", "darkness"):
        assert f'string_value: "{word}"' in config


def test_the_page_offers_it_and_restores_with_it(sources, repository, photo, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    dark = tmp_path / "dark.png"
    Image.fromarray(read(photo) // 2).save(dark)
    with running_page("--triton", "embedded", root=sources) as (url, _):
        page = page_client(url, download_files=tmp_path / "downloads")
        tasks = {task["name"]: task for task in page.predict(api_name="/tasks")}
        choices = [
            tuple(choice)
            for component in page.config["components"]
            if component["type"] == "radio"
            for choice in component["props"]["choices"]
        ]
        download, report = page.predict(handle_file(str(dark)), "brighten", api_name="/restore")
        _, beside = page.predict(handle_file(str(dark)), "sr_x4", api_name="/restore")
        page.close()
    assert list(tasks) == ["sr_x4", "brighten"]
    assert tasks["brighten"]["label"] == "Brighten dark photos"
    assert tasks["brighten"]["qualities"]["fast"]["preset"] == "din_t"
    assert ("Brighten", "light") in choices
    assert ("Too dark", "brighten") in choices
    assert (report["task"], report["model"]) == ("brighten", "din_brighten")
    assert (beside["task"], beside["model"]) == ("sr_x4", "din_sr_x4")
    run(sources, "din_model.evaluate", "--task", "brighten", "--hq", "data/photos", "--json", "scores.json")
    (score,) = json.loads((sources / "scores.json").read_text())["per_image"]
    # The page restores as the trained network does, and that has learned something.
    assert psnr(read(Path(download)), read(photo)) == pytest.approx(score["psnr"], abs=0.1)
    assert score["psnr"] > score["baseline_psnr"] + 0.5
