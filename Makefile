# Two commands do everything on a machine with Python 3.11-3.13 and make:
#   make compare   sets up, then replays the national month and writes out/aout-2021/report.html
#   make test      sets up, then passes the tests
PYTHON ?= $(shell for v in python3.13 python3.12 python3.11 python3; do \
	$$v -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$v && break; done)
VENV ?= .venv
STAMP := $(VENV)/installed

.PHONY: compare test setup lock clean

compare: setup
	$(VENV)/bin/mss-sandbox compare $(ARGS)

test: setup
	$(VENV)/bin/python -m pytest $(ARGS)

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: Python 3.11, 3.12 ou 3.13 est requis / is required (PYTHON=...)" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "make: $(PYTHON) n'a pas venv ; installez / install: sudo apt install python3-venv" >&2; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Pins every dependency, with hashes and without addresses, for Python 3.11 to 3.13 on every platform.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --extra test --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate -o requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) out
