# Everything a newcomer needs, one word each. `make` alone lists the words.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3
MODELS ?= htdemucs deepfilternet3
DEMO ?= demo
# Processes that run tests: more than cores, since many tests wait for servers.
TESTERS ?= 3
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
STEMWRIGHT := $(BIN)/stemwright
# What is never imported is not compiled either: 30 MB less. The rest is compiled once and here,
# since a machine may forbid Python to write bytecode and every start would pay for it.
UNCOMPILED := /(tests?|pip|lexers|frontend|f2py|distutils|hatchling)/
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Official clients of npm that tests run; without npm those tests say that they are left out.
NODE_FOLDERS := $(wildcard tests/acceptance/*/node)
NODE_CLIENTS := $(if $(shell command -v npm),$(NODE_FOLDERS:=/node_modules/.stamp))
# Locks are complete and name every file by its hash: nothing is resolved or built here.
INSTALL := $(PIP) install --quiet --no-compile --no-deps --require-hashes --only-binary :all:
COMPILE := CUSTOM_COMPILE_COMMAND="make lock" $(VENV)-lock/bin/pip-compile --quiet --generate-hashes --allow-unsafe \
	--strip-extras --no-header --annotation-style line --no-emit-options --no-emit-index-url \
	--no-emit-find-links --no-emit-trusted-host $(ARGS)

.PHONY: help setup run demo test check format bench-speed bench-quality bench-memory bench-analysis bench-denoise bench-mix bench-realtime bench-service bench-graphs lock clean model

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMPS)/service model ## make .venv with everything stemwright needs, the model included

run: setup ## start the service, make a key, and have a demo song separated through the API
	@$(STEMWRIGHT) serve --demo $(ARGS)

demo: setup ## separate a demo song without the service and say how fast it went
	@$(STEMWRIGHT) demo -o $(DEMO) $(ARGS)

test: setup $(STAMPS)/test $(NODE_CLIENTS) ## run the tests (ARGS="-m 'not slow' tests/unit" to choose)
	@$(BIN)/python -m pytest -n $(TESTERS) --dist loadfile $(ARGS)

check: setup $(STAMPS)/test $(STAMPS)/check ## format, lint, types, import arrows, dependencies, spelling
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/deptry src
	$(BIN)/codespell
	$(BIN)/python tools/lints
	$(BIN)/python -m pytest --quiet tests/unit/tools

format: setup $(STAMPS)/check ## rewrite the code as `make check` wants it
	$(BIN)/ruff check --fix-only --exit-zero .
	$(BIN)/ruff format .

bench-speed: setup $(STAMPS)/test $(STAMPS)/bench ## time stemwright against its peers on the same songs (ARGS=--help)
	@$(BIN)/python benchmarks/bench_speed.py $(ARGS)

bench-graphs: setup $(STAMPS)/test ## time our graph of htdemucs beside the export that npm has, on both runtimes (ARGS=--help)
	@$(BIN)/python benchmarks/bench_graphs.py $(ARGS)

bench-quality: setup $(STAMPS)/test $(STAMPS)/bench ## measure SDR against true stems, beside stock demucs (ARGS=--help)
	@$(BIN)/python benchmarks/bench_quality.py $(ARGS)

bench-memory: setup ## show that peak memory does not grow with the song (ARGS=--help)
	@$(BIN)/python benchmarks/bench_memory.py $(ARGS)

bench-analysis: setup $(STAMPS)/test $(STAMPS)/bench ## measure tempo, key, beats, chords, loudness beside librosa (ARGS=FOLDER, --help)
	@$(BIN)/python benchmarks/bench_analysis.py $(ARGS)

bench-denoise: setup $(STAMPS)/test $(STAMPS)/bench ## measure what denoising does to speech in noise, beside its peers (ARGS=--help)
	@$(BIN)/python benchmarks/bench_denoise.py $(ARGS)

bench-service: setup $(STAMPS)/test $(STAMPS)/bench ## measure how soon jobs start, how fast reads are, what the service costs (ARGS=--help)
	@$(BIN)/python benchmarks/bench_service.py $(ARGS)

bench-mix: setup $(STAMPS)/bench ## time a mixdown of stems beside one of whole arrays (ARGS=--help)
	@$(BIN)/python benchmarks/bench_mix.py $(ARGS)

bench-realtime: setup $(STAMPS)/test ## measure how soon progress reaches sockets, and requests meanwhile (ARGS=--help)
	@$(BIN)/python benchmarks/bench_realtime.py $(ARGS)

lock: $(STAMPS)/lock ## choose versions anew and write the lock files (ARGS=--upgrade)
	$(COMPILE) -o requirements.lock --build-deps-for editable pyproject.toml
	$(COMPILE) -o requirements-service.lock -c requirements.lock --extra service pyproject.toml
	$(COMPILE) -o requirements-test.lock -c requirements-service.lock --extra onnx --extra service --extra redis --extra test pyproject.toml
	$(COMPILE) -o requirements-check.lock -c requirements-test.lock --extra check pyproject.toml

clean: ## remove .venv, caches and the demo; models and your stems stay
	rm -rf $(VENV) $(VENV)-bench $(VENV)-lock .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist $(DEMO) $(NODE_FOLDERS:=/node_modules)

# ------------------------------------------------------------------ how set-up is made, step by step

# A stamp is newer than what it was made from, so a second call has nothing to do.

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "stemwright needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo not there)." >&2; \
		echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "setup: making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { \
		rm -rf $(VENV); echo "Python has no venv module here: apt install python3-venv" >&2; exit 1; }
	@$(PIP) uninstall --quiet --yes setuptools # nothing here is built with it
	@find $(VENV)/lib -path '*/pip/*' -name '*.pyc' -delete

$(STAMPS)/runtime: requirements.lock pyproject.toml | $(BIN)/python
	@echo "setup: installing the run time (requirements.lock)"
	@$(INSTALL) -r requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -qq -j 0 -x '$(UNCOMPILED)' $(VENV)/lib src || true # some files are templates
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/service $(STAMPS)/test $(STAMPS)/check: $(STAMPS)/%: requirements-%.lock $(STAMPS)/runtime
	@echo "setup: installing $* ($<)"
	@$(INSTALL) -r $<
	@$(BIN)/python -m compileall -qq -j 0 -x '$(UNCOMPILED)' $(VENV)/lib || true # some files are templates
	@mkdir -p $(STAMPS) && touch $@

$(NODE_FOLDERS:=/node_modules/.stamp): %/node_modules/.stamp: %/package-lock.json
	@echo "setup: installing official npm clients ($*)"
	@npm ci --prefix $* --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# The locks are compiled and the peers measured in environments of their own: neither pip's newest
# version nor torch ever enters the one the product runs in. Not hash-pinned: torch comes in
# builds of one version whose files differ, and what pip-compile writes is read before it lands.
$(STAMPS)/lock: | $(STAMPS)/runtime
	@$(PYTHON) -m venv $(VENV)-lock
	@$(VENV)-lock/bin/python -m pip --disable-pip-version-check install --quiet pip-tools==7.6.2
	@touch $@

$(STAMPS)/bench: benchmarks/requirements.in | $(STAMPS)/runtime
	@echo "setup: installing the peers to compare with ($<)"
	@test -x $(VENV)-bench/bin/python || $(PYTHON) -m venv $(VENV)-bench
	@$(VENV)-bench/bin/python -m pip --disable-pip-version-check install --quiet -r $<
	@touch $@

# Asked and not stamped: models are kept outside of this folder, where the settings say.
model: $(STAMPS)/runtime
	@for name in $(MODELS); do \
		$(STEMWRIGHT) models info $$name --json | grep -q '"installed": true' || $(STEMWRIGHT) models pull $$name --accept-licence; done
