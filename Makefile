# make demo    watch a population train on real data, and see what it found
# make test    the tests, without the slow ones; make test SLOW=1 runs all
# make lint    lint, format and types; of the page, too, where Node is
# make page    the page that pbt serve and pbt ui show, into src/pbt/page; needs Node 20.19 or newer
# make bench   everything that is measured
# make chaos   the longer runs that break things on purpose
# make docs    the API reference, into build/docs
#
# Everything is installed into .venv; nothing but Python 3.11 or newer, make and git is needed, and Node
# only for the page.

# The first that runs and is new enough: a name on the path may be a version manager's empty shim.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PINS := requirements-ci.txt
export PIP_CONSTRAINT := $(CURDIR)/$(PINS)
TESTS ?= tests

.PHONY: demo test lint page bench chaos docs clean

demo: .venv/.demo
	$(BIN)/pbt demo

# Hundreds of processes start: where nothing may be compiled once, each compiles everything.
test: export PYTHONDONTWRITEBYTECODE :=
test: .venv/.dev
	$(BIN)/python -m pytest -n auto $(if $(SLOW),,-m 'not slow') $(TESTS)

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@if [ -d ui/node_modules ]; then npm --prefix ui run lint && npm --prefix ui run types; \
	else echo "the page is not checked: make page installs what that needs"; fi

page: ui/node_modules/.package-lock.json
	npm --prefix ui run build

ui/node_modules/.package-lock.json: ui/package.json ui/package-lock.json
	@node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' \
		2>/dev/null || { echo "The page is built with Node 20.19 or newer, with npm: install it, then make page again."; exit 1; }
	npm --prefix ui ci
	@touch $@

bench: .venv/.dev
	$(BIN)/python bench/cycle.py
	$(BIN)/python bench/toy.py
	$(BIN)/python bench/many.py
	$(BIN)/python bench/growth.py
	$(BIN)/python bench/checkpoints.py
	$(BIN)/python bench/shared.py
	$(BIN)/python -m bench.strategies --seeds 8
	$(BIN)/python bench/pages.py
	$(BIN)/python -m bench.family

chaos: .venv/.dev
	$(BIN)/python -m tests.chaos --seeds 20 --kills 20
	for journal in memory sqlite files postgres; do $(BIN)/python -m tests.machine --operations 20000 --journal $$journal; done
	$(BIN)/python -m pytest --hypothesis-profile anew -m hypothesis tests
	$(BIN)/python -m tests.chaos.api --requests 5000
	$(BIN)/python -m tests.chaos.fuzz --minutes 10

docs: .venv/.dev
	$(BIN)/pdoc --output-directory build/docs pbt '!pbt.__main__' '!pbt.server.__main__' '!pbt.demo'

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer was found. Name one: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.demo: .venv/bin/python pyproject.toml
	@echo "installing pbt and what the demo needs into .venv …"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[demo]'
	@touch $@

.venv/.dev: .venv/bin/python pyproject.toml $(PINS)
	@echo "installing pbt and what its tests need into .venv …"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[demo,objects,tensorboard,dev]'
	@touch $@ .venv/.demo

clean:
	rm -rf .venv build dist ui/node_modules src/pbt/page
