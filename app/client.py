"""The Python client of a Triton that serves DIN; the one place that imports tritonclient.

Other services may use it as it stands::

    with RestorationClient("127.0.0.1:8001") as client:
        restored = client.submit(client.task("sr_x4"), pixels).result()
"""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from tritonclient import grpc as triton
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from app.codec import Pixels
from app.errors import ServerError, ServerMemoryError, ServerUnavailableError, UnknownTaskError
from app.texts import Text, say

log = logging.getLogger(__name__)

Attention = NDArray[np.float32]
Core = tuple[int, int, int, int]

MODEL_PREFIX = "din_"
BIGGEST_MESSAGE = 2**31 - 1
# As CUDA, torch on a CPU and the shared memory between Triton and its instances tell it.
OUT_OF_MEMORY = re.compile("out of memory|allocate memory|shared memory pool", re.IGNORECASE)
CHANNEL_OPTIONS = [
    ("grpc.max_send_message_length", BIGGEST_MESSAGE),
    ("grpc.max_receive_message_length", BIGGEST_MESSAGE),
    # Several replicas behind one name are used in turn, and one that stops is left out.
    ("grpc.lb_policy_name", "round_robin"),
    # A restarted server is found again within a second instead of after gRPC's two minutes.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1000),
]


@dataclass(frozen=True)
class ServedTask:
    """One task as its Triton model describes it.

    Attributes:
        name: of the task, or ``<task>-<preset>`` where it is a further network for it; the model is ``din_<name>``.
        task: what it does, the name of the task's fastest network.
        order: its place among the tasks.
        label: what a visitor reads.
        family, variant: what it has in common with other tasks, and what tells it from them.
        degradation: name of what it takes back, in ``imaging.degradations``.
        metric: what PSNR and SSIM are measured on: ``y`` or ``rgb``.
        scale: output size over input size.
        size_multiple: tiles start at multiples of it.
        preset: of the network.
        precision: that it runs in: ``fp32``, ``bf16`` or ``fp16``.
        device: ``CPU`` or ``GPU``.
        instances: of the model.
        mult_adds_per_pixel: what an LQ pixel costs.
        psnr, baseline_psnr: dB on ``evaluated_on``, restored and untouched; empty where unknown.
        tile, overlap: side of a tile and context on its inner sides, LQ pixels.
        attention_rounds: how often the tiles of a photo are asked for its attention before they are restored with it;
            0 where each takes its own.
        whole_pixels: a photo of at most so many pixels goes in one piece.
        max_pixels: largest H * W of one tensor.
    """

    name: str
    task: str
    order: int
    label: str
    family: str
    variant: str
    degradation: str
    metric: str
    scale: int
    size_multiple: int
    preset: str
    precision: str
    device: str
    instances: int
    mult_adds_per_pixel: int
    psnr: str
    baseline_psnr: str
    evaluated_on: str
    tile: int
    overlap: int
    attention_rounds: int
    whole_pixels: int
    max_pixels: int


@dataclass(frozen=True)
class Usage:
    """What Triton has counted of a model since it started.

    Attributes:
        requests, failures: answered with a picture and with an error.
        queue_s, compute_s: that those answered waited and were computed, summed.
        batches: how many batches of each size were run.
    """

    requests: int = 0
    failures: int = 0
    queue_s: float = 0.0
    compute_s: float = 0.0
    batches: Mapping[int, int] = field(default_factory=dict)

    def since(self, earlier: Usage) -> Usage:
        """What was counted after an earlier reading."""
        batches = {size: count - earlier.batches.get(size, 0) for size, count in self.batches.items()}
        return Usage(
            self.requests - earlier.requests,
            self.failures - earlier.failures,
            self.queue_s - earlier.queue_s,
            self.compute_s - earlier.compute_s,
            {size: count for size, count in batches.items() if count},
        )


