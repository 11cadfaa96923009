"""The commands of the demo: ``din page``, ``din restore IN ... --task T --out DIR``, ``din triton``, ``din health``."""

from __future__ import annotations

import argparse
import contextlib
import functools
import itertools
import logging
import os
import shutil
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from app import codec, extras, logs, tracing
from app.client import Priority, RestorationClient
from app.commands import COMMANDS as DESCRIPTIONS
from app.errors import (
    AddressError,
    PhotoError,
    RestorationError,
    ServerBusyError,
    ServerStartError,
    ServerUnavailableError,
    StorageError,
)
from app.health import probe
from app.judge_command import add_judge_options, judge_files
from app.local_network import BY_ITSELF, page_address
from app.many.command import add_many_options, restore_many
from app.output_options import Chosen, add_output_options, chosen
from app.pipeline.chain import chain_steps
from app.pipeline.restore import Progress, run
from app.quick_start import in_one_piece, without_collection
from app.signals import INTERRUPTED, interrupt, on_signals
from app.tasks import file_suffix
from app.triton_options import (
    ExternalTriton,
    add_kind_option,
    add_repository_option,
    add_triton_options,
    connection_options,
    external_url,
    find_triton,
)
from app.version import installed_version
from app.web.proxies import default_proxies, read_proxies, trust
from app.web.users import read_users

if TYPE_CHECKING:
    from app.triton import Triton

MAX_FILES = 65_536
log = logging.getLogger(__name__)

SIGNALS_S = 0.2  # until a signal is seen
PATIENCE_S, ASK_AGAIN_S = 30.0, 0.5  # with a Triton that is not there yet when the page starts
HEALTH_TIMEOUT_S = 12.0  # longer than the probe of the page itself


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Parse the arguments; the default command is ``page``."""
    parser = argparse.ArgumentParser(
        prog="din", description="Serve the page or Triton, restore photos, or check what runs."
    )
    parser.add_argument("--version", action="version", version=f"din {installed_version()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        text = DESCRIPTIONS[name]
        subparser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        command.add_options(subparser)
        subparser.set_defaults(run=command.run)
    if not arguments or (arguments[0] not in COMMANDS and arguments[0] not in ("-h", "--help", "--version")):
        arguments = ["page", *arguments]
    return parser.parse_args(arguments)


def add_page_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``din page``."""
    add_triton_options(parser)
    add_address_options(parser)
    parser.add_argument("--kiosk", action="store_true", help="show a full-screen slideshow of results, with a camera")
    parser.add_argument(
        "--phones",
        nargs="?",
        const=BY_ITSELF,
        metavar="URL",
        help="let visitors send photos from their phones to the slideshow, by a QR code that it shows; URL is the "
        "page's address on the local network, where it is not found by itself",
    )
    parser.add_argument(
        "--trusted-proxies",
        type=read_proxies,
        default=default_proxies(),
        metavar="ADDRESSES",
        help="proxies whose X-Forwarded-For names the visitor, as addresses or networks separated by commas; "
        "default: %(default)s",
    )
    parser.add_argument(
        "--users",
        type=Path,
        metavar="FILE",
        help="ask for a name and a password; the file has a name:password on each line",
    )
    parser.add_argument(
        "--drain-s",
        type=float,
        default=25.0,
        metavar="SECONDS",
        help="how long Ctrl-C or SIGTERM waits for jobs under way; another signal ends at once; default: %(default)s",
    )
    parser.add_argument(
        "--metrics-port",
        type=int,
        metavar="PORT",
        help="port of the page's metrics for Prometheus; default: no metrics",
    )
    parser.add_argument(
        "--triton-metrics-port",
        type=int,
        metavar="PORT",
        help="port of the metrics of a Triton that is started; default: no metrics",
    )
    parser.add_argument(
        "--metrics-host", default="127.0.0.1", metavar="HOST", help="address of both; default: %(default)s"
    )
    add_log_option(parser)


