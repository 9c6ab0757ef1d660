# Two commands matter: `make demo` and `make test`. Both do all the set-up they
# need, and are quick the second time.

PYTHON ?= python3
CARGO  ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
SEMQL  := $(TARGET)/release/semql

.PHONY: demo test setup build cluster wheel bench reference clean

## The whole product pipeline on the sample that ships with semql.
demo: setup build
	@sh scripts/demo.sh $(SEMQL)

## Set-up, lints and every test; the last line counts the tests.
test:
	@$(PYTHON) scripts/setup.py
	@$(PYTHON) scripts/test_setup.py $(TARGET)
	@CARGO=$(CARGO) TARGET=$(TARGET) bash scripts/test.sh

## ONNX Runtime and the default model, checked, where semql finds them.
setup:
	@$(PYTHON) scripts/setup.py

build:
	$(CARGO) build --release --locked --workspace --bin semql

## The Python package, for `pip install`.
wheel:
	@$(PYTHON) scripts/test_setup.py $(TARGET) python
	@TARGET=$(TARGET) bash scripts/wheel.sh

## The shell with the cluster in it, beside the small one.
cluster:
	$(CARGO) build --release --locked --workspace

## Measures semql beside its peers, in one run; the report is out/bench.md.
bench: setup build
	@mkdir -p out
	$(CARGO) bench --locked --workspace --bench plan | tee out/bench-plan.txt
	$(PYTHON) bench/run.py --semql $(SEMQL) --plan-report out/bench-plan.txt --out out/bench.md

## Writes docs/functions.md from the functions' own documentation.
reference:
	SEMQL_WRITE_REFERENCE=1 $(CARGO) test --release --locked --workspace --test main -- docs::

clean:
	$(CARGO) clean
	rm -rf out
