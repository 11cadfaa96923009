"""The Python client of a Triton that serves DIN; the one place that imports tritonclient.

Other services may use it as it stands::

    with RestorationClient("127.0.0.1:8001") as client:
        network = client.task("sr_x4").network()
        restored = client.submit(network, pixels).result()
"""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from copy import copy
from enum import IntEnum
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from tritonclient import grpc as triton
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from app.codec import Pixels
from app.errors import ServerError, ServerMemoryError, ServerUnavailableError, UnknownTaskError
from app.i18n import Text, say
from app.tasks import MODEL_PREFIX, Network, Task, find_task, network_of, read_tasks
from app.usage import Replicas, Usage, read_usage

log = logging.getLogger(__name__)

Attention = NDArray[np.float32]
Core = tuple[int, int, int, int]

NO_CORE: Core = (0, 0, 0, 0)
READY = "READY"  # the state of a model that is loaded, as Triton calls it
STATISTICS_TIMEOUT_S = 2.0
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


class Priority(IntEnum):
    """What Triton does first: its own levels, of which the smallest is the most urgent."""

    VISITOR = 1
    BATCH = 2


class RestorationClient:
    """A connection to one Triton, or to several replicas in turn. Its methods may be called from any thread.

    Args:
        url: ``HOST:PORT``, or several with commas.
        timeout_s: seconds after which one tile counts as lost.
    """

    def __init__(self, url: str, timeout_s: float = 120.0) -> None:
        self.url, self.timeout_s, self.priority = url, timeout_s, Priority.VISITOR
        self._restored: set[str] = set()
        addresses = resolve(url)
        target = "ipv4:" + ",".join(addresses)
        self._triton = triton.InferenceServerClient(target, channel_args=CHANNEL_OPTIONS)
        # For what each replica tells of itself; a channel connects when it is first used.
        self._replicas = {a: triton.InferenceServerClient(f"ipv4:{a}", channel_args=CHANNEL_OPTIONS) for a in addresses}

    def at(self, priority: Priority) -> RestorationClient:
        """The same connection for requests of another priority."""
        other = copy(self)
        other.priority = priority
        return other

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        for channel in (self._triton, *self._replicas.values()):
            channel.close()

    def is_live(self) -> bool:
        """Whether a server answers at all."""
        try:
            return bool(self._triton.is_server_live(client_timeout=2.0))
        except InferenceServerException:
            return False

    def tasks(self) -> dict[str, Task]:
        """The tasks that can be used now, by name, in their order.

        Raises:
            ServerUnavailableError: no server answers.
        """
        return read_tasks(self._configs().values())

    def broken(self) -> dict[str, str]:
        """The networks that the server knows but could not load, by name, with its reason.

        Raises:
            ServerUnavailableError: no server answers.
        """
        broken = {name: reason for name, (state, reason) in self._states().items() if state != READY}
        return {network_of(name): reason for name, reason in broken.items()}

    def _states(self) -> dict[str, tuple[str, str]]:
        """The state of each of our models, and Triton's reason for it."""
        try:
            index = self._triton.get_model_repository_index(client_timeout=10.0)
        except InferenceServerException as error:
            raise explain(error) from error
        return {m.name: (m.state, m.reason) for m in index.models if m.name.startswith(MODEL_PREFIX)}

    def instances(self) -> dict[str, int]:
        """How many instances the configuration of each loaded model asks for, by the model's name.

        Raises:
            ServerUnavailableError: no server answers.
        """
        return {
            name: sum(int(group.count) for group in config.instance_group) for name, config in self._configs().items()
        }

    def _configs(self) -> dict[str, Any]:
        """The configuration of each of our models that is loaded."""
        ready = [name for name, (state, _) in self._states().items() if state == READY]
        try:
            return {name: self._triton.get_model_config(name, client_timeout=10.0).config for name in ready}
        except InferenceServerException as error:
            raise explain(error) from error

    def task(self, name: str) -> Task:
        """The task of that name.

        Raises:
            UnknownTaskError: it is not served; the message lists those that are, or says why it could not be loaded.
            ServerUnavailableError: no server answers.
        """
        tasks = self.tasks()
        if name not in tasks and name in self.broken():
            raise UnknownTaskError(unavailable(name))
        return find_task(tasks, name)

    def counted(self) -> Replicas:
        """The counters of each network's models, for each replica that answers."""
        counted: dict[str, Mapping[str, Usage]] = {}
        for address, replica in self._replicas.items():
            with suppress(InferenceServerException):  # it is away
                counted[address] = read_usage(replica.get_inference_statistics(client_timeout=STATISTICS_TIMEOUT_S))
        return counted

    def usage(self) -> dict[str, Usage]:
        """The counters of each network's models, summed over all replicas.

        Raises:
            ServerUnavailableError: no server answers.
        """
        replicas = self.counted()
        if not replicas:
            raise ServerUnavailableError(say("error.server_away"))
        total: dict[str, Usage] = {}
        for counted in replicas.values():
            for name, used in counted.items():
                total[name] = total.get(name, Usage()) + used
        return total

    def has_restored(self, network: Network) -> bool:
        """Whether a picture has come back from this network; before the first one the server loads it."""
        return network.name in self._restored

    def submit(self, network: Network, pixels: Pixels, attention: Attention | None = None) -> Future[Pixels]:
        """Sends one picture or tile.

        Args:
            network: of a task of :meth:`tasks`.
            pixels: uint8 (H, W, 3) RGB, at most ``network.max_pixels``.
            attention: float32 (K,) of the photo that a tile is cut from; None takes it from ``pixels``.

        Returns:
            A future of uint8 (scale * H, scale * W, 3); it raises a ServerError. Cancelling it before it is done
            takes the request back from the server.
        """
        if not network.attention_width:
            return self._ask(network, {"lq": pixels}, "restored")
        return self._ask(network, tile_inputs(network, pixels, attention, NO_CORE), "restored")

    def attention(
        self, network: Network, pixels: Pixels, core: Core, under: Attention | None = None
    ) -> Future[Attention]:
        """Asks what AsyCA's attention follows from in a part of a picture: the mean over the parts is the photo's.

        Args:
            network: of a task of :meth:`tasks`, one whose tiles share their attention.
            pixels: uint8 (H, W, 3) RGB, at most ``network.max_pixels``.
            core: (top, bottom, left, right) of the part, in ``pixels``.
            under: attention to use meanwhile, for what a node finds depends on the nodes before it; None uses what is
                found.

        Returns:
            A future of float32 (K,); it raises a ServerError.
        """
        return self._ask(network, tile_inputs(network, pixels, under, core), "attention")

    def _ask(self, network: Network, inputs: Mapping[str, NDArray[Any]], output: str) -> Future[NDArray[Any]]:
        """Sends one request of a batch of one, and promises one of its outputs."""
        tensors = [infer_input(name, value) for name, value in inputs.items()]
        future: Future[NDArray[Any]] = Future()

        def deliver(result: triton.InferResult | None, error: InferenceServerException | None) -> None:
            if not future.set_running_or_notify_cancel():
                return  # cancelled, and from here on it cannot be
            if error is not None:
                future.set_exception(explain(error))
                return
            try:
                answer = read_answer(result, output)
            except Exception as problem:  # whatever a foreign server sent: who waits must hear of it
                future.set_exception(problem)
            else:
                self._restored.add(network.name)
                future.set_result(answer)

        wanted = [triton.InferRequestedOutput(output)]
        call = self._triton.async_infer(
            network.tiles_model,
            tensors,
            deliver,
            outputs=wanted,
            priority=self.priority,
            client_timeout=self.timeout_s,
        )
        future.add_done_callback(lambda done: call.cancel() if done.cancelled() else None)
        return future