def add_log_option(parser: argparse.ArgumentParser) -> None:
    """Add the option for the format of the log."""
    parser.add_argument(
        "--log-format", choices=logs.FORMATS, default="text", help="of standard error; default: %(default)s"
    )


def add_server_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``din triton``."""
    add_kind_option(parser.add_argument)
    add_repository_option(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address that Triton listens on; default: %(default)s")
    parser.add_argument("--port", type=int, default=8001, help="port of gRPC; default: %(default)s")
    parser.add_argument(
        "--metrics-port", type=int, metavar="PORT", help="port of metrics for Prometheus; default: no metrics"
    )
    add_log_option(parser)


def add_health_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``din health``."""
    add_address_options(parser)
    parser.add_argument("--triton-url", metavar="HOST:PORT", help="ask this Triton, instead of a page")


def add_address_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the address of the page."""
    parser.add_argument("--host", default="127.0.0.1", help="address that the page listens on; default: %(default)s")
    parser.add_argument("--port", type=int, default=7860, help="port of the page; default: %(default)s")


def add_restore_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``din restore``."""
    add_triton_options(parser)
    parser.add_argument("photos", type=Path, nargs="+", metavar="IN", help="a photo to restore")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the restored files")
    parser.add_argument("--self-ensemble", action="store_true", help=argparse.SUPPRESS)  # former; until 0.6
    add_output_options(parser)


def check_port(host: str, port: int, option: str = "--port") -> None:
    """Check that the page can listen on an address, before anything slow is started.

    Args:
        host, port: the address.
        option: that gives another port.

    Raises:
        ServerStartError: the port is in use or not allowed.
    """
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except (OSError, OverflowError) as error:
        raise ServerStartError(
            f"The page cannot use port {port} of {host} ({error}): give another with {option}."
        ) from error


def allow_connections() -> None:
    """Take as many file descriptors as the system gives: shells often give 1024, and each connection takes one."""
    with contextlib.suppress(ImportError, OSError, ValueError):  # Windows has no such limit
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


@contextlib.contextmanager
def page_folder() -> Iterator[Path]:
    """Create and yield a folder for uploads and results, and delete it at the end of the context.

    Raises:
        StorageError: there is no room for it, or it may not be written.
    """
    try:
        parent = Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir())
        parent.mkdir(parents=True, exist_ok=True)
        created = tempfile.TemporaryDirectory(prefix="din-page-", dir=parent)
    except OSError as error:
        raise StorageError(
            f"Visitors' photos cannot be stored ({error}): give the path of another folder in GRADIO_TEMP_DIR."
        ) from error
    with created as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        yield Path(folder)


def serve_page(args: argparse.Namespace) -> int:
    """Run the page until SIGINT or SIGTERM, or until its Triton has stopped for good."""
    logs.begin(args.log_format)
    tracing.begin_if_asked("din-page", os.environ)
    check_port(args.host, args.port)
    check_metrics(args)
    allow_connections()
    if args.phones and not args.kiosk:
        raise AddressError("--phones is for the slideshow: give --kiosk, too.")
    phones_address = page_address(args.phones, args.host, args.port) if args.phones else ""
    users = read_users(args.users) if args.users else None
    options, metrics = connection_options(args), (args.triton_metrics_port, args.metrics_host)
    with (
        page_folder() as folder,
        find_triton(args, *metrics) as triton,
        RestorationClient(triton.url, options) as client,
    ):
        with without_collection():
            # Imported here: Gradio takes seconds to import, and the other commands do not need it.
            from app.web import limits, scrape
            from app.web.app import build_page, launch_page
            from app.web.kiosk.page import build_kiosk
            from app.web.kiosk.phones import Phones

            trust(args.trusted_proxies)
            wait_for_tasks(client)
            phones = Phones(phones_address) if phones_address else None
            site = build_kiosk(client, phones) if args.kiosk else build_page(client)
        launch_page(site, client, args.host, args.port, users)
        logs.join(args.log_format)
        try:
            with contextlib.ExitStack() as served:
                if args.metrics_port is not None:
                    served.enter_context(scrape.serve(args.metrics_host, args.metrics_port, site.page, client, triton))
                wait_for_signal(triton, f"The page is at http://{args.host}:{args.port} (Ctrl-C ends it)")
                on_signals(functools.partial(end_at_once, folder))
                limits.drain(site.page, args.drain_s)
        finally:
            site.page.close(verbose=False)
    return INTERRUPTED


