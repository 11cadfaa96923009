"""The supervisor brings a Triton back that is dead or hangs, and leaves out a model that keeps failing."""

import functools
import os
import shutil
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from tritonclient import grpc
from tritonclient.utils import InferenceServerException

from app.client import RestorationClient
from app.errors import ServerStartError, UnknownTaskError
from app.pipeline.restore import restore
from app.triton import REPOSITORY, Policy, Triton, embedded
from tests.support.files import png
from tests.support.processes import process_of, wait_until

TASK = "sr_x4"
RECOVERY_S = 60  # also beside much other work; benchmarks/recovery.py measures it
# Added to the backend: the instance that gets a photo of that height while the file is there takes it away and hangs.
# The supervisor's tiny pictures are lower.
HANG = """


class TritonPythonModel(TritonPythonModel):
    def answer(self, requests):
        if requests[0].inputs()[0].shape()[1] == {height} and Path({hang!r}).exists():
            import time
            Path({hang!r}).unlink()
            time.sleep(3600)
        return super().answer(requests)
"""

# The same, for an instance that takes a second for a photo of that height, and says when it has begun.
LATE = """


class TritonPythonModel(TritonPythonModel):
    def answer(self, requests):
        if requests[0].inputs()[0].shape()[1] == {height}:
            import time
            Path({begun!r}).touch()
            time.sleep(1)
        return super().answer(requests)
"""

# The same, while the file is there, for an instance that answers everything with an error.
FAIL = """


class TritonPythonModel(TritonPythonModel):
    def answer(self, requests):
        if Path({fail!r}).exists():
            return [pb_utils.InferenceResponse(error=pb_utils.TritonError("no")) for _ in requests]
        return super().answer(requests)
"""


@pytest.fixture(scope="module")
def own():
    """One whose models may fail more often than here."""
    with Triton(embedded.launch(), policy=Policy(model_failures=100)) as server:
        server.wait_ready()
        yield server


def is_back(own, client, pid):
    """Return whether a restart has replaced the process, and the task is served."""
    return not is_alive(pid) and client.is_live() and TASK in client.tasks()


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("word", "number", "said"),
    [
        ("bin/tritonserver", signal.SIGKILL, "has ended (killed by SIGKILL): restarting it"),
        ("bin/tritonserver", signal.SIGSTOP, "has stopped processes: tritonserver: restarting it"),
        (f"din_{TASK}_0_1", signal.SIGKILL, f"has lost din_{TASK}_0_1: restarting it"),
        (f"din_{TASK}_0_1", signal.SIGSEGV, f"has lost din_{TASK}_0_1: restarting it"),
        (f"din_{TASK}_0_1", signal.SIGSTOP, f"has stopped processes: din_{TASK}_0_1: restarting it"),
    ],
)
def test_what_is_dead_or_stopped_is_replaced(own, small_photo, caplog, word, number, said):
    with RestorationClient(own.url) as client:
        pid = process_of(own.port, word)
        os.kill(pid, number)
        wait_until(lambda: is_back(own, client, pid), RECOVERY_S)
        assert restore(png(small_photo), client.task(TASK), client).tiles == 1
    assert said in caplog.text


def test_a_model_that_keeps_failing_is_taken_out_of_service(small_photo, caplog):
    policy = Policy(interval_s=0.2, first_delay_s=0.1, model_failures=2)
    with Triton(embedded.launch(), policy=policy) as own, RestorationClient(own.url) as client:
        own.wait_ready()
        expected = restore(png(small_photo), client.task("sr_x3"), client).after.rgb
        for _ in range(policy.model_failures):
            pid = process_of(own.port, f"din_{TASK}_0_0")
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: not is_alive(pid) and client.is_live() and "sr_x3" in client.tasks(), RECOVERY_S)  # noqa: B023 - called within the turn
        assert TASK not in client.tasks()
        with pytest.raises(UnknownTaskError, match=f"The task {TASK} is out of service: its network kept failing"):
            client.task(TASK)
        assert np.array_equal(restore(png(small_photo), client.task("sr_x3"), client).after.rgb, expected)
    assert f"The model din_{TASK} is taken out of service" in caplog.text


