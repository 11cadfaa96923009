"""Build the images of the Dockerfile and restore a photo in each: ``python -m tools.image_check``.

It needs Debian's buildah, debootstrap, podman and runc, and the rights of root. Where no base is named, one is made of
Debian's packages. Pip in the build is told what this machine's pip is told (``pip config list``), by a secret that
stays out of the images. The containers run as docs/deployment.md starts them: as the image's user, with a read-only
root and no capabilities. Prints a table of sizes, times and memory.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from gradio_client import Client, handle_file
from PIL import Image

ROOT = Path(__file__).parents[1]
PHOTO, TASK, SCALE = ROOT / "app/examples/sr_x4/astronaut.png", "sr_x4", 4
TARGETS = ("page", "triton", "all-in-one")
SUITE = "bookworm"
PACKAGES = ("python3", "python3-venv", "libpython3.11", "ca-certificates", "tini")
PIP_SETTINGS = ("index-url", "extra-index-url", "find-links", "trusted-host", "cert", "timeout")
# As in docs/deployment.md.
LIMITS = "--read-only --tmpfs /tmp:exec,size=4g --shm-size=256m --cap-drop ALL --security-opt no-new-privileges"
# Of the engine, so that it works without systemd, and where cgroups of both versions are mounted.
ENGINE = """
[containers]
default_ulimits = []
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
START_S, STOP_S = 300.0, 40


class ImageError(Exception):
    """An image that cannot be built, or that does not restore; the message says why."""


def run(*command: str | Path) -> str:
    """Run a program and return what it prints.

    Raises:
        ImageError: it failed, or is not installed.
    """
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ImageError(f"{command[0]} is not installed: it is a package of Debian's.") from None
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1]
        raise ImageError(f"{shlex.join(map(str, command[:4]))} ... failed: {last}")
    return done.stdout.strip()


def pip_settings() -> dict[str, str]:
    """Return what pip is told on this machine about where packages come from; the environment wins over files."""
    lines = run(sys.executable, "-m", "pip", "config", "list").splitlines()
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    settings: dict[str, str] = {}
    for section in ("global", "install", ":env:"):
        for name in PIP_SETTINGS:
            if value := found.get(f"{section}.{name}", "").strip("'"):
                settings[name] = value
    return settings


def local_paths(settings: dict[str, str]) -> list[Path]:
    """Return the folders of this machine that pip's settings name, and that of the certificates."""
    words = [word for value in settings.values() for word in value.split()]
    # An index in a folder names files that lie beside it.
    paths = [
        Path(urllib.parse.urlparse(word).path).parent if word.startswith("file:") else Path(word) for word in words
    ]
    folders = [path if path.is_dir() else path.parent for path in paths if path.is_absolute() and path.exists()]
    return sorted(set(folders))


