"""The options of commands that select a Triton, and how to connect to it."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.client import ConnectionOptions, read_headers, read_tls
from app.commands import TRITONS
from app.errors import AddressError

if TYPE_CHECKING:
    from app.triton import Triton

log = logging.getLogger("app")


def add_triton_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that select the Triton server."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--triton-url",
        metavar="HOST:PORT[,HOST:PORT ...]",
        help="a running Triton (gRPC), or its replicas, which may share a name; default: $TRITON_URL, else one starts",
    )
    add_kind_option(which.add_argument)
    add_repository_option(parser)
    secure = parser.add_argument_group("connection to --triton-url")
    secure.add_argument(
        "--triton-tls", action="store_true", help="connect by TLS, to a server with a public certificate"
    )
    secure.add_argument(
        "--triton-roots", type=Path, metavar="FILE", help="connect by TLS; PEM certificates of the server's authority"
    )
    secure.add_argument(
        "--triton-certificate", type=Path, metavar="FILE", help="PEM certificate of this client, for mutual TLS"
    )
    secure.add_argument(
        "--triton-key", type=Path, metavar="FILE", help="its private key in PEM, which others may not read"
    )
    secure.add_argument(
        "--triton-headers",
        type=Path,
        metavar="FILE",
        help="headers of every request; the file has a name: value on each line, and others may not read it",
    )


def add_kind_option(add_argument: Callable[..., argparse.Action]) -> None:
    """Add the option that names the kind of a Triton that is started, to a parser or to a group of its options."""
    add_argument(
        "--triton",
        choices=TRITONS,
        help="start this one and keep it running: the embedded one, or the machine's own tritonserver; "
        "default: installed where tritonserver is on the PATH, else embedded",
    )


def add_repository_option(parser: argparse.ArgumentParser) -> None:
    """Add the option for the models of a Triton that is started."""
    parser.add_argument(
        "--repository",
        type=Path,
        metavar="DIR",
        help="model repository of a Triton that is started; default: the checkout's, else one in the user's cache",
    )


@dataclass(frozen=True)
class ExternalTriton:
    """A running Triton that this process does not manage, nor restart."""

    url: str
    restarts: None = None

    def wait(self, timeout_s: float) -> None:
        """Wait for that time: nothing is known of its end."""
        time.sleep(timeout_s)


@contextlib.contextmanager
def find_triton(
    args: argparse.Namespace, metrics_port: int | None = None, metrics_host: str | None = None
) -> Iterator[Triton | ExternalTriton]:
    """Yield the Triton that the options select; one started here is stopped at the end of the context.

    Args:
        args: the options.
        metrics_port, metrics_host: where one that is started has metrics for Prometheus; None for none.

    Raises:
        ServerStartError: it cannot be started.
    """
    if url := external_url(args):
        log.info("Using Triton at %s", url)
        yield ExternalTriton(url)
        return
    # Imported here: it needs more than the client, which restores by a Triton that runs elsewhere.
    from app.triton import LAUNCHES, Triton, default_repository, preferred

    launch, repository = LAUNCHES[args.triton or preferred()](), args.repository or default_repository()
    with Triton(launch, repository, metrics_port=metrics_port, metrics_host=metrics_host) as triton:
        triton.wait_ready()
        yield triton


def external_url(args: argparse.Namespace) -> str | None:
    """Return the address of the running Triton that the options, or the environment, name; None for one to start."""
    return args.triton_url or (None if args.triton else os.environ.get("TRITON_URL"))


def connection_options(args: argparse.Namespace) -> ConnectionOptions:
    """Read the files with the options of the connection.

    Raises:
        AddressError: a file cannot be used; or there are options, but no address of a running Triton.
    """
    files = (args.triton_roots, args.triton_certificate, args.triton_key)
    is_secure = args.triton_tls or any(files)
    if (is_secure or args.triton_headers) and not external_url(args):
        raise AddressError("TLS and headers are for a Triton that runs already: give its address with --triton-url.")
    return ConnectionOptions(
        tls=read_tls(*files) if is_secure else None,
        headers=read_headers(args.triton_headers) if args.triton_headers else {},
    )