def test_a_server_that_dies_is_no_fault_of_a_model():
    with Triton(embedded.launch(), policy=Policy(model_failures=1)) as own, RestorationClient(own.url) as client:
        own.wait_ready()
        tasks = set(client.tasks())
        for number in (signal.SIGKILL, signal.SIGSTOP):
            pid = process_of(own.port, "bin/tritonserver")
            os.kill(pid, number)
            wait_until(lambda: not is_alive(pid) and client.is_live() and set(client.tasks()) == tasks, RECOVERY_S)  # noqa: B023 - called within the turn


def prepare_with(launch, addition, folder):
    """Prepare the embedded Triton's folder with an addition to its backend."""
    options = launch.prepare(folder)
    with (folder / "backends/pytorch/model.py").open("a") as backend:
        backend.write(addition)
    return options


def test_an_instance_that_hangs_at_work_is_found_while_its_sibling_answers(tmp_path, small_photo, caplog):
    """Triton gives every probe to the sibling, which is free. No photo is lost."""
    hang, launch, repository = tmp_path / "hang", embedded.launch(), tmp_path / "repository"
    shutil.copytree(REPOSITORY / f"din_{TASK}", repository / f"din_{TASK}")
    addition = HANG.format(hang=str(hang), height=len(small_photo))
    launch = replace(launch, prepare=functools.partial(prepare_with, launch, addition))
    with (
        Triton(launch, repository) as own,
        RestorationClient(own.url) as client,
        ThreadPoolExecutor(1) as executor,
    ):
        own.wait_ready()
        task = client.task(TASK)
        expected = restore(png(small_photo), task, client).after.rgb
        hang.touch()
        caught = executor.submit(restore, png(small_photo), task, client)
        wait_until(lambda: not hang.exists(), RECOVERY_S)
        assert np.array_equal(restore(png(small_photo), task, client).after.rgb, expected)
        assert np.array_equal(caught.result(RECOVERY_S).after.rgb, expected)
    assert f"has instances that hang: din_{TASK}_0_" in caplog.text


def test_a_model_that_answers_with_errors_alone_is_replaced(tmp_path, small_photo, caplog):
    fail, launch, repository = tmp_path / "fail", embedded.launch(), tmp_path / "repository"
    shutil.copytree(REPOSITORY / f"din_{TASK}", repository / f"din_{TASK}")
    launch = replace(launch, prepare=functools.partial(prepare_with, launch, FAIL.format(fail=str(fail))))
    with Triton(launch, repository) as own, RestorationClient(own.url) as client:
        own.wait_ready()
        task = client.task(TASK)
        expected = restore(png(small_photo), task, client).after.rgb
        fail.touch()
        wait_until(lambda: own.restarts == 1, RECOVERY_S)
        fail.unlink()
        assert np.array_equal(restore(png(small_photo), task, client).after.rgb, expected)
    assert f"answers with errors alone: din_{TASK}: restarting it" in caplog.text


