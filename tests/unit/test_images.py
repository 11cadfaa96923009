"""The Dockerfile, its scripts and the composition for one box: valid, and what they assume is there."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from string import Template

import jsonschema
import pytest
import yaml

from app.cli import parse_arguments, serve_page, serve_triton
from tests.support.files import ROOT

TARGETS = ("page", "triton", "all-in-one")
COMPOSE = ("compose.yaml", "compose.gpu.yaml")


@dataclass
class Stage:
    """A stage of the Dockerfile: where it begins, and its instructions in order, each with its arguments."""

    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, name: str) -> list[str]:
        return [arguments for instruction, arguments in self.instructions if instruction == name]


def read_stages() -> dict[str, Stage]:
    """The stages by name, and as ``""`` what stands before them."""
    stages = {"": Stage("")}
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    for line in filter(None, map(str.strip, text.splitlines())):
        instruction, _, arguments = line.partition(" ")
        if instruction == "FROM":
            base, _, name = arguments.partition(" AS ")
            stages[name] = Stage(base)
        else:
            list(stages.values())[-1].instructions.append((instruction, arguments))
    return stages


STAGES = read_stages()


def chain(target: str) -> list[Stage]:
    """The stages that a target is made of, the first one first."""
    stage = STAGES[target]
    return [*(chain(stage.base) if stage.base in STAGES else []), stage]


def run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program of this environment."""
    command = [str(Path(sys.executable).with_name(program)), *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_the_dockerfile_is_clean(tmp_path):
    done = run("hadolint", "--config", ".hadolint.yaml", "Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")
    (tmp_path / "Dockerfile").write_text("FROM x\nRUN cd /tmp && sudo ls\n")
    assert run("hadolint", tmp_path / "Dockerfile").returncode == 1


def test_there_are_three_images_and_the_last_is_a_space_s():
    assert [name for name in STAGES if name and STAGES[name].all("CMD")] == list(TARGETS)
    assert list(STAGES)[-1] == "all-in-one"


@pytest.mark.parametrize("target", TARGETS)
def test_both_flavours_differ_in_their_base_alone(target):
    """NVIDIA's entry point stays, and whatever its image may lack is installed where it is missing."""
    first, *others = chain(target)
    assert first.base == "${BASE}"
    assert STAGES[""].all("ARG") == ["BASE=python:3.11-slim"]
    assert not [stage for stage in (first, *others) if stage.all("ENTRYPOINT")]
    assert [line for line in first.all("RUN") if line.startswith("command -v tini || ")]
    assert [line for line in first.all("RUN") if line.startswith("getent passwd 1000 || ")]
    assert first.all("WORKDIR") == ["/srv/din"]
    environment = dict(pair.split("=", 1) for line in first.all("ENV") for pair in line.split())
    assert environment["HOME"] == "/tmp"
    assert Path(environment["DIN_MODELS"]).parent == Path("/tmp")


@pytest.mark.parametrize("target", TARGETS)
def test_what_an_image_starts_is_in_it(target):
    *_, stage = chain(target)
    (command,), (check,) = stage.all("CMD"), stage.all("HEALTHCHECK")
    tini, dashes, *program = yaml.safe_load(command)
    assert (tini, dashes) == ("tini", "--")
    if len(program) == 1:
        (script,) = program
        assert os.access(ROOT / script, os.X_OK)
        *_, last = (ROOT / script).read_text().strip().splitlines()
        program = [word for word in shlex.split(last.removeprefix("exec ")) if "$" not in word]
        program.remove("--repository")
    assert program[:3] == [".venv/bin/python", "-m", "app"]
    args = parse_arguments(program[3:])
    assert args.run is (serve_triton if target == "triton" else serve_page)
    assert args.host == "0.0.0.0"
    opened = {args.port, args.metrics_port} if target == "triton" else {args.port}
    assert {int(port) for line in stage.all("EXPOSE") for port in line.split()} == opened
    health = yaml.safe_load(check[check.index("[") :])
    asked = parse_arguments(health[3:])
    assert (asked.triton_url or f":{asked.port}").endswith(f":{args.port}")


@pytest.mark.parametrize("target", TARGETS)
def test_files_that_are_copied_are_there(target):
    for stage in chain(target):
        arguments = dict(line.split("=", 1) for line in stage.all("ARG"))
        for line in stage.all("COPY"):
            *sources, _ = line.split()
            for source in sources:
                assert (ROOT / Template(source).substitute(arguments)).exists()


def test_the_page_s_image_has_no_server_and_no_network():
    (install,) = (line for line in STAGES["page"].all("RUN") if "--require-hashes" in line)
    assert "-r requirements-page.txt" in install
    packages = re.findall(r"^([a-z0-9.-]+)==", (ROOT / "requirements-page.txt").read_text(), re.MULTILINE)
    assert {"gradio", "tritonclient", "numpy", "setuptools"} <= set(packages)
    assert not {"torch", "nvidia-pytriton"} & set(packages)
    assert not [line for line in STAGES["page"].all("COPY") if "din_model" in line.split() or "." in line.split()[:-1]]


@pytest.mark.parametrize("target", TARGETS)
def test_what_an_image_installs_belongs_to_root(target):
    stages = chain(target)
    assert [stage.all("USER") for stage in stages] == [*([] for _ in stages[1:]), ["1000"]]
    instructions = [instruction for instruction, _ in stages[-1].instructions]
    assert not {"COPY", "ADD", "RUN"} & set(instructions[instructions.index("USER") :])
    assert "chown" not in (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("name", COMPOSE)
def test_the_composition_is_valid(name):
    schema = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text())
    composition = yaml.safe_load((ROOT / "deploy" / name).read_text())
    jsonschema.validate(composition, schema)
    composition["services"]["triton"]["biuld"] = {}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(composition, schema)


def test_the_composition_s_services_have_no_rights_and_find_each_other():
    services = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]
    for service in services.values():
        assert service["read_only"] is True
        assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
        assert service.get("build", {}).get("target", "page") in TARGETS
    assert services["triton"]["networks"] == ["inside"]
    assert "ports" not in services["triton"]
    command = services["page"]["command"]
    args = parse_arguments(command[command.index("app") + 1 :])
    assert args.triton_url == "triton:8001"
    scraped = yaml.safe_load((ROOT / "deploy/prometheus.yml").read_text())["scrape_configs"]
    assert [target for job in scraped for group in job["static_configs"] for target in group["targets"]] == [
        "triton:8002",
        "page:7861",
    ]
    assert (args.metrics_host, args.metrics_port) == ("0.0.0.0", 7861)
    assert all(not port.endswith(":7861") for port in services["page"]["ports"])
    gpu = yaml.safe_load((ROOT / "deploy/compose.gpu.yaml").read_text())["services"]
    assert gpu.keys() <= services.keys()


