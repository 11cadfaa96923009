"""``python -m app``: the page. ``python -m app restore IN ... --task T --out DIR``: the same from the command line."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from app import codec
from app.client import Priority, RestorationClient
from app.errors import PhotoError, RestorationError, ServerStartError
from app.restore import Progress, restore
from app.server import EmbeddedTriton


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    is_restore = arguments[:1] == ["restore"]
    parser = argparse.ArgumentParser(
        prog="python -m app restore" if is_restore else "python -m app",
        description="Restores photos." if is_restore else "Serves the page; `python -m app restore` restores files.",
    )
    parser.add_argument(
        "--triton-url",
        metavar="HOST:PORT[,HOST:PORT ...]",
        default=os.environ.get("TRITON_URL") or None,
        help="a running Triton (gRPC), or replicas of it; default: $TRITON_URL, else an embedded one is started",
    )
    if is_restore:
        parser.add_argument("photos", type=Path, nargs="+", metavar="IN")
        parser.add_argument("--task", required=True, help="for example sr_x4")
        parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the restored files")
        parser.add_argument("--self-ensemble", action="store_true", help="DIN+: a little better, eight times slower")
        parser.add_argument("--format", choices=list(codec.FORMATS), default="png", help="default: %(default)s")
        parser.add_argument("--quality", type=int, default=codec.Output().quality, help="of JPEG and WebP, 1 to 100")
        parser.add_argument("--without-exif", action="store_true", help="leave out date, camera and place")
    else:
        parser.add_argument("--host", default="127.0.0.1", help="address that the page listens on")
        parser.add_argument("--port", type=int, default=7860)
        parser.add_argument("--kiosk", action="store_true", help="stage mode: a full-screen loop, for a booth")
    args = parser.parse_args(arguments[1:] if is_restore else arguments)
    args.run = restore_files if is_restore else serve_page
    return args


@contextlib.contextmanager
def connect(triton_url: str | None) -> Iterator[RestorationClient]:
    """A client of the given Triton, or of an embedded one that lives as long as the context."""
    with contextlib.ExitStack() as stack:
        if triton_url is None:
            triton = stack.enter_context(EmbeddedTriton())
            triton.wait_ready()
            triton_url = triton.url
        yield stack.enter_context(RestorationClient(triton_url))


def check_port(host: str, port: int) -> None:
    """Checks that the page can listen there, before anything slow is started.

    Raises:
        ServerStartError: the port is taken or not allowed.
    """
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except (OSError, OverflowError) as error:
        raise ServerStartError(
            f"The page cannot use port {port} of {host} ({error}): give another with --port."
        ) from error


@contextlib.contextmanager
def page_folder() -> Iterator[None]:
    """A folder for what visitors bring and get, which goes when the page ends."""
    with tempfile.TemporaryDirectory(prefix="din-page-", dir=os.environ.get("GRADIO_TEMP_DIR")) as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        yield


def serve_page(args: argparse.Namespace) -> int:
    """Runs the page until Ctrl-C or SIGTERM."""
    logging.getLogger("app").setLevel(logging.INFO)  # an operator wants Triton's own words too
    check_port(args.host, args.port)
    print("Starting Triton ..." if args.triton_url is None else f"Using Triton at {args.triton_url}", flush=True)
    with page_folder(), connect(args.triton_url) as client:
        # Here, so that the command line does without Gradio's seconds.
        from app.page import build_page, launch_page
        from app.page.stage import build_stage

        site = (build_stage if args.kiosk else build_page)(client)
        launch_page(site, args.host, args.port)
        print(f"The page is at http://{args.host}:{args.port} (Ctrl-C ends it)", flush=True)
        try:
            threading.Event().wait()
        finally:
            site.page.close(verbose=False)
    return 0


def restore_files(args: argparse.Namespace) -> int:
    """Restores files one after the other; a bad one is reported and the others go on."""
    output = codec.Output(args.format, args.quality, metadata=not args.without_exif)
    targets = plan_targets(args.photos, args.out, args.task, output)
    failures = 0
    with connect(args.triton_url) as connection:
        client = connection.at(Priority.VISITOR if len(targets) == 1 else Priority.BATCH)
        client.task(args.task)
        for path, target in targets.items():
            try:
                data = path.read_bytes()
                result = restore(data, args.task, client, show_progress(path.name), args.self_ensemble)
                target.write_bytes(codec.encode(result.after, output))
            except (RestorationError, OSError) as error:
                print(f"{path}: {error}", file=sys.stderr)
                failures += 1
                continue
            for notice in (*result.after.notices, *codec.losses(result.after, output)):
                print(f"{path}: {notice}", file=sys.stderr)
            print(f"{target}  {result.tiles} tiles, {result.seconds:.1f} s")
    return 1 if failures else 0


def plan_targets(photos: list[Path], out: Path, task: str, output: codec.Output) -> dict[Path, Path]:
    """Where each photo's result goes, and the folder made for it.

    Raises:
        PhotoError: two photos would become one file, or the folder cannot be made.
    """
    targets = {photo: out / codec.output_name(photo.stem, task, output) for photo in photos}
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
    """A progress line on the terminal, if there is one."""

    def show(done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{name}: {done}/{total} tiles", end="\n" if done == total else "", file=sys.stderr, flush=True)

    return show


def end_on_signal(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> int:
    args = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    # Both end the same way, everything closed on the way out; a shell starts background jobs with SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end_on_signal)
    try:
        return int(args.run(args))
    except RestorationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
