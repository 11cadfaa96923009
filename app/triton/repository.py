"""Find the model repository of a local Triton: a checkout's, or the one that an installed package builds."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from app.errors import ServerStartError
from app.extras import missing

log = logging.getLogger(__name__)

REPOSITORY = Path(__file__).parents[2] / "model_repository"  # of a checkout


def has_models(repository: Path) -> bool:
    """Return whether any model has been built there."""
    return any(repository.glob("*/[1-9]*/model.pt"))


def check_repository(repository: Path) -> None:
    """Check that there is a model to serve.

    Raises:
        ServerStartError: nothing has been built; the message says how.
    """
    if not has_models(repository):
        command = "make models" if repository == REPOSITORY else f"din export --repository {repository}"
        raise ServerStartError(f"No model has been built in {repository}: run `{command}` first.")


def installed_repository() -> Path:
    """Return the model repository of an installed package, in the user's cache; build its models on first use.

    Raises:
        ServerStartError: they could not be built; the message quotes the last line of the error.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    repository = cache / "din" / version("din") / "model_repository"
    if not has_models(repository):
        log.warning("Building the models in %s, once; this takes a minute ...", repository)
        try:
            repository.parent.mkdir(parents=True, exist_ok=True)
            # Built beside its place, so that what an interrupted build leaves is never taken for a repository.
            with tempfile.TemporaryDirectory(prefix="building-", dir=repository.parent) as folder:
                build(Path(folder) / repository.name)
                with contextlib.suppress(OSError):  # another process was faster: its models are the same
                    (Path(folder) / repository.name).rename(repository)
        except OSError as error:
            raise ServerStartError(f"The models cannot be built in {repository}: {error}.") from error
    return repository


def build(repository: Path) -> None:
    """Export every shipped network, in a process of its own: it needs torch, which the app does without.

    Raises:
        ServerStartError: the export failed, or there is no torch.
    """
    if importlib.util.find_spec("torch") is None:
        raise ServerStartError(missing("torch"))
    command = [sys.executable, "-m", "din_model.export", "--repository", str(repository)]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise ServerStartError(f"The models could not be built in {repository}: {reason[0]}")


def default_repository() -> Path:
    """Return the checkout's model repository, or outside a checkout that of the installed package.

    Raises:
        ServerStartError: the latter could not be built.
    """
    return REPOSITORY if REPOSITORY.is_dir() else installed_repository()
