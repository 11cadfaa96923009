# One file, three images (docs/deployment.md says what has been run of them and what has not):
#   page         the page alone, without PyTorch, for a Triton elsewhere: docker build --target page
#   triton       Triton alone, for pages elsewhere: docker build --target triton
#   all-in-one   both; the last one, and so what `docker build` makes, and a Space with it
# and for the latter two, two flavours, chosen by the base:
#   CPU (a Space, a laptop): any Debian or Ubuntu with Python 3.11; the app starts the embedded Triton.
#   GPU (production): NVIDIA's Triton image with the PyTorch backend, release 26.07 or newer; the app starts its Triton.
ARG BASE=python:3.11-slim

FROM ${BASE} AS base
# The container's first process: it passes signals on and collects processes that have lost their parent.
RUN command -v tini || { apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/*; }
# Spaces run as user 1000, which some bases have already.
RUN getent passwd 1000 || useradd --no-create-home --uid 1000 user
# Where pip looks besides its index; a CPU image wants an index of CPU-only torch wheels here. Whatever else pip has to
# be told comes as the secret `pip`, a pip.conf, which stays out of the image.
ARG PIP_EXTRA_INDEX_URL=
ARG PIP_FIND_LINKS=
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# Code and environment belong to root: whoever runs the page cannot change them.
WORKDIR /srv/din
RUN python3 -m venv .venv
# All that is written goes below /tmp: the models, visitors' files, Triton's folder.
ENV HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DIN_MODELS=/tmp/models

FROM base AS page
COPY requirements-page.txt .
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    .venv/bin/pip install --no-deps --require-hashes -r requirements-page.txt
COPY pyproject.toml README.md LICENSE din.py ./
COPY app app
COPY imaging imaging
RUN .venv/bin/pip install --no-deps --no-build-isolation -e . && chmod -R go+rX,go-w ./*
USER 1000
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=15s --start-period=60s CMD [".venv/bin/python", "-m", "app", "health"]
# It wants the address of a Triton: as the variable TRITON_URL, or as --triton-url after this command.
CMD ["tini", "--", ".venv/bin/python", "-m", "app", "page", "--host", "0.0.0.0"]

FROM base AS everything
COPY requirements.txt requirements-torch.txt ./
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    .venv/bin/pip install --no-deps --require-hashes -r requirements.txt \
    && .venv/bin/pip install -r requirements-torch.txt
COPY . .
RUN .venv/bin/pip install --no-deps --no-build-isolation -e . && chmod -R go+rX,go-w ./*

FROM everything AS triton
USER 1000
EXPOSE 8001 8002
# A tiny picture is restored: Triton may answer while its networks do not.
HEALTHCHECK --interval=30s --timeout=15s --start-period=120s CMD [".venv/bin/python", "-m", "app", "health", "--triton-url", "127.0.0.1:8001"]
CMD ["tini", "--", "deploy/triton.sh"]

FROM everything AS all-in-one
USER 1000
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=15s --start-period=120s CMD [".venv/bin/python", "-m", "app", "health"]
# Not as the entry point, for NVIDIA's image has its own, which prepares CUDA and then becomes this command.
CMD ["tini", "--", "deploy/start.sh"]
