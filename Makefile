# Few targets; `make help` lists them. Everything is set up from uv.lock into .venv; nothing here needs root.

UV_VERSION := 0.13.9
# A uv on the PATH is taken if it knows what we ask of it, else one is installed with pip into .uv.
UV := $(shell uv sync --help 2>/dev/null | grep -q -- --inexact && command -v uv || echo .uv/bin/uv)
PYTHON ?= python3
RUN := .venv/bin
# Whatever environment is active in the shell: this one is meant.
export UV_PROJECT_ENVIRONMENT := .venv
unexport VIRTUAL_ENV
USE_STAMP := .venv/.for-use
LAB_STAMP := .venv/.for-drills
DEV_STAMP := .venv/.for-tests
# Tests run in two processes more than there are cores, as some only wait, and six at most; those of one module stay
# together, so that what it prepares is made once, and in their order, so that the longest do not come last.
PROCESSES := $(shell echo $$(($$(nproc 2>/dev/null || echo 1) + 2)))
SIDE_BY_SIDE := -n $(PROCESSES) --maxprocesses 6 --dist loadscope --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help demo serve test lint bench drills exams weights pictures

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

demo: $(USE_STAMP) ## Diagnose a recorded bad deploy of checkout
	@$(RUN)/watchkeeper demo

serve: $(LAB_STAMP) ## Be on duty: alerts and OTLP in, tickets out, pages at http://127.0.0.1:4318
	@$(RUN)/watchkeeper serve

test: $(DEV_STAMP) lint ## Lint, check types and run all tests that this machine can run
	@$(RUN)/pytest $(SIDE_BY_SIDE) $(PYTEST_FLAGS)

lint: $(DEV_STAMP) ## Check style and types
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/mypy

bench: $(DEV_STAMP) ## Measure speed and memory, or one part (BENCH=duty); writes tables to docs/
	@$(RUN)/python -m benchmarks.run $(BENCH)

drills: $(DEV_STAMP) ## Break the lab's shop in many ways and score the diagnoses; appends to docs/drills.csv
	@$(RUN)/watchkeeper drill series --results docs/drills.csv $(DRILLS)

exams: $(DEV_STAMP) ## Run the exams found in DATA=DIR against evals/baselines; fails beyond chance
	@$(RUN)/watchkeeper eval check --data "$(DATA)"

weights: $(DEV_STAMP) ## Fit the ranking's weights anew from the recordings (WEIGHTS=--weights-only: from evals/features)
	@$(RUN)/python -m watchkeeper.evaluation.fitting $(WEIGHTS)

pictures: $(DEV_STAMP) ## Take the README's pictures anew, of a real server; needs /usr/bin/chromium
	@PYTHONPATH=tests $(RUN)/python -m duty.pictures

# Stamps make a second run skip the sync; --inexact leaves what another target installed.
$(USE_STAMP): uv.lock pyproject.toml | $(UV)
	@echo "setting up .venv from uv.lock" >&2
	@$(UV) sync --quiet --frozen --no-dev --inexact >&2
	@touch $@

$(LAB_STAMP): uv.lock pyproject.toml | $(UV)
	@echo "setting up .venv from uv.lock, with the lab" >&2
	@$(UV) sync --quiet --frozen --no-dev --inexact --extra lab >&2 \
	  || { echo "skipped: the lab extra cannot be installed here; the server runs, drills do not" >&2; \
	       $(UV) sync --quiet --frozen --no-dev --inexact >&2; }
	@touch $@ $(USE_STAMP)

$(DEV_STAMP): uv.lock pyproject.toml | $(UV)
	@echo "setting up .venv from uv.lock, with what the tests need" >&2
	@$(UV) sync --quiet --frozen --inexact --extra lab --extra eval --extra postgresql >&2 \
	  || { echo "skipped: the lab extra cannot be installed here; its tests are skipped" >&2; \
	       $(UV) sync --quiet --frozen --inexact --extra eval --extra postgresql >&2; }
	@touch $@ $(USE_STAMP) $(LAB_STAMP)

.uv/bin/uv:
	@echo "installing uv $(UV_VERSION) into .uv" >&2
	@{ $(PYTHON) -m venv .uv && .uv/bin/python -m pip install --quiet uv==$(UV_VERSION); } >/dev/null 2>&1 \
	  || { rm -rf .uv; $(PYTHON) -m pip install --quiet --disable-pip-version-check --target .uv uv==$(UV_VERSION) >&2; }
