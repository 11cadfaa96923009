"""The Python client of a Triton that serves DIN; the only module that imports tritonclient.

It can be used on its own::

    with RestorationClient("127.0.0.1:8001") as client:
        network = client.task("sr_x4").network()
        restored = client.submit(network, pixels).result()
"""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Iterable, Mapping
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
from app.errors import (
    ModelGoneError,
    ServerBusyError,
    ServerError,
    ServerMemoryError,
    ServerUnavailableError,
    UnknownTaskError,
)
from app.i18n import Text, say
from app.tasks import MODEL_PREFIX, Network, Task, find_task, network_of, read_tasks
from app.usage import ReplicaUsage, Usage, read_usage

log = logging.getLogger(__name__)

# The channel descriptors of a photo (Eq. 8 of the paper); their tensor's name on the wire is "attention".
Descriptors = NDArray[np.float32]
Core = tuple[int, int, int, int]

NO_CORE: Core = (0, 0, 0, 0)
WITHDRAWN_MODEL = "taken out of service"  # in Triton's reason, for a model that the supervisor has withdrawn
READY = "READY"  # Triton's state of a loaded model
STATISTICS_TIMEOUT_S = 2.0
BIGGEST_MESSAGE = 2**31 - 1
# Messages of CUDA, of torch on a CPU, and of the shared memory between Triton and its instances.
OUT_OF_MEMORY = re.compile("out of memory|allocate memory|shared memory pool", re.IGNORECASE)
UNKNOWN_MODEL = "unknown model"
# Messages of Triton about an instance that has died or a server that ends, and of gRPC about a broken connection.
UNAVAILABLE = re.compile("not healthy|stopping|RST_STREAM|stream removed|connection", re.IGNORECASE)
CHANNEL_OPTIONS = [
    ("grpc.max_send_message_length", BIGGEST_MESSAGE),
    ("grpc.max_receive_message_length", BIGGEST_MESSAGE),
    # Balance requests over the replicas behind one name; stopped ones are skipped.
    ("grpc.lb_policy_name", "round_robin"),
    # Reconnect to a restarted server within a second; gRPC's default is up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # A server that hangs, or a connection that carries nothing any more, is noticed within 15 seconds. A server that
    # does not expect such pings closes the connection, and gRPC then pings half as often: docs/grpc.md has its option.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
]


class Priority(IntEnum):
    """Priority level of a request in Triton's queue; the smallest comes first."""

    VISITOR = 1
    BATCH = 2


