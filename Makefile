# Two commands do everything: `make run` and `make test`. Each makes its own environment from this folder's files.
# While you work, `make check` does what finds most faults in under a minute.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.installed
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# All but torch by hash (docs/dependencies.md, "Locked"); `make locks` writes the lists anew from constraints.txt.
INSTALL_LOCKED := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-package torch \
  --excludes locks/excluded.txt --no-annotate --no-header -c constraints.txt pyproject.toml

PARALLEL := -n auto --maxprocesses 4 --dist worksteal

.PHONY: run check fast test prepared coverage pythons hardening lint docs locks browser clean

run: $(STAMPS)-local
	$(BIN)/tunecurve run

TORCH := $(shell sed -n 's/^torch==//p' constraints.txt)
# On Linux without an NVIDIA GPU torch's CPU build, from the index that pip uses, or from `make run TORCH_INDEX=...`. The usual build brings CUDA.
define INSTALL_TORCH
	@[ "$$(uname -s)" != Linux ] || command -v nvidia-smi >/dev/null \
	  || $(INSTALL) --no-deps $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) 'torch==$(TORCH)+cpu' 2>/dev/null \
	  || echo "no CPU build of torch where pip looks: the usual one may bring CUDA libraries, about 3 GB more (make run TORCH_INDEX=...: README)"
endef

# Rooms whose tests need no model, no server and no other process; what in them is slow is marked so, and what lint runs is left to it.
FAST := $(addprefix tests/,atlas curve data formats metrics privacy storage tasks) $(filter-out tests/test_code_sizes.py,$(wildcard tests/test_*.py))

check: $(STAMPS)-test
	@$(MAKE) --no-print-directory --output-sync=target -j2 lint fast

fast: $(STAMPS)-test
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not hardening" $(FAST)

# Lint runs beside the tests, which wait for servers and processes now and then; what it says comes after them.
LINT = $(MAKE) --no-print-directory lint
test: prepared
	@$(LINT) > $(VENV)/lint.log 2>&1 & lint=$$!; \
	$(BIN)/python -m pytest $(PARALLEL); suite=$$?; \
	wait $$lint; linted=$$?; cat $(VENV)/lint.log; \
	[ $$suite = 0 ] && [ $$linted = 0 ]

# The environment and the browser come from two places of the network, at once.
prepared:
	@$(MAKE) --no-print-directory --output-sync=target -j2 $(STAMPS)-test browser

# Counting lines doubles the time of pure Python on Python 3.11: apart from `make test`.
coverage: prepared
	@$(INSTALL) pytest-cov
	$(BIN)/python -m pytest $(PARALLEL) --cov --cov-report=term:skip-covered

# The fast tests on every Python that is installed here, each in an environment of its own.
pythons:
	@for version in 3.11 3.12 3.13; do \
	  python=$$(command -v python$$version || ls -d "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/$$version.*/bin/python 2>/dev/null | tail -1); \
	  if [ -z "$$python" ]; then echo "no Python $$version here"; continue; fi; \
	  echo "Python $$version"; $(MAKE) --no-print-directory fast PYTHON="$$python" VENV=.venv-$$version || exit 1; \
	done

# What takes two hours: hundreds of kills, full disks, damaged files, fuzzed loaders, a 2 GB file, an hour's soak.
hardening: $(STAMPS)-test browser
	@$(INSTALL) atheris || echo "no atheris here: coverage-guided fuzzing will be skipped"
	$(BIN)/python -m pytest -m hardening

lint: $(STAMPS)-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest tests/test_code_sizes.py
	$(BIN)/python docs/generate.py --check

# Generated pages, then the site in build/site; any warning (a link or anchor that leads nowhere, a page that index.md does not list) is an error.
# In the environment of the tests where there is one, else in one without torch, of 550 MB.
docs: $(if $(wildcard $(STAMPS)-test),$(STAMPS)-test,$(STAMPS)-docs)
	$(BIN)/python docs/generate.py
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env -d build/doctrees docs build/site
	@echo "open build/site/index.html"

# The report is opened in a real browser by the tests; where there is none and it cannot be installed they are skipped.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	       && apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } \
	  || echo "no chromium here: the browser test will be skipped"
	@[ -e $(VENV)/axe/node_modules/axe-core ] || ! command -v npm >/dev/null \
	  || npm install --silent --no-save --prefix $(VENV)/axe axe-core@4.14.1 >/dev/null 2>&1 \
	  || echo "axe-core cannot be fetched: the report's accessibility test will be skipped"

locks:
	$(COMPILE) --extra local -o locks/run.txt
	$(COMPILE) --extra docs -o locks/docs.txt
	$(COMPILE) --extra local --extra hosted --extra ray --extra test -o locks/test.txt

$(STAMPS)-local: pyproject.toml constraints.txt locks/run.txt
	@echo "Downloads once, into $(VENV): packages, about 400 MB (torch's CPU build is 180 MB of it); the first study then fetches two models, 93 and 80 MB."
	$(PYTHON) -m venv $(VENV)
	$(INSTALL_LOCKED) -r locks/run.txt
	$(INSTALL_TORCH)
	$(INSTALL) -e '.[local]'
	@touch $@

$(STAMPS)-docs: pyproject.toml constraints.txt locks/docs.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL_LOCKED) -r locks/docs.txt
	$(INSTALL) -e '.[docs]'
	@touch $@

# To compile every module that it holds takes a minute; tests import a fifth of them, compiled then.
$(STAMPS)-test: INSTALL += --no-compile
$(STAMPS)-test: INSTALL_LOCKED += --no-compile
$(STAMPS)-test: pyproject.toml constraints.txt locks/test.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL_LOCKED) -r locks/test.txt
	$(INSTALL_TORCH)
	$(INSTALL) -e '.[local,hosted,ray,test]'
	@touch $@

clean:
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis
