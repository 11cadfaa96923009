"""Weights on the Hugging Face Hub: ``din hub push OWNER/NAME`` and ``load_model(..., "hf://...")``.

A source on the hub is ``hf://OWNER/NAME@REVISION``; the revision is a commit or a tag, so that the weights of a
source never change. Every file is checked against the repository's SHA256SUMS of that revision. Downloads are cached
and need no network again. A token, where one is needed, comes from the environment (``HF_TOKEN``).
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import sys
import tempfile
from pathlib import Path

from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from din_model.card import card_of
from din_model.checkpoint import WEIGHTS, CheckpointError, first_line
from din_model.config import FASTEST_FIRST

SOURCE = re.compile(r"hf://(?P<repo>[^/@#\s]+/[^/@#\s]+)@(?P<revision>[^@#\s]+)")
SUMS = "SHA256SUMS"

CARD = """---
library_name: pytorch
pipeline_tag: image-to-image
tags: [super-resolution, deblurring, deraining, dehazing, image-restoration]
---
# DIN, the deep interleaved network for image restoration

    from din_model import load_model
    model = load_model("{task}", source="hf://{repo}@REVISION")

`{sums}` holds the checksums that the loader compares.

{cards}
"""


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(repo: str, revision: str, name: str) -> Path:
    """Return one file of a repository, downloaded or from the cache.

    Raises:
        CheckpointError: it is not there, may not be read, or there is neither a network nor a copy.
    """
    where = f"{repo}@{revision}"
    try:
        return Path(hf_hub_download(repo, name, revision=revision))
    except HFValidationError as error:
        raise CheckpointError(f"{where} is not the name of a repository: {first_line(error)}") from error
    except RepositoryNotFoundError as error:
        raise CheckpointError(f"the hub has no repository {repo}, or it needs a token in HF_TOKEN") from error
    except RevisionNotFoundError as error:
        raise CheckpointError(f"{repo} has no revision {revision}") from error
    except LocalEntryNotFoundError as error:
        raise CheckpointError(f"the hub cannot be reached, and {name} of {where} was not downloaded before") from error
    except EntryNotFoundError as error:
        raise CheckpointError(f"{where} holds no {name}") from error
    except (HfHubHTTPError, OSError) as error:
        raise CheckpointError(f"{name} of {where} cannot be downloaded: {first_line(error)}") from error


def download(source: str, task: str, preset: str | None) -> Path:
    """Download the weights of a task from the hub and check them.

    Args:
        source: ``hf://OWNER/NAME@REVISION``.
        task: name in ``TASKS``.
        preset: name in ``PRESETS``; None takes the fastest there is.

    Returns:
        The weights file, in the hub's cache.

    Raises:
        CheckpointError: the source is malformed, holds no such weights, or their checksum is wrong.
    """
    match = SOURCE.fullmatch(source)
    if match is None:
        raise CheckpointError(f"{source} is not of the form hf://OWNER/NAME@REVISION (a commit or a tag)")
    repo, revision = match["repo"], match["revision"]
    lines = fetch(repo, revision, SUMS).read_text().splitlines()
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    wanted = [f"{task}-{name}.safetensors" for name in (FASTEST_FIRST if preset is None else (preset,))]
    name = next((name for name in wanted if name in sums), None)
    if name is None:
        raise CheckpointError(f"{repo}@{revision} holds no weights of {task} ({preset or 'any preset'})")
    path = fetch(repo, revision, name)
    if sha256(path) != sums[name]:
        raise CheckpointError(f"{path} is not what {SUMS} of {repo}@{revision} says: delete it and try again")
    return path


def push_to_hub(repo: str, weights: Path = WEIGHTS, private: bool = False) -> str:
    """Upload weights, their cards and their checksums as one commit.

    Args:
        repo: ``OWNER/NAME``; made where there is none.
        weights: folder of ``<task>-<preset>.safetensors``; their cards are rendered from their metadata.
        private: whether a new repository is.

    Returns:
        The commit: what ``REVISION`` is for these weights.

    Raises:
        CheckpointError: there are no weights, or one does not state all that a card does.
        HfHubHTTPError: the hub refused.
    """
    files = sorted(weights.glob("*.safetensors"))
    if not files:
        raise CheckpointError(f"there are no weights in {weights}")
    cards = [card_of(path) for path in files]
    api = HfApi()
    api.create_repo(repo, private=private, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for path in files:
            shutil.copy(path, folder)
        Path(folder, SUMS).write_text("".join(f"{sha256(path)}  {path.name}\n" for path in files))
        text = "\n".join(card.replace("# ", "## ", 1) for card in cards)
        first_task = files[0].stem.rpartition("-")[0]
        Path(folder, "README.md").write_text(CARD.format(task=first_task, repo=repo, sums=SUMS, cards=text))
        return str(api.upload_folder(repo_id=repo, folder_path=folder, commit_message="Weights of DIN").oid)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="din hub", description="Weights on the Hugging Face Hub.")
    push = parser.add_subparsers(required=True).add_parser("push", help="upload weights, cards and checksums")
    push.add_argument("repo", metavar="OWNER/NAME")
    push.add_argument("--weights", type=Path, default=WEIGHTS, help="folder; default: the shipped ones")
    push.add_argument("--private", action="store_true")
    args = parser.parse_args(arguments)
    try:
        commit = push_to_hub(args.repo, args.weights, args.private)
    except (CheckpointError, HfHubHTTPError, HFValidationError, OSError) as error:
        print(f"error: {first_line(error)}", file=sys.stderr)
        return 2
    print(f"hf://{args.repo}@{commit}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
