# make book            build the book from the published records; with STUDY=x, train studies/x.yaml first
# make pdf             print the book as one PDF, _build/pdf/book.pdf; needs Chromium
# make test            run the tests
# make study STUDY=x   train what is missing of studies/x.yaml (without STUDY: quick), without building the book;
#                      with AGAIN=1, also the runs whose records are damaged or that ran out of memory
# make report STUDY=x  one page about studies/x.yaml as far as it is trained, _build/report/x.html
# make bench           time training beside other frameworks, its growth and its parts (see README)
# make verify STUDY=x  rerun three published runs, picked at random, and compare their metrics (MINUTES=5: short ones)
# make bundle          pack wheels, code and photographs for a machine without internet (STUDY=paper BACKEND=jax GPU=1)
# make lock            write requirements.txt anew from pyproject.toml
PYTHON ?= python3
SHELL := /bin/bash
.SHELLFLAGS := -eo pipefail -c
.PHONY: book pdf report study test bench verify bundle lint lock clean

book: STUDY ?= laptop
book: .venv/installed
	@.venv/bin/python workflow/stages.py book $(STUDY)

pdf: STUDY ?= laptop
pdf: .venv/installed
	@.venv/bin/python -m workflow.pdf $(STUDY)

study: STUDY ?= quick
study: .venv/installed
	@.venv/bin/python workflow/stages.py study $(STUDY)

report: STUDY ?= quick
report: .venv/installed
	@.venv/bin/python -m workflow.report $(STUDY)

test: .venv/installed
	@.venv/bin/python -m ruff check .
	@.venv/bin/python -m pytest $(PYTEST)

bench: .venv/installed
	@.venv/bin/python -m bench $(NETWORK)
	@.venv/bin/python -m bench.growth
	@.venv/bin/python -m bench.profile

verify: STUDY ?= laptop
verify: .venv/installed
	@.venv/bin/python workflow/verify.py $(STUDY) $(if $(MINUTES),--minutes $(MINUTES))

bundle: STUDY ?= paper
bundle: .venv/installed
	@.venv/bin/python workflow/bundle.py $(STUDY) --backend $(or $(BACKEND),tensorflow) $(if $(GPU),--gpu)

lint: .venv/installed
	@.venv/bin/python -m ruff format . && .venv/bin/python -m ruff check --fix .

# The stamp is written last, so an interrupted installation starts again.
.venv/installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v < (3, 14) or sys.exit("Python 3.11 to 3.13 is needed, this is %d.%d; name another one with: make PYTHON=/path/to/python3.12" % v)'
	@echo "Installing the packages of requirements.txt into .venv (about 4 GB, some minutes) ..."
	@start=$$(date +%s); \
	$(PYTHON) -m venv .venv; \
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt; \
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	echo "installation $$(( $$(date +%s) - start )) s" | tee .venv/installed

lock:
	uv pip compile --universal --python-version 3.11 --all-extras --no-annotate --no-emit-find-links \
	  --custom-compile-command "make lock" pyproject.toml -o requirements.txt

clean:
	rm -rf _build _bundle logs .snakemake
