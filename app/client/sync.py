"""The client for programs that wait: :class:`RestorationClient`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from copy import copy
from enum import IntEnum
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from tritonclient import grpc as triton
from tritonclient.utils import InferenceServerException

from app import tracing
from app.client import tensors
from app.client.channels import Channel, Channels
from app.client.explain import explain, is_away, status_of, unavailable
from app.client.limit import Limit
from app.client.options import ConnectionOptions
from app.client.picture import Picture, read_picture
from app.client.request import Deliver, Request
from app.codec import Pixels
from app.errors import RestorationError, ServerUnavailableError, UnknownTaskError
from app.i18n import say
from app.judgement import JUDGE_MODEL, Judgement, Kinds, judgement, read_kinds
from app.pipeline.chain import chain_steps
from app.pipeline.restore import Progress, Restoration, Steps, run
from app.pipeline.server import Core, Descriptors
from app.tasks import (
    MODEL_PREFIX,
    Chain,
    Network,
    Quality,
    Task,
    find_quality,
    find_task,
    network_of,
    read_tasks,
    split_chain,
)
from app.usage import ReplicaUsage, Usage, read_usage
from imaging.look import look

T = TypeVar("T")

READY = "READY"  # Triton's state of a loaded model
LIVE_TIMEOUT_S = 2.0
STATISTICS_TIMEOUT_S = 2.0
MODELS_TIMEOUT_S = 10.0
TASK_S = 60.0  # a task is read again after so long
DEADLINE = "DEADLINE_EXCEEDED"


class Priority(IntEnum):
    """Priority level of a request in Triton's queue; the smallest comes first."""

    VISITOR = 1
    BATCH = 2