class RestorationClient:
    """A thread-safe connection to one Triton, or to several replicas in turn.

    Args:
        url: ``HOST:PORT``, or several separated by commas.
        timeout_s: time limit of one request.

    Raises:
        ServerUnavailableError: an address is malformed or its host is unknown.
    """

    def __init__(self, url: str, timeout_s: float = 120.0) -> None:
        self.url, self.timeout_s, self.priority = url, timeout_s, Priority.VISITOR
        self._restored: set[str] = set()
        addresses = resolve(url)
        target = "ipv4:" + ",".join(addresses)
        self._triton = triton.InferenceServerClient(target, channel_args=CHANNEL_OPTIONS)
        # For the statistics of each replica; a channel connects at its first use.
        self._replicas = {a: triton.InferenceServerClient(f"ipv4:{a}", channel_args=CHANNEL_OPTIONS) for a in addresses}

    def with_priority(self, priority: Priority) -> RestorationClient:
        """Return a client on the same connection whose requests have another priority."""
        other = copy(self)
        other.priority = priority
        return other

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        for channel in (self._triton, *self._replicas.values()):
            channel.close()

    def is_live(self) -> bool:
        """Return whether a server responds."""
        try:
            return bool(self._triton.is_server_live(client_timeout=2.0))
        except InferenceServerException:
            return False

    def tasks(self) -> dict[str, Task]:
        """Return the tasks that are ready to use, by name, in order.

        Raises:
            ServerUnavailableError: no server responds.
        """
        ready = self._ready()
        return read_tasks(self._configs(ready).values(), ready)

    def broken(self) -> dict[str, str]:
        """Return the networks that the server could not load, as name to reason.

        Raises:
            ServerUnavailableError: no server responds.
        """
        models = self._index()
        ready = {model.name for model in models if model.state == READY}
        return {network_of(model.name): model.reason for model in models if model.name not in ready}

    def _index(self) -> list[Any]:
        """Return name, version, state and reason of each version of each DIN model in the repository.

        Raises:
            ServerUnavailableError: no server responds.
        """
        try:
            index = self._triton.get_model_repository_index(client_timeout=10.0)
        except InferenceServerException as error:
            raise explain(error) from error
        return [model for model in index.models if model.name.startswith(MODEL_PREFIX)]

    def _ready(self) -> dict[str, str]:
        """Return the latest version of each loaded DIN model, by its name."""
        loaded = [(model.name, int(model.version or 0)) for model in self._index() if model.state == READY]
        return {name: str(version or "") for name, version in sorted(loaded)}

    def instances(self) -> dict[str, int]:
        """Return the number of configured instances of each loaded model, by the model's name.

        Raises:
            ServerUnavailableError: no server responds.
        """
        return {
            name: sum(int(group.count) for group in config.instance_group)
            for name, config in self._configs(self._ready()).items()
        }

    def _configs(self, ready: Iterable[str]) -> dict[str, Any]:
        """Return the configuration of each of these models.

        Raises:
            ServerUnavailableError: no server responds.
            ModelGoneError: a model was unloaded meanwhile.
        """
        try:
            return {name: self._triton.get_model_config(name, client_timeout=10.0).config for name in ready}
        except InferenceServerException as error:
            raise explain(error) from error

    def task(self, name: str) -> Task:
        """Return the task of that name.

        Raises:
            UnknownTaskError: it is not served; the message lists the tasks that are, or says that it failed to load.
            ServerUnavailableError: no server responds.
        """
        tasks = self.tasks()
        if name not in tasks and (reason := self.broken().get(name)) is not None:
            raise UnknownTaskError(unavailable(name, reason))
        return find_task(tasks, name)

    def replica_usage(self) -> ReplicaUsage:
        """Return the counters of each network, for each replica that responds."""
        counted: dict[str, Mapping[str, Usage]] = {}
        for address, replica in self._replicas.items():
            with suppress(InferenceServerException):  # it does not respond
                counted[address] = read_usage(replica.get_inference_statistics(client_timeout=STATISTICS_TIMEOUT_S))
        return counted

    def usage(self) -> dict[str, Usage]:
        """Return the counters of each network, summed over all replicas.

        Raises:
            ServerUnavailableError: no server responds.
        """
        replicas = self.replica_usage()
        if not replicas:
            raise ServerUnavailableError(say("error.server_away"))
        total: dict[str, Usage] = {}
        for counted in replicas.values():
            for name, used in counted.items():
                total[name] = total.get(name, Usage()) + used
        return total

    def has_restored(self, network: Network) -> bool:
        """Return whether this network has returned a result; the server loads a network at its first request."""
        return network.name in self._restored

    def submit(self, network: Network, pixels: Pixels, descriptors: Descriptors | None = None) -> Future[Pixels]:
        """Send one photo or tile.

        Args:
            network: of a task of :meth:`tasks`.
            pixels: uint8 (H, W, 3) RGB, at most ``network.max_pixels``.
            descriptors: float32 (K,), the channel descriptors of the photo that a tile is cut from; None computes them
                from ``pixels``.

        Returns:
            A future of uint8 (scale * H, scale * W, 3) that raises a ServerError. Cancelling it cancels the request.
        """
        if not network.descriptor_width:
            return self._ask(network, {"lq": pixels}, "restored")
        return self._ask(network, tile_inputs(network, pixels, descriptors, NO_CORE), "restored")

    def descriptors(
        self, network: Network, pixels: Pixels, core: Core, previous: Descriptors | None = None
    ) -> Future[Descriptors]:
        """Request the channel descriptors (Eq. 8 of the paper) of a part of a tile.

        Their mean over the parts of a photo, weighted by area, are the descriptors of the photo.

        Args:
            network: of a task of :meth:`tasks`, one whose tiles share channel descriptors.
            pixels: uint8 (H, W, 3) RGB, at most ``network.max_pixels``.
            core: (top, bottom, left, right) of the part, in ``pixels``.
            previous: float32 (K,), the descriptors of the previous round, which each node applies before the next one
                is evaluated; None applies those of the tile.

        Returns:
            A future of float32 (K,) that raises a ServerError.
        """
        return self._ask(network, tile_inputs(network, pixels, previous, core), "attention")

    def _ask(self, network: Network, inputs: Mapping[str, NDArray[Any]], output: str) -> Future[NDArray[Any]]:
        """Send a request of batch size one; return a future of one of its outputs."""
        tensors = [infer_input(name, value) for name, value in inputs.items()]
        future: Future[NDArray[Any]] = Future()

        def deliver(result: triton.InferResult | None, error: InferenceServerException | None) -> None:
            if not future.set_running_or_notify_cancel():
                return  # it was cancelled; from here on it cannot be
            if error is not None:
                future.set_exception(explain(error))
                return
            try:
                answer = read_answer(result, output)
            except Exception as problem:  # a malformed response must fail the future, or its owner would wait forever
                future.set_exception(problem)
            else:
                self._restored.add(network.name)
                future.set_result(answer)

        wanted = [triton.InferRequestedOutput(output)]
        call = self._triton.async_infer(
            network.tiles_model,
            tensors,
            deliver,
            model_version=network.version,
            outputs=wanted,
            priority=self.priority,
            client_timeout=self.timeout_s,
        )
        future.add_done_callback(lambda done: call.cancel() if done.cancelled() else None)
        return future


