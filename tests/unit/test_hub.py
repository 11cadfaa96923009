"""The Hugging Face Hub: weights pushed to it, pulled from it, checked, and found again without a network.

The hub here is a small server that speaks as much of its protocol as huggingface_hub asks for.
"""

import base64
import hashlib
import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from din_model import PRESETS
from din_model.checkpoint import WEIGHTS, save_weights
from din_model.network import DIN

ROOT = Path(__file__).parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPO = "someone/din"
FACTS = {
    "parameters": "8",
    "scores": "{}",
    "measured_on": "luma",
    "psnr": "37.1",
    "trained_on": "nothing",
    "training": "none",
    "data_licence": "free",
    "licence": "free",
}


class Hub(BaseHTTPRequestHandler):
    """One repository with one commit."""

    protocol_version = "HTTP/1.1"
    files: dict[str, bytes]
    seen: list[tuple[str, str, str | None]]
    url: str

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.seen.append((self.command, self.path, self.headers.get("Authorization")))
        repo, _, rest = self.path.lstrip("/").partition("/resolve/")
        revision, _, name = rest.partition("/")
        if repo != REPO:
            return self.answer(404, X_Error_Code="RepoNotFound")
        if revision not in ("main", "v1", COMMIT):
            return self.answer(404, X_Error_Code="RevisionNotFound")
        if name not in self.files:
            return self.answer(404, X_Error_Code="EntryNotFound", X_Repo_Commit=COMMIT)
        content = self.files[name]
        etag = f'"{hashlib.sha256(content).hexdigest()}"'
        return self.answer(200, content, ETag=etag, X_Repo_Commit=COMMIT, Accept_Ranges="bytes")

    do_HEAD = do_GET

    def do_POST(self):
        self.seen.append((self.command, self.path, self.headers.get("Authorization")))
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if "/commit/" in self.path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            result = {"success": True, "commitOid": COMMIT, "commitUrl": f"{self.url}/{REPO}/commit/{COMMIT}"}
        elif "/preupload/" in self.path:
            names = [file["path"] for file in json.loads(body)["files"]]
            result = {"files": [{"path": n, "uploadMode": "regular", "shouldIgnore": False} for n in names]}
        elif "/repos/create" in self.path:
            result = {"url": f"{self.url}/{REPO}"}
        else:
            result = {"errors": [], "warnings": []}
        self.answer(200, json.dumps(result).encode(), Content_Type="application/json")


@pytest.fixture
def hub():
    handler: Any = type("ThisHub", (Hub,), {"files": {}, "seen": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        handler.url = f"http://127.0.0.1:{server.server_port}"
        yield handler
        server.shutdown()


@pytest.fixture
def weights(tmp_path):
    folder = tmp_path / "weights"
    for task, preset in (("sr_x2", "din_t"), ("sr_x2", "din_s"), ("derain_light", "din_t")):
        config = PRESETS[preset].for_task(2 if task == "sr_x2" else 1, 1)
        path = folder / f"{task}-{preset}.safetensors"
        save_weights(path, DIN(config).state_dict(), config, task, preset, FACTS)
    return folder


@pytest.fixture
def python(hub, tmp_path):
    """Run Python with this hub and a cache of its own; return what it printed last."""

    def run(*arguments, **environment):
        home = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, **home, "HF_HUB_DISABLE_TELEMETRY": "1", "HF_TOKEN": "hf_secret", **environment},
            capture_output=True,
            text=True,
            timeout=100,
        )
        return (done.stdout + done.stderr).strip().splitlines()[-1]

    return run


def load(source, task="sr_x2", preset=None):
    return (
        "from din_model.checkpoint import CheckpointError\n"
        "from din_model.loading import load_checkpoint\n"
        f"try: c = load_checkpoint({task!r}, {preset!r}, {source!r}); print(c.task, c.preset, c.card['psnr'])\n"
        "except CheckpointError as error: print('error:', error)"
    )


def test_what_is_pushed_is_loaded_also_without_a_network(hub, python, weights):
    source = python("-m", "din_model.hub", "push", REPO, "--weights", str(weights))
    assert source == f"hf://{REPO}@{COMMIT}"
    assert len(hub.files) == 5  # three weights, README.md, SHA256SUMS
    assert hub.files["sr_x2-din_s.safetensors"] == (weights / "sr_x2-din_s.safetensors").read_bytes()
    readme = hub.files["README.md"].decode()
    assert readme.count("- **Trained on**: nothing.") == 3
    assert "## sr_x2, din_s" in readme
    assert f'source="hf://{REPO}@REVISION"' in readme
    assert {token for _, _, token in hub.seen} == {"Bearer hf_secret"}

    assert python("-c", load(source)) == "sr_x2 din_t 37.1"  # the fastest preset
    assert python("-c", load(source, preset="din_s")) == "sr_x2 din_s 37.1"
    hub.seen.clear()
    assert python("-c", load(source), HF_HUB_OFFLINE="1") == "sr_x2 din_t 37.1"
    assert python("-c", load(source), HF_ENDPOINT="http://127.0.0.1:9") == "sr_x2 din_t 37.1"
    assert hub.seen == []
    assert python("-c", load(source, "derain_light"), HF_HUB_OFFLINE="1").startswith(
        "error: the hub cannot be reached, and derain_light-din_t.safetensors"
    )


def test_what_cannot_be_loaded_is_named(hub, python, weights):
    source = python("-m", "din_model.hub", "push", REPO, "--weights", str(weights))
    hub.files["sr_x2-din_t.safetensors"] += b" "
    said = {
        (source, "sr_x3", None): f"{REPO}@{COMMIT} holds no weights of sr_x3 (any preset)",
        (source, "sr_x2", "din"): f"{REPO}@{COMMIT} holds no weights of sr_x2 (din)",
        (f"hf://nobody/none@{COMMIT}", "sr_x2", None): "the hub has no repository nobody/none, or it needs a token",
        (f"hf://{REPO}@v9", "sr_x2", None): f"{REPO} has no revision v9",
        (f"hf://{REPO}", "sr_x2", None): f"hf://{REPO} is not of the form hf://OWNER/NAME@REVISION",
        (source, "sr_x2", "din_t"): "is not what SHA256SUMS of",
    }
    for arguments, message in said.items():
        answer = python("-c", load(arguments[0], *arguments[1:]))
        assert answer.startswith("error: ")
        assert message in answer


def test_weights_that_state_nothing_of_themselves_are_not_pushed(hub, python, weights, tmp_path):
    config = PRESETS["din_t"].for_task(2, 1)
    save_weights(weights / "sr_x2-din_t.safetensors", DIN(config).state_dict(), config, "sr_x2", "din_t", {})
    assert "sr_x2-din_t.safetensors has no card: the metadata state no 'scores'" in python(
        "-m", "din_model.hub", "push", REPO, "--weights", str(weights)
    )
    assert "there are no weights in" in python("-m", "din_model.hub", "push", REPO, "--weights", str(tmp_path))
    assert hub.seen == []


def test_shipped_weights_can_be_pushed(hub, python):
    assert python("-m", "din_model.hub", "push", REPO) == f"hf://{REPO}@{COMMIT}"
    assert {n for n in hub.files if n.endswith("safetensors")} == {p.name for p in WEIGHTS.glob("*.safetensors")}