class RestorationClient:
    """A thread-safe connection to one Triton, or to several replicas in turn.

    Nothing is sent before the first request: a server may start later than its clients.

    Args:
        url: ``HOST:PORT`` or ``dns:///HOST:PORT``, or several separated by commas. A name may have many addresses; they
            are looked up again when a connection is lost.
        options: of the connection.

    Raises:
        AddressError: an address is malformed.
    """

    def __init__(self, url: str, options: ConnectionOptions | None = None) -> None:
        self.url, self.options = url, options or ConnectionOptions()
        self.priority = Priority.VISITOR
        self._limit = Limit()
        self._channels = Channels(url, self.options)
        self._restored: set[str] = set()
        self._read: dict[str, tuple[Task, float]] = {}  # tasks, and when they were read
        self._judges: list[tuple[Kinds, frozenset[str], float]] = []  # the last one read, with the tasks, and when

    def with_priority(self, priority: Priority) -> Self:
        """Return a client on the same connection whose requests have another priority."""
        other = copy(self)
        other.priority = priority
        return other

    def within(self, limit: Limit) -> Self:
        """Return a client on the same connection whose requests end at a limit."""
        other = copy(self)
        other._limit = limit
        return other

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._channels.close()

    def restore(
        self,
        picture: Picture,
        task: str,
        quality: str = Quality.FAST,
        *,
        deadline_s: float | None = None,
        progress: Progress | None = None,
    ) -> Restoration:
        """Restore a photo of any size, by tiles where it is large.

        Args:
            picture: an image file, its content, or uint8 (H, W, 3) RGB pixels.
            task: for example ``sr_x4``, or a chain of tasks, ``derain_heavy,sr_x2``.
            quality: ``fast``, ``finer`` or ``best``: a :class:`~app.tasks.Quality`.
            deadline_s: time limit of the whole photo; None for none, but then it fails after a minute without any
                response.
            progress: called with (tiles done, tiles in all), first with (0, n).

        Returns:
            The restored photo: its pixels are ``after.rgb``. Of a chain, ``steps`` has the result of each task.

        Raises:
            RestorationError: the photo could not be restored; the message gives the reason, ``status`` gRPC's code.
            OSError: the file cannot be opened.
        """
        return run(self.steps(picture, task, quality, Limit(deadline_s)), progress)

    def steps(self, picture: Picture, task: str, quality: str, limit: Limit) -> Steps[Restoration]:
        """Restore a photo step by step; :meth:`restore` describes arguments, result and errors.

        Args:
            picture: an image file, its content, or uint8 (H, W, 3) RGB pixels.
            task: for example ``sr_x4``, or a chain of tasks.
            quality: ``fast``, ``finer`` or ``best``.
            limit: where it ends, all requests are cancelled.
        """
        client = self.within(limit)
        level, chain = find_quality(quality), client.recent_chain(task)
        steps = chain_steps(read_picture(picture, chain[0].scale), chain, client, level)
        while True:
            limit.remaining_s()
            try:
                step = next(steps)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            yield step

    def judge(self, picture: Picture, *, deadline_s: float | None = None) -> Judgement:
        """Judge what a photo needs, by a few parts of it: a large one takes no longer than a small one.

        Args:
            picture: an image file, its content, or uint8 (H, W, 3) RGB pixels.
            deadline_s: time limit of the answer; None for none, but then it fails after a minute without any response.

        Returns:
            The probability of each kind of damage, and the tasks to try.

        Raises:
            RestorationError: the photo could not be judged; the message gives the reason.
            OSError: the file cannot be opened.
        """
        client = self.within(Limit(deadline_s)) if deadline_s is not None else self
        pixels = read_picture(picture, 1).rgb
        kinds, offered = client._recent_judge()
        inputs: Mapping[str, NDArray[Any]] = {"squares": look(pixels), "size": np.array(pixels.shape[:2], np.int32)}
        answer = client._send(JUDGE_MODEL, "", inputs, "probabilities", 4 * len(kinds))
        return judgement(answer.result(), kinds, offered)

    def has_judge(self) -> bool:
        """Return whether the server has a judge of photos.

        Raises:
            ServerUnavailableError: no server responds.
        """
        return JUDGE_MODEL in self._ready()

    def _recent_judge(self) -> tuple[Kinds, frozenset[str]]:
        """Return the kinds that the judge tells, and the names of the tasks, as they were read at most a minute ago.

        Raises:
            UnknownTaskError: the server has no judge.
            ServerUnavailableError: no server responds.
        """
        for kinds, offered, read_s in self._judges:
            if time.monotonic() - read_s < TASK_S:
                return kinds, offered
        ready = self._ready()
        if JUDGE_MODEL not in ready:
            raise UnknownTaskError(say("judge.missing"))
        kinds, offered = read_kinds(self._config(JUDGE_MODEL)), frozenset(self.tasks())
        self._judges[:] = [(kinds, offered, time.monotonic())]
        return kinds, offered

    def is_live(self) -> bool:
        """Return whether a server responds."""
        try:
            return self._ask_any(
                lambda channel, timeout_s: bool(channel.is_server_live(client_timeout=timeout_s)), LIVE_TIMEOUT_S
            )
        except RestorationError:
            return False

    def tasks(self) -> dict[str, Task]:
        """Return the tasks that are ready to use, by name, in order.

        Raises:
            ServerUnavailableError: no server responds.
        """
        ready = self._ready()
        return read_tasks(self._configs(name for name in ready if name.startswith(MODEL_PREFIX)).values(), ready)

    def broken(self) -> dict[str, str]:
        """Return the networks that the server could not load, the judge of photos among them, as name to reason.

        Raises:
            ServerUnavailableError: no server responds.
        """
        models = self._index()
        ready = {model.name for model in models if model.state == READY}
        return {network_of(model.name): model.reason for model in models if model.name not in ready}

    def _index(self) -> list[Any]:
        """Return name, version, state and reason of each version of each of our models in the repository.

        Raises:
            ServerUnavailableError: no server responds.
        """
        index = self._ask_any(
            lambda channel, timeout_s: channel.get_model_repository_index(client_timeout=timeout_s), MODELS_TIMEOUT_S
        )
        return [model for model in index.models if model.name.startswith(MODEL_PREFIX) or model.name == JUDGE_MODEL]

    def _ready(self) -> dict[str, str]:
        """Return the latest version of each loaded model of ours, by its name."""
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
        return {name: self._config(name) for name in ready}

    def _config(self, name: str) -> Any:
        """Return the configuration of a model; errors are those of :meth:`_configs`."""
        return self._ask_any(
            lambda channel, timeout_s: channel.get_model_config(name, client_timeout=timeout_s).config,
            MODELS_TIMEOUT_S,
        )

    def _ask_any(self, ask: Callable[[Channel, float], T], timeout_s: float) -> T:
        """Ask the addresses in turn until one responds.

        Args:
            ask: asks through a channel, within a time.
            timeout_s: for each address.

        Raises:
            ServerError: none has responded, or one has refused the request.
        """
        problem = InferenceServerException("")
        for channel in self._channels.in_turn():
            try:
                return ask(channel, min(timeout_s, self._limit.remaining_s()))
            except InferenceServerException as error:
                problem = error
                if not is_away(error) and status_of(error) != DEADLINE:
                    break
        raise self._explain(problem)

    def _explain(self, error: InferenceServerException) -> RestorationError:
        """Convert Triton's error to one of the project's."""
        return self._limit.error() if status_of(error) == DEADLINE and self._limit.is_over() else explain(error)

    def task(self, name: str) -> Task:
        """Return the task of that name.

        Raises:
            UnknownTaskError: it is not served; the message lists the tasks that are, or says that it failed to load.
            ServerUnavailableError: no server responds.
        """
        tasks = self.tasks()
        if name not in tasks and (reason := self.broken().get(name)) is not None:
            raise UnknownTaskError(unavailable(name, reason))
        task = find_task(tasks, name)
        self._read[name] = task, time.monotonic()
        return task

    def recent_task(self, name: str) -> Task:
        """Return the task of that name as it was read at most a minute ago; errors are those of :meth:`task`."""
        task, read_s = self._read.get(name, (None, 0.0))
        return task if task is not None and time.monotonic() - read_s < TASK_S else self.task(name)

    def chain(self, names: str) -> Chain:
        """Return the tasks of a chain by their names, separated by commas; one name is a chain, too.

        Raises:
            UnknownTaskError: they are too many, or one is not served; the message gives the limit, or those that are.
            ServerUnavailableError: no server responds.
        """
        return tuple(self.task(name) for name in split_chain(names))

    def recent_chain(self, names: str) -> Chain:
        """Return the tasks of a chain as they were read at most a minute ago; errors are those of :meth:`chain`."""
        return tuple(self.recent_task(name) for name in split_chain(names))

    def replica_usage(self) -> ReplicaUsage:
        """Return the counters of each network, for each replica that responds."""
        counted: dict[str, Mapping[str, Usage]] = {}
        # What fails is left out: the replica does not respond, or the time of the photo is over.
        for address, replica in self._channels.replicas().items():
            with suppress(InferenceServerException, RestorationError):
                timeout_s = min(STATISTICS_TIMEOUT_S, self._limit.remaining_s())
                counted[address] = read_usage(replica.get_inference_statistics(client_timeout=timeout_s))
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

        Raises:
            PhotoError: ``pixels`` has another type or shape.
            MessageSizeError: the request, or its answer, is larger than a message may be.
            DeadlineError: the time of the photo is over.
        """
        tensors.check_pixels(pixels)
        inputs: Mapping[str, NDArray[Any]] = {"lq": pixels}
        if network.descriptor_width:
            inputs = tensors.tile_inputs(network, pixels, descriptors, tensors.NO_CORE)
        return self._ask(network, inputs, "restored", pixels.nbytes * network.scale**2)

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

        Raises:
            PhotoError: as for :meth:`submit`.
            MessageSizeError: as for :meth:`submit`.
            DeadlineError: as for :meth:`submit`.
        """
        tensors.check_pixels(pixels)
        inputs = tensors.tile_inputs(network, pixels, previous, core)
        return self._ask(network, inputs, "attention", inputs["attention"].nbytes)

    def _ask(
        self, network: Network, inputs: Mapping[str, NDArray[Any]], output: str, answer_bytes: int
    ) -> Future[NDArray[Any]]:
        """Send a request of batch size one to a network; return a future of one of its outputs."""

        def note() -> None:
            self._restored.add(network.name)

        return self._send(network.tiles_model, network.version, inputs, output, answer_bytes, note)

    def _send(
        self,
        model: str,
        version: str,
        inputs: Mapping[str, NDArray[Any]],
        output: str,
        answer_bytes: int,
        note: Callable[[], None] = lambda: None,
    ) -> Future[NDArray[Any]]:
        """Send a request of batch size one to a model.

        Args:
            model: its name.
            version: of it; empty for the latest.
            inputs: tensors by name, without the batch axis.
            output: name of the one to return.
            answer_bytes: size of the answer.
            note: called before the answer is there for others.

        Returns:
            A future of the output.
        """
        tensors.check_message(tensors.size_bytes(inputs), answer_bytes, self.options.biggest_message_bytes)
        values = [tensors.infer_input(name, value) for name, value in inputs.items()]
        limit, span = self._limit, tracing.start_part("tile", model=model)

        def send(channel: Channel, deliver: Deliver) -> Any:
            return channel.async_infer(
                model,
                values,
                deliver,
                model_version=version,
                outputs=[triton.InferRequestedOutput(output)],
                priority=self.priority,
                client_timeout=min(self.options.timeout_s, limit.remaining_s()),
                headers=dict(span.headers()),
            )

        def explain_within(error: InferenceServerException) -> RestorationError:
            with span.current():  # in a thread of gRPC's
                return self._explain(error)

        def read(result: triton.InferResult | None) -> NDArray[Any]:
            answer = tensors.read_answer(result, output, answer_bytes)
            note()
            return answer

        try:
            request = Request(self._channels.in_turn(), send, read, explain_within)
        except BaseException as error:
            span.end(error)
            raise
        request.future.add_done_callback(lambda future: span.end(failure(future)))
        limit.watch(request.future)
        return request.future


def failure(future: Future[Any]) -> BaseException | None:
    """Return the error of a future that is done; None if it has a result."""
    return CancelledError() if future.cancelled() else future.exception()
