"""Processes that tests start and inspect, and waiting for conditions."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, AnyStr, TypeVar

import psutil

from app.triton import guardian
from app.triton.process import GUARDIAN, SERVERS
from tests.support.files import ROOT

Result = TypeVar("Result")

# A page that keeps files for a short time.
IMPATIENT_PAGE = """
import sys
from app import cli as page
find_triton = page.find_triton
def find_impatiently(*args):
    from app.web import storage
    storage.CACHE_AGE_S, storage.CACHE_SWEEP_S = 30, 1  # a busy machine takes seconds for a photo
    return find_triton(*args)
page.find_triton = find_impatiently
sys.exit(page.main(sys.argv[1:]))
"""
STARTUP_S = 180  # also beside much other work
# What the supervisor says of a killed server, as an expression. The guardian ends a moment after its server, and the
# supervisor may look in between.
SERVER_KILLED = r"(has ended \(killed by SIGKILL\)|has lost its server process \(.*\)): restarting it"


def read_line(process: subprocess.Popen[AnyStr]) -> AnyStr:
    """The next line that a process says, with its end."""
    assert process.stdout is not None
    return process.stdout.readline()


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def run_async(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine and return its result, in a thread: the browser's event loop may be running in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def free_port() -> int:
    """A loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PageProcess(subprocess.Popen[bytes]):
    """A running page.

    Args:
        output: the file that it writes to.
        arguments, options: as of ``subprocess.Popen``.
    """

    def __init__(self, output: Path, *arguments: Any, **options: Any) -> None:
        self.output = output
        super().__init__(*arguments, **options)

    def said(self) -> str:
        """Return what it has written until now."""
        return self.output.read_text()


@contextmanager
def running_page(
    *options: str,
    program: tuple[str, ...] = ("-m", "app"),
    folder: Path | None = None,
    root: Path = ROOT,
    enter: tuple[str, ...] = (),
) -> Iterator[tuple[str, "PageProcess"]]:
    """The page as ``python -m app`` starts it: yields its address and its process.

    Another ``program`` may start it otherwise; ``folder`` is where it keeps visitors' files, ``root`` has its sources,
    and ``enter`` is a command that runs another, in a namespace for example, without a process of its own.
    """
    port = free_port()
    with tempfile.NamedTemporaryFile("w+") as output:
        process = PageProcess(
            Path(output.name),
            [*enter, sys.executable, *program, "--port", str(port), *options],
            cwd=root,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "GRADIO_TEMP_DIR": str(folder or tempfile.gettempdir())},
        )
        try:
            wait_until(lambda: "The page is at" in process.said() or process.poll() is not None, STARTUP_S)
            assert process.poll() is None, process.said()
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(60)  # it gives its jobs 25 s
            finally:
                process.kill()
                print(process.said())  # pytest shows it with a failure


def processes_with(marker: str) -> list[int]:
    """Every running process whose command line holds a text: a folder's name tells guardian, Triton and stubs."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline", "status"])
        if marker in "\0".join([*(process.info["cmdline"] or []), ""])
        and process.info["status"] != psutil.STATUS_ZOMBIE
    ]


def command_line(pid: int) -> list[str]:
    """The words of a process's command line; none if it has just ended."""
    try:
        return psutil.Process(pid).cmdline()
    except psutil.NoSuchProcess:
        return []


def server_folder(pids: Iterable[int]) -> str:
    """The name of the folder of the one Triton whose guardian is among these processes."""
    commands = map(command_line, pids)
    (guardian,) = (words for words in commands if str(GUARDIAN) in words)
    _, folder, *_ = guardian[guardian.index(str(GUARDIAN)) + 1 :]
    return Path(folder).name


def folder_of(port: int) -> str:
    """The name of the folder of the Triton that listens there."""
    return server_folder(processes_with(f"--grpc-port={port}\0"))


def process_of(port: int, word: str) -> int:
    """The process with that word in its command line, of the Triton that listens there.

    Args:
        port: of Triton.
        word: the end of one, such as the name of an instance, ``din_sr_x4_0_0``, or of the server's program.
    """
    folder = folder_of(port)
    return next(
        pid
        for pid in processes_with(folder)
        if any(part.endswith(word) for part in command_line(pid)) and is_program(pid)
    )


def is_program(pid: int) -> bool:
    """Return whether a process is Triton or one of its instances: a guardian's command line has Triton's in it."""
    return psutil.Process(pid).name() in SERVERS


def left_environments() -> set[Path]:
    """The folders that Triton makes while it starts, but for those of servers that run, also beside these tests."""
    processes = psutil.process_iter(["name", "create_time"])
    starts = [process.info["create_time"] for process in processes if process.info["name"] == "tritonserver"]
    left = set()
    for folder in guardian.ENVIRONMENTS[0].glob(guardian.ENVIRONMENTS[1]):
        with contextlib.suppress(FileNotFoundError):
            made = folder.stat().st_ctime
            if not any(start - 1 <= made <= start + guardian.STARTING_S for start in starts):
                left.add(folder)
    return left
