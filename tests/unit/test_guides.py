"""The commands that the guides show are those that there are, with options that they take."""

import importlib
import re
import shlex

import pytest

import din
from app.cli import add_page_options, parse_arguments
from app.many.command import add_many_options
from tests.support.files import ROOT
from tests.support.guides import described_options, options

GUIDES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
FOLDERS = ("app", "benchmarks", "deploy", "din_model", "docs", "imaging", "tests", "tools")
WITH_COMMANDS = {"README", "command-line", "deployment", "grpc", "judge", "many", "page", "stage", "training"}
# A command that begins a line of code, or follows another; before it may be a variable, or the path of an environment.
COMMAND = re.compile(r"^ {4,}(?:.*; )?(?:[A-Z_]+=\S+ )?(?:\.venv/bin/)?(din|make) (?!\()(.*)$", re.MULTILINE)


def commands(text: str) -> list[list[str]]:
    """The commands in a guide's blocks of code, as words."""
    found = [[name, *shlex.split(words, comments=True)] for name, words in COMMAND.findall(text)]
    return [words for words in found if words[:1] == ["make"] or words[1:]]


def check_din(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Check a command of ``din``: all words of those of :mod:`app.cli`, the options of the others."""
    name, *arguments = words
    if name == "--help":
        return
    module, _ = din.COMMANDS[name]
    if module == "app.cli":
        parse_arguments(words)
        return
    with pytest.raises(SystemExit):
        importlib.import_module(module).main(["--help"])
    told = capsys.readouterr().out
    assert {word for word in arguments if word.startswith("--")} <= set(re.findall(r"--[a-z-]+", told))


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_the_commands_of_a_guide_are_taken(guide, capsys):
    found = commands(guide.read_text())
    assert found or guide.stem not in WITH_COMMANDS
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for program, *words in found:
        if program == "make":
            assert words[0] in targets
        else:
            check_din(words, capsys)


def test_every_guide_that_shows_commands_is_known():
    assert {guide.stem for guide in GUIDES if commands(guide.read_text())} >= WITH_COMMANDS


def test_a_command_that_is_not_taken_is_found(capsys):
    (program, *words), (_, *other) = commands("    din page --kiosc    # a comment\n    x; din train --rot DATA\n")
    assert (program, words) == ("din", ["page", "--kiosc"])
    with pytest.raises(SystemExit):
        check_din(words, capsys)
    with pytest.raises(AssertionError):
        check_din(other, capsys)


def test_each_way_to_restore_many_photos_is_taken():
    text = (ROOT / "docs/many.md").read_text().partition("## Where it runs")[2].partition("\n## ")[0]
    first, *others = re.findall(r"`((?:din restore-many|…) [^`]*)`", text)
    assert len(others) == 5
    for command in (first, *(other.replace("…", first) for other in others)):
        assert parse_arguments(shlex.split(command)[1:]).task == "T"


def test_the_guide_has_every_option_of_many_photos():
    guide = (ROOT / "docs/command-line.md").read_text()
    own, shared = (described_options(guide, title) for title in ("Restoring many photos", "Restoring photos"))
    assert own
    assert own | shared | {"--help"} == options(add_many_options)


def test_the_options_that_a_space_s_guide_names_are_the_page_s():
    (row,) = re.findall(r"\| `DIN_OPTIONS` .*", (ROOT / "docs/space.md").read_text())
    named = set(re.findall(r"--[a-z-]+", row))
    assert named
    assert named <= options(add_page_options)


def test_the_guide_of_a_space_moves_every_binary_file_to_git_lfs():
    (line,) = re.findall(r"git lfs migrate import --include=\"(.*)\"", (ROOT / "docs/space.md").read_text())
    patterns = line.split(",")
    found = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file())
    names = [path.relative_to(ROOT) for path in found if not {"__pycache__", "node_modules"} & set(path.parts)]
    binary = [name for name in names if b"\0" in (ROOT / name).read_bytes()[:8000]]  # as Git tells them
    assert len(binary) > 50
    assert [name for name in binary if not any(name.match(pattern) for pattern in patterns)] == []
