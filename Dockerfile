# One image, two flavours, chosen by the base:
#   CPU (a Space, a laptop): any Debian or Ubuntu with Python 3.11; the embedded Triton serves.
#   GPU (production): NVIDIA's Triton image with the PyTorch and Python backends, release 26.07 or newer; its Triton serves.
ARG BASE=python:3.11-slim
FROM ${BASE}

# Where pip looks besides its index; a CPU image wants an index of CPU-only torch wheels here.
ARG PIP_EXTRA_INDEX_URL=
ARG PIP_FIND_LINKS=

# Spaces run as user 1000, which some bases have already.
RUN getent passwd 1000 || useradd --create-home --uid 1000 user
RUN install -d -o 1000 -g 1000 /srv/din
WORKDIR /srv/din
USER 1000
ENV HOME=/tmp PYTHONUNBUFFERED=1 GRADIO_TEMP_DIR=/tmp/gradio

COPY --chown=1000 requirements.txt .
RUN python3 -m venv .venv && .venv/bin/pip install --no-cache-dir --disable-pip-version-check -r requirements.txt
COPY --chown=1000 . .

EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s \
    CMD [".venv/bin/python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:7860/', timeout=5)"]
CMD ["deploy/start.sh"]
