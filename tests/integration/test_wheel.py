"""The wheel: it is built from the sources alone, holds what the programs read, and works where there is no checkout."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from dataclasses import dataclass
from importlib.metadata import PathDistribution, files, requires
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

import din
from app.pipeline.restore import restore
from din_model.export import shipped_models
from din_model.tasks import TASKS
from tests.support.certificates import identities
from tests.support.files import ROOT, png, read
from tests.support.replica import Replica, serving

SOURCES = ("app", "din_model", "imaging", "din.py", "pyproject.toml", "README.md", "LICENSE")
# What is not code: the folders and kinds of files that the programs read.
DATA = {
    "app/examples": "*/*.png",
    "app/i18n/locales": "*.toml",
    "app/triton/backends": "**/*.py",
    "app/web": "**/static/**/*.*",
    "app/web/templates": "**/*.*",
    "din_model": "*.*",
    "din_model/weights": "*.*",
}
HEAVY = ("torch", "gradio")
RESTORE_S = 500  # also beside much other work: every network is built first
HELP = """
import sys
import din
for name in din.COMMANDS:
    try:
        din.main([name, "--help"])
    except SystemExit as end:
        assert not end.code, name
    print("=" * 8, name)
"""


pytestmark = pytest.mark.timeout(2 * RESTORE_S)


@dataclass(frozen=True)
class Environment:
    """A virtual environment in which only the wheel was installed.

    Attributes:
        folder: of the environment.
        cache: XDG_CACHE_HOME of the programs that run in it.
    """

    folder: Path
    cache: Path

    def run(self, *command: object, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run one of its programs, away from the checkout and with none of this process's paths."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
        program, *arguments = map(str, command)
        return subprocess.run(
            [self.folder / "bin" / program, *arguments],
            cwd=self.folder,
            env={**kept, "XDG_CACHE_HOME": str(self.cache), **variables},
            capture_output=True,
            text=True,
            timeout=RESTORE_S,
            check=False,
        )

    def python(self, code: str, **variables: str) -> str:
        """Return what a piece of Python prints there."""
        done = self.run("python", "-c", code, **variables)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def pip(*arguments: object) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: a build leaves folders behind, and takes in what earlier ones left."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / "din" / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / "din" / name)
    # Without an index: what builds it is installed with the tests, so that they need no network.
    pip("wheel", folder / "din", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder / "built")
    (built,) = (folder / "built").iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The wheel in an empty environment.

    What it depends on is gigabytes, so it is taken from the environment of the tests by one more folder in the path.
    Nothing in that folder leads to the checkout: Python runs the ``.pth`` files, such as that of an editable install,
    of its own site-packages only.
    """
    environment = Environment(tmp_path_factory.mktemp("installed"), tmp_path_factory.mktemp("cache"))
    venv.create(environment.folder, symlinks=True)
    pip("--python", environment.folder / "bin/python", "install", "--no-deps", "--no-index", wheel)
    site = environment.python("import sysconfig; print(sysconfig.get_path('purelib'))")
    (Path(site) / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return environment


def needed(wheel: Path, extra: str) -> set[str]:
    """The installed packages that the wheel needs with an extra, without itself."""
    metadata = PathDistribution(zipfile.Path(wheel, f"{wheel.name.partition('-py3')[0]}.dist-info/"))
    found: set[tuple[str, str]] = set()
    waiting = [("din", ""), ("din", extra)]
    while waiting:
        package, wanted = waiting.pop()
        if (package, wanted) in found:
            continue
        found.add((package, wanted))
        for requirement in map(Requirement, (metadata.requires if package == "din" else requires(package)) or ()):
            if requirement.marker is None or requirement.marker.evaluate({"extra": wanted}):
                waiting += [(canonicalize_name(requirement.name), more) for more in ("", *requirement.extras)]
    return {package for package, _ in found} - {"din"}


@pytest.fixture(scope="module")
def light(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The wheel in an environment with what ``din[client]`` needs, by links, and nothing else."""
    environment = Environment(tmp_path_factory.mktemp("light"), tmp_path_factory.mktemp("cache"))
    venv.create(environment.folder, symlinks=True)
    pip("--python", environment.folder / "bin/python", "install", "--no-deps", "--no-index", wheel)
    site = Path(environment.python("import sysconfig; print(sysconfig.get_path('purelib'))"))
    parts = {file.parts[0] for package in needed(wheel, "client") for file in files(package) or ()}
    for part in parts - {"..", "__pycache__"}:
        (site / part).symlink_to(Path(sysconfig.get_path("purelib")) / part)
    return environment


def test_the_client_needs_neither_torch_nor_gradio_nor_a_server(wheel):
    heavy = {"torch", "gradio", "nvidia-pytriton", "psutil", "huggingface-hub", "jinja2"}
    assert needed(wheel, "client") & heavy == set()
    assert {"tritonclient", "grpcio", "numpy", "pillow", "imagecodecs"} <= needed(wheel, "client")
    assert heavy <= needed(wheel, "demo")


def test_the_light_environment_restores_by_a_triton_elsewhere(light, small_photo, tmp_path):
    Image.fromarray(small_photo).save(tmp_path / "photo.png")
    made = identities()
    for name, content in (("roots", made.root), ("certificate", made.client[0]), ("key", made.client[1])):
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
    connection = [text for name in ("roots", "certificate", "key") for text in (f"--triton-{name}", tmp_path / name)]
    to = ("--task", "sr_x2", "--out", tmp_path)
    with serving(Replica(), made.credentials(is_mutual=True)) as replica:
        done = light.run("din", "restore", tmp_path / "photo.png", *to, "--triton-url", replica.address, *connection)
    assert done.returncode == 0, done.stderr
    assert np.array_equal(read(tmp_path / "photo_sr_x2.png"), small_photo.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        (("page", "--port", "0"), "demo"),
        (("page", "--port", "0", "--triton-url", "127.0.0.1:1"), "page"),
        (("restore", "photo.png", "--task", "sr_x4", "--out", "."), "demo"),
        (("export",), "model"),
        (("train",), "model"),
    ],
)
def test_the_light_environment_names_the_extra_that_a_command_needs(light, command, extra):
    done = light.run("din", *command)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert re.fullmatch(rf"error: This needs \w+, which is not installed: pip install 'din\[{extra}\]'", last)


def test_it_holds_what_the_programs_read(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    packages = {path.relative_to(ROOT).as_posix() for name in SOURCES[:3] for path in (ROOT / name).rglob("*.py")}
    assert {"din.py", *packages} <= inside
    for folder, pattern in DATA.items():
        files = {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).glob(pattern) if path.is_file()}
        files = {name for name in files if "__pycache__" not in name}
        assert files, folder
        assert files <= inside, files - inside
    assert {name.partition("/")[0] for name in inside} == {
        *("app", "din_model", "imaging", "din.py"),
        next(name for name in inside if name.endswith(".dist-info/METADATA")).partition("/")[0],
    }
    assert any(name.endswith("/licenses/LICENSE") for name in inside)


def test_its_metadata_name_licence_versions_and_extras(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        metadata = archive.read(name).decode()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"Version: {project['version']}\n" in metadata
    assert "License-Expression: Apache-2.0\n" in metadata
    assert set(re.findall(r"^Provides-Extra: (.*)$", metadata, re.MULTILINE)) == set(project["optional-dependencies"])
    required = re.findall(r"^Requires-Dist: ([\w.-]+)[^;\n]*(?:;(?!.*extra ==).*)?$", metadata, re.MULTILINE)
    assert len(required) == len(project["dependencies"])


def test_it_is_imported_from_its_own_environment(installed):
    names = ("din", "app", "din_model", "imaging")
    files = installed.python(f"import {', '.join(names)}\nfor m in ({', '.join(names)}): print(m.__file__)")
    assert all(Path(file).is_relative_to(installed.folder) for file in files.splitlines())
    path = installed.python("import sys; print(*sys.path, sep='\\n')").splitlines()
    assert not any(Path(entry) == ROOT for entry in path)


def test_versions_and_commands(installed, wheel):
    version = wheel.name.split("-")[1]
    assert installed.run("din", "--version").stdout == f"din {version}\n"
    listed = installed.run("din")
    assert listed.returncode == 0
    assert all(f"  {name} " in listed.stdout for name in din.COMMANDS)
    unknown = installed.run("din", "colourise")
    assert unknown.returncode == 2
    assert unknown.stderr.startswith("error: there is no command 'colourise'")


def test_every_command_has_help(installed):
    *helps, end = re.split(r"={8} (?:[\w-]+)\n", installed.python(HELP) + "\n")
    assert end == ""
    assert len(helps) == len(din.COMMANDS)
    assert all(text.startswith("usage: ") and "--help" in text for text in helps)


def test_models_are_not_written_into_the_package(installed):
    done = installed.run("din", "export", "--task", "sr_x4")
    assert done.returncode == 2
    assert "--repository" in done.stderr.splitlines()[-1]
    package = Path(installed.python("import din_model; print(din_model.__path__[0])"))
    assert not (package.parent / "model_repository").exists()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *([name, "--help"] for name in ("page", "restore"))])
def test_help_does_not_wait_for_torch(installed, arguments):
    done = installed.run("din", *arguments, PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "importlib.metadata" in imported
    assert not imported & set(HEAVY)


def test_it_restores_a_photo(installed, small_photo, tmp_path, client):
    """On first use the models are built in the user's cache; the second photo finds them there."""
    Image.fromarray(small_photo).save(tmp_path / "photo.png")
    to = ("restore", tmp_path / "photo.png", "--task", "sr_x4", "--out", tmp_path / "out")
    first = installed.run("din", *to)
    assert first.returncode == 0, first.stderr
    assert first.stderr.startswith(f"Building the models in {installed.cache}")
    restored = tmp_path / "out/photo_sr_x4.png"
    expected = restore(png(small_photo), client.task("sr_x4"), client).after.rgb
    assert np.array_equal(read(restored), expected)
    (repository,) = installed.cache.glob("din/*/model_repository")
    assert {model for task in TASKS for model in shipped_models(task)} <= {path.name for path in repository.iterdir()}
    restored.unlink()
    second = installed.run("din", *to)
    assert (second.returncode, second.stderr) == (0, "")
    assert np.array_equal(read(restored), expected)
