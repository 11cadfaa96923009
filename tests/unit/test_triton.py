"""Selection of a Triton, delays of restarts, and processing of Triton's log."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.errors import ServerStartError
from app.triton import Policy, installed, preferred
from app.triton.guardian import processes_below
from app.triton.process import Run
from tests.support.processes import read_line


def test_restarts_come_later_and_later():
    policy = Policy(first_delay_s=1, longest_delay_s=10)
    assert [policy.delay_s(restart) for restart in range(1, 8)] == [0, 1, 2, 4, 8, 10, 10]


def test_the_machines_own_triton_is_preferred(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert preferred() == "embedded"
    with pytest.raises(ServerStartError, match="There is no tritonserver on the PATH"):
        installed.launch()
    (tmp_path / "tritonserver").touch(0o755)
    assert preferred() == "installed"
    launch = installed.launch()
    assert (launch.program, launch.processes_per_instance) == (tmp_path / "tritonserver", 0)
    assert launch.environment["PATH"] == str(tmp_path)


@pytest.mark.parametrize(("device", "options"), [("nvidia0", []), ("null", ["--model-config-name=cpu"])])
def test_the_models_configurations_follow_the_device(monkeypatch, device, options):
    found = {Path("/dev"): [Path("/dev", device)]}
    monkeypatch.setattr(Path, "glob", lambda self, pattern: [p for p in found[self] if p.match(pattern)])
    assert installed.options(Path("/nowhere")) == options


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("", "it said nothing"),
        ("\nserver: unrecognized option '--x'\nUsage: server [options]\n\n", "server: unrecognized option '--x'"),
        (
            'I1124 23:13:01.9 15 a.cc:1] "fine"\nE1124 23:13:01.9 15 b.cc:2] "no space left"\n'
            'I1124 23:13:02.0 15 c.cc:3] "started"\n',
            "no space left",
        ),
        ('E1124 23:13:01.9 15 b.cc:2] "a driver is missing"\nerror: killed by SIGKILL\n', "killed by SIGKILL"),
    ],
)
def test_last_words_are_one_line(tmp_path, said, words):
    (tmp_path / "log").write_text(said)
    with (tmp_path / "log").open("rb") as log:
        assert Run(guardian=None, folder=tmp_path, log=log).last_words() == words


def test_an_instance_that_has_ended_itself_has_said_why(tmp_path):
    (tmp_path / "log").write_text("I1124 a.cc:1] fine\nerror: din_a_0_0 ends: MemoryError\nerror: din_a_0_1 ends: no\n")
    with (tmp_path / "log").open("rb") as log:
        run = Run(guardian=None, folder=tmp_path, log=log)
        assert run.reasons(["din_a_0_0", "din_b_0_0"]) == ["MemoryError"]
        assert run.reasons(["din_a_0_0", "din_a_0_1"]) == ["MemoryError", "no"]
        assert run.reasons([]) == []


def test_only_the_living_below_a_process_are_found():
    sleepers = 'import subprocess, time; subprocess.Popen(["sleep", "60"]); print(flush=True); time.sleep(60)'
    with subprocess.Popen([sys.executable, "-c", sleepers], stdout=subprocess.PIPE) as parent:
        read_line(parent)
        (child,) = processes_below(parent.pid)
        subprocess.run(["kill", "-9", str(child.pid)], check=True)  # its parent never collects it
        while processes_below(parent.pid):
            pass
        parent.kill()
