# Everything runs from the project's own virtual environment, made from requirements.lock when it is missing or changed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS := bench/.peers-venv
READY := $(VENV)/.ready
PIP := $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check install -qq --no-deps --require-hashes
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes

PROMPT ?= A lighthouse keeper finds that the light has been signalling something back.
TEMPLATE ?= short-story
PAGES ?= 3

.PHONY: story serve test test-model chaos bench bench-growth bench-peers screenshots lint format lock clean

story: $(READY)  ## write a story: PROMPT="…" TEMPLATE=noir PAGES=3
	@$(BIN)/storyloom write --template "$(TEMPLATE)" --pages "$(PAGES)" -- "$$PROMPT"
story: export PROMPT := $(PROMPT)

serve: $(READY)  ## run the service on 127.0.0.1:8000
	@$(BIN)/storyloom serve

test: lint  ## lint and all tests
	@$(BIN)/python -m pytest -n 4 --dist loadgroup

chaos: $(READY)  ## the long form of the kill and outage tests
	@$(BIN)/python -m pytest tests/chaos tests/browser tests/api/test_prompts_file.py tests/unit --long -s --timeout 3600

test-model: $(READY)  ## a small real model writes stories, in ten minutes; skipped with a word where it can't be had
	@$(BIN)/python -m tests.model.install || true
	@$(BIN)/python -m pytest tests/model --model -s -rs

bench: $(READY)  ## what it costs above the database and the socket beneath it, in five minutes
	@$(BIN)/python -m bench

bench-growth: $(READY)  ## the same operations with 1,000 sessions and with 20,000
	@$(BIN)/python -m bench.growth

bench-peers: $(READY) $(PEERS)/.ready  ## the same figures of what users would pick instead
	@$(BIN)/python -m bench.peers

$(PEERS)/.ready: bench/peers-requirements.txt
	@$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install -qq --disable-pip-version-check --requirement bench/peers-requirements.txt
	@touch $@

screenshots: $(READY)  ## the README's pictures, from a real run in Chromium
	@$(BIN)/python -m tests.browser.screenshots

lint: $(READY)  ## what is checked without running
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "Run 'make format'."; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(READY)
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .

# By uv, itself pinned, in a few seconds; where it can't be had or can't reach what pip can, by pip in a minute or two. The
# lock is the whole closure, so nothing is resolved: no release of any later day is looked at. Whichever pip the Python
# brought does, and the environment needs none of its own.
$(READY): requirements.lock requirements-setup.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; say where it is with PYTHON=/path/to/python3."; exit 1; }
	@echo "Preparing $(VENV) (the first time this takes half a minute, or two where it has to be done by pip) …"
	@$(PYTHON) -m venv --clear --without-pip $(VENV)
	@$(PIP) --only-binary :all: --requirement requirements-setup.lock >$(VENV)/uv.log 2>&1 \
	  && $(UV) --requirement requirements.lock >>$(VENV)/uv.log 2>&1 \
	  || { echo "Not by uv (why is in $(VENV)/uv.log): by pip …"; $(PIP) --requirement requirements.lock; }
	@$(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check install -qq --no-deps --no-build-isolation --editable .
	@touch $@

lock:  ## pin the newest versions that pyproject.toml allows, with hashes; needs uv
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-strip-extras --quiet --group dev pyproject.toml --output-file requirements.lock

clean:  ## remove what was made here; stories are in the data folder and stay
	rm -rf $(VENV) build dist artifacts .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
