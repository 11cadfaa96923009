"""The embedded Triton: it batches, it refuses, it recovers, and it leaves nothing behind."""

import functools
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import wait
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from tritonclient import grpc
from tritonclient.utils import InferenceServerException

from app.client import Priority, RestorationClient, infer_input, tile_inputs
from app.errors import ServerError, ServerMemoryError, ServerStartError, ServerUnavailableError, UnknownTaskError
from app.pipeline.restore import restore
from app.triton import REPOSITORY, Policy, Triton, embedded
from app.triton.process import GUARDIAN, UNSENDABLE_HEADER
from din_model.tasks import TASKS
from tests.support import http2
from tests.support.files import ROOT, png
from tests.support.processes import (
    SERVER_KILLED,
    command_line,
    folder_of,
    left_environments,
    processes_with,
    read_line,
    wait_until,
)
from tests.support.served import SHIPPED

TASK = "sr_x4"
SHARING = "derain_light"  # a task whose tiles share the channel descriptors of their photo
EAGER = Policy(interval_s=0.2, first_delay_s=0.1)


@pytest.fixture(autouse=True)
def no_folder_is_left(triton):
    """Triton itself forgets a folder in /tmp when it is killed."""
    before = left_environments()
    yield
    wait_until(lambda: left_environments() <= before)


def assert_nothing_left(folder: str, port: int) -> None:
    wait_until(lambda: not processes_with(folder))
    assert not Path(tempfile.gettempdir(), folder).exists()
    assert not list(Path("/dev/shm").glob(folder + "*"))
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_dynamic_batching_joins_concurrent_requests(triton, client):
    """Many visitors at once cost fewer executions than requests, by Triton's own statistics."""
    connection = grpc.InferenceServerClient(triton.url)

    def statistics():
        (model,) = connection.get_inference_statistics(f"din_{TASK}").model_stats
        return model.inference_count, model.execution_count

    task, requests = client.task(TASK).network(), 64
    tile = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    before = statistics()
    answers = [client.submit(task, tile) for _ in range(requests)]
    wait(answers)
    results = [answer.result() for answer in answers]
    wait_until(lambda: statistics()[0] - before[0] >= requests)  # counted a moment after they are answered
    inferences, executions = (now - then for now, then in zip(statistics(), before, strict=True))
    connection.close()
    assert executions <= inferences / 2
    # A batch changes the order of sums at most.
    assert max(int(np.abs(r.astype(int) - results[0]).max()) for r in results) <= 1


def test_administration_is_restricted(triton):
    connection = grpc.InferenceServerClient(triton.url)
    with pytest.raises(InferenceServerException, match="not allowed"):
        connection.load_model(f"din_{TASK}")
    for restricted in (connection.get_system_shared_memory_status, connection.get_trace_settings):
        with pytest.raises(InferenceServerException, match="restricted"):
            restricted()
    connection.close()


def test_no_request_can_hold_the_key_of_what_is_restricted(triton):
    """Its header has capitals, which gRPC refuses on this side, and Triton's HTTP/2 on the other."""
    name, value = UNSENDABLE_HEADER.split("=")
    header = f"triton-grpc-protocol-{name}"
    connection = grpc.InferenceServerClient(triton.url)
    with pytest.raises(InferenceServerException, match="Invalid metadata"):
        connection.get_trace_settings(headers={header: value})
    with pytest.raises(InferenceServerException, match="restricted"):
        connection.get_trace_settings(headers={header.lower(): value})
    connection.close()
    assert http2.call(triton.url, "/inference.GRPCInferenceService/TraceSetting", {header: value}) == http2.RESET
    assert http2.call(triton.url, "/inference.GRPCInferenceService/TraceSetting", {"x": value}) == http2.HEADERS


def test_refusals_that_share_a_batch_keep_their_reason(triton, client):
    answers = [client.submit(client.task(TASK).network(), np.empty((0, 8, 3), np.uint8)) for _ in range(32)]
    reasons = {str(answer.exception()) for answer in answers}
    assert reasons == {"The restoration server refused the request: lq has no pixels"}


