# Two commands do everything on a machine with Python 3.11-3.13 and make:
#   make compare   sets up, then replays the national month and writes out/aout-2021/report.html
#   make test      sets up, then passes the tests
# and one is light:
#   make up        sets up the live space alone (no scientific stack), then brings it up
PYTHON ?= $(shell for v in python3.13 python3.12 python3.11 python3; do \
	$$v -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$v && break; done)
VENV ?= .venv
PIP := $(VENV)/bin/python -m pip --quiet --disable-pip-version-check
UV := $(VENV)/bin/uv pip install --quiet --python $(VENV)/bin/python

.PHONY: compare test up setup lock clean
.SECONDARY:

compare: $(VENV)/compare.installed
	$(VENV)/bin/mss-sandbox compare $(ARGS)

# Hundreds of processes import the same modules: where no byte code may be written, each compiles
# them all again, which doubles the time of the tests.
test: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/test.installed
	$(VENV)/bin/python -m pytest $(ARGS)

up: $(VENV)/live.installed
	$(VENV)/bin/mss-sandbox up $(ARGS)

setup: $(VENV)/test.installed

# uv installs a lock in seconds; where it cannot be had, or does not reach the registry that pip is
# told of, pip installs the same lock. Both check the hashes.
$(VENV)/%.installed: locks/%.txt $(VENV)/base.installed
	@$(UV) --require-hashes -r $< 2>/dev/null || $(PIP) install --require-hashes -r $<
	@touch $@

$(VENV)/base.installed: locks/build.txt locks/uv.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: Python 3.11, 3.12 ou 3.13 est requis / is required (PYTHON=...)" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "make: $(PYTHON) n'a pas venv ; installez / install: sudo apt install python3-venv" >&2; exit 2; }
	@echo "Installation, une fois… / Setting up, once…"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install --require-hashes -r locks/uv.txt 2>/dev/null || echo "make: uv n'est pas disponible, pip installe / uv cannot be had, pip installs"
	@$(PIP) install --require-hashes -r locks/build.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

# Pins every dependency, with hashes and without addresses, for Python 3.11 to 3.13 on every
# platform: the tests' lock first, so that the smaller ones hold the same versions.
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate
lock:
	$(LOCK) --extra test -o locks/test.txt pyproject.toml
	$(LOCK) --extra compare -c locks/test.txt -o locks/compare.txt pyproject.toml
	$(LOCK) -c locks/test.txt -o locks/live.txt pyproject.toml
	$(LOCK) -o locks/build.txt locks/build.in
	$(LOCK) -o locks/uv.txt locks/uv.in

clean:
	rm -rf $(VENV) out
