#!/bin/sh
# Entry point of the container: build the models for this machine's processor, then serve the page on port 7860. The app
# starts and supervises Triton: in NVIDIA's image the installed one with the C++ LibTorch backend, elsewhere the embedded
# one. Arguments, for example --kiosk, are passed to the app; so are those in DIN_OPTIONS, and DIN_USERS has the lines of
# the file for --users, for places such as a Space, where variables and secrets are all that can be set.
set -eu
cd "$(dirname "$0")/.."

# In the image the install is read-only, and this is another folder.
models="${DIN_MODELS:-$PWD/model_repository}"

# At start-up rather than in the image: the models depend on the machine's GPU, or on its CPU's support of bfloat16.
.venv/bin/python -m din_model.export --repository "$models"

if [ -n "${DIN_USERS:-}" ]; then
    users="$(umask 077 && mktemp)"
    printf '%s\n' "$DIN_USERS" > "$users"
    set -- --users "$users" "$@"
fi
unset DIN_USERS

# shellcheck disable=SC2086 # several options
exec .venv/bin/python -m app --repository "$models" --host 0.0.0.0 --port 7860 ${DIN_OPTIONS:-} "$@"