def tile_inputs(
    network: Network, pixels: Pixels, attention: Attention | None, core: Core
) -> dict[str, NDArray[np.uint8] | NDArray[np.float32] | NDArray[np.int32]]:
    """The inputs of a tiles model; not-a-number has a tile use its own channel descriptors."""
    own = np.full(network.attention_width, np.nan, np.float32)
    return {"lq": pixels, "attention": own if attention is None else attention, "core": np.array(core, np.int32)}


def infer_input(name: str, value: NDArray[Any]) -> Any:
    """A tensor of a batch of one, as Triton takes it."""
    tensor = triton.InferInput(name, [1, *value.shape], np_to_triton_dtype(value.dtype))
    tensor.set_data_from_numpy(np.ascontiguousarray(value)[None])
    return tensor


def read_answer(result: triton.InferResult | None, output: str) -> NDArray[Any]:
    """One output of a request of a batch of one.

    Raises:
        ServerError: it is not there, or it is the answer to a core that its tile does not have.
    """
    answer = result.as_numpy(output) if result is not None else None
    if answer is None or len(answer) != 1:
        raise ServerError(say("error.no_picture"))
    if answer.dtype == np.float32 and not np.isfinite(answer).all():
        raise ServerError("The part that attention was asked for lies outside its tile: give the core in its pixels.")
    tensor: NDArray[Any] = answer[0]
    return tensor


def unavailable(network: str) -> Text:
    """The message about a network whose model Triton could not load."""
    return say("error.unavailable_task", task=network)


def resolve(url: str) -> list[str]:
    """The addresses of one or several ``HOST:PORT``, each once.

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
    return list(dict.fromkeys(addresses))


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
    return ServerError(say("error.refused", message=reason_in(message)))


def reason_in(message: str) -> str:
    """The sentence for people in Triton's message: LibTorch's backend puts the graph's traceback before it."""
    last = (message.strip().splitlines() or ["it gave no reason"])[-1].strip()
    return re.sub(r"^(builtins\.)?\w+Error: ", "", last)
