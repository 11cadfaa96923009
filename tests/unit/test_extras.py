"""What is installed for which command."""

import re
import tomllib

import pytest

import din
from app import extras
from app.commands import TRITONS
from app.errors import ServerStartError
from app.triton import LAUNCHES, repository
from tests.support.files import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Packages are not always named as their modules.
OTHER_NAMES = {
    "google": "protobuf",
    "opentelemetry": "opentelemetry-sdk",
    "prometheus_client": "prometheus-client",
    "pytriton": "nvidia-pytriton",
}


def packages(requirements):
    return {re.split(r"[\[<>=;]", requirement)[0] for requirement in requirements}


def test_each_module_is_in_its_extra_and_none_in_the_base():
    optional, base = PROJECT["optional-dependencies"], packages(PROJECT["dependencies"])
    for module, extra in extras.EXTRAS.items():
        package = OTHER_NAMES.get(module, module)
        assert package in packages(optional[extra])
        assert package not in base
    assert optional["client"] == []


def test_the_kinds_of_triton_are_those_that_can_be_started():
    assert tuple(LAUNCHES) == TRITONS


@pytest.mark.parametrize(("name", "command"), [("torch", "export"), ("accelerate.utils", "train"), ("psutil", "page")])
def test_a_missing_module_is_one_sentence_that_names_its_extra(name, command, monkeypatch, capsys):
    def lack(module):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr("importlib.import_module", lack)
    assert din.main([command]) == 2
    top = name.split(".")[0]
    expected = f"error: This needs {top}, which is not installed: pip install 'din[{extras.EXTRAS[top]}]'\n"
    assert capsys.readouterr().err == expected


def test_a_module_of_no_extra_is_an_error_of_ours():
    with pytest.raises(ModuleNotFoundError, match="nonsense"):
        extras.explain(ModuleNotFoundError("No module named 'nonsense'", name="nonsense"))


def test_models_are_not_built_without_torch(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ServerStartError, match=r"needs torch.*din\[model\]"):
        repository.build(tmp_path)
