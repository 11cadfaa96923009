#!/bin/sh
# Entry point of the container that has Triton alone: build the models for this machine's processor, then serve them to
# pages on other machines: gRPC on port 8001, metrics for Prometheus on port 8002. Arguments, for example
# --triton embedded, are passed to the app.
set -eu
cd "$(dirname "$0")/.."

models="${DIN_MODELS:-$PWD/model_repository}"
.venv/bin/python -m din_model.export --repository "$models"

exec .venv/bin/python -m app triton --repository "$models" --host 0.0.0.0 --metrics-port 8002 "$@"
