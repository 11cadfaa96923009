"""The model repository: a checkout's, or one that an installed package builds once in the user's cache."""

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from app.errors import ServerStartError
from app.triton import repository
from app.triton.repository import check_repository, default_repository, installed_repository


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "din" / version("din")


@pytest.fixture
def export(tmp_path, monkeypatch):
    """Put a program of a few lines of Python, given as text, in the place of din_model.export; return what calls it."""

    def stand_in(code: str) -> None:
        program = tmp_path / "export"
        body = "import pathlib, sys\nrepository = pathlib.Path(sys.argv[-1])\n"
        program.write_text(f"#!{sys.executable}\n{body}{code}\n")
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))

    return stand_in


BUILD = "(repository / 'din_sr_x4/1').mkdir(parents=True); (repository / 'din_sr_x4/1/model.pt').write_text('built')"


def test_models_are_built_once(cache, export, caplog):
    export(BUILD)
    built = installed_repository()
    assert built == cache / "model_repository"
    assert (built / "din_sr_x4/1/model.pt").read_text() == "built"
    assert [record.message for record in caplog.records] == [
        f"Building the models in {built}, once; this takes a minute ..."
    ]
    check_repository(built)
    export("sys.exit('it is not built again')")
    assert installed_repository() == built


def test_the_cache_is_in_the_home_folder_where_none_is_named(tmp_path, monkeypatch, export):
    export(BUILD)
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert installed_repository() == tmp_path / ".cache/din" / version("din") / "model_repository"


@pytest.mark.parametrize(
    ("code", "reason"),
    [("sys.exit('Traceback ...\\nerror: no weights')", "error: no weights"), ("sys.exit(3)", "no reason given")],
)
def test_a_build_that_fails_says_why_and_leaves_nothing(cache, export, code, reason):
    export(f"{BUILD}\n{code}")
    with pytest.raises(ServerStartError, match=rf"The models could not be built in .*: {reason}$"):
        installed_repository()
    assert list(cache.iterdir()) == []  # half a repository would be served for ever


def test_a_repository_that_another_process_built_meanwhile_is_taken(cache, export):
    export(f"import shutil\n{BUILD}\nshutil.copytree(repository, {str(cache / 'model_repository')!r})")
    built = installed_repository()
    assert (built / "din_sr_x4/1/model.pt").read_text() == "built"
    assert list(cache.iterdir()) == [built]


def test_a_cache_that_cannot_be_written_is_named(tmp_path, cache, export):
    export(BUILD)
    (tmp_path / "din").write_text("a file")
    with pytest.raises(ServerStartError, match=rf"The models cannot be built in {cache}/model_repository: .*Not a dir"):
        installed_repository()


def test_a_checkout_comes_before_the_cache(tmp_path, monkeypatch, cache, export):
    export(BUILD)
    monkeypatch.setattr(repository, "REPOSITORY", tmp_path / "none")
    assert default_repository() == cache / "model_repository"
    monkeypatch.setattr(repository, "REPOSITORY", tmp_path)
    assert default_repository() == tmp_path


def test_an_empty_repository_says_how_to_build_it(tmp_path, monkeypatch):
    with pytest.raises(ServerStartError, match=rf"run `din export --repository {tmp_path}` first"):
        check_repository(tmp_path)
    monkeypatch.setattr(repository, "REPOSITORY", tmp_path)
    with pytest.raises(ServerStartError, match="run `make models` first"):
        check_repository(tmp_path)