def test_a_network_is_loaded_by_its_first_request_not_by_the_supervisor(small_photo):
    with Triton(embedded.launch()) as own:
        own.wait_ready()
        with RestorationClient(own.url) as connection:
            networks = [network for task in connection.tasks().values() for network in task.networks]
            stubs = [pid for pid in processes_with(folder_of(own.port)) if is_stub(pid)]
            models = {model for network in networks for model in (network.model, network.tiles_model)}
            instances = connection.instances()  # of the judge, too
            assert models < instances.keys()
            assert len(stubs) == sum(instances.values())
            assert not any(has_loaded_torch(pid) for pid in stubs)
            assert not any(connection.has_restored(network) for network in networks)
            restore(png(small_photo), connection.task(TASK), connection)
            assert [network.name for network in networks if connection.has_restored(network)] == [TASK]
            assert any(has_loaded_torch(pid) for pid in stubs)


def is_stub(pid: int) -> bool:
    return b"triton_python_backend_stub" in Path(f"/proc/{pid}/cmdline").read_bytes()


def has_loaded_torch(pid: int) -> bool:
    return "libtorch_cpu" in Path(f"/proc/{pid}/maps").read_text()


@pytest.mark.parametrize(
    ("shape", "dtype", "name", "reason"),
    [
        ((1, 513, 512, 3), "UINT8", "lq", "send tiles"),
        ((1, 0, 8, 3), "UINT8", "lq", "lq has no pixels"),
        ((1, 8, 8, 4), "UINT8", "lq", "unexpected shape"),
        ((2, 8, 3), "UINT8", "lq", "unexpected shape"),
        ((99, 2, 2, 3), "UINT8", "lq", "batch-size must be <="),
        ((1, 8, 8, 3), "FP32", "lq", "data-type"),
        ((1, 8, 8, 3), "UINT8", "image", "unexpected inference input"),
    ],
)
def test_malformed_tensors_are_refused_with_a_reason(triton, client, shape, dtype, name, reason):
    connection = grpc.InferenceServerClient(triton.url)
    tensor = grpc.InferInput(name, shape, dtype)
    tensor.set_data_from_numpy(np.zeros(shape, np.uint8 if dtype == "UINT8" else np.float32))
    with pytest.raises(InferenceServerException, match=reason) as refused:
        connection.infer(f"din_{TASK}", [tensor])
    connection.close()
    assert refused.value.status() == "StatusCode.INVALID_ARGUMENT"
    assert len(refused.value.message().splitlines()) == 1
    tiny = np.zeros((4, 4, 3), np.uint8)
    assert client.submit(client.task(TASK).network(), tiny).result().shape == (16, 16, 3)  # and it still serves


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"attention": None}, "expected 3 inputs but got 2"),
        ({"core": None}, "expected 3 inputs but got 2"),
        ({"attention": np.zeros(255, np.float32)}, "unexpected shape for input 'attention'"),
        ({"attention": np.zeros(0, np.float32)}, "unexpected shape for input 'attention'"),
        ({"core": np.zeros(3, np.int32)}, "unexpected shape for input 'core'"),
        ({"core": np.zeros(4, np.float32)}, "data-type"),
        ({"lq": np.zeros((0, 8, 3), np.uint8)}, "lq has no pixels"),
        ({"lq": np.zeros((2048, 2048, 3), np.uint8)}, "send tiles"),
    ],
)
def test_malformed_tiles_are_refused_with_a_reason(triton, client, change, reason):
    task = client.task(SHARING).network()
    tile = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    inputs = {**tile_inputs(task, tile, None, (0, 16, 0, 16)), **change}
    tensors = [infer_input(name, value) for name, value in inputs.items() if value is not None]
    connection = grpc.InferenceServerClient(triton.url)
    with pytest.raises(InferenceServerException, match=reason) as refused:
        connection.infer(task.tiles_model, tensors)
    connection.close()
    assert refused.value.status() == "StatusCode.INVALID_ARGUMENT"
    assert len(refused.value.message().splitlines()) == 1


def test_bad_tiles_harm_no_other_tile_of_the_same_burst(client):
    """Descriptors that are not finite and cores outside the picture, among valid tiles of the same shape."""
    task = client.task(SHARING).network()
    tile = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    states = client.descriptors(task, tile, (0, 16, 0, 16)).result()
    expected, own = client.submit(task, tile, states * 2).result(), client.submit(task, tile).result()
    assert not np.array_equal(expected, own)
    bad = np.where(np.arange(len(states)) == 7, np.inf, states).astype(np.float32)
    good = [client.submit(task, tile, states * 2) for _ in range(5)]
    repaired = [client.submit(task, tile, bad) for _ in range(5)]
    refused = [client.descriptors(task, tile, core, states) for core in ((0, 17, 0, 16), (9, 3, 0, 16), (-1, 4, 0, 4))]
    good += [client.submit(task, tile, states * 2) for _ in range(5)]
    assert all(np.array_equal(answer.result(), expected) for answer in good)
    assert all(np.array_equal(answer.result(), own) for answer in repaired)
    for answer in refused:
        with pytest.raises(ServerError, match="lies outside its tile"):
            answer.result()


