# Seeing Without Labels. Two commands: `make lab` opens the course, `make test` checks all of it.
# Both first make .venv and install everything, once (about 6 GB: the plain torch for Linux brings CUDA along).

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.coursekit-ready
ARGS   ?=
# JupyterLab refuses to run as root unless told to; a build log has no use for pip's progress bars.
ROOT   := $(if $(filter 0,$(shell id -u)),--allow-root)
QUIET  := $(if $(CI),--quiet)

.DEFAULT_GOAL := help
.PHONY: help lab test bench lint outputs clean

help:
	@echo "make lab       open the course in JupyterLab"
	@echo "make test      run every test and every lesson"
	@echo "make bench     measure what the course claims to be fast"
	@echo "make lint      check the code style"
	@echo "make outputs   run the lessons and save their outputs (ARGS=\"03 11\": only those)"
	@echo "make clean     remove caches and builds; .venv and outputs/ stay"

# Trusted, because JupyterLab hides the drawings of a notebook that it does not trust until its cells are run.
lab: $(READY)
	@$(BIN)/jupyter trust notebooks/*.ipynb
	$(BIN)/jupyter lab $(ROOT) notebooks/00_start_here.ipynb

test: $(READY)
	@$(BIN)/python tests $(ARGS)

bench: $(READY)
	@$(BIN)/python tests/benchmarks $(ARGS)

lint: $(READY)
	$(BIN)/ruff check coursekit tests notebooks

outputs: $(READY)
	@$(BIN)/coursekit lessons run $(ARGS)

clean:
	find coursekit tests notebooks \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +
	rm -rf .pytest_cache .ruff_cache .hypothesis build dist

# Made again when the lists of packages change. A set-up that broke off leaves no $(READY), so the next make goes on with it.
$(READY): pyproject.toml requirements.txt
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here. Run: sudo apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -m coursekit.doctor --before-install $(VENV)
	$(PYTHON) -m venv $(VENV)
	@echo "Installing the course into $(VENV): about 6 GB, some minutes."
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install $(QUIET) -r requirements.txt
	@$(BIN)/python -m coursekit.doctor --after-install
	@touch $(READY)