def make_base(image: str) -> None:
    """Make a base of Debian's packages, unless there is one of that name."""
    if run("buildah", "images", "--filter", f"reference={image}", "--quiet"):
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        run("debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, root)
        container = run("buildah", "from", "scratch")
        run("buildah", "add", "--quiet", container, root, "/")
        run("buildah", "commit", "--quiet", "--rm", container, image)


def build(target: str, base: str, folder: Path) -> str:
    """Build an image; return its name.

    Args:
        target: a stage of the Dockerfile.
        base: the image to build on.
        folder: for the secret.
    """
    image, settings = f"localhost/din-{target}", pip_settings()
    secret = folder / "pip.conf"
    secret.write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
    mounts = [f"--volume={path}:{path}:ro" for path in local_paths(settings)]
    options = ["--isolation=chroot", "--format=docker", "--layers", f"--build-arg=BASE={base}", *mounts]
    run("buildah", "build", *options, f"--secret=id=pip,src={secret}", f"--target={target}", f"--tag={image}", ".")
    return image


@dataclass(frozen=True)
class Container:
    """A running container.

    Attributes:
        name: of the container.
        image: that it is made of.
    """

    name: str
    image: str

    def run(self, *command: str) -> str:
        """Run a command in it, and return what it prints."""
        return run("podman", "exec", self.name, *command)

    def wait_healthy(self) -> float:
        """Wait until the image's own health check passes; return the time that it took, in seconds.

        Raises:
            ImageError: it ended, or was not healthy in time; the message quotes what it said last.
        """
        began = time.monotonic()
        health = run("podman", "image", "inspect", "--format", "{{json .HealthCheck.Test}}", self.image)
        _, *command = json.loads(health)
        while True:
            with contextlib.suppress(ImageError):
                self.run(*command)
                return time.monotonic() - began
            if time.monotonic() - began > START_S or self.inspect("{{.State.Running}}") != "true":
                raise ImageError(f"{self.image} is not healthy: {run('podman', 'logs', '--tail=3', self.name)}")
            time.sleep(1.0)  # a check takes processor time, too

    def inspect(self, template: str) -> str:
        """Return something that the engine knows of it."""
        return run("podman", "inspect", "--format", template, self.name)

    def memory_mb(self) -> float:
        """Return the memory of all its processes, shared pages in parts, in MB."""
        first = psutil.Process(int(self.inspect("{{.State.Pid}}")))
        processes = [first, *first.children(recursive=True)]
        return sum(process.memory_full_info().pss for process in processes) / 1e6

    def check_rights(self) -> None:
        """Check that it runs as the image's user, and that its image cannot be written.

        Raises:
            ImageError: it has more rights.
        """
        if self.run("id", "-u") != "1000":
            raise ImageError(f"{self.image} does not run as user 1000.")
        written = self.run("sh", "-c", "for d in . .venv app /etc /var/tmp; do touch $d/new 2>&1 || true; done")
        if written.count("Read-only file system") != 5:
            raise ImageError(f"{self.image} can be written: {written}")

    def stop(self) -> float:
        """Ask it to end; return the time that it took, in seconds."""
        began = time.monotonic()
        run("podman", "stop", f"--time={STOP_S}", self.name)
        return time.monotonic() - began


@contextlib.contextmanager
def running(image: str, *options: str) -> Iterator[Container]:
    """Run a container, and remove it at the end of the context.

    Args:
        image: to run.
        options: of the engine, besides the limits.
    """
    engine = ("--detach", "--no-healthcheck", "--ulimit=host", "--read-only-tmpfs=false")  # the last as in Docker
    name = run("podman", "run", *engine, *LIMITS.split(), *options, image)
    try:
        yield Container(name, image)
    finally:
        run("podman", "rm", "--force", "--time=0", name)


def port_of(container: Container) -> int:
    """Return the port of this machine that leads to the page in it."""
    return int(run("podman", "port", container.name, "7860").rpartition(":")[2])


def restore(port: int) -> float:
    """Restore a photo on the page at a port; return the time that it took, in seconds.

    Raises:
        ImageError: the result has another size.
    """
    with tempfile.TemporaryDirectory() as folder:
        page = Client(f"http://127.0.0.1:{port}", verbose=False, download_files=folder)
        began = time.monotonic()
        restored, _ = page.predict(handle_file(PHOTO), TASK, api_name="/restore")
        took_s = time.monotonic() - began
        page.close()
        with Image.open(PHOTO) as before, Image.open(restored) as after:
            if after.size != (before.width * SCALE, before.height * SCALE):
                raise ImageError(f"The page restored {PHOTO.name} to {after.size}.")
    return took_s


def row(container: Container, start_s: float, restore_s: float, idle_mb: float) -> str:
    """Stop a container; return its row of the table."""
    size = int(run("podman", "image", "inspect", "--format", "{{.Size}}", container.image))
    used_mb = container.memory_mb()
    cells = [
        container.image.removeprefix("localhost/din-"),
        f"{size / 1e9:.2f} GB",
        f"{start_s:.0f} s",
        f"{restore_s:.1f} s",
        f"{idle_mb:,.0f} MB",
        f"{used_mb:,.0f} MB",
        f"{container.stop():.1f} s",
    ]
    return f"| {' | '.join(cells)} |"


def check_one(image: str) -> Iterator[str]:
    """Restore a photo in the image that has everything; yield its row of the table."""
    with running(image, "--publish=127.0.0.1::7860") as container:
        start_s, idle_mb = container.wait_healthy(), container.memory_mb()
        container.check_rights()
        yield row(container, start_s, restore(port_of(container)), idle_mb)


def check_two(page_image: str, triton_image: str) -> Iterator[str]:
    """Restore a photo by the page in one container and Triton in another; yield their rows of the table."""
    with running(triton_image, "--publish=127.0.0.1::7860") as triton:
        triton_start_s, triton_idle_mb = triton.wait_healthy(), triton.memory_mb()
        options = (f"--network=container:{triton.name}", "--env=TRITON_URL=127.0.0.1:8001")
        with running(page_image, *options) as page:
            page_start_s, page_idle_mb = page.wait_healthy(), page.memory_mb()
            for container in (triton, page):
                container.check_rights()
            restore_s = restore(port_of(triton))
            yield row(page, page_start_s, restore_s, page_idle_mb)
        yield row(triton, triton_start_s, restore_s, triton_idle_mb)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build and check the images; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.image_check", description="Build the images and restore a photo in each."
    )
    parser.add_argument("--base", help="image to build on; default: one made of Debian's packages")
    args = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as folder:
            engine = Path(folder) / "containers.conf"
            engine.write_text(ENGINE)
            os.environ["CONTAINERS_CONF"] = str(engine)
            base = args.base or "localhost/din-base"
            if not args.base:
                make_base(base)
            page, triton, everything = (build(target, base, Path(folder)) for target in TARGETS)
            print("| image | size | start | photo | idle | used | end |\n|---|---|---|---|---|---|---|")
            for checked in (check_one(everything), check_two(page, triton)):
                for line in checked:
                    print(line, flush=True)
    except ImageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