def test_a_visitor_precedes_a_batch_and_a_full_queue_is_reported(client):
    task, batch = client.task(TASK).network(), client.with_priority(Priority.BATCH)
    tile = np.zeros((160, 160, 3), np.uint8)
    answers = [batch.submit(task, tile) for _ in range(200)]
    client.submit(task, tile).result()
    done = [answer for answer in answers if answer.done()]
    busy = [answer for answer in done if isinstance(answer.exception(), ServerUnavailableError)]
    restored = len(done) - len(busy)
    for answer in answers:
        answer.cancel()
    assert busy
    assert "is busy" in str(busy[0].exception())
    assert restored < (200 - len(busy)) / 2  # in its turn it would have been the last


def test_tasks_are_read_from_the_server(client):
    tasks = client.tasks()
    networks = {network.name: (task.name, network.preset) for task in tasks.values() for network in task.networks}
    assert networks == SHIPPED
    assert list(tasks) == list(TASKS)
    assert (tasks[TASK].label, tasks[TASK].scale) == ("Enlarge 4×", 4)
    assert client.broken() == {}
    with pytest.raises(UnknownTaskError, match=r"no task 'sr_x5': this server offers sr_x2"):
        client.task("sr_x5")


@pytest.mark.parametrize("tile_sides", [(1, 1), (50, 60), (400, 250)])
def test_photos_of_any_size_go_through_tiles(client, tile_sides):
    photo = np.random.default_rng(0).integers(0, 256, (*tile_sides, 3)).astype(np.uint8)
    result = restore(png(photo), client.task(TASK), client)
    assert result.after.rgb.shape == (4 * tile_sides[0], 4 * tile_sides[1], 3)
    assert (result.tiles > 1) == (max(tile_sides) > result.task.network().tile)


def test_replicas_share_the_work_and_a_dead_one_is_left_out(triton, small_photo):
    with RestorationClient(f"127.0.0.1:1,{triton.url}") as client:
        assert restore(png(small_photo), client.task(TASK), client).after.rgb.shape == (240, 336, 3)


def test_leaving_the_context_leaves_nothing():
    with Triton(embedded.launch()) as own:
        own.wait_ready()
        folder, port = folder_of(own.port), own.port
        assert len(processes_with(folder)) >= 4  # guardian, Triton, two instances
    assert_nothing_left(folder, port)
    own.stop()  # twice is fine