@pytest.mark.parametrize("users", ["ann:secret\nbob:also secret", ""])
def test_variables_become_options_of_the_page(tmp_path, users):
    """A Space has variables and secrets, and no arguments."""
    (tmp_path / ".venv/bin").mkdir(parents=True)
    python = tmp_path / ".venv/bin/python"
    python.write_text('#!/bin/sh\necho "$*"\ncase "$*" in "-m app "*) ! env | grep -q ^DIN_USERS ;; esac\n')
    python.chmod(0o755)
    (tmp_path / "deploy").mkdir()
    script = shutil.copy(ROOT / "deploy/start.sh", tmp_path / "deploy")
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path), "DIN_OPTIONS": "--kiosk --drain-s 5"}
    done = subprocess.run(
        [script, "--port", "1"],
        env={**environment, "DIN_USERS": users, "DIN_MODELS": "models"},
        capture_output=True,
        text=True,
        check=True,
    )
    export, page = done.stdout.splitlines()
    assert export == "-m din_model.export --repository models"
    started, _, given = page.partition(" --users ")
    expected = "-m app --repository models --host 0.0.0.0 --port 7860 --kiosk --drain-s 5"
    if not users:
        assert page == f"{expected} --port 1"
        return
    path = Path(given.removesuffix(" --port 1"))
    assert started == expected
    assert (path.read_text(), path.stat().st_mode & 0o777) == (f"{users}\n", 0o600)
