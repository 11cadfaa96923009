"""The command ``din``: its table of subcommands, and its errors."""

import importlib
import re
import runpy
import sys
from importlib.metadata import version

import pytest

import din
from app.cli import add_page_options, add_restore_options, parse_arguments
from app.codec import FORMATS
from tests.support.files import ROOT
from tests.support.guides import described_options, options


def test_every_command_is_a_function_that_takes_arguments(capsys):
    for name, (module, description) in din.COMMANDS.items():
        assert re.fullmatch(r"[a-z-]+", name)
        assert description[0].islower()
        assert not description.endswith(".")
        with pytest.raises(SystemExit) as end:
            importlib.import_module(module).main([name, "--help"] if module == "app.cli" else ["--help"])
        assert not end.value.code
        assert capsys.readouterr().out.startswith("usage: ")


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"]])
def test_help_lists_every_command(arguments, capsys):
    assert din.main(arguments) == 0
    listed = re.findall(r"^  ([a-z-]+) +(.*)$", capsys.readouterr().out, re.MULTILINE)
    assert listed == [(name, description) for name, (_, description) in din.COMMANDS.items()]


def test_its_version_is_the_package_s(capsys):
    assert din.main(["--version"]) == 0
    assert capsys.readouterr().out == f"din {version('din')}\n"


@pytest.mark.parametrize("name", ["page", "train"])
def test_a_command_has_the_version_of_the_package(name, capsys):
    assert din.main([name, "--version"]) == 0
    assert capsys.readouterr().out == f"din {version('din')}\n"


def test_python_m_app_has_the_same_version(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["app", "--version"])
    with pytest.raises(SystemExit) as end:
        runpy.run_module("app", run_name="__main__")
    assert end.value.code == 0
    assert capsys.readouterr().out == f"din {version('din')}\n"


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for name, (module, _) in din.COMMANDS.items() if module != "app.cli"]
)
def test_each_module_is_also_a_program_with_the_help_of_its_command(module, name, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", [module, "--help"])
    monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(SystemExit) as end:
        runpy.run_module(module, run_name="__main__")
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: din {name} ")


def test_an_unknown_command_is_named_and_the_others_are_listed(capsys):
    assert din.main(["colourise", "--help"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: there is no command 'colourise'.\n")
    assert din.usage() in err


def test_the_command_line_s_own_arguments_are_taken_where_none_are_given(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["din", "--version"])
    assert din.main() == 0
    assert capsys.readouterr().out.startswith("din ")


def test_arguments_and_exit_status_are_passed_on(tmp_path, capsys):
    missing = tmp_path / "none.pth"
    assert din.main(["convert", str(missing), str(tmp_path / "out.safetensors")]) == 2
    assert str(missing) in capsys.readouterr().err
    assert din.main(["health", "--port", "1"]) == 1
    assert capsys.readouterr().err.startswith("error: The page at http://127.0.0.1:1/health does not answer")


def test_the_guide_describes_every_command():
    guide = (ROOT / "docs/command-line.md").read_text()
    rows = re.findall(r"^\| `din ([a-z-]+)` \| (.*) \|$", guide, re.MULTILINE)
    assert [name for name, _ in rows] == list(din.COMMANDS)
    for name, text in rows:
        _, description = din.COMMANDS[name]
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text)
        assert words.startswith(description.removesuffix(" from the command line")), name


@pytest.mark.parametrize("guide", ["command-line.md", "api.md", "page.md"])
def test_the_guides_name_every_output_format(guide):
    text = (ROOT / "docs" / guide).read_text()
    (line,) = re.findall(r"^\| (?:`--format`|`restore` \||output format).*$", text, re.MULTILINE)
    for name, kind in FORMATS.items():
        assert (kind.label if guide == "page.md" else f"`{name}`") in line


def test_the_guide_s_examples_and_options_are_those_of_the_command():
    guide = (ROOT / "docs/command-line.md").read_text()
    examples = re.findall(r"^    din (restore .*)$", guide, re.MULTILINE)
    assert len(examples) == 5
    for example in examples:
        assert parse_arguments(example.split()).photos
    assert described_options(guide, "Restoring photos") | {"--help", "--out"} == options(add_restore_options)


def test_the_guide_has_every_option_of_the_page():
    guide = (ROOT / "docs/command-line.md").read_text()
    assert described_options(guide, "Serving the page") | {"--help"} == options(add_page_options)
