"""Start a local Triton, watch it, restart it and stop it."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections import Counter
from collections.abc import Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from app.client import WITHDRAWN_MODEL, RestorationClient
from app.errors import ServerStartError
from app.tasks import network_of
from app.triton import process
from app.triton.launch import Launch
from app.triton.probe import Prober, crowding
from app.triton.repository import REPOSITORY, check_repository

log = logging.getLogger(__name__)

NAMES_SHOWN = 4  # in a message
LOG_LINES = 30  # of Triton's log, shown where it is restarted; a stack has fewer

START_TIMEOUT_S = 180.0
LOOK_S = (
    2.0  # between two looks at a start: at what has died (Triton waits for what it ends itself at once), and at work
)
WORK_S = 0.1  # of processor time between two looks; what waits for ever uses less


@dataclass(frozen=True)
class Policy:
    """When Triton is checked, and when it is restarted.

    Attributes:
        interval_s: between two checks.
        confirm_after_s: from a failed check to a second one, which has to fail too where the first may have been wrong.
        model_failures: after so many failures of one model's instances since Triton was last steady, it is restarted
            without that model.
        restarts: limit in a row; after it the supervisor gives up.
        first_delay_s, longest_delay_s: before the second restart in a row, doubled for each further one up to the
            longest; the first restart has no delay.
        steady_s: after serving for so long, the next restart counts as the first.
        idle_s: a restart that does nothing for so long hangs; a first start may wait for a disk.
    """

    interval_s: float = 0.5
    confirm_after_s: float = 1.0
    model_failures: int = 3
    restarts: int = 8
    first_delay_s: float = 1.0
    longest_delay_s: float = 15.0  # a photo waits for a minute
    steady_s: float = 600.0
    idle_s: float = 15.0

    def delay_s(self, restart: int) -> float:
        """Return the delay before a restart, whose number in a row is counted from 1."""
        return 0.0 if restart == 1 else min(self.longest_delay_s, self.first_delay_s * 2.0 ** (restart - 2))


@dataclass(frozen=True)
class Trouble:
    """A problem with Triton, found by a check.

    Attributes:
        reason: what Triton does or has, as the rest of a sentence.
        models: whose instances have failed.
        is_certain: whether it cannot pass; a busy machine may only answer late.
    """

    reason: str
    models: Collection[str] = ()
    is_certain: bool = False


class Start:
    """A start of Triton, which is looked at now and then.

    Args:
        run: the run that starts.
        idle_s: it hangs when it has done nothing for so long, on a machine that is not crowded.
    """

    def __init__(self, run: process.Run, idle_s: float) -> None:
        self._run, self._idle_s = run, idle_s
        self._dead: set[int] = set()
        self._used_s, self._worked_s = 0.0, time.monotonic()

    def trouble(self) -> str | None:
        """Return why it will never end, as the rest of a sentence, or None."""
        before, self._dead = self._dead, self._run.dead()
        if before & self._dead:
            return "lost an instance"
        used_s, self._used_s = self._used_s, self._run.processor_s()
        if abs(self._used_s - used_s) > WORK_S:  # it is less where a process has ended
            self._worked_s = time.monotonic()
        return "hung" if time.monotonic() - self._worked_s > self._idle_s * crowding() else None


class Triton:
    """A local Triton, restarted when it or an instance of its models dies; by default only this machine reaches it.

    Use it as a context manager: on leaving, no process, port or shared memory is left. The same holds when this
    process is killed. The port is kept over restarts, for the clients' sake, and reserved meanwhile.

    Once the watch has begun, its thread alone replaces the current run; ``stop`` ends that thread first.

    Args:
        launch: the kind of Triton.
        repository: the model repository.
        port: 0 for a free one.
        policy: of checks and restarts.
        host: the address to listen on; others than loopback are for pages on other machines.
        metrics_port: of its metrics for Prometheus; None for no metrics.
        metrics_host: the address of the metrics; None for the same.

    Attributes:
        restarts: how often it was restarted.

    Raises:
        ServerStartError: the server cannot run here, or no model has been built.
    """

    def __init__(
        self,
        launch: Launch,
        repository: Path = REPOSITORY,
        port: int = 0,
        policy: Policy | None = None,
        host: str = process.LOOPBACK,
        metrics_port: int | None = None,
        metrics_host: str | None = None,
    ) -> None:
        check_repository(repository)
        self.restarts = 0
        self.launch, self.repository, self.policy = launch, repository, policy or Policy()
        self._expected: Mapping[str, int] = {}  # instances of each model, known when Triton is ready for the first time
        self._failures: Counter[str] = Counter()  # of each model's instances, since Triton was last steady
        self._withdrawn: dict[str, str] = {}  # models that are out of service, and why
        self._stopping = threading.Event()
        self._end: Future[None] = Future()
        self._reservation = reserve_port(host, port)
        self._endpoint = process.Endpoint(int(self._reservation.getsockname()[1]), host, metrics_port, metrics_host)
        log.info("Starting %s ...", launch.name)
        try:
            self._run = process.start(launch, repository, self._endpoint)
        except OSError as error:
            self._reservation.close()
            raise ServerStartError(f"{self._name} could not be started: {error}.") from error
        self._watcher = threading.Thread(target=self._watch, name="triton-watch", daemon=True)

    @property
    def url(self) -> str:
        """The address for clients on this machine, ``HOST:PORT``."""
        return self._endpoint.url

    @property
    def port(self) -> int:
        """The port of gRPC."""
        return self._endpoint.port

    @property
    def _name(self) -> str:
        return self.launch.name[0].upper() + self.launch.name[1:]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def wait_ready(self) -> None:
        """Wait until all models are loaded that can be, then begin the watch; a start that crashes is tried once more.

        Raises:
            ServerStartError: Triton ended, did not start in time, or could load no model; the message quotes its log.
        """
        try:
            try:
                self._wait_live()
            except ServerStartError as error:
                if not self._run.has_crashed():
                    raise
                log.warning("%s: starting it again", error)
                self._run.end()
                self._run = process.start(self.launch, self.repository, self._endpoint)
                self._wait_live()
            with RestorationClient(self.url) as client:
                self._expected, broken = client.instances(), client.broken()
            if not self._expected:
                reason = next(iter(broken.values()), "it found none")
                raise ServerStartError(f"{self._name} could not load a single model: {reason}")
            for name, reason in broken.items():
                log.warning("The task %s is not served: %s", name, reason)
        except BaseException:
            self.stop()
            raise
        self._watcher.start()

    def _wait_live(self, idle_s: float = START_TIMEOUT_S) -> None:
        """Wait until Triton answers, which it does when it has loaded all models that it can, or is to be stopped.

        Args:
            idle_s: a start that does nothing for so long hangs.

        Raises:
            ServerStartError: it ended, hangs, did not start in time, or lost an instance, for which it would wait for
                ever.
        """
        deadline, look_s, start = time.monotonic() + START_TIMEOUT_S, 0.0, Start(self._run, idle_s)
        with RestorationClient(self.url) as client:
            while not client.is_live():
                if self._run.has_ended():
                    raise ServerStartError(f"{self._name} ended while starting: {self._run.last_words()}")
                if time.monotonic() > deadline:
                    raise ServerStartError(f"{self._name} did not start within {START_TIMEOUT_S:.0f} s.")
                if time.monotonic() > look_s:
                    look_s = time.monotonic() + LOOK_S
                    if trouble := start.trouble():
                        raise ServerStartError(f"{self._name} {trouble} while starting: {self._run.last_words()}")
                if self._stopping.wait(0.05):
                    return

    def wait(self, timeout_s: float | None = None) -> None:
        """Wait until the server is stopped, or until the time is up.

        Raises:
            ServerStartError: Triton failed after as many restarts in a row as the policy allows.
        """
        with contextlib.suppress(TimeoutError):
            self._end.result(timeout_s)

    def _watch(self) -> None:
        """Restart Triton whenever a check fails, until it is stopped or the limit of restarts is reached."""
        restarts, trouble = 0, None
        while True:
            since = time.monotonic()
            trouble = trouble or self._next_trouble()
            if trouble is None:
                return
            if time.monotonic() - since > self.policy.steady_s:
                restarts = 0
                self._failures.clear()
            end_of_log = self._run.end_of_log(LOG_LINES)
            self._run.kill()
            self._run.end()
            if restarts == self.policy.restarts:
                reason = f"{self._name} {trouble}; it was restarted {restarts} times in a row, which is the limit."
                log.error(reason)
                self._end.set_exception(ServerStartError(reason))
                return
            restarts += 1
            self.restarts += 1
            log.warning("%s %s: restarting it", self._name, trouble)
            if end_of_log:
                log.info("The end of its log:\n%s", end_of_log)
            if self._stopping.wait(self.policy.delay_s(restarts)):
                return
            trouble = self._restart()

    def _next_trouble(self) -> str | None:
        """Check Triton until a check fails twice; return its reason, or None when Triton is to be stopped."""
        with RestorationClient(self.url) as client:
            prober = Prober(client, self._run.folder / process.NOTES)
            while not self._stopping.wait(self.policy.interval_s):
                try:
                    found = self._trouble(prober)
                    if found and not found.is_certain and not self._stopping.wait(self.policy.confirm_after_s):
                        found = self._trouble(prober)
                except Exception as error:  # whatever it is, the watch goes on
                    log.debug("The check of Triton failed", exc_info=True)
                    return f"could not be checked ({error})"
                if found:
                    self._count(found.models)
                    return found.reason
        return None

    def _trouble(self, prober: Prober) -> Trouble | None:
        """Return what is wrong with Triton, or None; a dead instance of its Python backend is never replaced."""
        instances = self._instances()
        processes = {} if self._run.has_ended() else self._run.processes(instances.keys())
        if not processes:
            return Trouble(f"has ended ({self._run.last_words()})", is_certain=True)
        if process.SERVERS[0] not in processes:  # its instances and its guardian are about to end, too
            return Trouble(f"has lost its server process ({self._run.last_words()})")
        stopped = [name for name, process in processes.items() if is_stopped(process)]
        for names, what in ((instances.keys() - processes.keys(), "has lost"), (stopped, "has stopped processes:")):
            if names:
                models, reasons = {instances[name] for name in names if name in instances}, self._run.reasons(names)
                # Several models at once are not to blame, nor is one for a machine that stood still.
                blamed = models if len(models) == 1 and process.LATE not in reasons else ()
                why = f" ({reasons[0]})" if reasons else ""
                return Trouble(f"{what} {listing(names)}{why}", blamed, is_certain=names is not stopped)
        if not prober.answers():
            return Trouble("does not answer") if prober.is_silent() else None
        if hung := prober.hung(processes):
            return Trouble(f"has instances that hang: {listing(hung)}", {instances[name] for name in hung})
        if failing := prober.failing():
            return Trouble(f"answers with errors alone: {listing(failing)}", failing if len(failing) == 1 else ())
        return None

    def _instances(self) -> dict[str, str]:
        """Return the instances that are processes of their own and have to run, with the names of their models."""
        return {
            f"{model}_0_{i}": model
            for model, number in self._expected.items()
            for i in range(number * self.launch.processes_per_instance)
            if model not in self._withdrawn
        }

    def _count(self, models: Collection[str]) -> None:
        """Count a failure of models' instances; withdraw the models that have had too many."""
        self._failures.update(models)
        for model in models:
            if self._failures[model] >= self.policy.model_failures:
                self._withdrawn[model] = f"{WITHDRAWN_MODEL}: its instances failed {self._failures[model]} times"
                log.error("The model %s is taken out of service: its instances keep failing", model)

    def _restart(self) -> str | None:
        """Start Triton again; return what went wrong, or None."""
        try:
            self._run = process.start(self.launch, self.repository, self._endpoint, self._withdrawn)
            self._wait_live(self.policy.idle_s)
            if self._stopping.is_set():
                return None
            with RestorationClient(self.url) as client:
                lost = sorted(self._expected.keys() - self._withdrawn.keys() - client.instances().keys())
                reasons = client.broken()
        except Exception as error:  # whatever it is, the watch goes on
            log.debug("Triton could not be restarted", exc_info=True)
            return f"could not be restarted ({error})"
        if lost:
            reason = reasons.get(network_of(lost[0])) or self._run.last_words()
            return f"no longer loads {', '.join(lost)} ({reason})"
        log.warning("%s serves again", self._name)
        return None

    def stop(self) -> None:
        """End the server and remove its files and shared memory; may be called twice."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join()
        self._run.end()
        self._reservation.close()
        if not self._end.done():
            self._end.set_result(None)


def is_stopped(process: psutil.Process) -> bool:
    """Return whether a process was stopped by a signal, and so does nothing."""
    try:
        return process.status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return False


def reserve_port(host: str, port: int) -> socket.socket:
    """Reserve a port, so that no program but Triton can listen there; 0 takes a free one.

    Raises:
        ServerStartError: it is taken, or this machine has no such address.
    """
    reservation = socket.socket()
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        reservation.bind((host, port))
    except (OSError, OverflowError) as error:
        reservation.close()
        raise ServerStartError(f"Triton cannot use port {port} of {host} ({error}).") from error
    return reservation


def listing(names: Collection[str]) -> str:
    """Return the first of some names, and how many there are besides."""
    shown, more = sorted(names)[:NAMES_SHOWN], len(names) - NAMES_SHOWN
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
