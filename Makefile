# make book            build the book from the published records; with STUDY=x, train studies/x.yaml first
# make pdf             print the book as one PDF, _build/pdf/book.pdf; needs Chromium
# make test            run the tests
# make study STUDY=x   train what is missing of studies/x.yaml (without STUDY: quick), without building the book;
#                      with AGAIN=1, also the runs whose records are damaged or that ran out of memory
# make report STUDY=x  one page about studies/x.yaml as far as it is trained, _build/report/x.html
# make bench           time training beside other frameworks, its growth and its parts (see README)
# make verify STUDY=x  rerun three published runs, picked at random, and compare their metrics (MINUTES=5: short ones)
# make bundle          pack wheels, code and photographs for a machine without internet (STUDY=paper BACKEND=jax GPU=1)
# make lock            write the requirements*.txt anew from pyproject.toml
#
# With GPU=1, any of these installs and uses the packages for NVIDIA GPUs (requirements-gpu.txt); with K80=1, those for
# Kepler GPUs (requirements-k80.txt, Python 3.11). Each has a folder of its own beside .venv.
# REQUIRE_GPU=1 refuses to train where the framework sees no GPU; DETERMINISTIC=1 asks for GPU operations that give the
# same numbers each time, and are slower.
PYTHON ?= python3
SHELL := /bin/bash
KIND := $(if $(K80),-k80,$(if $(GPU),-gpu))
VENV := .venv$(KIND)
LOCK := requirements$(KIND).txt
# The K80's TensorFlow asks for older packages than it works with, so pip must not look for what fits together.
PIP_FLAGS := --quiet --disable-pip-version-check$(if $(K80), --no-deps)
NEWEST := $(if $(K80),12,14)
.PHONY: book pdf report study test bench verify bundle lint lock clean

book: STUDY ?= laptop
book: $(VENV)/installed
	@$(VENV)/bin/python workflow/stages.py book $(STUDY)

pdf: STUDY ?= laptop
pdf: $(VENV)/installed
	@$(VENV)/bin/python -m workflow.pdf $(STUDY)

study: STUDY ?= quick
study: $(VENV)/installed
	@$(VENV)/bin/python workflow/stages.py study $(STUDY)

report: STUDY ?= quick
report: $(VENV)/installed
	@$(VENV)/bin/python -m workflow.report $(STUDY)

test: $(VENV)/installed
	@$(VENV)/bin/python -m ruff check .
	@$(VENV)/bin/python -m pytest $(PYTEST)

bench: $(VENV)/installed
	@$(VENV)/bin/python -m bench $(NETWORK)
	@$(VENV)/bin/python -m bench.growth
	@$(VENV)/bin/python -m bench.profile
	@$(VENV)/bin/python -m bench.gpu_hours

verify: STUDY ?= laptop
verify: $(VENV)/installed
	@$(VENV)/bin/python workflow/verify.py $(STUDY) $(if $(MINUTES),--minutes $(MINUTES))

# A bundle with GPU=1 takes other wheels along; it needs no GPU packages here.
bundle: STUDY ?= paper
bundle: .venv/installed
	@.venv/bin/python workflow/bundle.py $(STUDY) --backend $(or $(BACKEND),tensorflow) $(if $(GPU),--gpu)

lint: $(VENV)/installed
	@$(VENV)/bin/python -m ruff format . && $(VENV)/bin/python -m ruff check --fix .

# The stamp is written last, so an interrupted installation starts again. Each recipe sets `-eo pipefail` itself: make
# 3.81, which macOS has, ignores .SHELLFLAGS, and a failed installation would be stamped as done.
$(VENV)/installed: $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v < (3, $(NEWEST)) or sys.exit("Python 3.11 to 3.%d is needed, this is %d.%d; name another one with: make PYTHON=/path/to/python3.11" % ($(NEWEST) - 1, *v))'
	@echo "Installing the packages of $(LOCK) into $(VENV) ($(if $(KIND),several,about 4) GB, some minutes) ..."
	@set -eo pipefail; start=$$(date +%s); \
	$(PYTHON) -m venv $(VENV); \
	$(VENV)/bin/python -m pip install $(PIP_FLAGS) -r $(LOCK); \
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	echo "installation $$(( $$(date +%s) - start )) s" | tee $(VENV)/installed

COMPILE := uv pip compile --no-annotate --no-emit-find-links --custom-compile-command "make lock" pyproject.toml
TRAIN_AND_BOOK := --extra tensorflow --extra jax --extra train --extra slurm --extra book --extra test
lock:
	@set -eo pipefail; \
	$(COMPILE) --universal --python-version 3.11 $(TRAIN_AND_BOOK) -o requirements.txt; \
	$(COMPILE) --universal --python-version 3.11 $(TRAIN_AND_BOOK) --extra gpu -o requirements-gpu.txt; \
	$(COMPILE) --python-platform linux --python-version 3.11 --extra k80 --extra book --extra test \
	  --override requirements-k80-overrides.txt -o requirements-k80.txt

clean:
	rm -rf _build _bundle logs .snakemake