def read_task(config: Any) -> ServedTask:
    """A task from its model's configuration, most of it from the ``parameters``.

    Raises:
        ServerError: the model does not carry what every exported model carries.
    """
    try:
        model = str(config.name)
        text = {key: value.string_value for key, value in config.parameters.items()}
        (group,) = config.instance_group
        return ServedTask(
            name=model.removeprefix(MODEL_PREFIX),
            task=text["task"],
            order=int(text["order"]),
            label=text["label"],
            family=text["family"],
            variant=text["variant"],
            degradation=text["degradation"],
            metric=text["metric"],
            scale=int(text["scale"]),
            size_multiple=int(text["size_multiple"]),
            preset=text["preset"],
            precision=text["precision"],
            device=type(group).Kind.Name(group.kind).removeprefix("KIND_"),
            instances=int(group.count),
            mult_adds_per_pixel=int(text["mult_adds_per_pixel"]),
            psnr=text["psnr"],
            baseline_psnr=text["baseline_psnr"],
            evaluated_on=text["evaluated_on"],
            tile=int(text["tile"]),
            overlap=int(text["overlap"]),
            attention_rounds=int(text["attention_rounds"]),
            whole_pixels=int(text["whole_pixels"]),
            max_pixels=int(text["max_pixels"]),
        )
    except (KeyError, ValueError) as error:
        raise ServerError(
            f"The model {config.name} is not one of din_model.export: {error} is missing or wrong."
        ) from error


