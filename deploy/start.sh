#!/bin/sh
# What the container runs: build the models for this machine's processor, then serve the page on port 7860. The app
# starts Triton and keeps it running: NVIDIA's image brings one with the C++ LibTorch backend, elsewhere it is the
# embedded one. Options, for example --kiosk, go to the app.
set -eu
cd "$(dirname "$0")/.."

# At the start and not while the image is built: only now is it known whether there is a GPU, or a CPU with bfloat16.
.venv/bin/python -m din_model.export

exec .venv/bin/python -m app --host 0.0.0.0 --port 7860 "$@"
