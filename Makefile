# Everything runs from the project's own virtual environment, made from requirements.lock when it is missing or changed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS := bench/.peers-venv
READY := $(VENV)/.ready

PROMPT ?= A lighthouse keeper finds that the light has been signalling something back.
TEMPLATE ?= short-story
PAGES ?= 3

.PHONY: story serve test chaos bench bench-growth bench-peers screenshots lint format lock clean

story: $(READY)  ## write a story: PROMPT="…" TEMPLATE=noir PAGES=3
	@$(BIN)/storyloom write --template "$(TEMPLATE)" --pages "$(PAGES)" -- "$$PROMPT"
story: export PROMPT := $(PROMPT)

serve: $(READY)  ## run the service on 127.0.0.1:8000
	@$(BIN)/storyloom serve

test: lint  ## lint and all tests
	@$(BIN)/python -m pytest -n 4 --dist loadgroup

chaos: $(READY)  ## the long form of the kill and outage tests
	@$(BIN)/python -m pytest tests/chaos --long -s --timeout 3600

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

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; say where it is with PYTHON=/path/to/python3."; exit 1; }
	@echo "Preparing $(VENV) (the first time this takes a minute) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

lock:  ## pin the newest versions that pyproject.toml allows, with hashes; needs uv
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet --group dev pyproject.toml --output-file requirements.lock

clean:  ## remove what was made here; stories are in the data folder and stay
	rm -rf $(VENV) build dist artifacts .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