def tile_inputs(
    network: Network, pixels: Pixels, descriptors: Descriptors | None, core: Core
) -> dict[str, NDArray[np.uint8] | NDArray[np.float32] | NDArray[np.int32]]:
    """Return the inputs of a tiles model.

    Args:
        network: whose tiles share channel descriptors; it has K of them.
        pixels: uint8 (H, W, 3) RGB.
        descriptors: float32 (K,), those to apply; None sends NaN, which makes a tile use its own.
        core: (top, bottom, left, right) in ``pixels``, the part whose descriptors are returned.

    Returns:
        The tensors by name, without the batch axis: ``lq`` uint8 (H, W, 3), ``attention`` float32 (K,), ``core``
        int32 (4,).
    """
    own = np.full(network.descriptor_width, np.nan, np.float32)
    return {"lq": pixels, "attention": own if descriptors is None else descriptors, "core": np.array(core, np.int32)}


def infer_input(name: str, value: NDArray[Any]) -> Any:
    """Return a Triton input of batch size one."""
    tensor = triton.InferInput(name, [1, *value.shape], np_to_triton_dtype(value.dtype))
    tensor.set_data_from_numpy(np.ascontiguousarray(value)[None])
    return tensor


def read_answer(result: triton.InferResult | None, output: str) -> NDArray[Any]:
    """Return an output of a request of batch size one.

    Raises:
        ServerError: the output is missing, or the requested core lies outside the tile.
    """
    answer = result.as_numpy(output) if result is not None else None
    if answer is None or len(answer) != 1:
        raise ServerError(say("error.no_picture"))
    if answer.dtype == np.float32 and not np.isfinite(answer).all():
        raise ServerError("The core lies outside its tile: give it in the tile's pixels.")
    tensor: NDArray[Any] = answer[0]
    return tensor


def unavailable(network: str, reason: str) -> Text:
    """Return the message about a network that Triton could not load."""
    return say("error.withdrawn_task" if WITHDRAWN_MODEL in reason else "error.unavailable_task", task=network)


def resolve(url: str) -> list[str]:
    """Resolve one or several ``HOST:PORT``, separated by commas, to distinct ``IP:PORT``.

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
    """Convert Triton's error to one whose message is for a visitor."""
    status, message = str(error.status()), str(error.message())
    if "CANCELLED" not in status:  # cancelled by us
        log.info("Triton answered %s: %s", status, message)  # for the operator
    if "maximum queue size" in message:
        return ServerBusyError(say("error.server_busy"))
    if "DEADLINE_EXCEEDED" in status:
        return ServerUnavailableError(say("error.server_slow"))
    # A network was served when its task was read: the server is unloading it to stop, or has newer weights.
    if "NOT_FOUND" in status or UNKNOWN_MODEL in message:
        return ModelGoneError(say("error.server_away"))
    if "UNAVAILABLE" in status or UNAVAILABLE.search(message):
        return ServerUnavailableError(say("error.server_away"))
    if OUT_OF_MEMORY.search(message):
        return ServerMemoryError(say("error.memory"))
    if "not finite" in message:
        return ServerError(say("error.not_finite"))
    return ServerError(say("error.refused", message=reason_in(message)))


def reason_in(message: str) -> str:
    """Return the last line of Triton's message: the LibTorch backend puts a traceback before it."""
    last = (message.strip().splitlines() or ["it gave no reason"])[-1].strip()
    return re.sub(r"^(builtins\.)?\w+Error: ", "", last)
