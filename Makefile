# make help says what there is. Everything is installed in $(VENV), by pip, from pyproject.toml.

VENV ?= .venv
# The Python that makes $(VENV): unless named, the first of these that runs and is new enough.
PYTHON ?=
PYTHONS := $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11)

# What the demo trains; and more words for pytest, say PYTEST="-k lstm".
DEMO ?= gru-concise --epochs 40 --every 8
PYTEST ?=
# Epochs of the demo in `make wheel`.
EPOCHS ?= 2
# Words for `python -m benchmarks accelerators`, say --check.
ACCELERATORS ?=
# What `make setup` installs: one of the extras experiments, test, dev, docs, accelerators.
EXTRA ?= dev

python := $(VENV)/bin/python
# One test process a core (each wants some 1.5 GB, so no more than 8); a free one takes work over.
pytest := $(python) -m pytest -q -n auto --maxprocesses 8 --dist worksteal
# Fails where a public name lacks a type. --verifytypes finds packages by the `python` of PATH alone.
verify_types = PATH="$(abspath $(VENV))/bin:$$PATH" PYTHONPATH=. \
  $(python) -m pyright --verifytypes jaxrnn --ignoreexternal

.PHONY: help setup demo test test-all lint format docs accelerators wheel clean
.NOTPARALLEL:

help:
	@echo "make demo      train a small language model and read what it writes"
	@echo "make test      the laws in float64, then again in float32"
	@echo "make test-all  the same with the slow ones"
	@echo "make lint      ruff and pyright"
	@echo "make format    let ruff lay out the code and mend what it can"
	@echo "make docs      the book, in docs/_build/html; its pages are run while it is built,"
	@echo "               and then the examples in the docstrings"
	@echo "make accelerators  what XLA makes of jaxrnn for a GPU and a TPU that are not here"
	@echo "make wheel     the package as it is published, tried from an empty folder"
	@echo "make setup     only install: $(VENV) with everything to work on jaxrnn"
	@echo "make clean     remove what these leave, .venv too"

demo: $(VENV)/.ready-experiments
	@$(python) experiments/char_lm.py $(DEMO)

test: $(VENV)/.ready-test
	@echo "The laws in float64"
	@$(pytest) $(PYTEST)
	@echo "The laws in float32"
	@$(pytest) --float32 $(PYTEST)

test-all: PYTEST += --slow
test-all: test

lint: $(VENV)/.ready-dev
	@$(python) -m ruff check .
	@$(python) -m ruff format --check .
	@$(python) -m pyright --pythonpath $(python)
	@told=$$($(verify_types)) || { echo "$$told"; exit 1; }

format: $(VENV)/.ready-dev
	@$(python) -m ruff check --fix .
	@$(python) -m ruff format .

docs: $(VENV)/.ready-docs
	@rm -rf docs/_build/html
	@$(python) -m sphinx -j 4 -q -W --keep-going -b html docs docs/_build/html
	@$(python) docs/check.py
	@$(python) docs/examples.py
	@echo "open docs/_build/html/index.html"

# Built, installed in an environment of its own, and used from an empty folder.
wheel: $(VENV)/.ready-experiments
	@rm -rf build/wheel && mkdir -p build/wheel/empty
	@$(python) -m pip wheel -qq --no-deps -w build/wheel .
	@$(python) -m venv build/wheel/venv
	@build/wheel/venv/bin/python -m pip install -qq build/wheel/*.whl
	@sed -n '/^```python$$/,/^```$$/{/^```/d;p}' README.md > build/wheel/empty/readme.py
	@cd build/wheel/empty && ../venv/bin/python readme.py && ../venv/bin/python -m jaxrnn demo --epochs $(EPOCHS)
	@ls build/wheel/*.whl

# In an environment of its own: compilers of CUDA and of a TPU, and no driver.
accelerators:
	@$(MAKE) --no-print-directory setup EXTRA=accelerators VENV=.venv-accelerators
	@.venv-accelerators/bin/python -m benchmarks accelerators $(ACCELERATORS)

setup: $(VENV)/.ready-$(EXTRA)

clean:
	rm -rf .venv .venv-newest .venv-accelerators docs/_build docs/results docs/reference/cells build dist .pytest_cache .ruff_cache .hypothesis .jax_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# A stamp tells that an extra is installed, and is made last: a set-up that was cut short, or an
# edited pyproject.toml, means another. dev contains test, and test contains experiments.
contents_experiments := experiments
contents_test := test experiments
contents_dev := dev test experiments
contents_accelerators := accelerators
contents_docs := docs experiments

$(VENV)/.ready-%: pyproject.toml
	@$(python) -m pip --version >/dev/null 2>&1 || { $(make_venv); }
	@echo "Installing jaxrnn[$*] in $(VENV) (once; about a minute)"
	@$(python) -m pip install -qq -e '.[$*]'
	@touch $(contents_$*:%=$(VENV)/.ready-%)

define make_venv
old=''; chosen=''; \
for candidate in $(PYTHONS); do \
  "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
  old="$$candidate"; \
  "$$candidate" -c 'import venv, ensurepip' >/dev/null 2>&1 && { chosen="$$candidate"; break; }; \
done; \
if [ -n "$$chosen" ]; then \
  echo "Setting up $(VENV) with $$("$$chosen" --version)"; "$$chosen" -m venv "$(VENV)"; \
elif [ -n "$$old" ]; then \
  echo "$$old is a Python without venv and ensurepip. On Debian and Ubuntu:" \
       "apt install python3-venv" >&2; exit 1; \
else \
  echo "jaxrnn needs Python 3.11 or newer, and none runs here as: $(PYTHONS)." \
       "Name one: make PYTHON=/path/to/python" >&2; exit 1; \
fi
endef
