# Every target sets up what it needs in .venv first, on a fresh machine as well. `make help` tells what there is.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
SAMPLE := build/sample

.PHONY: help setup grade test lint verify mutants soak roads otter-grade bench stubs fingerprints sample clean

help:
	@echo "make grade    grade a sample class into build/grades/"
	@echo "make test     run all tests"
	@echo "make lint     ruff and mypy"
	@echo "make verify   prove the hidden tests: solutions pass, stubs score nothing, mistakes are caught"
	@echo "make mutants  the same, and that tests notice small changes of the solutions"
	@echo "make soak     prove that they are not flaky: 200 runs with new seeds; stop it and go on as you like"
	@echo "make bench    measure how fast grading is; wants a quiet machine for 20 minutes"
	@echo "make roads    a whole class by our command, by otter run and by Gradescope's script: equal marks (minutes)"
	@echo "make otter-grade    otter grade in containers; needs a Docker engine with buildx, else it says so"
	@echo "make stubs    make the stubs in assignments/ from solutions/"
	@echo "make fingerprints  make what check names misconceptions by, from tests/mistakes"
	@echo "make clean    remove .venv and build"

setup: .venv/.ready

.venv/.ready: pyproject.toml .ci/constraints.txt .ci/setup
	@bash .ci/setup "$(PYTHON)"
	@touch $@

# The sample holds one submission that cannot be graded, so that exit status 1 is right as well.
grade: setup
	@echo "==> Making a sample class in $(SAMPLE)/"
	@$(BIN)/python tests/sample_class.py $(SAMPLE)
	@echo "==> Grading it into build/grades/"
	@$(BIN)/autograder grade $(SAMPLE) --class --out build/grades || [ $$? -eq 1 ]

test: setup
	@echo "==> Running all tests"
	@$(BIN)/python -m pytest --numprocesses=auto --dist=loadfile

lint: setup
	@echo "==> ruff and mypy"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

verify: setup
	@echo "==> Proving the hidden tests"
	@$(BIN)/autograder verify

mutants: setup
	@echo "==> Proving the hidden tests, and on mutants of the solutions as well"
	@$(BIN)/autograder verify --mutants

soak: setup
	@echo "==> Grading the solutions and the different right modules again and again"
	@$(BIN)/autograder soak

bench: setup
	@$(BIN)/python tests/bench/bench.py

roads: setup
	@echo "==> A class on every road"
	@$(BIN)/python -m pytest tests/roads

otter-grade: setup
	@echo "==> otter grade in containers"
	@$(BIN)/python -m pytest -rs tests/otter_grade

stubs: setup
	@$(BIN)/autograder release stubs

fingerprints: setup
	@$(BIN)/autograder release fingerprints

sample: setup
	@$(BIN)/python tests/sample_class.py $(SAMPLE)

clean:
	rm -rf .venv build
