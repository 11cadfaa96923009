# One image, two flavours, chosen by the base:
#   CPU (a Space, a laptop): any Debian or Ubuntu with Python 3.11; the app starts the embedded Triton.
#   GPU (production): NVIDIA's Triton image with the PyTorch backend, release 26.07 or newer; the app starts its Triton.
# docs/deployment.md says what has been run and what has not.
ARG BASE=python:3.11-slim
FROM ${BASE}

# Where pip looks besides its index; a CPU image wants an index of CPU-only torch wheels here.
ARG PIP_EXTRA_INDEX_URL=
ARG PIP_FIND_LINKS=

# The container's first process: it passes signals on and collects processes that have lost their parent.
RUN command -v tini || { apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/*; }

# Code and environment belong to root: whoever runs the page cannot change them.
WORKDIR /srv/din
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.txt requirements-torch.txt ./
RUN python3 -m venv .venv \
    && .venv/bin/pip install --no-deps --require-hashes -r requirements.txt \
    && .venv/bin/pip install -r requirements-torch.txt
COPY . .
RUN .venv/bin/pip install --no-deps --no-build-isolation -e . && chmod -R go+rX,go-w .

# Spaces run as user 1000, which some bases have already.
RUN getent passwd 1000 || useradd --no-create-home --uid 1000 user
USER 1000
# All that is written goes below /tmp: the models, visitors' files, Triton's folder.
ENV HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DIN_MODELS=/tmp/models

EXPOSE 7860
# A tiny picture is restored: the page alone may answer while Triton does not.
HEALTHCHECK --interval=30s --timeout=15s --start-period=120s CMD [".venv/bin/python", "-m", "app", "health"]
# Not as the entry point, for NVIDIA's image has its own, which prepares CUDA and then becomes this command.
CMD ["tini", "--", "deploy/start.sh"]