def check_metrics(args: argparse.Namespace) -> None:
    """Check the options of the metrics, before anything slow is started.

    Raises:
        ServerStartError: a port is in use, not allowed, or given twice.
        AddressError: metrics are asked of a Triton that is not started here.
    """
    if args.triton_metrics_port is not None and external_url(args):
        raise AddressError(
            "--triton-metrics-port is for a Triton that is started: the one of --triton-url has its own."
        )
    given = {"--port": args.port}
    for option in ("--metrics-port", "--triton-metrics-port"):
        port = getattr(args, option.removeprefix("--").replace("-", "_"))
        if port is None:
            continue
        for other, taken in given.items():
            if port == taken:
                raise ServerStartError(f"{option} and {other} are both {port}: give metrics a port of their own.")
        check_port(args.metrics_host, port, option)
        given[option] = port


def wait_for_tasks(client: RestorationClient, timeout_s: float = PATIENCE_S) -> None:
    """Wait for a Triton that starts, or starts again, at the same time as this page.

    Args:
        client: connection to Triton.
        timeout_s: for how long.

    Raises:
        ServerUnavailableError: it does not respond by then.
    """
    end_s = time.monotonic() + timeout_s
    for attempt in itertools.count():
        try:
            client.tasks()
            return
        except ServerUnavailableError:
            if time.monotonic() > end_s:
                raise
        if attempt == 0:
            log.info("Waiting for Triton, for at most %.0f s", timeout_s)
        time.sleep(ASK_AGAIN_S)


def wait_for_signal(triton: Triton | ExternalTriton, ready: str) -> None:
    """Print that everything is ready, then wait for SIGINT or SIGTERM.

    Raises:
        ServerStartError: Triton has stopped for good.
    """
    # From here on signals are noted: an exception raised in the middle of a destructor would be lost.
    signals: list[int] = []
    on_signals(lambda number, frame: signals.append(number))
    print(ready, flush=True)
    while not signals:
        triton.wait(SIGNALS_S)


def serve_triton(args: argparse.Namespace) -> int:
    """Run Triton until SIGINT or SIGTERM, or until it has stopped for good."""
    logs.begin(args.log_format)
    # Imported here: it needs more than the client, which the other commands get by with.
    from app.triton import LAUNCHES, Triton, default_repository, preferred

    launch, repository = LAUNCHES[args.triton or preferred()](), args.repository or default_repository()
    with Triton(launch, repository, args.port, host=args.host, metrics_port=args.metrics_port) as triton:
        triton.wait_ready()
        wait_for_signal(triton, f"Triton is at {args.host}:{triton.port} (Ctrl-C ends it)")
    return INTERRUPTED


def check_health(args: argparse.Namespace) -> int:
    """Check a running page or a Triton, and print a sentence.

    Raises:
        ServerUnavailableError: it does not respond, or is unhealthy.
    """
    print(triton_health(args.triton_url) if args.triton_url else page_health(args.host, args.port))
    return 0


def triton_health(url: str) -> str:
    """Return what a Triton has done with a tiny photo; one with much to do is healthy.

    Raises:
        ServerError: it has not restored it.
    """
    with RestorationClient(url) as client:
        try:
            return probe(client)
        except ServerBusyError:  # whoever restarts it would make the others busier
            return "Triton works: its queue is full."