class RestorationClient:
    """A connection to one Triton, or to several replicas in turn. Its methods may be called from any thread.

    Args:
        url: ``HOST:PORT``, or several with commas.
        timeout_s: seconds after which one tile counts as lost.
    """

    def __init__(self, url: str, timeout_s: float = 120.0) -> None:
        self.url, self.timeout_s = url, timeout_s
        self._restored: set[str] = set()
        self._triton = triton.InferenceServerClient(grpc_target(url), channel_args=CHANNEL_OPTIONS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._triton.close()

    def is_live(self) -> bool:
        """Whether a server answers at all."""
        try:
            return bool(self._triton.is_server_live(client_timeout=2.0))
        except InferenceServerException:
            return False

    def tasks(self) -> dict[str, ServedTask]:
        """The tasks that can be used now, by name and in their order, a task's networks from fast to slow.

        Raises:
            ServerUnavailableError: no server answers.
        """
        try:
            index = self._triton.get_model_repository_index(client_timeout=10.0)
            ready = [m.name for m in index.models if m.name.startswith(MODEL_PREFIX) and m.state == "READY"]
            configs = [self._triton.get_model_config(name, client_timeout=10.0).config for name in ready]
        except InferenceServerException as error:
            raise explain(error) from error
        tasks = (read_task(config) for config in configs)
        return {task.name: task for task in sorted(tasks, key=lambda task: (task.order, task.mult_adds_per_pixel))}

    def broken(self) -> dict[str, str]:
        """The tasks that the server knows but could not load, by name, with its reason.

        Raises:
            ServerUnavailableError: no server answers.
        """
        try:
            index = self._triton.get_model_repository_index(client_timeout=10.0)
        except InferenceServerException as error:
            raise explain(error) from error
        models = (m for m in index.models if m.name.startswith(MODEL_PREFIX) and m.state != "READY")
        return {m.name.removeprefix(MODEL_PREFIX): m.reason for m in models}

    def task(self, name: str) -> ServedTask:
        """The task of that name.

        Raises:
            UnknownTaskError: it is not served; the message lists those that are, or says why it could not be loaded.
            ServerUnavailableError: no server answers.
        """
        try:
            return read_task(self._triton.get_model_config(MODEL_PREFIX + name, client_timeout=10.0).config)
        except InferenceServerException:
            tasks = self.tasks()  # also says so where no server answers
        if name in self.broken():
            raise UnknownTaskError(unavailable(name))
        raise UnknownTaskError(say("error.unknown_task", name=name, offered=", ".join(tasks)))

    def usage(self) -> dict[str, Usage]:
        """What Triton has counted of each task's model; of one of several replicas.

        Raises:
            ServerUnavailableError: no server answers.
        """
        try:
            statistics = self._triton.get_inference_statistics(client_timeout=10.0)
        except InferenceServerException as error:
            raise explain(error) from error
        models = (m for m in statistics.model_stats if m.name.startswith(MODEL_PREFIX))
        return {m.name.removeprefix(MODEL_PREFIX): read_usage(m) for m in models}

    def has_restored(self, task: ServedTask) -> bool:
        """Whether a picture has come back for this task; before the first one the server loads the network."""
        return task.name in self._restored

    def submit(self, task: ServedTask, pixels: Pixels, attention: Attention | None = None) -> Future[Pixels]:
        """Sends one picture or tile.

        Args:
            task: from :meth:`task`.
            pixels: uint8 (H, W, 3) RGB, at most ``task.max_pixels``.
            attention: float32 (K,) of the photo that a tile is cut from; None takes it from ``pixels``.

        Returns:
            A future of uint8 (scale * H, scale * W, 3); it raises a ServerError. Cancelling it before it is done
            takes the request back from the server.
        """
        given = {} if attention is None else {"attention": attention}
        return self._ask(task, {"lq": pixels, **given}, "restored")

    def attention(
        self, task: ServedTask, pixels: Pixels, core: Core, under: Attention | None = None
    ) -> Future[Attention]:
        """Asks what AsyCA's attention follows from in a part of a picture: the mean over the parts is the photo's.

        Args:
            task: from :meth:`task`.
            pixels: uint8 (H, W, 3) RGB, at most ``task.max_pixels``.
            core: (top, bottom, left, right) of the part.
            under: attention to use meanwhile, for what a node finds depends on the nodes before it; None uses what is
                found.

        Returns:
            A future of float32 (K,); it raises a ServerError.
        """
        given = {} if under is None else {"attention": under}
        return self._ask(task, {"lq": pixels, "core": np.array(core, np.int32), **given}, "attention")

    def _ask(self, task: ServedTask, inputs: Mapping[str, NDArray[Any]], output: str) -> Future[NDArray[Any]]:
        """Sends one request of a batch of one, and promises one of its outputs."""
        tensors = [infer_input(name, value) for name, value in inputs.items()]
        future: Future[NDArray[Any]] = Future()

        def deliver(result: triton.InferResult | None, error: InferenceServerException | None) -> None:
            if not future.set_running_or_notify_cancel():
                return  # cancelled, and from here on it cannot be
            answer = result.as_numpy(output) if result is not None else None
            if error is not None:
                future.set_exception(explain(error))
            elif answer is None:
                future.set_exception(ServerError(say("error.no_picture")))
            else:
                self._restored.add(task.name)
                future.set_result(answer[0])

        wanted = [triton.InferRequestedOutput(output)]
        call = self._triton.async_infer(
            MODEL_PREFIX + task.name, tensors, deliver, outputs=wanted, client_timeout=self.timeout_s
        )
        future.add_done_callback(lambda done: call.cancel() if done.cancelled() else None)
        return future


def read_usage(model: Any) -> Usage:
    """A model's counters, from Triton's statistics of it."""
    counted = model.inference_stats
    return Usage(
        requests=int(counted.success.count),
        failures=int(counted.fail.count),
        queue_s=counted.queue.ns / 1e9,
        compute_s=(counted.compute_input.ns + counted.compute_infer.ns + counted.compute_output.ns) / 1e9,
        batches={int(b.batch_size): int(b.compute_infer.count) for b in model.batch_stats},
    )


def infer_input(name: str, value: NDArray[Any]) -> Any:
    """A tensor of a batch of one, as Triton takes it."""
    tensor = triton.InferInput(name, [1, *value.shape], np_to_triton_dtype(value.dtype))
    tensor.set_data_from_numpy(np.ascontiguousarray(value)[None])
    return tensor


def unavailable(task: str) -> Text:
    """What to say of a task whose model Triton could not load."""
    return say("error.unavailable_task", task=task)


def grpc_target(url: str) -> str:
    """gRPC's name for one or several ``HOST:PORT``.

    Raises:
        ServerUnavailableError: an address is malformed or its host is unknown.
    """
    addresses: list[str] = []
    for part in url.split(","):
        host, _, port = part.strip().rpartition(":")
        if not host or not port.isdigit():
            raise ServerUnavailableError(f"{part.strip()!r} is not an address of the form HOST:PORT.")
        try:
            found = socket.getaddrinfo(host, int(port), socket.AF_INET, socket.SOCK_STREAM)
        except OSError as error:
            raise ServerUnavailableError(f"The host {host!r} is unknown ({error.strerror}).") from error
        addresses += [f"{address[4][0]}:{port}" for address in found]
    return "ipv4:" + ",".join(dict.fromkeys(addresses))


def explain(error: InferenceServerException) -> ServerError:
    """Triton's error as a sentence for the person who waits."""
    status, message = str(error.status()), str(error.message())
    if "CANCELLED" not in status:  # which is what we asked for
        log.info("Triton answered %s: %s", status, message)  # for the operator; visitors get the sentence
    if "maximum queue size" in message:
        return ServerUnavailableError(say("error.server_busy"))
    if "DEADLINE_EXCEEDED" in status:
        return ServerUnavailableError(say("error.server_slow"))
    if "UNAVAILABLE" in status or "not healthy" in message or "stopping" in message:
        return ServerUnavailableError(say("error.server_away"))
    if OUT_OF_MEMORY.search(message):
        return ServerMemoryError(say("error.memory"))
    if "not finite" in message:
        return ServerError(say("error.not_finite"))
    return ServerError(say("error.refused", message=message))