def test_a_late_answer_goes_to_nobody_and_is_no_fault_of_the_model(tmp_path, small_photo, caplog):
    """Triton gives a request up whose instance stands still, as in a suspended laptop, and would mistake its answer."""
    begun, launch, repository = tmp_path / "begun", embedded.launch(), tmp_path / "repository"
    shutil.copytree(REPOSITORY / f"din_{TASK}", repository / f"din_{TASK}")
    config = repository / f"din_{TASK}/configs/cpu.pbtxt"
    alone = config.read_text().replace("count: 2", "count: 1")  # or the next request has another instance
    config.write_text(alone)
    late = 255 - small_photo[None, :-1]
    addition = LATE.format(begun=str(begun), height=late.shape[1])
    launch = replace(launch, prepare=functools.partial(prepare_with, launch, addition))
    with (
        Triton(launch, repository, policy=Policy(confirm_after_s=10, model_failures=1)) as own,
        RestorationClient(own.url) as client,
        grpc.InferenceServerClient(own.url) as triton,
        ThreadPoolExecutor(1) as executor,
    ):
        own.wait_ready()
        task = client.task(TASK)
        expected = restore(png(small_photo), task, client).after.rgb
        lq = grpc.InferInput("lq", late.shape, "UINT8")
        lq.set_data_from_numpy(late)
        given_up = executor.submit(triton.infer, f"din_{TASK}", [lq])
        wait_until(begun.exists, RECOVERY_S)
        os.kill(pid := process_of(own.port, f"din_{TASK}_0_0"), signal.SIGSTOP)
        with pytest.raises(InferenceServerException, match="not healthy"):
            given_up.result(RECOVERY_S)
        os.kill(pid, signal.SIGCONT)
        assert np.array_equal(restore(png(small_photo), task, client).after.rgb, expected)
        wait_until(lambda: is_back(own, client, pid), RECOVERY_S)
    assert f"has lost din_{TASK}_0_0 (Triton gave a request up): restarting it" in caplog.text


def test_a_start_that_loses_an_instance_is_given_up(tmp_path):
    """Triton waits for ever for an instance that dies at the wrong moment, and does not collect it."""
    program = tmp_path / "tritonserver"
    program.write_text(f"#!{sys.executable}\nimport os, time\nos.fork() or os._exit(9)\ntime.sleep(600)\n")
    program.chmod(0o755)
    launch = replace(embedded.launch(), program=program)
    with Triton(launch) as own, pytest.raises(ServerStartError, match="lost an instance while starting"):
        own.wait_ready()


def test_a_restart_that_hangs_is_given_up_and_costs_no_photo(tmp_path, small_photo, caplog):
    hang, launch, repository = tmp_path / "hang", embedded.launch(), tmp_path / "repository"
    shutil.copytree(REPOSITORY / f"din_{TASK}", repository / f"din_{TASK}")
    program = tmp_path / "tritonserver"
    program.write_text(f'#!/bin/sh\nrm {hang} 2>/dev/null && exec sleep 600\nexec {launch.program} "$@"\n')
    program.chmod(0o755)
    with (
        Triton(replace(launch, program=program), repository, policy=Policy(idle_s=5)) as own,
        RestorationClient(own.url) as client,
    ):
        own.wait_ready()
        task = client.task(TASK)
        expected = restore(png(small_photo), task, client).after.rgb
        hang.touch()
        os.kill(process_of(own.port, "bin/tritonserver"), signal.SIGKILL)
        assert np.array_equal(restore(png(small_photo), task, client).after.rgb, expected)
        assert not hang.exists()
    assert "hung while starting" in caplog.text


@pytest.mark.parametrize(("crashes", "starts"), [(1, 2), (2, 2)])
def test_a_start_that_crashes_is_tried_once_more(crashes, starts, tmp_path, caplog):
    count, launch, repository = tmp_path / "count", embedded.launch(), tmp_path / "repository"
    shutil.copytree(REPOSITORY / f"din_{TASK}", repository / f"din_{TASK}")
    program = tmp_path / "tritonserver"
    crash = f"[ $(wc -l < {count}) -le {crashes} ] && kill -ABRT $$"
    program.write_text(f'#!/bin/bash\necho >> {count}\n{crash}\nexec {launch.program} "$@"\n')
    program.chmod(0o755)
    refusal = pytest.raises(ServerStartError, match="killed by SIGABRT") if crashes == starts else nullcontext()
    with Triton(replace(launch, program=program), repository) as own, RestorationClient(own.url) as client, refusal:
        own.wait_ready()
        assert list(client.tasks()) == [TASK]
    assert len(count.read_text()) == starts
    assert "killed by SIGABRT: starting it again" in caplog.text
