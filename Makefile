PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
CHROMIUM ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
export CHROMIUM

.PHONY: demo test check docs audit image-check bench fuzz models soak weights lock browser clean

demo: $(VENV)/.models  ## install, build the models, start Triton and the page
	@exec $(BIN)/python -m app $(ARGS)

# How two workers share the tests is in tests/conftest.py. With ARGS, only some tests run, so the minimum coverage is not
# checked.
test: $(VENV)/.dev $(VENV)/.models browser  ## install, run every test, and check how much of the code they cover
ifeq ($(strip $(ARGS)),)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n 2 --dist loadfile
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	@for part in app din_model imaging; do $(BIN)/coverage report --include="$$part/*" --format=total --fail-under=90 || exit 1; done
else
	$(BIN)/python -m pytest $(ARGS)
endif

check: $(VENV)/.dev  ## lint and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.dev  ## build the documentation's site into site/; a broken link or anchor is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict $(ARGS)

audit: $(VENV)/.dev  ## write SBOM, licences and known vulnerabilities of what ships into audit/; needs a network
	$(BIN)/python -m tools.audit

# Debian's packages are installed where they are missing and permissions allow it.
image-check: $(VENV)/.dev  ## build the three images, restore a photo in each, print sizes, times and memory; as root
	@command -v buildah >/dev/null && command -v debootstrap >/dev/null && command -v podman >/dev/null \
		&& command -v runc >/dev/null \
		|| { apt-get update -qq && apt-get install -y -qq buildah debootstrap podman runc; }
	$(BIN)/python -m tools.image_check $(ARGS)

bench: $(VENV)/.dev $(VENV)/.bench $(VENV)/.models  ## print the tables of docs/performance.md; on an idle machine
	@for part in page network serving perf_analyzer tiles; do $(BIN)/python -m benchmarks.$$part || exit 1; done

fuzz: $(VENV)/.dev  ## look for files that break the codec: make fuzz ARGS="--seconds 3600"; on Python 3.11
	$(BIN)/python -m tests.fuzz.fuzz_decode $(VENV)/fuzz $(ARGS)
	$(BIN)/python -m tools.hostile_files

soak: $(VENV)/.dev $(VENV)/.models  ## 64 visitors restore photos for an hour: rate, latencies, memory, what is left
	$(BIN)/python -m benchmarks.load --minutes 60 $(ARGS)

models: $(VENV)/.run  ## rebuild the models that Triton serves, for example damaged or deleted ones
	$(BIN)/python -m din export
	@touch $(VENV)/.models

weights: $(VENV)/.dev  ## train and ship as docs/training.md describes: make weights ARGS="--root DATA --hours 2"
	$(BIN)/python -m din train $(ARGS)

UV := uv==0.13.9
UV_COMPILE = $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-package torch --custom-compile-command "make lock"

lock: $(BIN)/python  ## lock the newest versions that pyproject.toml admits, with their hashes
	$(PIP) install $(UV)
	$(UV_COMPILE) --all-extras pyproject.toml -o requirements-dev.txt
	$(UV_COMPILE) --extra demo --extra tracing -c requirements-dev.txt pyproject.toml -o requirements.txt
	@# setuptools builds the package where the page is installed without isolation; elsewhere PyTorch brings it.
	echo setuptools | $(UV_COMPILE) --extra page --extra tracing -c requirements-dev.txt pyproject.toml - -o requirements-page.txt
	@{ sed '/^#/!d' requirements-torch.txt; grep -o 'torch==[^"]*' pyproject.toml; } > $(VENV)/torch.txt
	@mv $(VENV)/torch.txt requirements-torch.txt

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# The lock is complete but for PyTorch, hence --no-deps; `pip check` fails where a package lacks what it needs.
$(VENV)/.run: pyproject.toml requirements.txt requirements-torch.txt | $(BIN)/python
	$(PIP) install --no-deps --require-hashes -r requirements.txt
	$(PIP) install -r requirements-torch.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	$(PIP) check
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	$(PIP) install --no-deps --require-hashes -r requirements-dev.txt
	$(PIP) check
	@touch $@

# --no-deps: the dependencies of the peers would replace the pinned torch, and the benchmark does not need them.
$(VENV)/.bench: requirements-bench.txt $(VENV)/.run
	$(PIP) install --no-deps -r requirements-bench.txt
	@touch $@

$(VENV)/.models: $(VENV)/.run $(wildcard din_model/*.py imaging/*.py imaging/degradations/*.py) $(wildcard din_model/weights/*.safetensors)
	$(BIN)/python -m din export
	@touch $@

# The tests need Chromium, curl and Prometheus; if they are missing, Debian's packages are installed where permissions
# allow it.
browser:
	@{ test -n "$(CHROMIUM)" && command -v curl >/dev/null && command -v prometheus >/dev/null && command -v promtool >/dev/null; } \
		|| { apt-get update -qq && apt-get install -y -qq --no-install-recommends $(if $(CHROMIUM),,chromium) curl prometheus; } \
		|| { echo "The tests need curl, Prometheus and Chromium: install them, or give the latter's path as CHROMIUM=..."; exit 1; }

clean:  ## remove everything that was built
	rm -rf $(VENV) build *.egg-info site audit model_repository/*/1