OWNER = """
import sys, time
from app.triton import Triton, embedded
with Triton(embedded.launch()) as own:
    own.wait_ready()
    print(own.port, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda s: s.name)
def test_the_end_of_the_owner_is_the_end_of_the_server(number):
    with subprocess.Popen([sys.executable, "-c", OWNER], cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        port = int(read_line(owner))
        folder = folder_of(port)
        assert len(processes_with(folder)) >= 4
        owner.send_signal(number)
        owner.wait(30)
    assert_nothing_left(folder, port)


def is_replaced(folder: str, port: int) -> bool:
    """Return whether another Triton than that of this folder has been started on its port."""
    commands = [command_line(pid) for pid in processes_with(f"--grpc-port={port}\0")]
    has_guardian = any(str(GUARDIAN) in words for words in commands)
    return has_guardian and not any(folder in word for words in commands for word in words)


def has_no_process(folder: str) -> bool:
    return not processes_with(folder)


def has_no_memory(folder: str) -> bool:
    return not list(Path("/dev/shm").glob(folder + "*"))


def victim(folder: str, program: str) -> int:
    """A process of that program, of the server that has that folder."""
    commands = {pid: "\0".join(command_line(pid)) for pid in processes_with(folder)}
    return next(pid for pid, command in commands.items() if re.match(rf"[^\0]*{program}", command))


def test_a_dead_instance_or_server_is_replaced(small_photo, caplog):
    with Triton(embedded.launch(), policy=EAGER) as own, RestorationClient(own.url) as client:
        own.wait_ready()
        expected = restore(png(small_photo), client.task(TASK), client).after.rgb
        for program in ("triton_python_backend_stub", "bin/tritonserver"):
            folder = folder_of(own.port)
            os.kill(victim(folder, program), signal.SIGKILL)
            wait_until(functools.partial(is_replaced, folder, own.port))
            wait_until(client.is_live)
            wait_until(lambda: client.tasks())
            assert np.array_equal(restore(png(small_photo), client.task(TASK), client).after.rgb, expected)
            wait_until(functools.partial(has_no_memory, folder))
    assert "has lost din_" in caplog.text
    assert re.search(SERVER_KILLED, caplog.text)


def test_an_unavailable_server_is_one_sentence(small_photo):
    with Triton(embedded.launch()) as own:
        own.wait_ready()
        url = own.url
    with RestorationClient(url) as client:
        assert not client.is_live()
        with pytest.raises(ServerUnavailableError, match="does not respond; it may be restarting"):
            restore(png(small_photo), client.task(TASK), client)


@pytest.fixture
def repository(tmp_path):
    """A copy of the model repository that may be damaged."""
    return Path(shutil.copytree(REPOSITORY, tmp_path / "repository"))


def test_a_damaged_model_is_named_and_the_others_serve(repository, small_photo):
    shutil.copytree(repository / f"din_{TASK}", repository / "din_damaged")
    (repository / "din_damaged/configs").joinpath("cpu.pbtxt").write_text(
        (repository / f"din_{TASK}/configs/cpu.pbtxt").read_text().replace(f'"din_{TASK}"', '"din_damaged"')
    )
    (repository / "din_damaged/1/model.pt").write_bytes(b"not a model")
    with Triton(embedded.launch(), repository) as own, RestorationClient(own.url) as client:
        own.wait_ready()
        assert TASK in client.tasks()
        assert list(client.broken()) == ["damaged"]
        with pytest.raises(UnknownTaskError, match="damaged is not available.*`din export`"):
            restore(png(small_photo), client.task("damaged"), client)
        assert restore(png(small_photo), client.task(TASK), client).tiles == 1


def test_a_repository_without_models_is_one_sentence(repository):
    for model in repository.glob("*/1/model.pt"):
        model.unlink()
    with pytest.raises(ServerStartError, match="No model has been built .*: run `din export --repository .*` first"):
        Triton(embedded.launch(), repository)


def test_a_configuration_that_cannot_be_read_breaks_its_model_alone(repository):
    (repository / f"din_{TASK}/configs/cpu.pbtxt").write_text("this is no configuration {")
    with Triton(embedded.launch(), repository) as own:
        own.wait_ready()  # it comes up, and says that the model is broken
        with RestorationClient(own.url) as client, pytest.raises(UnknownTaskError, match="is not available"):
            client.task(TASK)


def test_a_server_that_ends_while_starting_quotes_its_reason():
    launch = replace(embedded.launch(), prepare=lambda folder: ["--no-such-option"])
    with pytest.raises(ServerStartError, match="The embedded Triton ended while starting: .*no-such-option"):
        Triton(launch).wait_ready()


def test_a_taken_port_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServerStartError, match=f"Triton cannot use port {port} of 127.0.0.1"):
            Triton(embedded.launch(), port=port)


def test_nothing_takes_the_port_while_triton_is_away(small_photo):
    with Triton(embedded.launch(), policy=replace(EAGER, first_delay_s=1)) as own:
        own.wait_ready()
        for _ in range(2):
            folder = folder_of(own.port)
            os.kill(victim(folder, "bin/tritonserver"), signal.SIGKILL)
            wait_until(functools.partial(has_no_process, folder))
            with socket.socket() as thief, pytest.raises(OSError, match="in use"):
                thief.bind(("127.0.0.1", own.port))
            wait_until(functools.partial(is_replaced, folder, own.port))
            with RestorationClient(own.url) as client:
                wait_until(client.is_live)


def test_restarts_in_vain_come_to_an_end(tmp_path, caplog):
    """Whatever keeps Triton from coming back, the watch tries again, later and later, and says why it gives up."""
    caplog.set_level(logging.INFO, "app.triton.supervisor")
    failures = iter([OSError("No space left on device"), RuntimeError("can't start new thread")])
    folders: list[str] = []

    def prepare(folder: Path) -> list[str]:
        folders.append(folder.name)
        if not (tmp_path / "broken").exists():
            return original.prepare(folder)
        if failure := next(failures, None):
            raise failure
        return ["--no-such-option"]

    original = embedded.launch()
    with Triton(replace(original, prepare=prepare), policy=replace(EAGER, restarts=3)) as own:
        own.wait_ready()
        (tmp_path / "broken").touch()
        os.kill(victim(folder_of(own.port), "bin/tritonserver"), signal.SIGKILL)
        with pytest.raises(ServerStartError, match="3 times in a row, which is the limit"):
            own.wait()
    records = [record for record in caplog.records if record.name == "app.triton.supervisor"]
    end, no_space, no_thread, no_option = [r.getMessage() for r in records if r.levelno >= logging.WARNING][:4]
    end_of_log = next(r.getMessage() for r in records if r.getMessage().startswith("The end of its log:"))
    assert "killed by SIGKILL" in end_of_log
    assert "Non-graceful" not in end_of_log
    assert "has ended (killed by SIGKILL)" in end
    assert "No space left on device" in no_space
    assert "can't start new thread" in no_thread
    assert re.search(r"could not be restarted \(The embedded Triton ended .*no-such-option", no_option)
    assert len(folders) == 4
    for folder in folders:
        assert_nothing_left(folder, own.port)


def test_a_model_that_a_restart_has_lost_is_no_new_normal(repository, caplog):
    with Triton(embedded.launch(), repository, policy=replace(EAGER, restarts=1)) as own:
        own.wait_ready()
        (repository / f"din_{TASK}/1/model.pt").write_bytes(b"not a model")
        os.kill(victim(folder_of(own.port), "bin/tritonserver"), signal.SIGKILL)
        with pytest.raises(ServerStartError, match=f"no longer loads din_{TASK}"):
            own.wait()


def test_a_server_without_a_model_that_loads_says_why(repository):
    for model in repository.glob("*/1/model.pt"):
        model.write_bytes(b"not a model")
    with pytest.raises(ServerStartError, match="could not load a single model: .*not a zip file"):
        Triton(embedded.launch(), repository).wait_ready()


class Hungry(torch.nn.Module):
    """A network of scale 4 that asks for a petabyte where a tile has more than 64x64 pixels."""

    def forward(self, lq: Tensor) -> Tensor:
        if lq.size(1) * lq.size(2) > 64 * 64:
            lq = lq + torch.zeros(1 << 50, dtype=torch.uint8)[0]
        return lq.repeat_interleave(4, 1).repeat_interleave(4, 2)


def test_a_server_that_runs_out_of_memory_gets_smaller_tiles(repository):
    for folder in repository.iterdir():
        if folder.name != f"din_{TASK}":
            shutil.rmtree(folder)
    torch.jit.script(Hungry()).save(str(repository / f"din_{TASK}/1/model.pt"))
    photo = np.random.default_rng(0).integers(0, 256, (100, 150, 3)).astype(np.uint8)
    with Triton(embedded.launch(), repository) as own, RestorationClient(own.url) as client:
        own.wait_ready()
        with pytest.raises(ServerMemoryError):
            client.submit(client.task(TASK).network(), photo).result()
        result = restore(png(photo), client.task(TASK), client)
    assert np.array_equal(result.after.rgb, photo.repeat(4, 0).repeat(4, 1))
    assert result.tiles > 4
    assert "out of memory" in str(result.after.notices[0])


def test_an_interpreter_without_its_shared_library_is_told_what_to_do(monkeypatch):
    monkeypatch.setattr("sysconfig.get_config_var", lambda name: "/nowhere")
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    with pytest.raises(ServerStartError, match=r"on Debian the package libpython3\.\d+"):
        Triton(embedded.launch())


def test_systems_without_the_wheel_are_told_what_to_do(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ServerStartError, match="not available on this system.*--triton-url HOST:PORT"):
        Triton(embedded.launch())


def test_cancelling_takes_a_request_back(client):
    task = client.task(TASK).network()
    tile = np.zeros((192, 192, 3), np.uint8)
    answers = [client.submit(task, tile) for _ in range(40)]
    cancelled = [answer.cancel() for answer in answers[4:]]
    assert any(cancelled)
    for answer in answers[:4]:
        assert answer.result().shape == (768, 768, 3)
    # The queue is short again: a new request does not wait for what was taken back.
    started = time.monotonic()
    client.submit(task, tile[:8, :8]).result()
    assert time.monotonic() - started < 10


def test_server_errors_are_restoration_errors(client):
    task = client.task(TASK).network()
    with pytest.raises(ServerError, match="send tiles"):
        client.submit(task, np.zeros((600, 600, 3), np.uint8)).result()