def page_health(host: str, port: int) -> str:
    """Request the health of a running page; return its answer.

    Raises:
        ServerUnavailableError: the page does not respond, or is unhealthy.
    """
    address = f"http://{host}:{port}/health"
    try:
        with urllib.request.urlopen(address, timeout=HEALTH_TIMEOUT_S) as answer:
            return str(answer.read().decode().strip())
    except urllib.error.HTTPError as error:
        raise ServerUnavailableError(error.read().decode(errors="replace").strip()) from error
    except (OSError, ValueError) as error:
        raise ServerUnavailableError(f"The page at {address} does not answer ({error}).") from error


def restore_files(args: argparse.Namespace) -> int:
    """Restore files one after the other; errors are reported and do not stop the others."""
    choice = chosen(args, "din+" if args.self_ensemble else args.quality)
    targets = plan_targets(args.photos, args.out, choice)
    failures, options = 0, connection_options(args)
    with find_triton(args) as triton, RestorationClient(triton.url, options) as connection:
        client = connection.with_priority(Priority.VISITOR if len(targets) == 1 else Priority.BATCH)
        chain = client.chain(choice.task)
        for path, target in targets.items():
            try:
                before = codec.decode(path, chain[0].scale)
                result = run(chain_steps(before, chain, client, choice.quality), show_progress(path.name))
                photo = codec.blend(result.before, result.after, choice.strength)
                target.write_bytes(codec.encode(photo, choice.output))
            except (RestorationError, OSError) as error:
                print(f"{path}: {error}", file=sys.stderr)
                failures += 1
                continue
            for loss in (*photo.notices, *codec.losses(photo, choice.output)):
                print(f"{path}: {loss}", file=sys.stderr)
            print(f"{target}  {result.tiles} tiles, {result.seconds:.1f} s")
    return 1 if failures else 0


def plan_targets(photos: list[Path], out: Path, choice: Chosen) -> dict[Path, Path]:
    """Return the output path of each photo, and create the folder.

    Raises:
        PhotoError: two photos have the same output path, or the folder cannot be created.
    """
    suffix = file_suffix(choice.task, choice.quality)
    targets = {photo: out / codec.output_name(photo.stem, suffix, choice.output, choice.strength) for photo in photos}
    by_target: dict[Path, Path] = {}
    for photo, target in targets.items():
        if target in by_target:
            raise PhotoError(f"{by_target[target]} and {photo} would both become {target}: restore them separately.")
        by_target[target] = photo
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PhotoError(f"The folder {out} cannot be made: {error}.") from error
    return targets


def show_progress(name: str) -> Progress:
    """Return a callback that prints the progress of a file, if standard error is a terminal."""

    def show(done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{name}: {done}/{total} tiles", end="\n" if done == total else "", file=sys.stderr, flush=True)

    return show


@dataclass(frozen=True)
class Command:
    """A subcommand.

    Attributes:
        add_options: adds the options to a parser.
        run: runs the command with the parsed options and returns the exit status.
    """

    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


COMMANDS = {
    "page": Command(add_page_options, serve_page),
    "restore": Command(add_restore_options, restore_files),
    "restore-many": Command(add_many_options, restore_many),
    "judge": Command(add_judge_options, judge_files),
    "triton": Command(add_server_options, serve_triton),
    "health": Command(add_health_options, check_health),
}


def end_at_once(folder: Path, number: int, frame: FrameType | None) -> None:
    """Handle a further signal: delete the visitors' files, and end. Triton's guardian and the decoders see that."""
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(128 + number)


@in_one_piece
def main(arguments: list[str] | None = None) -> int:
    """Run a command; return its exit status."""
    args = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    on_signals(interrupt)  # both close everything before the exit
    try:
        return int(args.run(args))
    except RestorationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(f"error: {extras.explain(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED
