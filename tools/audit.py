"""Report what ships: ``python -m tools.audit`` writes into ``audit/``.

``sbom.json`` lists what ships (CycloneDX): the locked packages, PyTorch, the Triton in ``nvidia-pytriton``'s wheel, and
the weights with their licences. ``licences.json`` has the licence of every locked package, the developers' too, and
``vulnerabilities*.json`` what is known of them. The last needs a network, and without one the command fails.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
import threading
import tomllib
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app.errors import ServerStartError
from app.triton import embedded

ROOT = Path(__file__).parents[1]
SHIPPED, DEVELOPERS, TORCH = (
    ROOT / name for name in ("requirements.txt", "requirements-dev.txt", "requirements-torch.txt")
)
RULES = Path(__file__).with_name("licences.toml")
WEIGHTS = ROOT / "din_model" / "weights"
CARD_LICENCE = re.compile(r"\*\*Licence of the (data|weights)\*\*: (.+)")
START_S = 60.0


class AuditError(Exception):
    """A report that cannot be made, or that what ships does not pass; the message says why."""


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program of this environment."""
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def last_line(text: str) -> str:
    """Return the last line that is not empty, which names a program's error."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"


def read_lock(path: Path) -> list[Requirement]:
    """Return the packages of a requirements file, those of other systems too."""
    lines = path.read_text().splitlines()
    return [Requirement(line.removesuffix("\\").strip()) for line in lines if re.match(r"[A-Za-z0-9]", line)]


def triton_version() -> str:
    """Return the version of the embedded Triton, as it says itself: it is started for a moment, without a model.

    Raises:
        AuditError: it does not say its version.
        ServerStartError: it cannot run on this system.
    """
    wheel = embedded.find_wheel()
    with tempfile.TemporaryDirectory() as folder:
        command = [str(wheel.server), f"--model-repository={folder}"]
        command += ["--allow-grpc=false", "--allow-http=false", "--allow-metrics=false"]
        server = subprocess.Popen(
            command, env=embedded.environment(wheel), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        deadline = threading.Timer(START_S, server.kill)  # its output ends with it
        deadline.start()
        try:
            assert server.stdout is not None
            for line in server.stdout:
                if found := re.search(r"server_version\s*\|\s*([\w.]+)", line):
                    return found[1]
        finally:
            deadline.cancel()
            server.kill()
            server.communicate()
    raise AuditError("The embedded Triton does not say its version.")


def list_weights(folder: Path = WEIGHTS) -> list[dict[str, Any]]:
    """Return a component of the SBOM for each weights file: its hash, and what its card says of licences.

    Raises:
        AuditError: a card is missing or does not name both licences.
    """
    components = []
    for path in sorted(folder.glob("*.safetensors")):
        card = path.with_suffix(".md")
        licences = dict(CARD_LICENCE.findall(card.read_text())) if card.is_file() else {}
        if set(licences) != {"data", "weights"}:
            raise AuditError(f"{card} does not name the licences of the data and of the weights.")
        components.append(
            {
                "type": "machine-learning-model",
                "bom-ref": f"weights-{path.stem}",
                "name": path.stem,
                "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}],
                "licenses": [{"license": {"name": licences["weights"]}}],
                "properties": [{"name": "din:licence-of-the-data", "value": licences["data"]}],
            }
        )
    return components


def write_sbom(out: Path) -> None:
    """Write the CycloneDX list of what ships.

    Raises:
        AuditError: a part of it cannot be described.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as lock:
        lock.write(SHIPPED.read_text() + TORCH.read_text())
        lock.flush()
        options = ["--pyproject", "pyproject.toml", "--sv", "1.6", "--output-reproducible"]
        done = run("cyclonedx-py", "requirements", *options, lock.name)
    if done.returncode != 0:
        raise AuditError(f"There is no SBOM: {last_line(done.stderr)}")
    bom = json.loads(done.stdout)
    triton = triton_version()
    bom["components"] += [
        {
            "type": "application",
            "bom-ref": "tritonserver",
            "name": "tritonserver",
            "version": triton,
            "description": f"The server's binary in the wheel of nvidia-pytriton {version('nvidia-pytriton')}",
            "licenses": [{"license": {"id": "BSD-3-Clause"}}],
            "cpe": f"cpe:2.3:a:nvidia:triton_inference_server:{triton}:*:*:*:*:*:*:*",
        },
        *list_weights(),
    ]
    out.write_text(json.dumps(bom, indent=2) + "\n")


def split_licence(text: str) -> list[str]:
    """Return the single licences of an expression: ``A AND (B OR C)`` has three, ``Name (ISCL)`` is one."""
    return re.split(r" AND | OR |; ", re.sub(r"\(([^()]* (?:AND|OR) [^()]*)\)", r"\1", text))


def check_licences(packages: Mapping[str, str], rules: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the licences of packages; nothing if all are allowed.

    Args:
        packages: the licence of each package, as its metadata name it: one, or several joined by AND, OR or ";".
        rules: what ``licences.toml`` has.
    """
    allowed, exceptions = set(rules["allowed"]), rules["exceptions"]
    problems = [
        f"{name}: {licence}"
        for name, licence in packages.items()
        if name not in exceptions and not set(split_licence(licence)) <= allowed
    ]
    return problems + [
        f"{name}: an exception for a package that is not locked" for name in exceptions.keys() - packages
    ]


def write_licences(out: Path) -> None:
    """Write the licence of every locked package.

    Raises:
        AuditError: one is not installed here, or its licence is not allowed.
    """
    done = run("pip-licenses", "--format=json", "--with-system", "--with-urls")
    if done.returncode != 0:
        raise AuditError(f"There is no licence report: {last_line(done.stderr)}")
    installed = {canonicalize_name(package["Name"]): package for package in json.loads(done.stdout)}
    wanted = [package for package in read_lock(DEVELOPERS) + read_lock(TORCH) if is_for_this_system(package)]
    if missing := [package.name for package in wanted if canonicalize_name(package.name) not in installed]:
        raise AuditError(f"Locked packages are not installed: {', '.join(missing)}")
    found = {package.name: installed[canonicalize_name(package.name)] for package in wanted}
    out.write_text(json.dumps(list(found.values()), indent=2) + "\n")
    licences = {name: package["License"] for name, package in found.items()}
    if problems := check_licences(licences, tomllib.loads(RULES.read_text())):
        raise AuditError(f"Licences that {RULES.name} does not allow: {'; '.join(problems)}")


def is_for_this_system(package: Requirement) -> bool:
    """Return whether a locked package is installed on systems like this one."""
    return package.marker is None or package.marker.evaluate()


def write_vulnerabilities(out: Path, lock: Path) -> None:
    """Write which known vulnerabilities the packages of a lock have.

    Raises:
        AuditError: there are some, or they cannot be looked up, for example without a network.
    """
    out.unlink(missing_ok=True)  # an earlier report must not pass for this one
    options = ["--no-deps", "--disable-pip", "--progress-spinner=off", "--format=json"]
    done = run("pip-audit", *options, "--output", str(out), "--requirement", str(lock))
    if not out.is_file():
        raise AuditError(f"Known vulnerabilities of {lock.name} were not looked up: {last_line(done.stderr)}")
    packages = json.loads(out.read_text())["dependencies"]
    asked = {canonicalize_name(package["name"]) for package in packages if "skip_reason" not in package}
    wanted = {canonicalize_name(package.name) for package in read_lock(lock) if is_for_this_system(package)}
    if left_out := sorted(wanted - asked):
        example = ", ".join(left_out[:3])
        raise AuditError(
            f"Known vulnerabilities of {len(left_out)} of {len(wanted)} packages were not looked up: {example} ..."
        )
    if found := [f"{package['name']} {one['id']}" for package in packages for one in package.get("vulns", [])]:
        raise AuditError(f"Known vulnerabilities in {lock.name}: {', '.join(found)}")


def main(folder: Path = ROOT / "audit") -> int:
    folder.mkdir(exist_ok=True)
    reports: dict[str, Callable[[Path], None]] = {
        "sbom.json": write_sbom,
        "licences.json": write_licences,
        "vulnerabilities.json": lambda out: write_vulnerabilities(out, DEVELOPERS),
        "vulnerabilities-torch.json": lambda out: write_vulnerabilities(out, TORCH),
    }
    failed = False
    for name, write in reports.items():
        try:
            write(folder / name)
            print(f"{folder.name}/{name}: written")
        except (AuditError, ServerStartError) as error:
            failed = True
            print(f"{folder.name}/{name}: error: {error}", file=sys.stderr)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
