#!/bin/sh
# What the container runs: build the models for this machine's processor, start Triton, serve the page on port 7860.
set -eu
cd "$(dirname "$0")/.."

# At the start and not while the image is built: only now is it known whether there is a GPU, or a CPU with bfloat16.
.venv/bin/python -m din_model.export

# NVIDIA's image brings a Triton with the C++ LibTorch backend; elsewhere the app starts the embedded one.
if command -v tritonserver >/dev/null; then
    tritonserver --model-repository=model_repository --model-control-mode=none --grpc-address=127.0.0.1 \
        --allow-http=false --allow-metrics=false &
    export TRITON_URL=127.0.0.1:8001
    until .venv/bin/python -c "import sys; from app.client import RestorationClient as C; sys.exit(not C('$TRITON_URL').is_live())"
    do
        kill -0 $! || { echo "Triton ended while starting" >&2; exit 1; }
        sleep 1
    done
fi
exec .venv/bin/python -m app --host 0.0.0.0 --port 7860
